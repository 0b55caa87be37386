//! The entries of conversations as the API shows them, numbered as the viewer counts.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Interface, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    id::{ParticipantId, ThreadItemId},
    participant,
    receipt::ReceiptState,
    thread_item::{self, AnnouncementKind, ItemKind, TextFormat},
};

use super::number;
use crate::{
    auth::context::ContextExt,
    conversations::{
        loader::{ItemById, ReceiptsOf, ReferredParticipant},
        participants::{Who, types::actor_of},
        receipts::{self, Told},
        renderings,
        threads::Side,
    },
    error::{Error, Result},
    page::{ByNumber, PageInfo, Slice},
    users::types::Actor,
    weight::LongText,
};

/// An entry of a conversation.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The entry's id, `msg_…`."),
    field(
        name = "sequence",
        ty = "i64",
        desc = "The entry's place in the conversation as the viewer counts: 1, 2, 3, … without holes."
    ),
    field(name = "created_at", ty = "DateTime<Utc>", desc = "When Rapport took it. Order comes from `sequence`.")
)]
pub enum ThreadItem {
    Message(Message),
    Announcement(Announcement),
    Note(Note),
}

impl ThreadItem {
    /// An entry as a side sees it.
    #[must_use]
    pub fn of(row: Arc<thread_item::Model>, side: Side) -> Self {
        match row.kind {
            ItemKind::Message => Self::Message(Message { row, side }),
            ItemKind::Announcement => Self::Announcement(Announcement { row, side }),
            ItemKind::Note => Self::Note(Note { row, side }),
        }
    }

    /// The entry with an id, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: ThreadItemId) -> Result<Option<Self>> {
        let side = Side::of(ctx.caller()?);
        Ok(ctx.load(ItemById(id)).await?.map(|row| Self::of(row, side)))
    }
}

/// From where a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Direction {
    /// From the customer; in a direct conversation from the other.
    Inbound,
    /// From the organisation; in a direct conversation from the viewer.
    Outbound,
}

/// Something that somebody wrote to the others in a conversation.
#[derive(Clone)]
pub struct Message {
    pub row: Arc<thread_item::Model>,
    pub side: Side,
}

/// Something that somebody wrote to the others in a conversation.
#[Object]
impl Message {
    /// The message's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The message's place in the conversation as the viewer counts: 1, 2, 3, … without holes.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// When Rapport took it. Order comes from `sequence`.
    pub async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// Who wrote it. Customers are shown agents as Representative.
    async fn author(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, author(&self.row)?, self.side).await
    }

    /// From where it comes.
    async fn direction(&self, ctx: &Context<'_>) -> Result<Direction> {
        let inbound = self.row.inbound || {
            let author = self.author_row(ctx).await?;
            author.role == participant::ParticipantRole::Member && !is_own(ctx, &author)
        };
        Ok(if inbound { Direction::Inbound } else { Direction::Outbound })
    }

    /// The text; empty when the message was taken back.
    async fn body(&self) -> LongText<&str> {
        LongText(&self.row.body)
    }

    /// How the text is written.
    async fn format(&self) -> TextFormat {
        self.row.format
    }

    /// The text of a MARKDOWN message as HTML that is safe to show: emphasis, strong emphasis, strike-through, code, links to
    /// `http`, `https` and `mailto`, lists, quotes and line breaks; other marks are shown as they stand. A text whose HTML would be
    /// many times as long is shown without its marks. Null for PLAIN.
    async fn html(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        (self.row.format == TextFormat::Markdown && self.row.deleted_at.is_none()).then_some(())?;
        Some(renderings::html(ctx, &self.row).await.map(LongText))
    }

    /// The message it answers; null when it answers none, or none that the viewer may see.
    async fn reply_to(&self, ctx: &Context<'_>) -> Option<Result<Message>> {
        match ThreadItem::find(ctx, self.row.reply_to_id?).await {
            Ok(Some(ThreadItem::Message(message))) => Some(Ok(message)),
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// How far it has come in all: what a customer wrote to any agent, everything else to the customer or to the other of
    /// two. Only rises: QUEUED, SENT, FAILED, DELIVERED, READ.
    async fn status(&self, ctx: &Context<'_>) -> Result<ReceiptState> {
        Ok(receipts::status(&self.row, &self.told(ctx).await?, self.side))
    }

    /// How far it has come to each of the others, where something is known of it.
    async fn receipts(&self, ctx: &Context<'_>) -> Result<Vec<Receipt>> {
        let told = self.told(ctx).await?.into_iter().filter(|told| told.is_for(self.side));
        let receipt =
            |told: Told| Receipt { participant: told.participant_id, side: self.side, state: told.state, at: told.at };
        Ok(told.map(receipt).collect())
    }

    /// When its sender sent it, as a provider says; null when none does.
    async fn sent_at(&self) -> Option<DateTime<Utc>> {
        self.row.sent_at
    }

    /// When Rapport took it.
    async fn received_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// The id that the viewer's client gave it; null for messages of others.
    async fn client_message_id(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.row.client_message_id.as_ref()?;
        match self.author_row(ctx).await {
            Ok(author) if is_own(ctx, &author) => Some(Ok(id.clone())),
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// When its text was last changed; null while it is as it was sent.
    async fn edited_at(&self) -> Option<DateTime<Utc>> {
        self.row.edited_at
    }

    /// When it was taken back; null while it was not. Its place in the conversation stays.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.row.deleted_at
    }
}

impl Message {
    async fn told(&self, ctx: &Context<'_>) -> Result<Vec<Told>> {
        Ok(ctx.load(ReceiptsOf(self.row.id)).await?.unwrap_or_default())
    }

    async fn author_row(&self, ctx: &Context<'_>) -> Result<participant::Model> {
        let row = ctx.load(ReferredParticipant(author(&self.row)?)).await?;
        row.ok_or_else(|| Error::internal(anyhow::anyhow!("a message without its author")))
    }
}

/// Whether a participant is the viewer.
fn is_own(ctx: &Context<'_>, author: &participant::Model) -> bool {
    ctx.caller().is_ok_and(|caller| Who::of(caller).is_some_and(|who| who.is(author)))
}

fn author(row: &thread_item::Model) -> Result<ParticipantId> {
    row.author_id.ok_or_else(|| Error::internal(anyhow::anyhow!("a text without an author")))
}

/// The system tells what happened in a conversation: who joined, left, was asked. Seen by those it is meant for.
#[derive(Clone)]
pub struct Announcement {
    pub row: Arc<thread_item::Model>,
    pub side: Side,
}

/// The system tells what happened in a conversation: who joined, left, was asked. Seen by those it is meant for.
#[Object]
impl Announcement {
    /// The announcement's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The announcement's place in the conversation as the viewer counts: 1, 2, 3, … without holes.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// When it was made. Order comes from `sequence`.
    pub async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// What it tells.
    async fn kind(&self) -> AnnouncementKind {
        self.row.announcement.unwrap_or(AnnouncementKind::EndedBySystem)
    }

    /// Of whom it tells; null when of nobody.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<Actor>> {
        Some(actor_of(ctx, self.row.author_id?, self.side).await)
    }

    /// A sentence in English.
    async fn text(&self) -> LongText<&str> {
        LongText(&self.row.body)
    }
}

/// What agents tell one another. Customers see no trace of it.
#[derive(Clone)]
pub struct Note {
    pub row: Arc<thread_item::Model>,
    pub side: Side,
}

/// What agents tell one another. Customers see no trace of it.
#[Object]
impl Note {
    /// The note's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The note's place in the conversation as the viewer counts: 1, 2, 3, … without holes.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// When it was written. Order comes from `sequence`.
    pub async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// Who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, author(&self.row)?, self.side).await
    }

    /// The text, as it stands.
    async fn body(&self) -> LongText<&str> {
        LongText(&self.row.body)
    }
}

/// How far a message has come to somebody. It only rises.
pub struct Receipt {
    pub participant: ParticipantId,
    pub side: Side,
    pub state: ReceiptState,
    pub at: DateTime<Utc>,
}

/// How far a message has come to somebody. It only rises.
#[Object]
impl Receipt {
    /// To whom. Customers are shown agents as Representative.
    async fn participant(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, self.participant, self.side).await
    }

    /// How far.
    async fn state(&self) -> ReceiptState {
        self.state
    }

    /// Since when.
    async fn at(&self) -> DateTime<Utc> {
        self.at
    }
}

/// A page of a conversation's entries, the oldest first.
pub struct ThreadItemConnection {
    pub slice: Slice<Arc<thread_item::Model>>,
    pub side: Side,
}

impl ThreadItemConnection {
    fn place(&self, row: &thread_item::Model) -> ByNumber {
        ByNumber(number(row, self.side).unwrap_or_default())
    }
}

/// A page of a conversation's entries, the oldest first.
#[Object]
impl ThreadItemConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Vec<ThreadItemEdge> {
        let edge = |row: &Arc<thread_item::Model>| ThreadItemEdge {
            cursor: self.slice.cursor(&self.place(row)),
            node: ThreadItem::of(Arc::clone(row), self.side),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The entries.
    async fn nodes(&self) -> Vec<ThreadItem> {
        self.slice.items.iter().map(|row| ThreadItem::of(Arc::clone(row), self.side)).collect()
    }

    /// Where this page lies in the conversation.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| self.place(row))
    }
}

/// An entry of a conversation in a page.
#[derive(SimpleObject)]
pub struct ThreadItemEdge {
    /// The place in the conversation.
    pub cursor: String,
    /// The entry.
    pub node: ThreadItem,
}
