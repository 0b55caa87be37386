//! `contacts`, live.

use async_graphql::{ComplexObject, Context, ID, Subscription, Union};
use entity::{event::EventKind, id::UserId};
use futures_util::{Stream, StreamExt as _};

use super::{entries::Change, types::ContactList};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result},
    events::{
        cursor::{Cursor, contacts_of},
        log::Entry,
        types::{self as events, Live, ResyncRequired, SubscriptionStarted, event},
    },
    users::types::User,
};

/// What the subscription `contacts` delivers.
#[derive(Union)]
enum ContactsEvent {
    SubscriptionStarted(SubscriptionStarted),
    #[graphql(flatten)]
    Event(ContactEvent),
    ResyncRequired(ResyncRequired),
}

/// Writes the type of an event about somebody in a list of the viewer's.
macro_rules! list_event {
    ($(#[$doc:meta])* $name:ident) => {
        event! {
            $(#[$doc])*
            #[graphql(complex)]
            $name {
                /// Which list.
                list: ContactList,
                #[graphql(skip)]
                person: UserId,
            }
        }

        #[ComplexObject]
        impl $name {
            /// Who.
            async fn user(&self, ctx: &Context<'_>) -> Result<User> {
                User::referred(ctx, self.person).await
            }
        }
    };
}

list_event! {
    /// Somebody came into one of the viewer's lists.
    ContactAdded
}
list_event! {
    /// Somebody left one of the viewer's lists.
    ContactRemoved
}

/// An entry of the log about the viewer's lists.
#[derive(Union)]
pub enum ContactEvent {
    ContactAdded(ContactAdded),
    ContactRemoved(ContactRemoved),
}

impl ContactEvent {
    /// Reads an entry of the log; `cursor` is the position as the reader counts.
    pub fn read(entry: &Entry, cursor: Cursor) -> Result<Self> {
        let other = || Error::internal(anyhow::anyhow!("an event of another stream"));
        let change: Change = serde_json::from_value(entry.payload.clone()).map_err(Error::internal)?;
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        let (list, person) = (ContactList::showing(change.list).ok_or_else(other)?, change.user);
        match entry.kind {
            EventKind::ContactAdded => {
                Ok(Self::ContactAdded(ContactAdded { id, cursor, occurred_at, sequence, list, person }))
            }
            EventKind::ContactRemoved => {
                Ok(Self::ContactRemoved(ContactRemoved { id, cursor, occurred_at, sequence, list, person }))
            }
            _ => Err(other()),
        }
    }
}

#[derive(Default)]
pub struct ContactsSubscription;

#[Subscription]
impl ContactsSubscription {
    /// The viewer's lists as people come into them and leave them: connections, who follows and is followed, requests both
    /// ways, who is blocked and muted. Begins with SubscriptionStarted. With `after` everything since that cursor comes first,
    /// without gap or repeat; sequence numbers have no holes, which proves it. What ends by itself at a time (a mute, a
    /// request that is no longer shown) makes no event. A cursor that the log no longer reaches gets ResyncRequired, and
    /// the stream completes.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The cursor of the last event that was received, or a `streamCursor`; without it, from now on."
        )]
        after: Option<Cursor>,
    ) -> Result<impl Stream<Item = Result<ContactsEvent>> + use<>> {
        let stream = contacts_of(ctx.viewer()?.user);
        let live = events::live(ctx.app()?, stream, after.as_ref(), ContactEvent::read)?;
        Ok(live.map(|item| {
            Ok(match item? {
                Live::Started(event) => ContactsEvent::SubscriptionStarted(event),
                Live::Event(event) => ContactsEvent::Event(event),
                Live::Resync(event) => ContactsEvent::ResyncRequired(event),
            })
        }))
    }
}
