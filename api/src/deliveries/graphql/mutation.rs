//! The mutation `sendDeliveryAgain`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::Delivery;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    deliveries::administration,
    error::Result,
    events::graphql::effect::Effect,
};

/// The delivery to send again.
#[derive(InputObject)]
struct SendDeliveryAgainInput {
    /// The id of the delivery, `delivery_…`.
    delivery_id: ID,
}

/// The mutations of deliveries.
#[derive(Default)]
pub struct DeliveriesMutation;

#[Object]
impl DeliveriesMutation {
    /// Sends a delivery again that failed, or whose outcome is unknown. The receiver of an unknown one may get it
    /// twice. Only administrators can call it. A repeated call changes nothing. Refuses with NOT_FOUND, and with
    /// NOT_ALLOWED for a delivery that was sent or became unnecessary.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn send_delivery_again(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery to send again.")] input: SendDeliveryAgainInput,
    ) -> Result<SendDeliveryAgainPayload> {
        let queued = administration::send_again(ctx.app()?, ctx.viewer()?, &input.delivery_id, ctx.origin()?).await;
        let (row, effect) = Effect::split(queued)?;
        Ok(SendDeliveryAgainPayload { delivery: row.map(Delivery), effect })
    }
}

/// The result of `sendDeliveryAgain`. The outcome is NO_CHANGE when the delivery waits or is being sent already.
#[derive(SimpleObject)]
struct SendDeliveryAgainPayload {
    /// The delivery after the call. Null when the call was refused.
    delivery: Option<Delivery>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
