//! Taking what a customer wrote. A conversation is found by the customer, the entry point and the topic; that each message is
//! taken once is the constraint on its author and the id it came with, which holds for ever.

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
    agents::tasks,
    app::{App, Tx},
    conversations::{
        customers::{self, About},
        items::{self, NewItem},
        participants::{self, Who},
        threads::{self, Place},
    },
    error::{Error, Result, UserErrorCode},
    plain_text,
};

/// Something that a customer wrote and a channel brought.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub entry_point: entry_point::Model,
    /// Of the customer, in the one form in which the channel writes it.
    pub address: String,
    pub about: About,
    /// What tells the customer's conversations at the entry point apart: nothing where there is only one, the subject of
    /// mail, the thread of a web chat.
    pub topic: String,
    pub written: Written,
}

/// The message itself.
#[derive(Clone, Debug)]
pub struct Written {
    /// The provider's id, or the visitor's own.
    pub id: String,
    pub body: String,
    pub format: TextFormat,
    /// When the provider says it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// Of what a visitor asked for with the id; a provider is not asked to be consistent.
    pub digest: Option<Vec<u8>>,
}

/// What became of a conversation by a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It began.
    Began,
    /// It was closed and is open again, with a new task.
    Reopened,
    /// It goes on.
    WentOn,
    /// The message was there already; nothing was written.
    Replayed,
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub struct Received {
    pub message: thread_item::Model,
    pub conversation: conversation::Model,
    pub arrival: Arrival,
}

/// Takes a message.
pub async fn receive(app: &App, incoming: &Incoming) -> Result<Received> {
    app.transaction(|tx| Box::pin(take(tx, incoming))).await
}

/// Takes a message within a transaction.
pub async fn take(tx: &Tx<'_>, incoming: &Incoming) -> Result<Received> {
    let Incoming { entry_point, address, about, topic, written } = incoming;
    let customer = customers::identify(tx, entry_point.channel, address, about).await?;
    let (mut conversation, began) = find(tx, entry_point, customer.id, topic).await?;
    let who = Who::Customer(customer.id);
    let author = participants::of(tx.db(), conversation.id, who).await?;
    // Asked before anything else: what is brought again opens nothing again.
    if let Some(author) = author
        && let Some(message) = once(tx, author.id, written).await?
    {
        return Ok(Received { message, conversation, arrival: Arrival::Replayed });
    }
    let arrival = match conversation.status {
        _ if began => Arrival::Began,
        ConversationStatus::Closed => Arrival::Reopened,
        ConversationStatus::Open => Arrival::WentOn,
    };
    let author = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
    let enqueued = tasks::enqueue(tx, &mut conversation, entry_point).await?;
    let message = write(tx, &mut conversation, &author, written).await?;
    tasks::answer(tx, &mut conversation, enqueued).await?;
    Ok(Received { message, conversation, arrival })
}

/// The conversation of a customer for a topic at an entry point, held; whether it is new.
pub async fn find(
    tx: &Tx<'_>,
    entry_point: &entry_point::Model,
    customer: CustomerId,
    topic: &str,
) -> Result<(conversation::Model, bool)> {
    let place = Place {
        channel: entry_point.channel,
        entry_point: entry_point.id,
        queue: entry_point.queue_id,
        customer,
        topic: topic.to_owned(),
    };
    threads::open_or_make(tx, &place).await
}

/// What an author has written under an id already, if anything. The conversation is held.
pub async fn once(tx: &Tx<'_>, author: ParticipantId, written: &Written) -> Result<Option<thread_item::Model>> {
    let found = thread_item::Entity::find()
        .filter(thread_item::Column::AuthorId.eq(author))
        .filter(thread_item::Column::ClientMessageId.eq(written.id.as_str()))
        .one(tx.db())
        .await?;
    match found {
        Some(earlier) if written.digest.is_some() && earlier.digest != written.digest => {
            let why = "This id was used for another message.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, &["input", "message", "clientMessageId"], why))
        }
        found => Ok(found),
    }
}

/// Adds what a customer wrote to a conversation that is held.
pub async fn write(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    author: &participant::Model,
    written: &Written,
) -> Result<thread_item::Model> {
    let new = NewItem {
        inbound: true,
        format: written.format,
        client_message_id: Some(written.id.clone()),
        digest: written.digest.clone(),
        sent_at: written.sent_at,
        // No database keeps U+0000 in a text, and none who reads misses it.
        ..NewItem::message(author.id, plain_text::lines(&written.body).replace('\0', ""))
    };
    items::append(tx, conversation, new).await
}
