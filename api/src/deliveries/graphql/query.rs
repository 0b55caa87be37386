//! The query `deliveries`: lists what leaves Rapport, for administrators only.

use async_graphql::{Context, Object};
use entity::delivery::{DeliveryKind, DeliveryStatus};
use sea_orm::Iterable as _;

use super::types::DeliveryConnection;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    deliveries::administration::DeliveryList,
    error::{Error, Result},
    pagination::{ByAge, Page, PageArguments},
    users::people,
};

/// The root fields of deliveries.
#[derive(Default)]
pub struct DeliveriesQuery;

#[Object]
impl DeliveriesQuery {
    /// Returns the deliveries, newest first. Only administrators can use it. Sent and unnecessary deliveries are kept
    /// for a day, failed and unknown ones for 14 days.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The states of the listed deliveries.",
            default_with = "vec![DeliveryStatus::Unknown, DeliveryStatus::Failed]"
        )]
        statuses: Vec<DeliveryStatus>,
        #[graphql(desc = "The kind of the listed deliveries. All kinds when left out.")] kind: Option<DeliveryKind>,
        #[graphql(desc = "The number of deliveries from the start, 0 to 100; 20 without `first` and `last`.")]
        first: Option<i32>,
        #[graphql(desc = "The page begins after this cursor of the same list and filter.")] after: Option<String>,
        #[graphql(desc = "The number of deliveries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The page ends before this cursor of the same list and filter.")] before: Option<String>,
    ) -> Result<DeliveryConnection> {
        let app = ctx.app()?;
        people::check_admin(app.db.read(), ctx.viewer()?).await?;
        let list = DeliveryList {
            statuses: DeliveryStatus::iter().filter(|status| statuses.contains(status)).collect(),
            kind,
        };
        if list.statuses.is_empty() {
            return Err(Error::invalid("statuses", "At least one state is required."));
        }
        let page = Page::<ByAge>::new(PageArguments { first, after, last, before }, &list.fingerprint())?;
        let slice = list.page(app.db.read(), &page).await?;
        Ok(DeliveryConnection { slice, list })
    }
}
