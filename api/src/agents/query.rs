//! `agent`, `agents`, `queue`, `queues`, `entryPoints`, `wrapUpReasons`, `idleReasons`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::{
    agent::AgentState,
    channel::Channel,
    entry_point,
    id::{AgentId, QueueId, UserId},
    idle_reason, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use super::{
    listing::{self, Among, Wanted},
    queue_types::{EntryPoint, Queue, QueueConnection},
    types::{Agent, AgentConnection, IdleReason, WrapUpReason, may_see},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    contacts::search::Search as NameSearch,
    conversations::channels::TargetKind,
    database::sql::Sql,
    error::{Error, Result},
    page::{Page, PageArguments, Place},
};

/// The most reasons and entry points that are listed.
pub const MAX_LISTED: u64 = 200;

#[derive(Default)]
pub struct AgentsQuery;

#[Object]
impl AgentsQuery {
    /// An agent. Null when there is none with the id, and for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn agent(&self, ctx: &Context<'_>, #[graphql(desc = "The agent's id.")] id: ID) -> Option<Result<Agent>> {
        Agent::find(ctx, UserId(AgentId::parse(&id)?.0)).await.transpose()
    }

    /// A queue. Null when there is none with the id, and for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue(&self, ctx: &Context<'_>, #[graphql(desc = "The queue's id.")] id: ID) -> Option<Result<Queue>> {
        Queue::find(ctx, QueueId::parse(&id)?).await.transpose()
    }

    /// The queues in use, by name; with `includeArchived` also those that are archived. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    #[expect(clippy::too_many_arguments, reason = "filters, and four for the page")]
    async fn queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those whose name contains each of these words, whatever the case or accents.")]
        search: Option<String>,
        #[graphql(desc = "Only those of this channel.")] channel: Option<Channel>,
        #[graphql(desc = "Only those to which this task of the viewer's can be handed; none for another's.")]
        for_transfer_of: Option<ID>,
        #[graphql(default, desc = "Also those that are archived; with `forTransferOf` none of them.")]
        include_archived: bool,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same search.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same search.")] before: Option<String>,
    ) -> Result<QueueConnection> {
        let target = for_transfer_of.as_ref().map(|task| ("transfer", task));
        let archived = include_archived && for_transfer_of.is_none();
        let list = format!("queues {search:?} {channel:?} {target:?} {archived}");
        let page: Page<Place> = Page::new(PageArguments { first, after, last, before }, &list)?;
        if !may_see(ctx).await? {
            return Ok(QueueConnection(page.slice(Vec::new())));
        }
        let task = for_transfer_of.as_ref().map(|task| (task.as_str(), Wanted::Transfer));
        let among = among(ctx, task, TargetKind::Queue).await?;
        let search = NameSearch::new(search.as_deref(), None)?;
        let found = listing::queues(ctx.app()?, search.as_ref(), channel, archived, &among, page).await?;
        Ok(QueueConnection(found))
    }

    /// The agents, by name. With `forTransferOf` or `forConferenceOf` those to whom a task of the viewer's can be handed, or who
    /// can be asked to join in it; asking again refreshes the list. For a conference agents are shown who are not free
    /// now, but on WHATSAPP. Empty for who does not answer customers, and for a task that is not the viewer's.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    #[expect(clippy::too_many_arguments, reason = "filters, and four for the page")]
    async fn agents(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only those whose name, handle or public e-mail address contains each of these words, whatever the case or accents."
        )]
        search: Option<String>,
        #[graphql(desc = "Only those in this state.")] state: Option<AgentState>,
        #[graphql(desc = "Only those to whom this task can be handed now.")] for_transfer_of: Option<ID>,
        #[graphql(desc = "Only those who can be asked to join in this task.")] for_conference_of: Option<ID>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same search.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same search.")] before: Option<String>,
    ) -> Result<AgentConnection> {
        let target = match (&for_transfer_of, &for_conference_of) {
            (None, None) => None,
            (Some(task), None) => Some((task.as_str(), Wanted::Transfer)),
            (None, Some(task)) => Some((task.as_str(), Wanted::Conference)),
            (Some(_), Some(_)) => return Err(Error::invalid("forConferenceOf", "Look for one of the two.")),
        };
        let list = format!("agents {search:?} {state:?} {target:?}");
        let page: Page<Place> = Page::new(PageArguments { first, after, last, before }, &list)?;
        if !may_see(ctx).await? {
            return Ok(AgentConnection(page.slice(Vec::new())));
        }
        let among = among(ctx, target, TargetKind::Agent).await?;
        let search = NameSearch::new(search.as_deref(), None)?;
        Ok(AgentConnection(listing::agents(ctx.app()?, search.as_ref(), state, &among, page).await?))
    }

    /// The entry points in use, by name, at most 200; with `includeArchived` also those that are archived. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn entry_points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel: Option<Channel>,
        #[graphql(default, desc = "Also those that are archived.")] include_archived: bool,
    ) -> Result<Vec<EntryPoint>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut found = entry_point::Entity::find();
        if !include_archived {
            found = found.filter(entry_point::Column::ArchivedAt.is_null());
        }
        if let Some(channel) = channel {
            found = found.filter(entry_point::Column::Channel.eq(channel));
        }
        let found =
            found.order_by_asc(entry_point::Column::NameKey).order_by_asc(entry_point::Column::Id).limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| EntryPoint(Arc::new(row))).collect())
    }

    /// What a wrap-up can give as reasons, by name, at most 200; with `includeArchived` also what it could.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn wrap_up_reasons(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those whose name contains each of these words, whatever the case or accents.")]
        search: Option<String>,
        #[graphql(default, desc = "Also those that are archived.")] include_archived: bool,
    ) -> Result<Vec<WrapUpReason>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT r.* FROM wrap_up_reason r WHERE ");
        sql.push(if include_archived { "1 = 1" } else { "r.archived_at IS NULL" });
        if let Some(search) = NameSearch::new(search.as_deref(), None)? {
            sql.push(" AND ");
            search.write_words(&mut sql, "r.search_text");
        }
        sql.push(&format!(" ORDER BY r.name_key, r.id LIMIT {MAX_LISTED}"));
        let rows = sql.models::<wrap_up_reason::Entity>(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| WrapUpReason(Arc::new(row))).collect())
    }

    /// Why an agent can be idle, by name, at most 200; those of the system among them, which cannot be chosen. With
    /// `includeArchived` also why they could.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn idle_reasons(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Also those that are archived.")] include_archived: bool,
    ) -> Result<Vec<IdleReason>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut found = idle_reason::Entity::find();
        if !include_archived {
            found = found.filter(idle_reason::Column::ArchivedAt.is_null());
        }
        let found = found.order_by_asc(idle_reason::Column::NameKey).order_by_asc(idle_reason::Column::Id);
        let rows = found.limit(MAX_LISTED).all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| IdleReason(Arc::new(row))).collect())
    }
}

/// Tasks are agents' own, so who looks for the target of one is a person.
async fn among(ctx: &Context<'_>, task: Option<(&str, Wanted)>, kind: TargetKind) -> Result<Among> {
    if task.is_none() { Ok(Among::All) } else { Among::of(ctx.app()?, ctx.viewer()?, task, kind).await }
}
