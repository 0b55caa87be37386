//! Personal contacts: the private address book of each user. Only the owner ever learns that an entry exists. An e-mail
//! address occurs once in a book. Every transaction that writes to a book locks its owner's row.

pub mod book_entries;
pub mod graphql;
