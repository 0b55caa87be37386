//! Conversations and channels as the API shows them.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation::{self, ConversationKind, ConversationStatus},
    id::ConversationId,
    participant,
    thread_item::{ItemVisibility, TextFormat},
};

use super::{
    channels::{self, TargetKind},
    items::{PageOf, types::ThreadItemConnection},
    listing::Conversations,
    loader::{ConversationById, ParticipantsOf, UnreadIn},
    messages,
    participants::{
        self, Who,
        types::{Customer, Participant},
    },
    threads::{Seen, Side},
    transcripts,
};
use crate::{
    agents::{queue_types::EntryPoint, task_types::Task},
    auth::{context::ContextExt, viewer::Scope},
    error::{Result, UserErrorCode},
    events::cursor::Cursor,
    page::{Page, PageArguments, PageInfo, Place, Slice},
    users::loader::PersonById,
    weight::LongText,
};

/// A durable thread: between a customer and the organisation, or between two users who are connected.
#[derive(Clone)]
pub struct Conversation {
    pub seen: Arc<Seen>,
    pub side: Side,
}

/// A durable thread: between a customer and the organisation, or between two users who are connected.
#[Object]
impl Conversation {
    /// The conversation's id, `conv_…`.
    pub async fn id(&self) -> ID {
        self.row().id.into()
    }

    /// Between whom it is.
    async fn kind(&self) -> ConversationKind {
        self.row().kind
    }

    /// On what the customer writes; null for a direct conversation.
    async fn channel(&self) -> Option<Channel> {
        self.row().channel
    }

    /// Where the customer wrote to; null for a direct conversation.
    async fn entry_point(&self, ctx: &Context<'_>) -> Option<Result<EntryPoint>> {
        EntryPoint::named(ctx, self.row().entry_point_id?).await.transpose()
    }

    /// The latest piece of work on it; null for a direct conversation.
    async fn task(&self, ctx: &Context<'_>) -> Option<Result<Task>> {
        Task::find(ctx, self.row().task_id?).await.transpose()
    }

    /// The conversation as plain text, as the viewer may see it: who, when in UTC, what. The newest entries, at most 5,000
    /// and 256 kB; `transcriptUrl` has all of them.
    async fn transcript(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        transcripts::write(ctx.app()?.db.read(), self.row(), self.side).await.map(LongText)
    }

    /// The path of the whole transcript as a file of plain text, of any length. Fetch it with the viewer's own token in
    /// `Authorization`.
    async fn transcript_url(&self) -> String {
        format!("/conversations/{}/transcript.txt", self.row().id)
    }

    /// The customer; null for a direct conversation.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Customer>> {
        Some(Customer::referred(ctx, self.row().customer_id?).await)
    }

    /// Whether it goes on. A direct conversation is CLOSED while the two are not connected.
    async fn status(&self) -> ConversationStatus {
        self.row().status
    }

    /// Everybody who takes part or took part, in the order in which they first came, as far as the viewer may know of them: who
    /// has left sees those who came before that.
    async fn participants(&self, ctx: &Context<'_>) -> Result<Vec<Participant>> {
        let known = |row: &participant::Model| {
            self.side == Side::Staff || participants::shown(self.row(), row) != ItemVisibility::Agent
        };
        let until = self.seen.until;
        let rows = self.all(ctx).await?.into_iter().filter(known);
        let rows = rows.filter(|row| until.is_none_or(|until| row.joined_at <= until.at));
        let participant = |mut row: participant::Model| {
            if let Some(until) = until {
                row.read_up_to = row.read_up_to.min(until.sequence);
                row.left_at = row.left_at.filter(|left| *left <= until.at);
            }
            Participant { row, side: self.side }
        };
        Ok(rows.map(participant).collect())
    }

    /// What was written and what happened, the oldest first: `first` from the beginning, `last` from the end. Who has left the
    /// conversation sees what it held until then, and the rest only by a right of another kind: serving its queue,
    /// supervising, or taking part again.
    async fn items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Result<ThreadItemConnection> {
        let (conversation, side) = (self.row().id, self.side);
        let list = format!("items {conversation} {side:?}");
        let page = Page::new(PageArguments { first, after, last, before }, &list)?;
        let empty = page.clone();
        let until = self.seen.until.map(|until| until.sequence);
        let slice = ctx.load(PageOf { conversation, side, until, page }).await?;
        Ok(ThreadItemConnection { slice: slice.unwrap_or_else(|| empty.slice(Vec::new())), side })
    }

    /// How many messages of others the viewer has not read; 0 for who takes no part.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.load(UnreadIn(self.row().id)).await?.unwrap_or_default())
    }

    /// What the viewer may send now.
    async fn reply_capability(&self, ctx: &Context<'_>) -> Result<ReplyCapability> {
        let row = self.row();
        let rich = messages::rich_text(row);
        Ok(ReplyCapability {
            reason: self.refusal(ctx).await?,
            character_limit: messages::channel_limit(row).and_then(|limit| i32::try_from(limit).ok()),
            formats: if rich { vec![TextFormat::Plain, TextFormat::Markdown] } else { vec![TextFormat::Plain] },
        })
    }

    /// Where `conversationEvents` stood before this conversation was read: subscribe with it as `after` and nothing is
    /// missed. What the conversation shows already may come once more.
    async fn stream_cursor(&self) -> Cursor {
        Cursor::in_stream(self.side.stream(self.row().id), self.seen.stream_at)
    }

    /// When the newest entry was made; when it began, while there is none. Lists of conversations are in this order, so it is the
    /// newest entry of all also for who has left and does not see it.
    async fn last_item_at(&self) -> DateTime<Utc> {
        self.row().last_item_at
    }

    /// When it began.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row().created_at
    }
}

impl Conversation {
    /// The conversation with an id, if the viewer may see it, and reads conversations at all.
    pub async fn find(ctx: &Context<'_>, id: ConversationId) -> Result<Option<Self>> {
        let caller = ctx.caller()?;
        if !caller.scopes().has(Scope::ConversationsRead) {
            return Ok(None);
        }
        let side = Side::of(caller);
        Ok(ctx.load(ConversationById(id)).await?.map(|seen| Self { seen, side }))
    }

    fn row(&self) -> &conversation::Model {
        &self.seen.row
    }

    async fn all(&self, ctx: &Context<'_>) -> Result<Vec<participant::Model>> {
        Ok(ctx.load(ParticipantsOf(self.row().id)).await?.unwrap_or_default())
    }

    /// Why the viewer may not write now, by the rules of `sendMessage`.
    async fn refusal(&self, ctx: &Context<'_>) -> Result<Option<UserErrorCode>> {
        let row = self.row();
        let Some(who) = Who::of(ctx.caller()?) else { return Ok(Some(UserErrorCode::NotAParticipant)) };
        let all = self.all(ctx).await?;
        let me = all.iter().find(|participant| who.is(participant));
        if let (Some(_), ConversationStatus::Closed) = (me, row.status) {
            return Ok(Some(UserErrorCode::ConversationEnded));
        }
        if me.is_none_or(|me| me.left_at.is_some()) {
            return Ok(Some(UserErrorCode::NotAParticipant));
        }
        for user in [row.lo, row.hi].into_iter().flatten() {
            if ctx.load(PersonById(user)).await?.is_none() {
                return Ok(Some(UserErrorCode::NotAllowed));
            }
        }
        Ok(None)
    }
}

/// What the viewer may send in a conversation now.
pub struct ReplyCapability {
    reason: Option<UserErrorCode>,
    character_limit: Option<i32>,
    formats: Vec<TextFormat>,
}

/// What the viewer may send in a conversation now.
#[Object]
impl ReplyCapability {
    /// Whether anything can be sent.
    async fn open(&self) -> bool {
        self.reason.is_none()
    }

    /// Until when it can be sent; null where no time is set.
    async fn closes_at(&self) -> Option<DateTime<Utc>> {
        None
    }

    /// The longest message, in Unicode scalar values; null where the channel has no limit of its own.
    async fn character_limit(&self) -> Option<i32> {
        self.character_limit
    }

    /// How texts may be written.
    async fn formats(&self) -> &[TextFormat] {
        &self.formats
    }

    /// Whether only a prepared text can be sent.
    async fn template_required(&self) -> bool {
        false
    }

    /// With which code `sendMessage` would be refused; null when `open`.
    async fn reason(&self) -> Option<UserErrorCode> {
        self.reason
    }
}

/// What a channel can do, for composers.
#[derive(SimpleObject)]
pub struct ChannelCapabilities {
    /// The channel.
    pub channel: Channel,
    /// The longest message, in Unicode scalar values; null where there is no limit.
    pub character_limit: Option<i32>,
    /// Whether messages may be Markdown.
    pub rich_text: bool,
    /// Whether a composer should offer emoji.
    pub emoji: bool,
    /// Whether messages can carry files.
    pub attachments: bool,
    /// Whether prepared texts can be used.
    pub templates: bool,
    /// Who can be asked to join a conversation.
    pub conference_targets: Vec<TargetKind>,
    /// To whom a conversation can be handed.
    pub transfer_targets: Vec<TargetKind>,
    /// Whether a wrap-up may have more than one reason.
    pub several_wrap_up_reasons: bool,
    /// Whether it is told that messages have arrived.
    pub delivery_receipts: bool,
    /// Whether it is told that messages were read.
    pub read_receipts: bool,
    /// Whether messages can be changed and taken back by their author.
    pub edits: bool,
    /// Whether ending a conversation takes the customer's consent.
    pub end_needs_consent: bool,
}

impl ChannelCapabilities {
    /// What a channel can do.
    #[must_use]
    pub fn of(channel: Channel) -> Self {
        let can = channels::of(channel);
        Self {
            channel,
            character_limit: can.character_limit.and_then(|limit| i32::try_from(limit).ok()),
            rich_text: can.rich_text,
            emoji: can.emoji,
            attachments: can.attachments,
            templates: can.templates,
            conference_targets: can.conference_targets.to_vec(),
            transfer_targets: can.transfer_targets.to_vec(),
            several_wrap_up_reasons: can.several_wrap_up_reasons,
            delivery_receipts: can.delivery_receipts,
            read_receipts: can.read_receipts,
            edits: can.edits,
            end_needs_consent: can.end_needs_consent,
        }
    }
}

/// A page of conversations, the one with the newest entry first.
pub struct ConversationConnection {
    slice: Slice<Seen>,
    side: Side,
}

impl ConversationConnection {
    /// Reads a page.
    pub async fn read(ctx: &Context<'_>, all: &Conversations, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &all.fingerprint())?;
        Ok(Self { slice: all.page(ctx.app()?.db.read(), &page).await?, side: Side::of(&all.caller) })
    }

    fn node(&self, seen: &Seen) -> Conversation {
        Conversation { seen: Arc::new(seen.clone()), side: self.side }
    }
}

fn place(seen: &Seen) -> Place {
    Place::Since(seen.row.last_item_at, seen.row.id.0)
}

/// A page of conversations, the one with the newest entry first.
#[Object]
impl ConversationConnection {
    /// The conversations with their cursors.
    async fn edges(&self) -> Vec<ConversationEdge> {
        let edge = |seen: &Seen| ConversationEdge { cursor: self.slice.cursor(&place(seen)), node: self.node(seen) };
        self.slice.items.iter().map(edge).collect()
    }

    /// The conversations.
    async fn nodes(&self) -> Vec<Conversation> {
        self.slice.items.iter().map(|seen| self.node(seen)).collect()
    }

    /// Where this page lies in the list. The list moves as conversations go on: one that has a new entry meanwhile is at its
    /// front.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(place)
    }
}

/// A conversation in a page.
#[derive(SimpleObject)]
pub struct ConversationEdge {
    /// The place in the list.
    pub cursor: String,
    /// The conversation.
    pub node: Conversation,
}
