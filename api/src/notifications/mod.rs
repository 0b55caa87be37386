//! Notifications: what a user is told of, in the app and by e-mail. A notification never owns state: reading or removing one
//! changes nothing but itself. The unread are counted, never kept as a number.

pub mod notices;
pub mod preferences;
pub mod retention;
pub mod mails;
pub mod types;
pub mod query;
pub mod mutation;
pub mod subscription;
