//! The removal of old notifications. Each removal emits an event, so live clients drop them too.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    event::EventKind,
    id::{NotificationId, UserId},
};
use sea_orm::FromQueryResult;

use super::notification_rows;
use crate::{app::App, database::sql::Sql, error::Result};

/// The pause between two runs.
const EVERY: Duration = Duration::from_secs(60);
/// The maximum number of notifications in one transaction.
const BATCH: i64 = 500;

/// Removes old notifications once a minute until the instance stops.
pub async fn run(app: App) {
    app.background.run_every("notification retention", EVERY, || async { prune(&app).await.map(drop) }).await;
}

#[derive(FromQueryResult)]
struct DeletedRow {
    id: NotificationId,
    user_id: UserId,
}

/// Removes all notifications that are older than the retention and returns their number. Emits `NotificationsRemoved`.
pub async fn prune(app: &App) -> Result<usize> {
    forget_mails(app).await?;
    let retention = chrono::Duration::from_std(app.config.notification_retention).unwrap_or(chrono::Duration::MAX);
    let Some(border) = app.clock.now().checked_sub_signed(retention) else { return Ok(0) };
    let mut removed = 0;
    loop {
        let step = step(app, border).await?;
        removed += step;
        if step == 0 {
            return Ok(removed);
        }
    }
}

/// Deletes the rows of mails that were sent a day ago. The same notification may be mailed again from then on.
async fn forget_mails(app: &App) -> Result<()> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("DELETE FROM notification_mail WHERE sent_at IS NOT NULL AND sent_at < ");
            sql.bind(tx.clock().now() - chrono::Duration::days(1));
            sql.run(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

async fn step(app: &App, border: DateTime<Utc>) -> Result<usize> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql =
                Sql::new("DELETE FROM notification WHERE id IN (SELECT id FROM notification WHERE created_at < ");
            sql.bind(border);
            sql.push(" ORDER BY created_at, id LIMIT ");
            sql.bind(BATCH);
            sql.push(") RETURNING id, user_id");
            let gone: Vec<DeletedRow> = sql.all(tx.db()).await?;
            let mut of_users = BTreeMap::<UserId, Vec<NotificationId>>::new();
            for row in &gone {
                of_users.entry(row.user_id).or_default().push(row.id);
            }
            for (user, ids) in of_users {
                notification_rows::notify_grouped(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
            }
            Ok(gone.len())
        })
    })
    .await
}
