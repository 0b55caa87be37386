//! Notifications, in the app and by e-mail. A notification stores no state of its subject, so reading or removing it
//! changes nothing else. Unread notifications are counted on demand. No stored counter exists.

pub mod preferences;
/// The e-mails about notifications, as deliveries.
pub mod email_delivery;
pub mod notification_rows;
/// The numbers of unread notifications.
pub mod unread;
pub mod retention;
pub mod graphql;
