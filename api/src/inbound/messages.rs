//! Storage of inbound messages. The customer, the entry point and the topic identify the conversation. A permanent
//! constraint on the author and the message's id guarantees that each message is stored once.

use chrono::{DateTime, Utc};
use entity::{
    conversation::{self, ConversationStatus},
    entry_point,
    id::{CustomerId, ParticipantId},
    participant::{self, ParticipantRole},
    thread_item::{self, TextFormat},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    app::{App, Tx},
    conversations::{
        conversation_rows::{self, ConversationKey},
        customers::{self, CustomerDetails},
        participants::{self, ParticipantRef},
        thread_items::{self, NewItem},
    },
    error::{Error, Result, UserErrorCode},
    plain_text,
    tasks::queueing,
};

/// A message that a customer wrote and a channel delivered.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    /// The entry point to which the customer wrote.
    pub entry_point: entry_point::Model,
    /// The customer's address, in the one form in which the channel writes it.
    pub address: String,
    /// The customer's details that came with the message.
    pub about: CustomerDetails,
    /// The text that separates the customer's conversations at the entry point. Empty if there is only one, else for
    /// example the subject of an e-mail or the thread of a web chat.
    pub topic: String,
    /// The content of the message.
    pub written: MessageContent,
}

/// The content of an inbound message.
#[derive(Clone, Debug)]
pub struct MessageContent {
    /// The id that the provider or the visitor's client gave the message.
    pub id: String,
    /// The text of the message.
    pub body: String,
    /// The format of `body`.
    pub format: TextFormat,
    /// The time at which the message was sent, according to the provider.
    pub sent_at: Option<DateTime<Utc>>,
    /// Digest of the visitor's call with this id. `None` for providers, whose repetitions need not be consistent.
    pub digest: Option<Vec<u8>>,
}

/// The effect of a message on its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundOutcome {
    /// A new conversation began.
    Began,
    /// A closed conversation was reopened, with a new task.
    Reopened,
    /// An open conversation continued.
    WentOn,
    /// The message had already arrived. Nothing was written.
    Replayed,
}

/// An inbound message that is stored.
#[derive(Clone, Debug)]
pub struct InboundReceipt {
    /// The stored message.
    pub message: thread_item::Model,
    /// The conversation of the message.
    pub conversation: conversation::Model,
    /// The effect of the message on the conversation.
    pub arrival: InboundOutcome,
}

/// Stores an inbound message in a transaction of its own.
pub async fn receive(app: &App, incoming: &InboundMessage) -> Result<InboundReceipt> {
    app.transaction(|tx| Box::pin(take(tx, incoming))).await
}

/// Stores an inbound message within a transaction. Creates the customer, the conversation and the task if they do not
/// exist. Locks the conversation. Emits `ItemAdded`, unless the message had already arrived.
pub async fn take(tx: &Tx<'_>, incoming: &InboundMessage) -> Result<InboundReceipt> {
    let InboundMessage { entry_point, address, about, topic, written } = incoming;
    let customer = customers::identify(tx, entry_point.channel, address, about).await?;
    let (mut conversation, began) = find(tx, entry_point, customer.id, topic).await?;
    let who = ParticipantRef::Customer(customer.id);
    let author = participants::find(tx.db(), conversation.id, who).await?;
    // This check comes first, so that a repeated message does not reopen the conversation.
    if let Some(author) = author
        && let Some(message) = find_duplicate(tx, author.id, written).await?
    {
        return Ok(InboundReceipt { message, conversation, arrival: InboundOutcome::Replayed });
    }
    let arrival = match conversation.status {
        _ if began => InboundOutcome::Began,
        ConversationStatus::Closed => InboundOutcome::Reopened,
        ConversationStatus::Open => InboundOutcome::WentOn,
    };
    let author = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
    let enqueued = queueing::enqueue(tx, &mut conversation, entry_point).await?;
    let message = write(tx, &mut conversation, &author, written).await?;
    queueing::announce_closed(tx, &mut conversation, enqueued).await?;
    Ok(InboundReceipt { message, conversation, arrival })
}

/// Locks the conversation of a customer for a topic at an entry point, or creates it. Returns it, and true if it is
/// new.
pub async fn find(
    tx: &Tx<'_>,
    entry_point: &entry_point::Model,
    customer: CustomerId,
    topic: &str,
) -> Result<(conversation::Model, bool)> {
    let place = ConversationKey {
        channel: entry_point.channel,
        entry_point: entry_point.id,
        queue: entry_point.queue_id,
        customer,
        topic: topic.to_owned(),
    };
    conversation_rows::find_or_create(tx, &place).await
}

/// Returns the message that an author wrote earlier with the same id, if any. The conversation must be locked.
/// Refuses with `IDEMPOTENCY_KEY_REUSED` if that message has another digest.
pub async fn find_duplicate(
    tx: &Tx<'_>,
    author: ParticipantId,
    written: &MessageContent,
) -> Result<Option<thread_item::Model>> {
    let found = thread_item::Entity::find()
        .filter(thread_item::Column::AuthorId.eq(author))
        .filter(thread_item::Column::ClientMessageId.eq(written.id.as_str()))
        .one(tx.db())
        .await?;
    match found {
        Some(earlier) if written.digest.is_some() && earlier.digest != written.digest => {
            let why = "This client message id was used for another message.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, &["input", "message", "clientMessageId"], why))
        }
        found => Ok(found),
    }
}

/// Adds a customer's message to a conversation. The conversation must be locked. Emits `ItemAdded`.
pub async fn write(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    author: &participant::Model,
    written: &MessageContent,
) -> Result<thread_item::Model> {
    let new = NewItem {
        inbound: true,
        format: written.format,
        client_message_id: Some(written.id.clone()),
        digest: written.digest.clone(),
        sent_at: written.sent_at,
        // No database stores U+0000 in a text, and no reader misses it.
        ..NewItem::message(author.id, plain_text::lines(&written.body).replace('\0', ""))
    };
    thread_items::append(tx, conversation, new).await
}
