//! The row of a pair of people, its view from either side, and its lock. Every change of a relationship begins with
//! [`lock`] and ends with [`Pair::save`], which also updates the contact lists.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    contact::List,
    id::{ConnectionRequestId, UserId},
    relationship::{self, Connection, Mutes},
    user::{self, Audience},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, TryInsertResult,
};

use crate::{
    app::Tx,
    auth::viewer::Viewer,
    contacts::memberships::{self, Membership},
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The connection of a pair, seen from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionView {
    /// Not connected, and no request is pending.
    None,
    /// This side asked.
    Sent,
    /// The other side asked.
    Received,
    /// The two are connected.
    Connected,
}

/// The state of one side of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RelationshipSide {
    /// True when this side follows the other.
    pub follows: bool,
    /// True when this side blocks the other.
    pub blocks: bool,
    /// A request of this side that was ignored or closed and that this side still sees as pending.
    pub hidden_request: Option<ConnectionRequestId>,
    /// The time until which this side cannot ask again.
    pub cooldown_until: Option<DateTime<Utc>>,
    /// The parts of the other side's acts that this side mutes.
    pub mutes: Mutes,
    /// The end of the mute. `None` mutes until it is taken back.
    pub mutes_until: Option<DateTime<Utc>>,
}

impl RelationshipSide {
    /// Returns the request that this side sees as pending at `now` although it is not.
    #[must_use]
    pub fn hidden_request_at(&self, now: DateTime<Utc>) -> Option<ConnectionRequestId> {
        self.hidden_request.filter(|_| self.is_cooling_down_at(now))
    }

    /// Returns the parts that this side mutes at `now`.
    #[must_use]
    pub fn mutes_at(&self, now: DateTime<Utc>) -> Mutes {
        if self.mutes_until.is_some_and(|until| until <= now) { Mutes::Nothing } else { self.mutes }
    }

    /// Returns true while this side cannot ask again.
    #[must_use]
    pub fn is_cooling_down_at(&self, now: DateTime<Utc>) -> bool {
        self.cooldown_until.is_some_and(|until| until > now)
    }
}

/// A pair's state, seen from one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrientedRelationship {
    /// The connection, seen from this side.
    pub state: ConnectionView,
    /// The pending request, or the accepted one.
    pub request: Option<ConnectionRequestId>,
    /// The state of this side.
    pub mine: RelationshipSide,
    /// The state of the other side.
    pub theirs: RelationshipSide,
}

impl OrientedRelationship {
    /// Returns the state of two people who have no row.
    #[must_use]
    pub fn strangers() -> Self {
        Self {
            state: ConnectionView::None,
            request: None,
            mine: RelationshipSide::default(),
            theirs: RelationshipSide::default(),
        }
    }

    /// Returns the row's state as `me` sees it.
    #[must_use]
    pub fn of(row: &relationship::Model, me: UserId) -> Self {
        let lo = RelationshipSide {
            follows: row.lo_follows,
            blocks: row.lo_blocks,
            hidden_request: row.lo_hidden_request_id,
            cooldown_until: row.lo_cooldown_until,
            mutes: row.lo_mutes,
            mutes_until: row.lo_mutes_until,
        };
        let hi = RelationshipSide {
            follows: row.hi_follows,
            blocks: row.hi_blocks,
            hidden_request: row.hi_hidden_request_id,
            cooldown_until: row.hi_cooldown_until,
            mutes: row.hi_mutes,
            mutes_until: row.hi_mutes_until,
        };
        let am_lo = row.lo == me;
        let (mine, theirs) = if am_lo { (lo, hi) } else { (hi, lo) };
        let state = match row.connection {
            Connection::None => ConnectionView::None,
            Connection::Connected => ConnectionView::Connected,
            Connection::LoAsked if am_lo => ConnectionView::Sent,
            Connection::HiAsked if !am_lo => ConnectionView::Sent,
            Connection::LoAsked | Connection::HiAsked => ConnectionView::Received,
        };
        Self { state, request: row.request_id, mine, theirs }
    }

    fn into_row(self, me: UserId, other: UserId, now: DateTime<Utc>) -> relationship::Model {
        let am_lo = me < other;
        let connection = match self.state {
            ConnectionView::None => Connection::None,
            ConnectionView::Connected => Connection::Connected,
            ConnectionView::Sent if am_lo => Connection::LoAsked,
            ConnectionView::Received if !am_lo => Connection::LoAsked,
            ConnectionView::Sent | ConnectionView::Received => Connection::HiAsked,
        };
        let (lo, hi) = if am_lo { (self.mine, self.theirs) } else { (self.theirs, self.mine) };
        relationship::Model {
            lo: me.min(other),
            hi: me.max(other),
            connection,
            request_id: self.request,
            lo_follows: lo.follows,
            hi_follows: hi.follows,
            lo_blocks: lo.blocks,
            hi_blocks: hi.blocks,
            lo_hidden_request_id: lo.hidden_request,
            hi_hidden_request_id: hi.hidden_request,
            lo_cooldown_until: lo.cooldown_until,
            hi_cooldown_until: hi.cooldown_until,
            lo_mutes: lo.mutes,
            hi_mutes: hi.mutes,
            lo_mutes_until: lo.mutes_until,
            hi_mutes_until: hi.mutes_until,
            updated_at: now,
        }
    }

    /// Returns the entries of contact lists that follow from this state.
    #[must_use]
    pub fn memberships(&self, me: UserId, other: UserId) -> BTreeSet<Membership> {
        let mut all = BTreeSet::new();
        let mut put = |owner: UserId, list, until| {
            let user = if owner == me { other } else { me };
            all.insert(Membership { owner, list, user, until });
        };
        match self.state {
            ConnectionView::None => {}
            ConnectionView::Connected => [me, other].into_iter().for_each(|owner| put(owner, List::Connections, None)),
            ConnectionView::Sent | ConnectionView::Received => {
                let (from, to) = if self.state == ConnectionView::Sent { (me, other) } else { (other, me) };
                put(from, List::OutgoingRequests, None);
                put(to, List::IncomingRequests, None);
            }
        }
        for (owner, user, side) in [(me, other, &self.mine), (other, me, &self.theirs)] {
            if side.follows {
                put(owner, List::Following, None);
                put(user, List::Followers, None);
            }
            if side.blocks {
                put(owner, List::Blocked, None);
            }
            if side.hidden_request.is_some() {
                put(owner, List::OutgoingRequests, side.cooldown_until);
            }
            if side.mutes != Mutes::Nothing {
                put(owner, List::Muted, side.mutes_until);
            }
            if side.mutes.feed() {
                put(owner, List::MutedInFeed, side.mutes_until);
            }
        }
        all
    }
}

/// Two people whose rows are locked, and their relationship as the caller sees it.
pub struct Pair {
    /// The caller.
    pub me: Arc<user::Model>,
    /// The other person.
    pub other: Arc<user::Model>,
    /// The relationship. A command changes it and then saves the pair.
    pub view: OrientedRelationship,
    before: Option<OrientedRelationship>,
}

/// Locks the caller's relationship with another person. Also locks both people's rows in shared mode, so that neither
/// is renamed or removed meanwhile. Refuses with CANNOT_TARGET_SELF or NOT_FOUND.
pub async fn lock(tx: &Tx<'_>, by: &Viewer, other: UserId, field: &'static [&'static str]) -> Result<Pair> {
    if other == by.user {
        return Err(Error::refused(UserErrorCode::CannotTargetSelf, field, "You cannot do this to yourself."));
    }
    let (me, other) = people::lock_both(tx, by, other, field).await?;
    let row = tx
        .lock_one(
            relationship::Entity::find()
                .filter(relationship::Column::Lo.eq(me.id.min(other.id)))
                .filter(relationship::Column::Hi.eq(me.id.max(other.id))),
        )
        .await?;
    let before = row.map(|row| OrientedRelationship::of(&row, me.id));
    let view = before.clone().unwrap_or_else(OrientedRelationship::strangers);
    Ok(Pair { me, other, view, before })
}

impl Pair {
    /// Refuses with BLOCKED_BY_VIEWER when the caller blocks the other person.
    pub fn refuse_blocker(&self, field: &'static [&'static str]) -> Result<()> {
        if self.view.mine.blocks {
            return Err(Error::refused(
                UserErrorCode::BlockedByViewer,
                field,
                "You block this person. Unblock them first.",
            ));
        }
        Ok(())
    }

    /// Returns the side of one of the two people.
    #[must_use]
    pub fn side_of(&self, user: UserId) -> &RelationshipSide {
        if user == self.me.id { &self.view.mine } else { &self.view.theirs }
    }

    /// Returns true when `audience`, a setting of the other person, admits the caller. A block by the other person
    /// counts as `NOBODY`.
    pub async fn is_allowed(&self, tx: &Tx<'_>, audience: Audience) -> Result<bool, DbErr> {
        let audience = if self.view.theirs.blocks { Audience::Nobody } else { audience };
        Ok(match audience {
            Audience::Everyone => true,
            Audience::Nobody => false,
            Audience::Mutual => {
                self.view.state == ConnectionView::Connected
                    || memberships::share_connection(tx.db(), self.me.id, self.other.id).await?
            }
        })
    }

    /// Saves a changed state and updates the contact lists. Returns true when something changed. Emits `ContactAdded`
    /// and `ContactRemoved`. Returns [`Error::Again`] when another transaction created the row meanwhile.
    pub async fn save(&self, tx: &Tx<'_>) -> Result<bool> {
        let before = self.before.clone().unwrap_or_else(OrientedRelationship::strangers);
        if self.view == before {
            return Ok(false);
        }
        let (me, other, now) = (self.me.id, self.other.id, tx.clock().now());
        let row = self.view.clone().into_row(me, other, now).into_active_model();
        if self.before.is_some() {
            let mut row = row.reset_all();
            row.lo = sea_orm::ActiveValue::Unchanged(me.min(other));
            row.hi = sea_orm::ActiveValue::Unchanged(me.max(other));
            row.updated_at = Set(now);
            row.update(tx.db()).await?;
        } else {
            let pair = [relationship::Column::Lo, relationship::Column::Hi];
            let inserted = relationship::Entity::insert(row)
                .on_conflict_do_nothing_on(pair)
                .exec_without_returning(tx.db())
                .await?;
            // Another transaction created the row after this one looked for it. A second try finds it, locked or done.
            if !matches!(inserted, TryInsertResult::Inserted(1)) {
                return Err(Error::Again);
            }
        }
        let (was, is) = (before.memberships(me, other), self.view.memberships(me, other));
        memberships::apply_change(tx, [&self.me, &self.other], &was, &is).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use entity::id::UserId;
    use uuid::Uuid;

    use super::{ConnectionView, OrientedRelationship, RelationshipSide};
    use crate::clock::Clock;

    #[test]
    fn a_view_and_its_mirror_are_the_same_row() {
        let (ann, ben) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let now = Clock::standing().now();
        for state in [ConnectionView::None, ConnectionView::Sent, ConnectionView::Received, ConnectionView::Connected] {
            let mine = RelationshipSide { follows: true, cooldown_until: Some(now), ..RelationshipSide::default() };
            let view = OrientedRelationship { state, request: None, mine, theirs: RelationshipSide::default() };
            let row = view.clone().into_row(ben, ann, now);
            assert!(row.lo == ann && row.hi == ben);
            assert_eq!(OrientedRelationship::of(&row, ben), view);
            let mirrored = OrientedRelationship::of(&row, ann);
            assert_eq!(mirrored.theirs, view.mine);
            assert_eq!(mirrored.clone().into_row(ann, ben, now), row);
            assert_eq!(mirrored.memberships(ann, ben), view.memberships(ben, ann));
        }
    }
}
