//! The Contacts Center's lists: who stands in whose list, in name order, with counts by the same predicate. The entries
//! follow from the pair rows and are written with them; this module only keeps and reads them.

pub mod fields;
pub mod details;
pub mod reach;
pub mod people;
pub mod entries;
pub mod lists;
pub mod book;
pub mod search;
pub mod types;
pub mod query;
pub mod subscription;
pub mod loader;
