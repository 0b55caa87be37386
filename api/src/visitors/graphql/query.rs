//! The query `webChat`.

use async_graphql::{Context, ID, Object};

use super::types::WebChat;
use crate::{auth::request_context::ContextExt as _, entry_points::allowed_origins, error::Result};

/// Root of the visitor queries.
#[derive(Default)]
pub struct VisitorsQuery;

#[Object]
impl VisitorsQuery {
    /// The entry point of a web chat, as a visitor sees it before a chat begins. Needs no token. Null if there is no
    /// such entry point of the channel WEBCHAT, or if it does not list the page's web site.
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
    Ok(allowed_origins::find(ctx.app()?.db.read(), id, site).await?.map(WebChat))
}
