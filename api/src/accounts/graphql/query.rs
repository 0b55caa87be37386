//! The queries of accounts: `apiKeys` and `rateLimit`.

use async_graphql::{Context, Object};

use super::types::{ApiKey, RateLimit};
use crate::accounts::api_keys;
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    pagination::list_size,
};

/// The queries about the API keys and the rate limit of the caller.
#[derive(Default)]
pub struct AccountsQuery;

#[Object]
impl AccountsQuery {
    /// The viewer's API keys, newest first, revoked ones included. Administrators with the scope ADMIN also get those
    /// of the organization. The viewer and the organization can each have at most 100 unrevoked keys.
    #[graphql(guard = "Needs(Scope::ProfileRead)", directive = list_size::apply(10))]
    async fn api_keys(&self, ctx: &Context<'_>) -> Result<Vec<ApiKey>> {
        let keys = api_keys::visible_to(ctx.app()?.db.read(), ctx.viewer()?).await?;
        Ok(keys.into_iter().map(ApiKey).collect())
    }

    /// The points that the caller may still spend at this instance, after the cost of this call. `extensions.cost`
    /// reports the same beside every query and mutation. Null when no limit applies.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn rate_limit(&self, ctx: &Context<'_>) -> Result<Option<RateLimit>> {
        let now = ctx.app()?.clock.now();
        Ok(ctx.budget()?.map(|budget| RateLimit { budget, now }))
    }
}
