//! Keys of texts for search and sorting. Most rules come from the Unicode tables of ICU, and [`clean`] and [`mod@fold`]
//! have a few rules of this product. Keys are stored, so that both databases find and sort identically without a
//! collation of their own. [`version`] names the tables and rules of the stored keys. [`locale`] names the languages of
//! Rapport's own sentences.

mod tables;
pub mod clean;
pub mod fold;
pub mod collation;
pub mod named;
pub mod locale;
pub mod dates;
pub mod initials;

pub use clean::{email_address, is_blank};
pub use collation::{heading, name_key};
pub use fold::{fold, grams, search_text, search_words};
pub use initials::initials;
pub use named::Named;
pub use tables::version;
