//! What visitors of web sites are known by, `rv_SECRET`: found by digest, taken from the one site where it was given, and
//! for as long as it is used now and then. Anything wrong with one is the same refusal.

use chrono::{DateTime, Duration, Utc};
use entity::{
    customer, entry_point,
    id::VisitorTokenId,
    visitor_token,
};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter};

use super::{
    context::Site,
    rights::{self, Subject},
    secret,
    viewer::{Caller, VisitorViewer},
};
use crate::{
    app::{App, Tx},
    database::sql::Sql,
    error::{Error, Result},
};

/// What every token of a visitor begins with.
pub const START: &str = "rv_";

/// Random bytes of a token.
const BYTES: usize = 32;

/// By how much a token's end must have come nearer before it is put off again; of short lives, half of one.
const PUT_OFF_AFTER: Duration = Duration::days(1);

/// Tokens that are forgotten in one transaction.
const BATCH: i64 = 500;

/// A token that was made. Its text is kept nowhere.
pub struct Given {
    pub text: String,
    pub expires_at: DateTime<Utc>,
}

/// Makes a token for a customer at an entry point, to be taken from this site only.
pub async fn give(
    tx: &Tx<'_>,
    customer: &customer::Model,
    entry_point: &entry_point::Model,
    site: Option<&Site>,
) -> Result<Given> {
    let text = format!("{START}{}", secret::random(BYTES)?);
    let now = tx.clock().now();
    let row = visitor_token::Model {
        id: VisitorTokenId(tx.clock().uuid()),
        secret_hash: secret::digest(&text),
        customer_id: customer.id,
        entry_point_id: entry_point.id,
        origin: site.map(|site| site.origin.to_string()),
        created_at: now,
        expires_at: end(now, tx.config().visitor_token_lifetime),
    };
    let expires_at = row.expires_at;
    visitor_token::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(Given { text, expires_at })
}

/// Who calls with a token, and from which site alone it is taken.
pub async fn verify(app: &App, text: &str) -> Result<(Caller, Option<String>)> {
    let found = visitor_token::Entity::find().filter(visitor_token::Column::SecretHash.eq(secret::digest(text)));
    let row = found.one(app.db.read()).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    if row.expires_at <= now {
        return Err(Error::Unauthenticated);
    }
    let lifetime = app.config.visitor_token_lifetime;
    let later = end(now, lifetime);
    let nearer = PUT_OFF_AFTER.min(Duration::from_std(lifetime / 2).unwrap_or(PUT_OFF_AFTER));
    let expires_at = if later - row.expires_at >= nearer {
        put_off(app, row.id, later);
        later
    } else {
        row.expires_at
    };
    let visitor = VisitorViewer {
        token: row.id,
        customer: row.customer_id,
        entry_point: row.entry_point_id,
        expires_at,
    };
    Ok((Caller::Visitor(visitor), row.origin))
}

/// Ends a token for ever, and what is live by it. Idempotent.
pub async fn end_visit(app: &App, by: &VisitorViewer) -> Result<bool> {
    let id = by.token;
    app.transaction(|tx| {
        Box::pin(async move {
            let gone = visitor_token::Entity::delete_by_id(id).exec(tx.db()).await?.rows_affected;
            rights::end(tx, &Subject::Visit(id))?;
            Ok(gone > 0)
        })
    })
    .await
}

/// Forgets tokens whose time is up; how many there were.
pub async fn forget_ended(app: &App) -> Result<u64> {
    let mut forgotten = 0;
    loop {
        let step = app.transaction(|tx| {
            Box::pin(async move {
                let mut sql = Sql::new("DELETE FROM visitor_token WHERE id IN (SELECT id FROM visitor_token WHERE expires_at <= ");
                sql.bind(tx.clock().now());
                sql.push(" ORDER BY expires_at LIMIT ");
                sql.bind(BATCH);
                sql.push(")");
                Ok(sql.run(tx.db()).await?)
            })
        });
        match step.await? {
            0 => return Ok(forgotten),
            some => forgotten += some,
        }
    }
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

fn end(now: DateTime<Utc>, lifetime: std::time::Duration) -> DateTime<Utc> {
    let lifetime = Duration::from_std(lifetime).unwrap_or(Duration::MAX);
    now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
