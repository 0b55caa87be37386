//! Old notifications go, and those who follow are told.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    event::EventKind,
    id::{NotificationId, UserId},
};
use sea_orm::FromQueryResult;

use super::notices;
use crate::{app::App, database::sql::Sql, error::Result};

const EVERY: Duration = Duration::from_secs(60);
/// Notifications per transaction.
const BATCH: i64 = 500;

/// Removes what is old once a minute.
pub async fn run(app: App) {
    app.repeat(EVERY, "the removal of old notifications", || prune(&app)).await;
}

#[derive(FromQueryResult)]
struct Gone {
    id: NotificationId,
    user_id: UserId,
}

/// Removes everything older than the retention; how many there were.
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

/// Forgets what was told by e-mail a day ago: from then on the same may be told again.
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
            let gone: Vec<Gone> = sql.all(tx.db()).await?;
            let mut of_users = BTreeMap::<UserId, Vec<NotificationId>>::new();
            for row in &gone {
                of_users.entry(row.user_id).or_default().push(row.id);
            }
            for (user, ids) in of_users {
                notices::tell_several(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
            }
            Ok(gone.len())
        })
    })
    .await
}
