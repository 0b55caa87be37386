//! Files of messages. A client announces a file, uploads its bytes by a signed address and names it in a message. The
//! rules of the conversation's channel say which types and sizes each side may send. Content decides with the name and
//! the declared type on what a file is, and the strictest wins. Nobody can read a file before it was scanned, if there
//! is a scanner.

pub mod file_types;
pub mod file_names;
pub mod file_rules;
pub mod inspection;
pub mod scanning;
pub mod thumbnails;
pub mod attachment_rows;
pub mod storing;
pub mod retention;
pub mod graphql;
