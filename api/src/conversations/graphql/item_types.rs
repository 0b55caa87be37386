//! GraphQL types of thread items, numbered as the viewer counts.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Interface, Object, SimpleObject};
use entity::{
    id::{ParticipantId, ThreadItemId},
    participant,
    receipt::ReceiptState,
    thread_item::{self, ItemKind, TextFormat},
};

use super::{
    announcement_types::Announcement,
    loader::{ItemById, ReceiptsOf, ReferredParticipant},
    participant_types::actor_of,
};
use crate::{
    attachments::graphql::{loader::AttachmentsOf, types::Attachment},
    auth::request_context::ContextExt,
    conversations::{
        conversation_rows::ConversationSide,
        participants::ParticipantRef,
        receipts::{self, VisibleReceipt},
        renderings,
        thread_items::{ItemPage, number},
    },
    error::{Error, Result},
    instant::Instant,
    memory_budget::LongText,
    pagination::list_size,
    pagination::{ByNumber, PageInfo, PageSlice},
    template_library::graphql::{loader::UseOf, types::TemplateUse},
    users::graphql::interfaces::Actor,
};

/// An item of a conversation: a message, an announcement or a note.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The item's id, `msg_…`."),
    field(
        name = "sequence",
        ty = "i64",
        desc = "The item's number in the conversation as the viewer counts: 1, 2, 3, … without gaps."
    ),
    field(
        name = "created_at",
        ty = "Instant",
        desc = "The time at which Rapport received it. `sequence` gives the order."
    )
)]
pub enum ThreadItem {
    /// A text for the other participants.
    Message(Message),
    /// A line that the system added.
    Announcement(Announcement),
    /// A text for the organization's side only.
    Note(Note),
}

impl ThreadItem {
    /// Returns an item as a side sees it.
    #[must_use]
    pub fn of(row: Arc<thread_item::Model>, side: ConversationSide) -> Self {
        match row.kind {
            ItemKind::Message => Self::Message(Message { row, side }),
            ItemKind::Announcement => Self::Announcement(Announcement { row, side }),
            ItemKind::Note => Self::Note(Note { row, side }),
        }
    }

    /// Returns an item by id, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: ThreadItemId) -> Result<Option<Self>> {
        let side = ConversationSide::of(ctx.caller()?);
        Ok(ctx.load(ItemById(id)).await?.map(|row| Self::of(row, side)))
    }
}

/// The direction in which a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum Direction {
    /// From the customer. In a direct conversation: from the other user.
    Inbound,
    /// From the organization. In a direct conversation: from the viewer.
    Outbound,
}

/// A text that a participant sent to the others in a conversation.
#[derive(Clone)]
pub struct Message {
    /// The item's row.
    pub row: Arc<thread_item::Model>,
    /// The side that reads the message.
    pub side: ConversationSide,
}

/// A text that a participant sent to the others in a conversation.
#[Object]
impl Message {
    /// The message's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The message's number in the conversation as the viewer counts: 1, 2, 3, … without gaps.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// The time at which Rapport received it. `sequence` gives the order.
    pub async fn created_at(&self) -> Instant {
        Instant(self.row.created_at)
    }

    /// The participant who wrote it. Customers see agents as Representative.
    async fn author(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, author(&self.row)?, self.side).await
    }

    /// The direction in which the message travels.
    async fn direction(&self, ctx: &Context<'_>) -> Result<Direction> {
        let inbound = self.row.inbound || {
            let author = self.author_row(ctx).await?;
            author.role == participant::ParticipantRole::Member && !is_own(ctx, &author)
        };
        Ok(if inbound { Direction::Inbound } else { Direction::Outbound })
    }

    /// The text. Empty if the message was deleted, and it may be empty if the message has files.
    async fn body(&self) -> LongText<&str> {
        LongText(&self.row.body)
    }

    /// The format of the text.
    async fn format(&self) -> TextFormat {
        self.row.format
    }

    /// The text of a MARKDOWN message as HTML that is safe to show. The HTML contains emphasis, strong emphasis,
    /// strikethrough, code, links to `http`, `https` and `mailto`, lists, quotes and line breaks. Other marks appear
    /// as plain text. If the HTML would be many times longer than the text, the text appears without its marks. Null
    /// for PLAIN.
    async fn html(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        (self.row.format == TextFormat::Markdown && self.row.deleted_at.is_none()).then_some(())?;
        Some(renderings::html(ctx, &self.row).await.map(LongText))
    }

    /// The template that the message was written with. Null if there was none, and for customers.
    async fn template(&self, ctx: &Context<'_>) -> Option<Result<TemplateUse>> {
        (self.side == ConversationSide::Staff && !self.row.inbound && self.row.deleted_at.is_none()).then_some(())?;
        ctx.load(UseOf(self.row.id)).await.map(|used| used.map(TemplateUse)).transpose()
    }

    /// The files of the message, in order. Empty if the message was deleted.
    #[graphql(directive = list_size::apply(4))]
    async fn attachments(&self, ctx: &Context<'_>) -> Result<Vec<Attachment>> {
        let files = ctx.load(AttachmentsOf(self.row.id)).await?.unwrap_or_default();
        Ok(files.into_iter().map(Attachment).collect())
    }

    /// The message that this one answers. Null if it answers none, or one that the viewer may not see.
    async fn reply_to(&self, ctx: &Context<'_>) -> Option<Result<Message>> {
        match ThreadItem::find(ctx, self.row.reply_to_id?).await {
            Ok(Some(ThreadItem::Message(message))) => Some(Ok(message)),
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The overall delivery state. A customer's message counts the receipts of all agents. Any other message counts
    /// the receipts of the customer, or of the other user in a direct conversation. The state only rises: QUEUED,
    /// SENT, FAILED, DELIVERED, READ.
    async fn status(&self, ctx: &Context<'_>) -> Result<ReceiptState> {
        Ok(receipts::status(&self.row, &self.receipts_of(ctx).await?, self.side))
    }

    /// The delivery state for each other participant for whom a state is known.
    #[graphql(directive = list_size::apply(4))]
    async fn receipts(&self, ctx: &Context<'_>) -> Result<Vec<Receipt>> {
        let told = self.receipts_of(ctx).await?.into_iter().filter(|told| told.is_for(self.side));
        let receipt = |told: VisibleReceipt| Receipt {
            participant: told.participant_id,
            side: self.side,
            state: told.state,
            at: Instant(told.at),
        };
        Ok(told.map(receipt).collect())
    }

    /// The time at which the sender sent it, according to the provider. Null if there is no such report.
    async fn sent_at(&self) -> Option<Instant> {
        self.row.sent_at.map(Instant)
    }

    /// The time at which Rapport received it.
    async fn received_at(&self) -> Instant {
        Instant(self.row.created_at)
    }

    /// The id that the viewer's client gave it. Null for messages of others.
    async fn client_message_id(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        let id = self.row.client_message_id.as_ref()?;
        match self.author_row(ctx).await {
            Ok(author) if is_own(ctx, &author) => Some(Ok(id.clone())),
            Ok(_) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The time at which its text was last changed. Null if the text was never changed.
    async fn edited_at(&self) -> Option<Instant> {
        self.row.edited_at.map(Instant)
    }

    /// The time at which it was deleted. Null if it was not deleted. The message keeps its place in the conversation.
    async fn deleted_at(&self) -> Option<Instant> {
        self.row.deleted_at.map(Instant)
    }
}

impl Message {
    async fn receipts_of(&self, ctx: &Context<'_>) -> Result<Vec<VisibleReceipt>> {
        Ok(ctx.load(ReceiptsOf(self.row.id)).await?.unwrap_or_default())
    }

    async fn author_row(&self, ctx: &Context<'_>) -> Result<participant::Model> {
        let row = ctx.load(ReferredParticipant(author(&self.row)?)).await?;
        row.ok_or_else(|| Error::internal(anyhow::anyhow!("the author of a message does not exist")))
    }
}

/// Returns true if the participant is the viewer.
fn is_own(ctx: &Context<'_>, author: &participant::Model) -> bool {
    ctx.caller().is_ok_and(|caller| ParticipantRef::of(caller).is(author))
}

fn author(row: &thread_item::Model) -> Result<ParticipantId> {
    row.author_id.ok_or_else(|| Error::internal(anyhow::anyhow!("a message or note has no author")))
}

/// A text for the organization's side. Customers see no trace of it.
#[derive(Clone)]
pub struct Note {
    /// The item's row.
    pub row: Arc<thread_item::Model>,
    /// The side that reads the note.
    pub side: ConversationSide,
}

/// A text for the organization's side. Customers see no trace of it.
#[Object]
impl Note {
    /// The note's id, `msg_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The note's number in the conversation as the viewer counts: 1, 2, 3, … without gaps.
    pub async fn sequence(&self) -> i64 {
        number(&self.row, self.side).unwrap_or_default()
    }

    /// The time at which it was written. `sequence` gives the order.
    pub async fn created_at(&self) -> Instant {
        Instant(self.row.created_at)
    }

    /// The participant who wrote it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, author(&self.row)?, self.side).await
    }

    /// The plain text of the note.
    async fn body(&self) -> LongText<&str> {
        LongText(&self.row.body)
    }
}

/// The delivery state of a message for one participant. It only rises.
pub struct Receipt {
    /// The participant to whom the message went.
    pub participant: ParticipantId,
    /// The side that reads the receipt.
    pub side: ConversationSide,
    /// The state that the message reached.
    pub state: ReceiptState,
    /// The time at which it reached the state.
    pub at: Instant,
}

/// The delivery state of a message for one participant. It only rises.
#[Object]
impl Receipt {
    /// The participant to whom the message went. Customers see agents as Representative.
    async fn participant(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor_of(ctx, self.participant, self.side).await
    }

    /// The state that the message reached.
    async fn state(&self) -> ReceiptState {
        self.state
    }

    /// The time at which the message reached the state.
    async fn at(&self) -> Instant {
        self.at
    }
}

/// A page of a conversation's items, the oldest first.
pub struct ThreadItemConnection {
    /// The rows of the page.
    pub slice: PageSlice<Arc<thread_item::Model>>,
    /// The side that reads the page.
    pub side: ConversationSide,
    /// The last page of the list with one item, the newest that the viewer may see.
    pub newest: ItemPage,
}

impl ThreadItemConnection {
    fn place(&self, row: &thread_item::Model) -> ByNumber {
        ByNumber(number(row, self.side).unwrap_or_default())
    }
}

/// A page of a conversation's items, the oldest first.
#[Object]
impl ThreadItemConnection {
    /// The items with their cursors.
    async fn edges(&self) -> Vec<ThreadItemEdge> {
        let edge = |row: &Arc<thread_item::Model>| ThreadItemEdge {
            cursor: self.slice.cursor(&self.place(row)),
            node: ThreadItem::of(Arc::clone(row), self.side),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The items without their cursors.
    async fn nodes(&self) -> Vec<ThreadItem> {
        self.slice.items.iter().map(|row| ThreadItem::of(Arc::clone(row), self.side)).collect()
    }

    /// The position of the page in the conversation.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| self.place(row))
    }

    /// The number of all items that the viewer may see.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        // Items are numbered without gaps, so the number of the newest one is the count.
        let newest = ctx.load(self.newest.clone()).await?.and_then(|mut slice| slice.items.pop());
        Ok(newest.and_then(|row| number(&row, self.side)).unwrap_or_default())
    }
}

/// An item in a page of a conversation.
#[derive(SimpleObject)]
pub struct ThreadItemEdge {
    /// The item's position in the conversation.
    pub cursor: String,
    /// The item at this position.
    pub node: ThreadItem,
}
