//! `agent`, `queue`, `queues`, `entryPoints`, `wrapUpReasons`, `idleReasons`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::{
    channel::Channel,
    entry_point,
    id::{AgentId, QueueId, UserId},
    idle_reason, queue, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use super::{
    queue_types::{EntryPoint, Queue, QueueConnection},
    types::{Agent, IdleReason, WrapUpReason, may_see},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    database::sql::Sql,
    error::Result,
    page::{ByName, Page, PageArguments},
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

    /// The queues in use, by name. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queues(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those whose name contains this, in any case of letters.")] search: Option<String>,
        #[graphql(desc = "Only those of this channel.")] channel: Option<Channel>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same search.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same search.")] before: Option<String>,
    ) -> Result<QueueConnection> {
        let list = format!("queues {search:?} {channel:?}");
        let page: Page<ByName> = Page::new(PageArguments { first, after, last, before }, &list)?;
        if !may_see(ctx).await? {
            return Ok(QueueConnection(page.slice(Vec::new())));
        }
        let mut sql = Sql::new("SELECT q.* FROM queue q WHERE q.archived_at IS NULL");
        if let Some(channel) = channel {
            sql.push(" AND q.channel = ");
            sql.bind(channel);
        }
        if let Some(search) = &search {
            sql.push(" AND ");
            containing(&mut sql, "q.name", search);
        }
        page.write(&mut sql, &["q.name", "q.id"], false);
        let rows = sql.models::<queue::Entity>(ctx.app()?.db.read()).await?;
        Ok(QueueConnection(page.slice(rows)))
    }

    /// The entry points in use, by name, at most 200. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn entry_points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those of this channel.")] channel: Option<Channel>,
    ) -> Result<Vec<EntryPoint>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut found = entry_point::Entity::find().filter(entry_point::Column::ArchivedAt.is_null());
        if let Some(channel) = channel {
            found = found.filter(entry_point::Column::Channel.eq(channel));
        }
        let found = found.order_by_asc(entry_point::Column::Name).limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| EntryPoint(Arc::new(row))).collect())
    }

    /// What a wrap-up can give as reasons, by name, at most 200.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn wrap_up_reasons(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only those whose name contains this, in any case of letters.")] search: Option<String>,
    ) -> Result<Vec<WrapUpReason>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new("SELECT r.* FROM wrap_up_reason r WHERE r.archived_at IS NULL");
        if let Some(search) = &search {
            sql.push(" AND ");
            containing(&mut sql, "r.name", search);
        }
        sql.push(&format!(" ORDER BY r.name LIMIT {MAX_LISTED}"));
        let rows = sql.models::<wrap_up_reason::Entity>(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| WrapUpReason(Arc::new(row))).collect())
    }

    /// Why an agent can be idle, by name, at most 200; those of the system among them, which cannot be chosen.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn idle_reasons(&self, ctx: &Context<'_>) -> Result<Vec<IdleReason>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let rows = idle_reason::Entity::find()
            .filter(idle_reason::Column::ArchivedAt.is_null())
            .order_by_asc(idle_reason::Column::Name)
            .limit(MAX_LISTED)
            .all(ctx.app()?.db.read())
            .await?;
        Ok(rows.into_iter().map(|row| IdleReason(Arc::new(row))).collect())
    }
}

/// Adds that a column contains a text, in any case of letters.
fn containing(sql: &mut Sql, column: &str, search: &str) {
    sql.push(&format!("lower({column}) LIKE "));
    let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    sql.bind(format!("%{escaped}%"));
    sql.push(" ESCAPE '\\'");
}
