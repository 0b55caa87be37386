//! The lists of the Contacts Center, in name order, with counts by the same predicate. The entries follow from the pair
//! rows and are written together with them. This module only stores and reads them.

pub mod user_rows;
pub mod search;
pub mod list_members;
pub mod detail_validation;
pub mod details;
pub mod visibility;
pub mod memberships;
pub mod address_book_rows;
pub mod lists;
pub mod graphql;
