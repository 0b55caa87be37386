//! The query `entryPoints`.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entity::{channel::Channel, entry_point};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use super::types::EntryPoint;
use crate::{
    agents::graphql::query::MAX_LISTED,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::graphql::loading::may_see_agents,
    error::Result,
    pagination::list_size,
};

/// Root queries of entry points.
#[derive(Default)]
pub struct EntryPointsQuery;

#[Object]
impl EntryPointsQuery {
    /// The entry points in use, ordered by name, at most 200. With `includeArchived` also the archived ones. Empty when
    /// the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)", directive = list_size::apply(20))]
    async fn entry_points(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Selects entry points of this channel.")] channel: Option<Channel>,
        #[graphql(default, desc = "True to include archived entry points.")] include_archived: bool,
    ) -> Result<Vec<EntryPoint>> {
        if !may_see_agents(ctx).await? {
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
}
