//! Deliveries in the API: the deliveries and their pages.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::delivery::{self, DeliveryKind, DeliveryStatus, RetryClass};

use crate::{
    auth::request_context::ContextExt as _,
    deliveries::administration::DeliveryList,
    error::Result,
    instant::Instant,
    pagination::{ByAge, PageInfo, PageSlice},
    users::graphql::types::User,
};

/// Something that leaves Rapport, such as an e-mail.
#[derive(Clone)]
pub struct Delivery(pub delivery::Model);

/// Something that leaves Rapport, such as an e-mail.
#[Object]
impl Delivery {
    /// The delivery's id, `delivery_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The kind of content.
    async fn kind(&self) -> DeliveryKind {
        self.0.kind
    }

    /// The state.
    async fn status(&self) -> DeliveryStatus {
        self.0.status
    }

    /// The effect of sending it twice.
    async fn retry(&self) -> RetryClass {
        self.0.retry
    }

    /// The user whose data it contains. Null when it belongs to no user.
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(User::referred(ctx, self.0.user_id?).await)
    }

    /// The number of attempts that have begun.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// The reason of the last failure. Null when the last attempt did not fail.
    async fn error(&self) -> Option<&str> {
        self.0.error.as_deref()
    }

    /// The id that the receiver gave to it. Null when the receiver gave none.
    async fn provider_id(&self) -> Option<&str> {
        self.0.provider_id.as_deref()
    }

    /// The time of its cause.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The earliest time of the next attempt. Null when there is none.
    async fn next_attempt_at(&self) -> Option<Instant> {
        (self.0.status == DeliveryStatus::Queued).then_some(self.0.due_at).map(Instant)
    }

    /// The time of the final outcome. Null before it.
    async fn settled_at(&self) -> Option<Instant> {
        self.0.settled_at.map(Instant)
    }
}

/// A page of deliveries, newest first.
pub struct DeliveryConnection {
    /// The rows of the page.
    pub slice: PageSlice<delivery::Model>,
    /// The list of which the page is a part.
    pub list: DeliveryList,
}

/// A page of deliveries, newest first.
#[Object]
impl DeliveryConnection {
    /// The deliveries with their cursors.
    async fn edges(&self) -> Vec<DeliveryEdge> {
        let edge = |row: &delivery::Model| DeliveryEdge {
            cursor: self.slice.cursor(&ByAge(row.id.0)),
            node: Delivery(row.clone()),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The deliveries of this page.
    async fn nodes(&self) -> Vec<Delivery> {
        self.slice.items.iter().cloned().map(Delivery).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// The number of all deliveries of the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.list.count(ctx.app()?.db.read()).await?)
    }
}

/// A delivery in a page.
#[derive(SimpleObject)]
pub struct DeliveryEdge {
    /// The position in the list.
    cursor: String,
    /// The delivery itself.
    node: Delivery,
}
