//! The records of customers: finding them, and changing their details.

pub mod customer_list;
pub mod customer_details;
pub mod graphql;
