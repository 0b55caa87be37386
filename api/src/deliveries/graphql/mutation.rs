//! The mutation `sendDeliveryAgain`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::Delivery;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    deliveries::administration,
    error::{Result, UserError, into_user_errors},
    outcome::Outcome,
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
        Ok(match into_user_errors(queued)? {
            Ok((row, changed)) => SendDeliveryAgainPayload {
                delivery: Some(Delivery(row)),
                outcome: Outcome::of(changed),
                user_errors: vec![],
            },
            Err(user_errors) => SendDeliveryAgainPayload { delivery: None, outcome: Outcome::Refused, user_errors },
        })
    }
}

/// The result of `sendDeliveryAgain`.
#[derive(SimpleObject)]
struct SendDeliveryAgainPayload {
    /// The delivery after the call. Null when the call was refused.
    delivery: Option<Delivery>,
    /// The effect of the call. NO_CHANGE when the delivery waits or is being sent already.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
