//! The query `activityFeed`. It shows only activities that the viewer may see now.

use async_graphql::{Context, Object};

use super::types::ActivityConnection;
use crate::activities::feed::{FeedAuthors, FeedScope};
use crate::{
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    pagination::PageArguments,
};

/// Root query of the viewer's feed.
#[derive(Default)]
pub struct ActivitiesQuery;

#[Object]
impl ActivitiesQuery {
    /// Lists activities of the viewer's connections, of people whom the viewer follows and of the viewer, newest first.
    /// Activities of any age appear while the relationship lasts. People whom the viewer mutes in the feed are left
    /// out. A block in either direction hides a person's activities.
    #[graphql(guard = "Needs(Scope::ActivityRead)")]
    async fn activity_feed(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "FeedScope::All", desc = "The authors whose activities are listed.")] scope: FeedScope,
        #[graphql(
            desc = "The number of activities from the start, 0 to 100. The default is 20 if `last` is not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same scope.")] after: Option<String>,
        #[graphql(desc = "The number of activities from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same scope.")] before: Option<String>,
    ) -> Result<ActivityConnection> {
        ActivityConnection::read(ctx, FeedAuthors::Feed(scope), PageArguments { first, after, last, before }).await
    }
}
