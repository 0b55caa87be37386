//! Reading and writing of contacts as vCards. Written cards are valid vCard 3.0 or 4.0 for any content, and no field
//! can become another property. Read cards may have version 2.1, 3.0 or 4.0 and may be damaged or hostile. Reading
//! takes time and memory in proportion to the size of the file. The modules use no database, no request and no clock.
//!
//! | module | purpose |
//! |---|---|
//! | [`card`] | the model of one contact |
//! | [`labels`] | labels such as `work` and `mobile`, as each version writes them |
//! | [`write`](mod@write), [`value_forms`], [`escape`] | writing: text, forms of values, escaping, folding |
//! | [`file`](mod@file) | the name of a downloaded file and its header |
//! | [`read`], [`logical`], [`lexer`] | reading: a file as cards or errors, unfolding, splitting |
//! | [`encoding`], [`head`] | reading: octets as text, the part before a value |
//! | [`parse_properties`], [`values`] | reading: the properties of one card, and the value of one property |

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
