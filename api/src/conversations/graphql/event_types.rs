//! GraphQL types of the events about conversations.

use std::sync::Arc;

use async_graphql::{ComplexObject, Context, ID, Union};
use entity::{event::EventKind, id::ConversationId, participant, stream::StreamKind, task, thread_item};

use super::{
    item_types::{Message, Receipt, ThreadItem},
    participant_types::{Customer, Participant},
    types::Conversation,
};
use crate::{
    conversations::{conversation_rows::ConversationSide, receipts::ReceiptUpdate},
    error::Result,
    events::{
        cursor::Cursor,
        graphql::types::{UnknownEvent, event},
        log::LoggedEvent,
    },
    instant::Instant,
    tasks::graphql::event_types::TaskChanged,
};

event! {
    /// A message, a note or an announcement was added.
    #[graphql(complex)]
    ItemAdded {
        /// The id of the conversation.
        conversation_id: ID,
        /// The item at the time of the event.
        item: ThreadItem,
    }
}
event! {
    /// A message was edited or deleted.
    #[graphql(complex)]
    ItemChanged {
        /// The id of the conversation.
        conversation_id: ID,
        /// The item after the change.
        item: ThreadItem,
    }
}
event! {
    /// Messages reached a new delivery state for a participant: every message of others from `fromSequence` to
    /// `message`.
    #[graphql(complex)]
    ReceiptAdvanced {
        /// The id of the conversation.
        conversation_id: ID,
        /// The newest of these messages.
        message: Message,
        /// The participant, and the state that the messages reached.
        receipt: Receipt,
        /// The `sequence` of the first of these messages, as the viewer counts.
        from_sequence: i64,
    }
}
event! {
    /// A participant joined, left, or read further without a message of others in between.
    #[graphql(complex)]
    ParticipantChanged {
        /// The id of the conversation.
        conversation_id: ID,
        /// The participant after the change.
        participant: Participant,
    }
}

/// Adds the conversation to events of a conversation.
macro_rules! with_conversation {
    ($($event:ident),*) => {$(
        #[ComplexObject]
        impl $event {
            /// The conversation as it is now. Null when the viewer can no longer see it.
            async fn conversation(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
                Conversation::find(ctx, ConversationId::parse(&self.conversation_id)?).await.transpose()
            }
        }
    )*};
}

with_conversation!(ItemAdded, ItemChanged, ReceiptAdvanced, ParticipantChanged);

event! {
    /// A conversation of the viewer's lists changed: it has a new item, an item or a receipt changed, a participant
    /// joined or left, or its task changed.
    #[graphql(complex)]
    ConversationChanged {
        /// The id of the conversation.
        conversation_id: ID,
        /// The id of the conversation, as the log has it.
        #[graphql(skip)]
        of: ConversationId,
    }
}

#[ComplexObject]
impl ConversationChanged {
    /// The conversation as it is now. Null when the viewer can no longer see it, and without the scope
    /// CONVERSATIONS_READ. Remove it from lists then.
    async fn conversation(&self, ctx: &Context<'_>) -> Option<Result<Conversation>> {
        Conversation::find(ctx, self.of).await.transpose()
    }
}

impl ConversationChanged {
    /// Reads a log entry. `cursor` is its position for the reader. Returns `None` if the entry is about no
    /// conversation.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        Some(Self::of(conversation_of(entry)?, entry, cursor))
    }

    /// Makes the event of a log entry that changed a conversation.
    #[must_use]
    pub fn of(of: ConversationId, entry: &LoggedEvent, cursor: Cursor) -> Self {
        let (id, occurred_at, sequence) = (ID::from(entry.id), Instant(entry.occurred_at), entry.sequence);
        Self { id, cursor, occurred_at, sequence, conversation_id: of.into(), of }
    }
}

/// Returns the conversation that an entry is about, if it is about one.
#[must_use]
pub fn conversation_of(entry: &LoggedEvent) -> Option<ConversationId> {
    Some(match entry.kind.0? {
        EventKind::ItemAdded | EventKind::ItemChanged => entry.subject::<thread_item::Model>()?.conversation_id,
        EventKind::ReceiptAdvanced => entry.subject::<ReceiptUpdate>()?.item.conversation_id,
        EventKind::ParticipantChanged => entry.subject::<participant::Model>()?.conversation_id,
        EventKind::TaskChanged
        | EventKind::TaskQueued
        | EventKind::TaskDequeued
        | EventKind::TaskAccepted
        | EventKind::TaskReleased => entry.subject::<task::Model>()?.conversation_id,
        _ => return None,
    })
}

/// An event of the log about a conversation.
#[derive(Union)]
pub enum ConversationLogEvent {
    /// A new item.
    ItemAdded(ItemAdded),
    /// A message that was edited or deleted.
    ItemChanged(ItemChanged),
    /// A new delivery state of messages.
    ReceiptAdvanced(ReceiptAdvanced),
    /// A participant who joined, left or read further.
    ParticipantChanged(ParticipantChanged),
    /// A change of the conversation's task.
    TaskChanged(TaskChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl ConversationLogEvent {
    /// The event's number in its stream.
    #[must_use]
    pub fn sequence(&self) -> i64 {
        match self {
            Self::ItemAdded(event) => event.sequence,
            Self::ItemChanged(event) => event.sequence,
            Self::ReceiptAdvanced(event) => event.sequence,
            Self::ParticipantChanged(event) => event.sequence,
            Self::TaskChanged(event) => event.sequence,
            Self::UnknownEvent(event) => event.sequence,
        }
    }

    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let side = if entry.stream_kind == StreamKind::CustomerSide {
            ConversationSide::Customer
        } else {
            ConversationSide::Staff
        };
        let (id, occurred_at, sequence) = (ID::from(entry.id), Instant(entry.occurred_at), entry.sequence);
        let item = || entry.subject::<thread_item::Model>();
        Some(match entry.kind.0? {
            EventKind::ItemAdded => {
                let row = item()?;
                let (conversation_id, item) = (row.conversation_id.into(), ThreadItem::of(Arc::new(row), side));
                Self::ItemAdded(ItemAdded { id, cursor, occurred_at, sequence, conversation_id, item })
            }
            EventKind::ItemChanged => {
                let row = item()?;
                let (conversation_id, item) = (row.conversation_id.into(), ThreadItem::of(Arc::new(row), side));
                Self::ItemChanged(ItemChanged { id, cursor, occurred_at, sequence, conversation_id, item })
            }
            EventKind::ReceiptAdvanced => {
                let ReceiptUpdate { item, receipt, from, from_customer } = entry.subject()?;
                let conversation_id = item.conversation_id.into();
                let message = Message { row: Arc::new(item), side };
                let (participant, state, at) = (receipt.participant_id, receipt.state, Instant(receipt.at));
                let receipt = Receipt { participant, side, state, at };
                let from_sequence = if side == ConversationSide::Staff { from } else { from_customer };
                Self::ReceiptAdvanced(ReceiptAdvanced {
                    id,
                    cursor,
                    occurred_at,
                    sequence,
                    conversation_id,
                    message,
                    receipt,
                    from_sequence,
                })
            }
            EventKind::ParticipantChanged => {
                let row: participant::Model = entry.subject()?;
                let conversation_id = row.conversation_id.into();
                let participant = Participant { row, side };
                Self::ParticipantChanged(ParticipantChanged {
                    id,
                    cursor,
                    occurred_at,
                    sequence,
                    conversation_id,
                    participant,
                })
            }
            EventKind::TaskChanged => Self::TaskChanged(TaskChanged::read(entry, cursor)?),
            _ => return None,
        })
    }
}

event! {
    /// A customer is new, or the details of a customer changed.
    CustomerChanged {
        /// The customer at the time of the event.
        customer: Customer,
    }
}

/// An event of the log about a customer.
#[derive(Union)]
pub enum CustomerLogEvent {
    /// A new customer, or new details of a customer.
    CustomerChanged(CustomerChanged),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl CustomerLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let (id, occurred_at, sequence) = (ID::from(entry.id), Instant(entry.occurred_at), entry.sequence);
        Some(match entry.kind.0? {
            EventKind::CustomerChanged => {
                let customer = Customer(Arc::new(entry.subject()?));
                Self::CustomerChanged(CustomerChanged { id, cursor, occurred_at, sequence, customer })
            }
            _ => return None,
        })
    }
}
