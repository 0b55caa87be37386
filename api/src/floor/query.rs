//! `multimediaProfiles`, `skills`.

use std::sync::Arc;

use async_graphql::{Context, Object};
use entity::{multimedia_profile, skill};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _};

use crate::{
    agents::{
        profile_types::{MultimediaProfile, Skill},
        query::MAX_LISTED,
        types::may_see,
    },
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
};

#[derive(Default)]
pub struct FloorQuery;

#[Object]
impl FloorQuery {
    /// What agents can be given as a multimedia profile, by name, at most 200. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn multimedia_profiles(
        &self,
        ctx: &Context<'_>,
        #[graphql(default, desc = "Also those that are archived.")] include_archived: bool,
    ) -> Result<Vec<MultimediaProfile>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let mut found = multimedia_profile::Entity::find();
        if !include_archived {
            found = found.filter(multimedia_profile::Column::ArchivedAt.is_null());
        }
        let found = found
            .order_by_asc(multimedia_profile::Column::NameKey)
            .order_by_asc(multimedia_profile::Column::Id)
            .limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| MultimediaProfile(Arc::new(row))).collect())
    }

    /// What agents can be good at, by name, at most 200. Empty for who does not answer customers.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn skills(&self, ctx: &Context<'_>) -> Result<Vec<Skill>> {
        if !may_see(ctx).await? {
            return Ok(Vec::new());
        }
        let found = skill::Entity::find().order_by_asc(skill::Column::NameKey).order_by_asc(skill::Column::Id);
        let found = found.limit(MAX_LISTED);
        let rows = found.all(ctx.app()?.db.read()).await?;
        Ok(rows.into_iter().map(|row| Skill(Arc::new(row))).collect())
    }
}
