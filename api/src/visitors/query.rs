//! `webChat`.

use async_graphql::{Context, ID, Object};

use super::{sites, types::WebChat};
use crate::{auth::context::ContextExt, error::Result};

#[derive(Default)]
pub struct VisitorsQuery;

#[Object]
impl VisitorsQuery {
    /// What a visitor sees before a chat begins. Needs no token. Null when there is no such entry point of the channel
    /// WEBCHAT, and to pages of web sites that it does not list.
    async fn web_chat(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point's id, `entry_…`.")] entry_point_id: ID,
    ) -> Option<Result<WebChat>> {
        find(ctx, &entry_point_id).await.transpose()
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<WebChat>> {
    let site = ctx.origin()?.site.as_ref();
    Ok(sites::find(ctx.app()?.db.read(), id, site).await?.map(WebChat))
}
