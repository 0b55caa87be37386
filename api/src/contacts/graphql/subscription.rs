//! The subscription `contacts`. It delivers every change of the viewer's lists, without gap or repetition.

use async_graphql::{ComplexObject, Context, ID, Subscription, Union};
use entity::{event::EventKind, id::UserId};
use futures_util::{Stream, StreamExt as _};

use super::types::ContactList;
use crate::contacts::memberships::ListChange;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::graphql::types::UnknownEvent,
    events::{
        cursor::{Cursor, contacts_of},
        graphql::{
            types as events,
            types::{LiveEvent, ResyncRequired, SubscriptionStarted, event},
        },
        log::LoggedEvent,
    },
    instant::Instant,
    users::graphql::types::User,
};

/// An item of the subscription `contacts`.
#[derive(Union)]
enum ContactEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ContactLogEvent),
    ResyncRequired(ResyncRequired),
}

/// Declares the type of an event about a person in one of the viewer's lists.
macro_rules! list_event {
    ($(#[$doc:meta])* $name:ident) => {
        event! {
            $(#[$doc])*
            #[graphql(complex)]
            $name {
                /// The list that changed.
                list: ContactList,
                /// The id of the person who was added or removed.
                #[graphql(skip)]
                person: UserId,
            }
        }

        #[ComplexObject]
        impl $name {
            /// The person who was added or removed.
            async fn user(&self, ctx: &Context<'_>) -> Result<User> {
                User::referred(ctx, self.person).await
            }
        }
    };
}

list_event! {
    /// A person was added to one of the viewer's lists.
    ContactAdded
}
list_event! {
    /// A person was removed from one of the viewer's lists.
    ContactRemoved
}

/// An event about the viewer's lists.
#[derive(Union)]
pub enum ContactLogEvent {
    /// A person was added.
    ContactAdded(ContactAdded),
    /// A person was removed.
    ContactRemoved(ContactRemoved),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl ContactLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let change: ListChange = entry.subject()?;
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        let (list, person) = (ContactList::showing(change.list)?, change.user);
        Some(match entry.kind.0? {
            EventKind::ContactAdded => Self::ContactAdded(ContactAdded {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                sequence,
                list,
                person,
            }),
            EventKind::ContactRemoved => Self::ContactRemoved(ContactRemoved {
                id,
                cursor,
                occurred_at: Instant(occurred_at),
                sequence,
                list,
                person,
            }),
            _ => return None,
        })
    }
}

/// Root subscription of the viewer's contact lists.
#[derive(Default)]
pub struct ContactsSubscription;

#[Subscription]
impl ContactsSubscription {
    /// Delivers an event for each person who is added to a list of the viewer or removed from it. The lists are
    /// connections, follows in both directions, requests in both directions, blocks and mutes. The first event is
    /// SubscriptionStarted. With `after`, all events since that cursor come first, without gap or repetition. Sequence
    /// numbers have no gaps, so a client can verify this. An entry that expires, such as a mute or a hidden request,
    /// causes no event. A cursor that the log no longer covers gets ResyncRequired, and the stream completes.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The cursor of the last received event, or a `streamCursor`. Without it, events begin now.")]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ContactEvent>> + use<>> {
        let stream = contacts_of(ctx.viewer()?.user);
        let live = events::live_events(ctx.app()?, stream, after.as_ref(), ContactLogEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                LiveEvent::Started(event) => ContactEvent::SubscriptionStarted(event),
                LiveEvent::Event(event) => ContactEvent::Event(event),
                LiveEvent::Resync(event) => ContactEvent::ResyncRequired(event),
            })
        }))
    }
}
