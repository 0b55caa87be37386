//! The queries `customer` and `customers`.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use entity::id::CustomerId;

use super::types::CustomerConnection;
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    contacts::search::Search,
    conversations::graphql::participant_types::Customer,
    customer_records::customer_list::{self, CustomerList},
    error::{Error, Result},
    pagination::PageArguments,
    users::people,
};

/// Root of the queries of customers.
#[derive(Default)]
pub struct CustomerRecordsQuery;

#[Object]
impl CustomerRecordsQuery {
    /// A customer by id, or by the id of another system that `updateCustomer` set. Exactly one of the two must be
    /// given. Null if there is none, or if the viewer may see no conversation with them. Organization keys see all
    /// customers.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The customer's id.")] id: Option<ID>,
        #[graphql(desc = "The customer's id in another system of the organization.")] external_id: Option<String>,
    ) -> Option<Result<Customer>> {
        find(ctx, id, external_id).await.transpose()
    }

    /// The customers, ordered by name. Agents see those with whom they may see a conversation, supervisors and
    /// organization keys see all. Empty for others.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn customers(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The words to find. Name, e-mail address, telephone number or external id must contain every word. \
                    Case and accents are ignored."
        )]
        search: Option<String>,
        #[graphql(
            desc = "The number of customers from the start, 0 to 100. The default is 20 if `last` is not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins, from the same search.")] after: Option<String>,
        #[graphql(desc = "The number of customers from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends, from the same search.")] before: Option<String>,
    ) -> Result<CustomerConnection> {
        let caller = *ctx.caller()?;
        let role = people::role_of_caller(ctx.app()?.db.read(), &caller).await?;
        let list = CustomerList { caller, role, search: Search::new(search.as_deref(), None)? };
        CustomerConnection::read(ctx, list, PageArguments { first, after, last, before }).await
    }
}

async fn find(ctx: &Context<'_>, id: Option<ID>, external_id: Option<String>) -> Result<Option<Customer>> {
    match (id, external_id) {
        (Some(id), None) => match CustomerId::parse(&id) {
            Some(id) => Customer::find(ctx, id).await,
            None => Ok(None),
        },
        (None, Some(external_id)) if external_id.contains('\0') => Ok(None),
        (None, Some(external_id)) => {
            let db = ctx.app()?.db.read();
            let row = customer_list::find_by_external_id(db, ctx.caller()?, &external_id).await?;
            Ok(row.map(|row| Customer(Arc::new(row))))
        }
        _ => Err(Error::invalid("id", "Give either id or externalId.")),
    }
}
