//! The subscription `userEvents`: the changes of one person's profile, as a viewer sees it.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, SimpleObject, Subscription, Union};
use async_stream::try_stream;
use entity::{connection_request, contact::List, event::EventKind, id::UserId, stream::StreamKind};
use futures_util::Stream;

use super::{loader::PersonById, types::User};
use crate::{
    activities::live,
    app::App,
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    contacts::memberships::{self, ListChange},
    error::{Error, Result},
    events::{
        cursor::Cursor,
        graphql::{
            subscription::{resync, started},
            types::{ResyncRequired, SubscriptionStarted, UnknownEvent, event},
        },
        log::LoggedEvent,
        log_feed::{self, FeedItem, SharedEntry},
        reading::retry_while_unavailable,
        selection::Selection,
    },
    instant::Instant,
    users::profile_changes::ProfileChange,
};

event! {
    /// A user is new, or the profile, the role or the account status of a user changed.
    #[graphql(complex)]
    UserChanged {
        /// The id of the user.
        user_id: ID,
        /// The id of the user, as the log has it.
        #[graphql(skip)]
        of: UserId,
    }
}

#[ComplexObject]
impl UserChanged {
    /// The user as they are now.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.of).await
    }

    /// True if the user has an active account. Remove the user from lists if not.
    async fn active(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(ctx.load(PersonById(self.of)).await?.is_some())
    }
}

impl UserChanged {
    /// Makes the event of a log entry that changed a user.
    #[must_use]
    pub fn of(of: UserId, entry: &LoggedEvent, cursor: Cursor) -> Self {
        let (id, occurred_at, sequence) = (ID::from(entry.id), Instant(entry.occurred_at), entry.sequence);
        Self { id, cursor, occurred_at, sequence, user_id: of.into(), of }
    }
}

/// An event of the log about the profile of a user.
#[derive(Union)]
pub enum UserLogEvent {
    /// A new user, or a changed profile.
    UserChanged(UserChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl UserLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(match entry.kind.0? {
            EventKind::UserChanged => {
                Self::UserChanged(UserChanged::of(entry.subject::<ProfileChange>()?.user, entry, cursor))
            }
            _ => return None,
        })
    }
}

/// The profile of a user may have changed for the viewer: the name, the picture, the relationship, the sizes of the
/// user's lists, or the activities. The update is not part of the log: it has no number, and several changes may come
/// as one.
#[derive(SimpleObject)]
#[graphql(complex)]
pub struct UserUpdate {
    /// The cursor to resume after this update.
    pub cursor: Cursor,
    /// The time of the last change.
    pub occurred_at: Instant,
    /// The id of the user.
    pub user_id: ID,
    #[graphql(skip)]
    of: UserId,
}

#[ComplexObject]
impl UserUpdate {
    /// The user as they are now.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        User::referred(ctx, self.of).await
    }
}

/// An item of the subscription `userEvents`.
#[derive(Union)]
enum UserEvent {
    SubscriptionStarted(SubscriptionStarted),
    UserUpdate(UserUpdate),
    ResyncRequired(ResyncRequired),
}

/// Returns true if the entry changes what the viewer sees of a user, as far as the entry alone says so.
fn concerns(entry: &SharedEntry, viewer: UserId, user: UserId) -> bool {
    let own = entry.owner_id == viewer.0;
    match (entry.stream_kind, entry.kind.0) {
        (StreamKind::Contacts, _) => entry.subject::<ListChange>().is_some_and(|change| {
            let counted = matches!(change.list, List::Connections | List::Following | List::Followers);
            // The shared connections and the shown activities depend on the viewer's other relationships.
            let shared = matches!(change.list, List::Connections | List::Blocked);
            (own && (change.user == user || shared)) || (entry.owner_id == user.0 && counted)
        }),
        (StreamKind::Requests, Some(EventKind::ConnectionRequestReceived | EventKind::ConnectionRequestChanged)) => {
            entry
                .subject::<connection_request::Model>()
                .is_some_and(|request| request.requester_id == user || request.recipient_id == user)
        }
        (StreamKind::Activities, _) => entry.owner_id == user.0,
        (StreamKind::Profile, _) => true,
        _ => false,
    }
}

/// Returns the last entry that the viewer may notice. An activity is noticed only by those who may see it, and the
/// profile of another person only if the viewer is connected with them, because shared connections are shown by name.
async fn last_visible<'a>(
    app: &App,
    viewer: UserId,
    user: UserId,
    entries: &'a [Arc<SharedEntry>],
) -> Result<Option<&'a Arc<SharedEntry>>> {
    let db = app.db.read();
    for entry in entries.iter().rev() {
        let visible = match entry.stream_kind {
            StreamKind::Activities => match live::read(entry) {
                Some(activity) => retry_while_unavailable(|| live::is_on_profile(db, &activity, viewer)).await?,
                None => false,
            },
            StreamKind::Profile if entry.owner_id != user.0 => {
                let other = UserId(entry.owner_id);
                retry_while_unavailable(|| memberships::is_connected(db, viewer, other)).await?
            }
            _ => true,
        };
        if visible {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Root subscription of a user's profile.
#[derive(Default)]
pub struct UsersSubscription;

#[Subscription]
impl UsersSubscription {
    /// Delivers an event whenever the profile of a user may have changed for the viewer: the shown name and picture,
    /// with the scope CONTACTS_READ the relationship with the viewer and the sizes of the user's lists, and with the
    /// scope ACTIVITY_READ the activities that the viewer may see. Begins with SubscriptionStarted. With `after`, the
    /// changes since that cursor come first, several of them as one. A cursor that the log no longer covers gets
    /// ResyncRequired, and the stream completes. For users only. Refuses a user whom the viewer cannot see with
    /// BAD_USER_INPUT.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to follow.")] user_id: ID,
        #[graphql(desc = "The cursor of the last received event, or the `streamCursor` of the viewer. Without it, \
                    events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<UserEvent>> + use<>> {
        let (app, scopes) = (ctx.app()?.clone(), ctx.caller()?.scopes());
        let viewer = ctx.viewer()?.user;
        let unknown = || Error::invalid("userId", "This user does not exist.");
        let user = UserId::parse(&user_id).ok_or_else(unknown)?;
        ctx.load(PersonById(user)).await?.ok_or_else(unknown)?;
        let after = after.map(|cursor| cursor.position_of(viewer.0)).transpose()?;
        let (mut own, mut of_user) = (Vec::new(), Vec::new());
        if scopes.has(Scope::ContactsRead) {
            own.extend([StreamKind::Contacts, StreamKind::Requests]);
            of_user.push(StreamKind::Contacts);
        }
        if scopes.has(Scope::ActivityRead) {
            of_user.push(StreamKind::Activities);
        }
        if user == viewer {
            own.extend(of_user.drain(..).filter(|kind| *kind == StreamKind::Activities));
        }
        let owned = vec![(viewer.0, own), (user.0, of_user)];
        let selection = Selection { owned, everywhere: vec![StreamKind::Profile], ..Selection::default() };
        let live = log_feed::follow(Arc::clone(&app.log_feed), app.db.clone(), selection, after);
        Ok(try_stream! {
            for await item in live {
                match item? {
                    FeedItem::Started(at) => {
                        yield UserEvent::SubscriptionStarted(started(viewer.0, at, &app.clock));
                    }
                    FeedItem::Resync { at, reason } => {
                        yield UserEvent::ResyncRequired(resync(viewer.0, at, reason, &app.clock));
                    }
                    FeedItem::Entries(mut entries) => {
                        entries.retain(|entry| concerns(entry, viewer, user));
                        if let Some(last) = Box::pin(last_visible(&app, viewer, user, &entries)).await? {
                            let cursor = Cursor::of_entry(viewer.0, last);
                            yield UserEvent::UserUpdate(UserUpdate {
                                cursor,
                                occurred_at: Instant(last.occurred_at),
                                user_id: user.into(),
                                of: user,
                            });
                        }
                    }
                }
            }
        })
    }
}
