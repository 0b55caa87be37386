//! Personal contacts: the private address book of each user. Nobody but its owner ever learns that an entry exists; in one
//! book an e-mail address stands once, and whoever writes in a book holds its owner's row locked.

pub mod book;
pub mod types;
pub mod query;
pub mod mutation;
pub mod loader;
