//! Pages of customers.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use entity::customer;

use crate::{
    auth::request_context::ContextExt as _,
    conversations::graphql::participant_types::Customer,
    customer_records::customer_list::CustomerList,
    error::Result,
    pagination::{Page, PageArguments, PageInfo, PageSlice},
};

/// A page of customers, ordered by name.
pub struct CustomerConnection {
    list: CustomerList,
    slice: PageSlice<customer::Model>,
}

impl CustomerConnection {
    /// Reads a page of a list.
    pub async fn read(ctx: &Context<'_>, list: CustomerList, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &list.fingerprint())?;
        let slice = list.page(ctx.app()?.db.read(), &page).await?;
        Ok(Self { list, slice })
    }
}

/// A page of customers, ordered by name.
#[Object]
impl CustomerConnection {
    /// The customers with their cursors.
    async fn edges(&self) -> Vec<CustomerEdge> {
        let edge = |row: &customer::Model| CustomerEdge {
            cursor: self.slice.cursor(&CustomerList::place(row)),
            node: Customer(Arc::new(row.clone())),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The customers without their cursors.
    async fn nodes(&self) -> Vec<Customer> {
        self.slice.items.iter().map(|row| Customer(Arc::new(row.clone()))).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(CustomerList::place)
    }

    /// The number of all customers in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.list.count(ctx.app()?.db.read()).await?)
    }
}

/// A customer in a page.
#[derive(SimpleObject)]
pub struct CustomerEdge {
    /// The customer's position in the list.
    pub cursor: String,
    /// The customer at this position.
    pub node: Customer,
}
