//! Queries of reason codes. Only agents and API keys with the scope AGENTS_READ see them.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entity::{idle_reason, wrap_up_reason};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use super::types::{IdleReason, WrapUpReason};
use crate::{
    agents::graphql::query::MAX_LISTED,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::graphql::loading::may_see_agents,
    contacts::search::Search as NameSearch,
    database::sql::Sql,
    error::Result,
    pagination::list_size,
};

/// Root queries of reason codes.
#[derive(Default)]
pub struct ReasonCodesQuery;

#[Object]
impl ReasonCodesQuery {
    /// The reasons that a wrap-up can have, ordered by name, at most 200. With `includeArchived` also the archived
    /// ones. Empty when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)", directive = list_size::apply(20))]
    async fn wrap_up_reasons(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The words to find. The name must contain every word. Case and accents are ignored.")]
        search: Option<String>,
        #[graphql(default, desc = "True to include archived reasons.")] include_archived: bool,
    ) -> Result<Vec<WrapUpReason>> {
        if !may_see_agents(ctx).await? {
            return Ok(Vec::new());
        }
        let mut sql = Sql::select::<wrap_up_reason::Entity>("r", "WHERE ");
        sql.push(if include_archived { "1 = 1" } else { "r.archived_at IS NULL" });
        if let Some(search) = NameSearch::new(search.as_deref(), None)? {
            sql.push(" AND ");
            search.write_words(&mut sql, "r.search_text");
        }
        sql.push(&format!(" ORDER BY r.name_key, r.id LIMIT {MAX_LISTED}"));
        let rows = sql.models::<wrap_up_reason::Entity>(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| WrapUpReason(Arc::new(row))).collect())
    }

    /// The reasons of idle agents, ordered by name, at most 200. Reasons of the system are included and cannot be
    /// chosen. With `includeArchived` also the archived ones. Empty when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)", directive = list_size::apply(20))]
    async fn idle_reasons(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "True to include archived reasons.")] include_archived: bool,
    ) -> Result<Vec<IdleReason>> {
        if !may_see_agents(ctx).await? {
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
