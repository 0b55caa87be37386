//! The queries `conversation`, `conversations`, `channels` and `renderMarkdown`.

use async_graphql::{Context, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{AgentId, ConversationId, CustomerId, QueueId, UserId},
};

use super::{
    capability_types::{ChannelCapabilities, RenderedMarkdown},
    list_types::ConversationConnection,
    types::Conversation,
};
use crate::conversations::{
    listing::{ConversationListFilter, Conversations},
    renderings::{self, RenderedText},
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    contacts::search::Search,
    error::{Error, Result},
    instant::Instant,
    memory_budget::LongText,
    pagination::PageArguments,
    pagination::list_size,
    users::people,
};

/// A selection of conversations. A field that is left out does not narrow the list.
#[derive(InputObject, Default)]
struct ConversationFilter {
    /// The parties of the conversations: a customer and the organization, or two users.
    kind: Option<ConversationKind>,
    /// The state of the conversations.
    status: Option<ConversationStatus>,
    /// The words to find in the customer's name, e-mail address, telephone number and external id, or in the name of
    /// the other user of a direct conversation. Every word must be there. Case and accents are ignored.
    search: Option<String>,
    /// The channels on which the customer writes, at most 5.
    channels: Option<Vec<Channel>>,
    /// The queues of the conversations, at most 50.
    queue_ids: Option<Vec<ID>>,
    /// The agents who take or took part in the conversations, at most 20. For agents, supervisors and organization
    /// keys. Empty for others.
    agent_ids: Option<Vec<ID>>,
    /// The customer of the conversations.
    customer_id: Option<ID>,
    /// True to list only the conversations in which the viewer takes part now.
    #[graphql(default = false)]
    mine: bool,
    /// True to list only the conversations in which the viewer takes or took part as an agent.
    #[graphql(default = false)]
    handled_by_me: bool,
    /// True to list only the conversations in which the viewer takes part and has unread messages.
    #[graphql(default = false)]
    unread: bool,
    /// The time of the newest item.
    last_item_at: Option<TimeRange>,
}

/// A range of time. An end that is left out is open.
#[derive(Clone, Copy, InputObject)]
pub struct TimeRange {
    /// The first time of the range.
    from: Option<Instant>,
    /// The first time after the range.
    before: Option<Instant>,
}

impl TimeRange {
    /// Returns the two ends of the range.
    #[must_use]
    pub fn ends(range: Option<Self>) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
        range.map_or((None, None), |range| (range.from.map(|end| end.0), range.before.map(|end| end.0)))
    }
}

/// Reads a list of ids for a filter. Refuses a list that is too long, or an id of another kind.
pub fn ids_in<T>(
    ids: Option<&[ID]>,
    field: &'static str,
    most: usize,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Vec<T>> {
    let ids = ids.unwrap_or_default();
    if ids.len() > most {
        return Err(Error::invalid(field, format!("At most {most} ids.")));
    }
    let read = |id: &ID| read(id).ok_or_else(|| Error::invalid(field, "This is not an id of this kind."));
    ids.iter().map(read).collect()
}

impl ConversationFilter {
    fn read(self) -> Result<ConversationListFilter> {
        let customer = match self.customer_id {
            None => None,
            Some(id) => {
                let id = CustomerId::parse(&id);
                Some(id.ok_or_else(|| Error::invalid("customerId", "This is not a customer id."))?)
            }
        };
        let agent = |id: &str| AgentId::parse(id).map(|id| UserId(id.0));
        let users = ids_in(self.agent_ids.as_deref(), "agentIds", 20, agent)?;
        if self.handled_by_me && !users.is_empty() {
            return Err(Error::invalid("handledByMe", "Give either agentIds or handledByMe."));
        }
        let channels = self.channels.unwrap_or_default();
        if channels.len() > Channel::ALL.len() {
            return Err(Error::invalid("channels", "Each channel once."));
        }
        Ok(ConversationListFilter {
            kind: self.kind,
            status: self.status,
            channels,
            queues: ids_in(self.queue_ids.as_deref(), "queueIds", 50, QueueId::parse)?,
            users,
            customer,
            mine: self.mine,
            handled_by_me: self.handled_by_me,
            unread: self.unread,
            last_item_at: TimeRange::ends(self.last_item_at),
            search: Search::new(self.search.as_deref(), None)?,
        })
    }
}

/// Root of the conversation queries.
#[derive(Default)]
pub struct ConversationsQuery;

#[Object]
impl ConversationsQuery {
    /// A conversation. Null if there is none, or if the viewer may not see it. Visible to both users of a direct
    /// conversation, the customer, current and earlier participants, agents who serve the queue, and supervisors.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation's id.")] id: ID,
    ) -> Option<Result<Conversation>> {
        Conversation::find(ctx, ConversationId::parse(&id)?).await.transpose()
    }

    /// The conversations that the viewer may see, the one with the newest item first.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The selection. Without it, all are listed.")] filter: Option<ConversationFilter>,
        #[graphql(
            desc = "The number of conversations from the start, 0 to 100. The default is 20 if `last` is not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of conversations from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<ConversationConnection> {
        let (app, caller) = (ctx.app()?, *ctx.caller()?);
        let filter = filter.unwrap_or_default().read()?;
        let role = people::role_of_caller(app.db.read(), &caller).await?;
        let all = Conversations { caller, role, filter };
        ConversationConnection::read(ctx, all, PageArguments { first, after, last, before }).await
    }

    /// The HTML that a message with this Markdown would have, for the preview of a composer. Nothing is stored. Needs
    /// the scope CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn render_markdown(
        &self,
        #[graphql(desc = "The Markdown, at most 8,192 characters.")] body: String,
    ) -> Option<Result<RenderedMarkdown>> {
        Some(renderings::preview(&body).await.map(|RenderedText { text, html }| RenderedMarkdown {
            html: LongText(html),
            characters: text.chars().count(),
        }))
    }

    /// The capabilities of each channel, for composers.
    #[graphql(guard = "Needs(Scope::ConversationsRead)", directive = list_size::apply(5))]
    async fn channels(&self) -> Vec<ChannelCapabilities> {
        Channel::ALL.into_iter().map(ChannelCapabilities::of).collect()
    }
}
