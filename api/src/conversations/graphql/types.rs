//! GraphQL types of conversations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::{
    channel::Channel,
    conversation::{self, ConversationKind, ConversationStatus},
    id::ConversationId,
    participant::{self, ParticipantRole},
    thread_item::{self, ItemVisibility, TextFormat},
};

use super::{
    announcement_types::reader_locale,
    capability_types::ReplyCapability,
    item_types::{ThreadItem, ThreadItemConnection},
    loader::{ConversationById, ParticipantsOf, UnreadIn},
    participant_types::{Customer, Participant},
};
use crate::{
    attachments::{file_rules::FileRules, graphql::loader::OverridesOf},
    auth::{links, request_context::ContextExt as _, viewer::Scope},
    conversations::{
        conversation_rows::{ConversationSide, VisibleConversation},
        message_content::MessageRules,
        messages,
        participants::{self, ParticipantRef},
        thread_items::ItemPage,
        transcripts,
    },
    entry_points::graphql::types::EntryPoint,
    error::{Error, Result, UserErrorCode},
    events::cursor::Cursor,
    instant::Instant,
    memory_budget::LongText,
    pagination::{Page, PageArguments, PageSlice, list_size},
    tasks::graphql::{list_types::TaskConnection, types::Task},
    users::graphql::loader::PersonById,
};

/// The page with the newest item.
const NEWEST: PageArguments = PageArguments { first: None, after: None, last: Some(1), before: None };

/// A durable exchange of messages, between a customer and the organization or between two connected users.
#[derive(Clone)]
pub struct Conversation {
    /// The conversation's row, and the caller's visibility of it.
    pub seen: Arc<VisibleConversation>,
    /// The side that reads the conversation.
    pub side: ConversationSide,
}

/// A durable exchange of messages, between a customer and the organization or between two connected users.
#[Object]
impl Conversation {
    /// The conversation's id, `conv_…`.
    pub async fn id(&self) -> ID {
        self.row().id.into()
    }

    /// The parties of the conversation: a customer and the organization, or two users.
    async fn kind(&self) -> ConversationKind {
        self.row().kind
    }

    /// The channel on which the customer writes. Null for a direct conversation.
    async fn channel(&self) -> Option<Channel> {
        self.row().channel
    }

    /// The entry point to which the customer wrote. Null for a direct conversation.
    async fn entry_point(&self, ctx: &Context<'_>) -> Option<Result<EntryPoint>> {
        EntryPoint::named(ctx, self.row().entry_point_id?).await.transpose()
    }

    /// The latest task of the conversation. Null for a direct conversation.
    async fn task(&self, ctx: &Context<'_>) -> Option<Result<Task>> {
        Task::find(ctx, self.row().task_id?).await.transpose()
    }

    /// All tasks of the conversation, the oldest first. Empty for a direct conversation. A conversation that was
    /// reopened has several.
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of tasks from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of tasks from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<TaskConnection> {
        TaskConnection::of_conversation(ctx, self.row().id, PageArguments { first, after, last, before }).await
    }

    /// The conversation as plain text, as the viewer may see it: the author, the time in UTC and the text of each
    /// item. It contains the newest items, at most 5,000 and 256 kB. `transcriptUrl` has all of them.
    async fn transcript(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language of announcements, by the rule of `Announcement.text`.")] locale: Option<String>,
    ) -> Result<LongText<String>> {
        let locale = reader_locale(ctx, locale.as_deref()).await?;
        transcripts::write(ctx.app()?.db.read(), self.row(), self.side, locale).await.map(LongText)
    }

    /// A link to the complete transcript, a plain-text file of any length: a path on this server that works without a
    /// header, for a short time and as long as the viewer may read the conversation. Keep it as safe as a password.
    /// Without a locale, `Accept-Language` chooses the language of announcements.
    async fn transcript_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language of announcements, as a BCP 47 tag of at most 35 letters, digits and hyphens.")]
        locale: Option<String>,
        #[graphql(default = 300, desc = "The seconds for which the link works, 10 to 3,600.")] expires_in_seconds: i32,
    ) -> Result<String> {
        let path = format!("/conversations/{}/transcript.txt", self.row().id);
        let plain = |tag: &str| tag.len() <= 35 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let path = match locale {
            Some(tag) if !plain(&tag) => return Err(Error::invalid("locale", "This is not a BCP 47 tag.")),
            Some(tag) => format!("{path}?locale={tag}"),
            None => path,
        };
        links::sign(ctx.app()?, ctx.caller()?, &path, expires_in_seconds)
    }

    /// The customer who writes. Null for a direct conversation.
    async fn customer(&self, ctx: &Context<'_>) -> Option<Result<Customer>> {
        Some(Customer::referred(ctx, self.row().customer_id?).await)
    }

    /// The state of the conversation. A direct conversation is CLOSED while the two users are not connected.
    async fn status(&self) -> ConversationStatus {
        self.row().status
    }

    /// All current and earlier participants that the viewer may see, in the order in which they first joined. A
    /// viewer who has left sees those who joined before that.
    #[graphql(directive = list_size::apply(4))]
    async fn participants(&self, ctx: &Context<'_>) -> Result<Vec<Participant>> {
        self.visible_participants(ctx).await
    }

    /// The conversation's items, the oldest first. `first` counts from the beginning, `last` from the end. A viewer
    /// who has left sees the items up to then. They see later items only by another right: serving the queue,
    /// supervising, or taking part again.
    async fn items(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<ThreadItemConnection> {
        let slice = self.item_page(ctx, PageArguments { first, after, last, before }).await?;
        Ok(ThreadItemConnection { slice, side: self.side, newest: self.items_of(NEWEST)? })
    }

    /// The newest item that the viewer may see. Null if there is none.
    async fn last_item(&self, ctx: &Context<'_>) -> Option<Result<ThreadItem>> {
        self.newest_item(ctx).await.transpose()
    }

    /// The viewer's role as a participant. Null if the viewer takes no part now.
    async fn viewer_role(&self, ctx: &Context<'_>) -> Option<Result<ParticipantRole>> {
        self.role_of_viewer(ctx).await.transpose()
    }

    /// The number of messages of others that the viewer has not read. 0 if the viewer is not a participant.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(ctx.load(UnreadIn(self.row().id)).await?.unwrap_or_default())
    }

    /// The messages that the viewer may send now.
    async fn reply_capability(&self, ctx: &Context<'_>) -> Result<ReplyCapability> {
        let row = self.row();
        let rules = MessageRules::of(row);
        let overrides = match row.entry_point_id {
            Some(entry_point) => ctx.load(OverridesOf(entry_point)).await?,
            None => None,
        };
        Ok(ReplyCapability {
            files: FileRules::of(row.channel, overrides.as_ref()),
            reason: self.refusal(ctx).await?,
            character_limit: rules.shown_limit(),
            formats: if rules.rich_text {
                vec![TextFormat::Plain, TextFormat::Markdown]
            } else {
                vec![TextFormat::Plain]
            },
        })
    }

    /// The cursor of `conversationEvents` before this conversation was read. Subscribe with it as `after` to miss no
    /// event. Events that the conversation already reflects may come again.
    async fn stream_cursor(&self) -> Cursor {
        Cursor::in_stream(self.side.stream(self.row()), self.seen.stream_at)
    }

    /// The time of the newest item, or of the conversation's beginning if there is none. Lists of conversations use
    /// this order. A viewer who has left gets the time of the newest item even if they do not see it.
    async fn last_item_at(&self) -> Instant {
        Instant(self.row().last_item_at)
    }

    /// The time at which the conversation began.
    async fn created_at(&self) -> Instant {
        Instant(self.row().created_at)
    }
}

impl Conversation {
    /// Returns a conversation by id, if the viewer may see it and has the scope to read conversations.
    pub async fn find(ctx: &Context<'_>, id: ConversationId) -> Result<Option<Self>> {
        let caller = ctx.caller()?;
        if !caller.scopes().has(Scope::ConversationsRead) {
            return Ok(None);
        }
        let side = ConversationSide::of(caller);
        Ok(ctx.load(ConversationById(id)).await?.map(|seen| Self { seen, side }))
    }

    fn row(&self) -> &conversation::Model {
        &self.seen.row
    }

    /// Returns the participants that the viewer may see, in the order in which they first joined.
    pub async fn visible_participants(&self, ctx: &Context<'_>) -> Result<Vec<Participant>> {
        let known = |row: &participant::Model| {
            self.side == ConversationSide::Staff || participants::visibility(self.row(), row) != ItemVisibility::Agent
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

    async fn all(&self, ctx: &Context<'_>) -> Result<Vec<participant::Model>> {
        Ok(ctx.load(ParticipantsOf(self.row().id)).await?.unwrap_or_default())
    }

    /// Returns a page of the items that the viewer may see, in one batch with the pages of other conversations.
    async fn item_page(
        &self,
        ctx: &Context<'_>,
        arguments: PageArguments,
    ) -> Result<PageSlice<Arc<thread_item::Model>>> {
        let items = self.items_of(arguments)?;
        let empty = items.page.clone();
        let slice = ctx.load(items).await?;
        Ok(slice.unwrap_or_else(|| empty.slice(Vec::new())))
    }

    fn items_of(&self, arguments: PageArguments) -> Result<ItemPage> {
        let (conversation, side) = (self.row().id, self.side);
        let page = Page::new(arguments, &format!("items {conversation} {side:?}"))?;
        let until = self.seen.until.map(|until| until.sequence);
        Ok(ItemPage { conversation, side, until, page })
    }

    async fn newest_item(&self, ctx: &Context<'_>) -> Result<Option<ThreadItem>> {
        let newest = self.item_page(ctx, NEWEST).await?.items.pop();
        Ok(newest.map(|row| ThreadItem::of(row, self.side)))
    }

    async fn role_of_viewer(&self, ctx: &Context<'_>) -> Result<Option<ParticipantRole>> {
        let who = ParticipantRef::of(ctx.caller()?);
        let participants = self.visible_participants(ctx).await?;
        let me = participants.into_iter().find(|participant| who.is(&participant.row));
        Ok(me.filter(|me| me.row.left_at.is_none()).map(|me| me.visible_role()))
    }

    /// Returns the code with which `sendMessage` would refuse now, if any.
    async fn refusal(&self, ctx: &Context<'_>) -> Result<Option<UserErrorCode>> {
        let row = self.row();
        let who = ParticipantRef::of(ctx.caller()?);
        let all = self.all(ctx).await?;
        let me = all.iter().find(|participant| who.is(participant));
        if row.status == ConversationStatus::Closed && me.is_some_and(|me| !messages::reopens(row, me)) {
            return Ok(Some(UserErrorCode::ConversationEnded));
        }
        if let ParticipantRef::Key(_) = who {
            // A program joins with its first message.
            return Ok((row.status == ConversationStatus::Closed).then_some(UserErrorCode::ConversationEnded));
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
