//! The removal of old sessions, refresh tokens and tokens of mails. Sessions and refresh tokens are kept for a time
//! after their end, because they show which devices and networks an account knows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{id::SessionId, refresh_token, session};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{sign_in_origin, tokens};
use crate::{app::App, database::sql::Sql, error::Result};

/// The pause between two runs.
const EVERY: Duration = Duration::from_secs(600);
/// The maximum number of rows in one transaction.
const BATCH: u64 = 500;

/// Removes old sessions and tokens every ten minutes until the instance stops.
pub async fn run(app: App) {
    app.background.run_every("session retention", EVERY, || async { prune(&app).await.map(drop) }).await;
}

/// Removes the sessions and tokens that no longer identify a known device or network.
pub async fn prune(app: &App) -> Result<()> {
    let border = app.clock.now() - sign_in_origin::KNOWN_FOR;
    while forget_tokens(app, border).await? {}
    while forget_mail_tokens(app).await? {}
    let ended = (session::Column::EndedAt, Condition::all().add(session::Column::EndedAt.lt(border)));
    let expired = Condition::all().add(session::Column::EndedAt.is_null()).add(session::Column::ExpiresAt.lt(border));
    for (column, old) in [ended, (session::Column::ExpiresAt, expired)] {
        while forget_sessions(app, column, &old).await? {}
    }
    Ok(())
}

/// Removes a batch of used refresh tokens. Returns true when there may be more. A removed token is refused like a used
/// one.
async fn forget_tokens(app: &App, border: DateTime<Utc>) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql =
                Sql::new("DELETE FROM refresh_token WHERE hash IN (SELECT hash FROM refresh_token WHERE used_at < ");
            sql.bind(border);
            sql.push(" ORDER BY used_at LIMIT ");
            sql.bind(BATCH);
            sql.push(")");
            Ok(sql.run(tx.db()).await? == BATCH)
        })
    })
    .await
}

/// Removes a batch of expired tokens of mails. Returns true when there may be more.
async fn forget_mail_tokens(app: &App) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql =
                Sql::new("DELETE FROM mail_token WHERE hash IN (SELECT hash FROM mail_token WHERE expires_at < ");
            // Tokens count for a while after they were created, so that nobody requests too many.
            sql.bind(tx.clock().now() - tokens::COUNTED_FOR);
            sql.push(" ORDER BY expires_at LIMIT ");
            sql.bind(BATCH);
            sql.push(")");
            Ok(sql.run(tx.db()).await? == BATCH)
        })
    })
    .await
}

/// Removes a batch of sessions with their remaining tokens. Returns true when there may be more.
async fn forget_sessions(app: &App, first: session::Column, old: &Condition) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            // Every change of a session or its tokens locks the session first.
            let some = session::Entity::find()
                .select_only()
                .column(session::Column::Id)
                .filter(old.clone())
                .order_by_asc(first)
                .limit(BATCH);
            let some: Vec<SessionId> = tx.lock_columns(some).await?;
            if some.is_empty() {
                return Ok(false);
            }
            let tokens = refresh_token::Column::SessionId.is_in(some.iter().copied());
            refresh_token::Entity::delete_many().filter(tokens).exec(tx.db()).await?;
            let sessions = session::Column::Id.is_in(some.iter().copied());
            session::Entity::delete_many().filter(sessions).exec(tx.db()).await?;
            Ok(some.len() == usize::try_from(BATCH).unwrap_or_default())
        })
    })
    .await
}
