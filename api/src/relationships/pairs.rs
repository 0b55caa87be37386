//! The pair row, seen from one of the two, and its lock. Every verb of relationships begins with [`hold`] and ends with
//! [`Pair::save`], which also brings the contact lists in line.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, Utc};
use entity::{
    contact::List,
    id::{ConnectionRequestId, UserId},
    relationship::{self, Connection, Mutes},
    user::{self, Audience},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    TryInsertResult,
};

use crate::{
    app::Tx,
    auth::viewer::Viewer,
    contacts::entries::{self, Membership},
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The connection part of a pair's state, seen from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    None,
    /// I asked.
    Sent,
    /// The other asked.
    Received,
    Connected,
}

/// What one side has done and what holds for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stance {
    pub follows: bool,
    pub blocks: bool,
    /// A request of this side that was ignored or closed and that it still sees as pending.
    pub shadow: Option<ConnectionRequestId>,
    /// Until then this side may not ask again.
    pub cooling_until: Option<DateTime<Utc>>,
    /// What this side does not want to hear of the other, until then if that is set.
    pub mutes: Mutes,
    pub mutes_until: Option<DateTime<Utc>>,
}

impl Stance {
    /// The request this side still sees as pending although it is not.
    #[must_use]
    pub fn shadow_at(&self, now: DateTime<Utc>) -> Option<ConnectionRequestId> {
        self.shadow.filter(|_| self.cools_at(now))
    }

    /// What this side does not want to hear now.
    #[must_use]
    pub fn mutes_at(&self, now: DateTime<Utc>) -> Mutes {
        if self.mutes_until.is_some_and(|until| until <= now) { Mutes::Nothing } else { self.mutes }
    }

    #[must_use]
    pub fn cools_at(&self, now: DateTime<Utc>) -> bool {
        self.cooling_until.is_some_and(|until| until > now)
    }
}

/// A pair's state, seen from one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub state: State,
    /// The request that is pending, or the one that was accepted.
    pub request: Option<ConnectionRequestId>,
    pub mine: Stance,
    pub theirs: Stance,
}

impl View {
    /// What stands between two people of whom there is no row.
    #[must_use]
    pub fn strangers() -> Self {
        Self { state: State::None, request: None, mine: Stance::default(), theirs: Stance::default() }
    }

    /// The row as `me` sees it.
    #[must_use]
    pub fn of(row: &relationship::Model, me: UserId) -> Self {
        let lo = Stance {
            follows: row.lo_follows,
            blocks: row.lo_blocks,
            shadow: row.lo_shadow_id,
            cooling_until: row.lo_cooling_until,
            mutes: row.lo_mutes,
            mutes_until: row.lo_mutes_until,
        };
        let hi = Stance {
            follows: row.hi_follows,
            blocks: row.hi_blocks,
            shadow: row.hi_shadow_id,
            cooling_until: row.hi_cooling_until,
            mutes: row.hi_mutes,
            mutes_until: row.hi_mutes_until,
        };
        let am_lo = row.lo == me;
        let (mine, theirs) = if am_lo { (lo, hi) } else { (hi, lo) };
        let state = match row.connection {
            Connection::None => State::None,
            Connection::Connected => State::Connected,
            Connection::LoAsked if am_lo => State::Sent,
            Connection::HiAsked if !am_lo => State::Sent,
            Connection::LoAsked | Connection::HiAsked => State::Received,
        };
        Self { state, request: row.request_id, mine, theirs }
    }

    fn into_row(self, me: UserId, other: UserId, now: DateTime<Utc>) -> relationship::Model {
        let am_lo = me < other;
        let connection = match self.state {
            State::None => Connection::None,
            State::Connected => Connection::Connected,
            State::Sent if am_lo => Connection::LoAsked,
            State::Received if !am_lo => Connection::LoAsked,
            State::Sent | State::Received => Connection::HiAsked,
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
            lo_shadow_id: lo.shadow,
            hi_shadow_id: hi.shadow,
            lo_cooling_until: lo.cooling_until,
            hi_cooling_until: hi.cooling_until,
            lo_mutes: lo.mutes,
            hi_mutes: hi.mutes,
            lo_mutes_until: lo.mutes_until,
            hi_mutes_until: hi.mutes_until,
            updated_at: now,
        }
    }

    /// The lists that the two stand in because of this.
    #[must_use]
    pub fn memberships(&self, me: UserId, other: UserId) -> BTreeSet<Membership> {
        let mut all = BTreeSet::new();
        let mut put = |owner: UserId, list, until| {
            let user = if owner == me { other } else { me };
            all.insert(Membership { owner, list, user, until });
        };
        match self.state {
            State::None => {}
            State::Connected => [me, other].into_iter().for_each(|owner| put(owner, List::Connections, None)),
            State::Sent | State::Received => {
                let (from, to) = if self.state == State::Sent { (me, other) } else { (other, me) };
                put(from, List::OutgoingRequests, None);
                put(to, List::IncomingRequests, None);
            }
        }
        for (owner, user, stance) in [(me, other, &self.mine), (other, me, &self.theirs)] {
            if stance.follows {
                put(owner, List::Following, None);
                put(user, List::Followers, None);
            }
            if stance.blocks {
                put(owner, List::Blocked, None);
            }
            if stance.shadow.is_some() {
                put(owner, List::OutgoingRequests, stance.cooling_until);
            }
            if stance.mutes != Mutes::Nothing {
                put(owner, List::Muted, stance.mutes_until);
            }
            if stance.mutes.feed() {
                put(owner, List::MutedInFeed, stance.mutes_until);
            }
        }
        all
    }
}

/// Two people, held locked, and what stands between them as the caller sees it.
pub struct Pair {
    pub me: Arc<user::Model>,
    pub other: Arc<user::Model>,
    pub view: View,
    before: Option<View>,
}

/// Locks the caller's relationship with another person. Both people's rows are held too, so that neither is renamed or
/// removed meanwhile.
pub async fn hold(tx: &Tx<'_>, by: &Viewer, other: UserId, field: &'static [&'static str]) -> Result<Pair> {
    if other == by.user {
        return Err(Error::refused(UserErrorCode::Oneself, field, "This cannot be done to oneself."));
    }
    let (me, other) = people::hold_both(tx, by, other, field).await?;
    let row = relationship::Entity::find()
        .filter(relationship::Column::Lo.eq(me.id.min(other.id)))
        .filter(relationship::Column::Hi.eq(me.id.max(other.id)))
        .lock_exclusive()
        .one(tx.db())
        .await?;
    let before = row.map(|row| View::of(&row, me.id));
    let view = before.clone().unwrap_or_else(View::strangers);
    Ok(Pair { me, other, view, before })
}

impl Pair {
    /// Refuses those who block whom they approach.
    pub fn refuse_blocker(&self, field: &'static [&'static str]) -> Result<()> {
        if self.view.mine.blocks {
            return Err(Error::refused(UserErrorCode::YouBlocked, field, "You block this person. Unblock them first."));
        }
        Ok(())
    }

    /// What one of the two has done.
    #[must_use]
    pub fn stance_of(&self, user: UserId) -> &Stance {
        if user == self.me.id { &self.view.mine } else { &self.view.theirs }
    }

    /// Whether the other lets the caller do what `audience` is about. A block answers as NOBODY does.
    pub async fn admits(&self, tx: &Tx<'_>, audience: Audience) -> Result<bool, DbErr> {
        let audience = if self.view.theirs.blocks { Audience::Nobody } else { audience };
        Ok(match audience {
            Audience::Everyone => true,
            Audience::Nobody => false,
            Audience::Mutual => {
                self.view.state == State::Connected
                    || entries::share_connection(tx.db(), self.me.id, self.other.id).await?
            }
        })
    }

    /// Writes what has changed, and the lists with it; whether anything had.
    pub async fn save(&self, tx: &Tx<'_>) -> Result<bool> {
        let before = self.before.clone().unwrap_or_else(View::strangers);
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
            // Somebody else made the row since it was looked for: look again, and find it locked or done.
            if !matches!(inserted, TryInsertResult::Inserted(1)) {
                return Err(Error::Again);
            }
        }
        let (was, is) = (before.memberships(me, other), self.view.memberships(me, other));
        entries::change(tx, [&self.me, &self.other], &was, &is).await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use entity::id::UserId;
    use uuid::Uuid;

    use super::{Stance, State, View};
    use crate::clock::Clock;

    #[test]
    fn a_view_and_its_mirror_are_the_same_row() {
        let (ann, ben) = (UserId(Uuid::from_u128(1)), UserId(Uuid::from_u128(2)));
        let now = Clock::standing().now();
        for state in [State::None, State::Sent, State::Received, State::Connected] {
            let mine = Stance { follows: true, cooling_until: Some(now), ..Stance::default() };
            let view = View { state, request: None, mine, theirs: Stance::default() };
            let row = view.clone().into_row(ben, ann, now);
            assert!(row.lo == ann && row.hi == ben);
            assert_eq!(View::of(&row, ben), view);
            let mirrored = View::of(&row, ann);
            assert_eq!(mirrored.theirs, view.mine);
            assert_eq!(mirrored.clone().into_row(ann, ben, now), row);
            assert_eq!(mirrored.memberships(ann, ben), view.memberships(ben, ann));
        }
    }
}
