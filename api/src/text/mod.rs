//! Texts as a search and an order see them. The rules come from the tables of Unicode, which ICU brings along; the few
//! of our own stand in [`clean`] and [`mod@fold`]. Keys are stored, so that both databases find and sort alike without a
//! collation of their own; [`version`] says with which tables and rules they were made.

pub mod clean;
pub mod fold;
pub mod named;
pub mod order;
mod tables;

pub use clean::{email_address, is_blank};
pub use fold::{fold, grams, search_text, search_words};
pub use named::Named;
pub use order::{heading, name_key};
pub use tables::version;
