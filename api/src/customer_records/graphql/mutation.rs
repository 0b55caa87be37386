//! The mutation `updateCustomer`.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};

use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    conversations::graphql::participant_types::Customer,
    customer_records::customer_details::{self, UpdateCustomerInput},
    error::Result,
    events::graphql::effect::Effect,
};

/// Root of the mutations of customers.
#[derive(Default)]
pub struct CustomerRecordsMutation;

#[Object]
impl CustomerRecordsMutation {
    /// Changes the details of a customer: name, e-mail address, telephone number, and the id in another system. For
    /// agents who may see a conversation with the customer, supervisors and organization keys. The same call again
    /// changes nothing. Refuses with NOT_FOUND, REQUIRED, INVALID, NOT_ALLOWED when the viewer is not an agent, or
    /// DUPLICATE when another customer has the external id.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn update_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer and the new details.")] input: UpdateCustomerInput,
    ) -> Result<UpdateCustomerPayload> {
        let updated = customer_details::update(ctx.app()?, ctx.caller()?, &input).await;
        let (row, effect) = Effect::split(updated)?;
        Ok(UpdateCustomerPayload { customer: row.map(|row| Customer(Arc::new(row))), effect })
    }
}

/// The result of `updateCustomer`.
#[derive(SimpleObject)]
struct UpdateCustomerPayload {
    /// The customer after the call. Null when the call was refused.
    customer: Option<Customer>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
