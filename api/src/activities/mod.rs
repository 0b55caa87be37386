//! What people do, and who may see it: those connected with them and those who follow them, while it is so, and nobody who
//! blocks or is blocked. Who may see what is asked when a page is read, so past and present follow the relationships.

pub mod records;
pub mod feed;
pub mod live;
pub mod types;
pub mod query;
pub mod mutation;
pub mod subscription;
