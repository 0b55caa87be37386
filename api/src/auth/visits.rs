//! What visitors of web sites are known by, `rv_SECRET`: found by digest, taken from the one site where it was given, and
//! for as long as it is used now and then. Anything wrong with one is the same refusal.

use chrono::{DateTime, Duration, Utc};
use entity::{id::VisitorTokenId, visitor_token};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::{
    secret,
    viewer::{Caller, VisitorViewer},
};
use crate::{
    app::App,
    config::Config,
    database::sql::Sql,
    error::{Error, Result},
};

/// What every token of a visitor begins with.
pub const START: &str = "rv_";

/// By how much a token's end must have come nearer before it is put off again; of short lives, half of one.
const PUT_OFF_AFTER: Duration = Duration::days(1);

/// When a token ends that is used now.
#[must_use]
pub fn end(config: &Config, now: DateTime<Utc>) -> DateTime<Utc> {
    let lifetime = Duration::from_std(config.visitor_token_lifetime).unwrap_or(Duration::MAX);
    now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Who calls with a token, and from which site alone it is taken.
pub async fn verify(app: &App, text: &str) -> Result<(Caller, Option<String>)> {
    let found = visitor_token::Entity::find().filter(visitor_token::Column::SecretHash.eq(secret::digest(text)));
    let row = found.one(app.db.read()).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    if row.expires_at <= now {
        return Err(Error::Unauthenticated);
    }
    let later = end(&app.config, now);
    let expires_at = if later - row.expires_at >= PUT_OFF_AFTER.min((later - now) / 2) {
        put_off(app, row.id, later);
        later
    } else {
        row.expires_at
    };
    let visitor =
        VisitorViewer { token: row.id, customer: row.customer_id, entry_point: row.entry_point_id, expires_at };
    Ok((Caller::Visitor(visitor), row.origin))
}

/// Puts off a token's end, apart from the call that uses it.
fn put_off(app: &App, token: VisitorTokenId, until: DateTime<Utc>) {
    let writing = app.clone();
    app.tasks.spawn(async move {
        let written = writing.transaction(|tx| {
            Box::pin(async move {
                let mut sql = Sql::new("UPDATE visitor_token SET expires_at = ");
                sql.bind(until);
                sql.push(" WHERE id = ");
                sql.bind(token);
                sql.push(" AND expires_at < ");
                sql.bind(until);
                sql.run(tx.db()).await?;
                Ok(())
            })
        });
        if let Err(error) = written.await {
            tracing::warn!(cause = error.code(), "the end of a visitor's token could not be put off");
        }
    });
}
