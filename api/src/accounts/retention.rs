//! Sessions that ended long ago go, and refresh tokens that were used long ago. Until then they say which devices and
//! networks an account knows.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{id::SessionId, refresh_token, session};
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::places;
use crate::{app::App, database::sql::Sql, error::Result};

const EVERY: Duration = Duration::from_secs(600);
/// Rows per transaction.
const BATCH: u64 = 500;

/// Removes what is old every ten minutes.
pub async fn run(app: App) {
    app.repeat(EVERY, "the removal of old sessions", || prune(&app)).await;
}

/// Removes everything that makes nothing known any more.
pub async fn prune(app: &App) -> Result<()> {
    let border = app.clock.now() - places::KNOWN_FOR;
    while forget_tokens(app, border).await? {}
    let ended = (session::Column::EndedAt, Condition::all().add(session::Column::EndedAt.lt(border)));
    let expired = Condition::all().add(session::Column::EndedAt.is_null()).add(session::Column::ExpiresAt.lt(border));
    for (column, old) in [ended, (session::Column::ExpiresAt, expired)] {
        while forget_sessions(app, column, &old).await? {}
    }
    Ok(())
}

/// Removes some refresh tokens that were used before; whether there may be more. One that is shown after that is refused as
/// it would be anyway.
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

/// Removes some sessions with the tokens that they have left; whether there may be more.
async fn forget_sessions(app: &App, first: session::Column, old: &Condition) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            // Locked first, as by all who change a session or its tokens.
            let some = session::Entity::find()
                .select_only()
                .column(session::Column::Id)
                .filter(old.clone())
                .order_by_asc(first)
                .limit(BATCH)
                .lock_exclusive();
            let some: Vec<SessionId> = some.into_tuple().all(tx.db()).await?;
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
