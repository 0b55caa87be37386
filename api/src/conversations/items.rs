//! The entries of a conversation. Each takes the next number of those who serve and, if the customer may see it, the next
//! number of the customer; both under the conversation's lock, so neither has holes.

use chrono::{DateTime, Utc};
use entity::{
    conversation::{self, ConversationKind},
    event::EventKind,
    id::{ParticipantId, TaskId, ThreadItemId},
    thread_item::{self, AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel as _};

use super::threads;
use crate::{
    app::Tx,
    error::Result,
    events::{
        cursor::{conversation_of, customer_side_of},
        log::{NewEvent, Stream},
    },
};

/// An entry to be made.
#[derive(Clone, Debug)]
pub struct NewItem {
    pub kind: ItemKind,
    pub visibility: ItemVisibility,
    pub author: Option<ParticipantId>,
    /// From the customer.
    pub inbound: bool,
    pub announcement: Option<AnnouncementKind>,
    pub body: String,
    pub format: TextFormat,
    pub reply_to: Option<ThreadItemId>,
    pub task: Option<TaskId>,
    pub client_message_id: Option<String>,
    pub digest: Option<Vec<u8>>,
    /// When a provider says it was sent.
    pub sent_at: Option<DateTime<Utc>>,
}

impl NewItem {
    /// A text of somebody that everybody sees.
    #[must_use]
    pub fn message(author: ParticipantId, body: String) -> Self {
        Self {
            kind: ItemKind::Message,
            visibility: ItemVisibility::Both,
            author: Some(author),
            inbound: false,
            announcement: None,
            body,
            format: TextFormat::Plain,
            reply_to: None,
            task: None,
            client_message_id: None,
            digest: None,
            sent_at: None,
        }
    }
}

/// Adds an entry to a conversation that is held.
pub async fn append(tx: &Tx<'_>, conversation: &mut conversation::Model, new: NewItem) -> Result<thread_item::Model> {
    let now = tx.clock().now();
    conversation.last_sequence += 1;
    let to_customer = new.visibility != ItemVisibility::Agent;
    if to_customer {
        conversation.last_customer_sequence += 1;
    }
    conversation.last_item_at = conversation.last_item_at.max(now);
    let row = thread_item::Model {
        id: ThreadItemId(tx.clock().uuid()),
        conversation_id: conversation.id,
        sequence: conversation.last_sequence,
        customer_sequence: to_customer.then_some(conversation.last_customer_sequence),
        kind: new.kind,
        visibility: new.visibility,
        author_id: new.author,
        inbound: new.inbound,
        announcement: new.announcement,
        body: new.body,
        format: new.format,
        reply_to_id: new.reply_to,
        task_id: new.task.or(conversation.task_id),
        client_message_id: new.client_message_id,
        digest: new.digest,
        sent_at: new.sent_at,
        created_at: now,
        edited_at: None,
        deleted_at: None,
    };
    thread_item::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    threads::save(tx, conversation).await?;
    tell(tx, conversation, EventKind::ItemAdded, &row)?;
    Ok(row)
}

/// Writes an entry of a held conversation that has changed.
pub async fn change(tx: &Tx<'_>, conversation: &conversation::Model, row: &thread_item::Model) -> Result<()> {
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    tell(tx, conversation, EventKind::ItemChanged, row)
}

fn tell(tx: &Tx<'_>, conversation: &conversation::Model, kind: EventKind, row: &thread_item::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, row, streams(conversation, row.visibility))?);
    Ok(())
}

/// The streams of a conversation in which something stands that such people may see.
#[must_use]
pub fn streams(conversation: &conversation::Model, seen_by: ItemVisibility) -> Vec<Stream> {
    let (staff, customer) = (conversation_of(conversation.id), customer_side_of(conversation.id));
    match (conversation.kind, seen_by) {
        (ConversationKind::Direct, _) | (_, ItemVisibility::Agent) => vec![staff],
        // Those who serve see everything.
        (_, ItemVisibility::Customer | ItemVisibility::Both) => vec![staff, customer],
    }
}
