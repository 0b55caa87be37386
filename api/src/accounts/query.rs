//! `apiKeys`, `rateLimit`.

use async_graphql::{Context, Object};

use super::{
    api_keys,
    types::{ApiKey, RateLimit},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
};

#[derive(Default)]
pub struct AccountsQuery;

#[Object]
impl AccountsQuery {
    /// The viewer's keys, and for administrators with the scope ADMIN those of the organisation too, revoked ones
    /// included, newest first. At most 100 of each kind are in force.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn api_keys(&self, ctx: &Context<'_>) -> Result<Vec<ApiKey>> {
        let keys = api_keys::visible_to(ctx.app()?.db.read(), ctx.viewer()?).await?;
        Ok(keys.into_iter().map(ApiKey).collect())
    }

    /// What the caller may still spend at this instance, after this call was paid for; `extensions.cost` says the same
    /// beside every query and mutation. Null where nothing is limited.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn rate_limit(&self, ctx: &Context<'_>) -> Result<Option<RateLimit>> {
        let now = ctx.app()?.clock.now();
        Ok(ctx.budget()?.map(|budget| RateLimit { budget, now }))
    }
}
