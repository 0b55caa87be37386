//! The numbers of a user's unread notifications.

use entity::{id::UserId, notification::NotificationKind};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use crate::database::sql::Sql;

/// The numbers of a user's unread notifications.
#[derive(FromQueryResult)]
pub struct UnreadNotifications {
    /// The number of all of them.
    pub total: i64,
    /// The number of those about a connection request.
    pub about_requests: i64,
}

/// Counts a user's unread notifications.
pub async fn count(db: &impl ConnectionTrait, user: UserId) -> Result<UnreadNotifications, DbErr> {
    let mut sql = Sql::new("SELECT count(*) AS total, count(CASE WHEN n.kind = ");
    sql.bind(NotificationKind::ConnectionRequested);
    sql.push(" THEN 1 END) AS about_requests FROM notification n WHERE n.read_at IS NULL AND n.user_id = ");
    sql.bind(user);
    let counted = sql.all(db).await?.pop();
    Ok(counted.unwrap_or(UnreadNotifications { total: 0, about_requests: 0 }))
}
