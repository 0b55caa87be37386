//! Contacts as vCards. What is written is valid vCard 3.0 or 4.0 whatever the fields hold, and no field can become
//! another property; what is read may be 2.1, 3.0 or 4.0, damaged or hostile, and costs time and memory in proportion to
//! its size. Nothing here knows a database, a request or a clock.
//!
//! | module | what it is for |
//! |---|---|
//! | [`card`] | the model: one contact |
//! | [`labels`] | `work`, `mobile` and their like, as each version writes them |
//! | [`write`](mod@write), [`value_forms`], [`escape`] | a card as text; numbers and zones by their form; values made harmless, lines folded |
//! | [`file`](mod@file) | the name of a downloaded file, as a header can carry it |
//! | [`read`], [`logical`], [`lexer`] | a file as cards or reasons; unfolding it; cutting it up |
//! | [`encoding`], [`head`] | octets as text; what stands before a value |
//! | [`parse_properties`], [`values`] | understanding one card, and one property |

pub mod version;
pub mod card;
pub mod escape;
pub mod value_forms;
pub mod labels;
pub mod write;
pub mod file;
pub mod encoding;
pub mod head;
pub mod logical;
pub mod lexer;
pub mod values;
pub mod parse_properties;
pub mod read;
#[cfg(test)]
mod fixtures;
