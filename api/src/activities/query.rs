//! `activityFeed`.

use async_graphql::{Context, Object};

use super::{
    feed::{FeedScope, Whose},
    types::ActivityConnection,
};
use crate::{
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    page::PageArguments,
};

#[derive(Default)]
pub struct ActivitiesQuery;

#[Object]
impl ActivitiesQuery {
    /// What the viewer's connections and those whom the viewer follows did, newest first: in any past, while the relation
    /// lasts. Without those whom the viewer mutes in the feed, and nothing between whom and the viewer there is a block.
    #[graphql(guard = "Needs(Scope::ActivityRead)")]
    async fn activity_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "FeedScope::All", desc = "Whose activities.")] scope: FeedScope,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same scope.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same scope.")] before: Option<String>,
    ) -> Result<ActivityConnection> {
        ActivityConnection::read(ctx, Whose::Feed(scope), PageArguments { first, after, last, before }).await
    }
}
