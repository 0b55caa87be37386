//! Import and export of vCards of people and personal contacts. An exported card has only the details that its reader
//! can see at that moment. Imported cards have the same limits as contacts that are entered by hand. Importing a file
//! twice changes nothing.

pub mod card;
pub mod export;
pub mod validate;
pub mod import;
pub mod graphql;
