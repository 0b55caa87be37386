//! The query `webChat`.

use async_graphql::{Context, ID, Object};

use entity::id::EntryPointId;

use super::types::WebChat;
use crate::error::Result;

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
        WebChat::find(ctx, EntryPointId::parse(&entry_point_id)?).await.transpose()
    }
}
