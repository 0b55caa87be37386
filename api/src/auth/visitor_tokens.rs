//! Visitor tokens, `rv_SECRET`. A token is found by its digest, and pages of other sites than its own may not use it.
//! Regular use extends it. Every fault of a token gets the same refusal.

use chrono::{DateTime, Duration, Utc};
use entity::{
    customer,
    id::{EntryPointId, VisitorTokenId},
    visitor_token,
};
use sea_orm::{
    ColumnTrait as _, EntityTrait, QueryFilter as _, QuerySelect as _,
    sea_query::{ExprTrait as _, SimpleExpr},
};

use super::{
    revocation::{self, Subject},
    secret,
    viewer::{Caller, VisitorViewer},
};
use crate::{
    app::{App, Locked, Tx},
    config::Config,
    database::sql::Sql,
    error::{Error, Result},
};

/// The start of every visitor token.
pub const START: &str = "rv_";

/// The time by which an extension must move the expiry. For short lifetimes, half of the lifetime is enough.
const PUT_OFF_AFTER: Duration = Duration::days(1);

/// Returns the expiry of a token that is used at `now`.
#[must_use]
pub fn expiry(config: &Config, now: DateTime<Utc>) -> DateTime<Utc> {
    let lifetime = Duration::from_std(config.visitor_token_lifetime).unwrap_or(Duration::MAX);
    now.checked_add_signed(lifetime).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Returns the visitor of a token and the only site that may use it. Refuses with UNAUTHENTICATED.
pub async fn verify(app: &App, text: &str) -> Result<(Caller, Option<String>)> {
    let found = visitor_token::Entity::find().filter(visitor_token::Column::SecretHash.eq(secret::digest(text)));
    let row = found.one(app.db.read()).await?.ok_or(Error::Unauthenticated)?;
    let now = app.clock.now();
    if row.expires_at <= now {
        return Err(Error::Unauthenticated);
    }
    let later = expiry(&app.config, now);
    let expires_at = if later - row.expires_at >= PUT_OFF_AFTER.min((later - now) / 2) {
        extend(app, row.id, later);
        later
    } else {
        row.expires_at
    };
    let visitor =
        VisitorViewer { token: row.id, customer: row.customer_id, entry_point: row.entry_point_id, expires_at };
    Ok((Caller::Visitor(visitor), row.origin))
}

/// Returns the visitor of a token that a signed link names. Refuses with UNAUTHENTICATED when the token has ended.
pub async fn holder(app: &App, id: VisitorTokenId, expires_at: DateTime<Utc>) -> Result<Caller> {
    let row = visitor_token::Entity::find_by_id(id).one(app.db.read()).await?;
    let row = row.filter(|row| row.expires_at > app.clock.now()).ok_or(Error::Unauthenticated)?;
    let (customer, entry_point) = (row.customer_id, row.entry_point_id);
    Ok(Caller::Visitor(VisitorViewer { token: row.id, customer, entry_point, expires_at }))
}

/// Extends a token, in a task apart from the call that uses the token.
fn extend(app: &App, token: VisitorTokenId, until: DateTime<Utc>) {
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
            tracing::warn!(cause = error.code(), "the expiry of a visitor token could not be extended");
        }
    });
}

/// Tokens that one statement and one event name.
const TOGETHER: usize = 500;

/// Ends the tokens that were given at an entry point to pages of some sites, and what is live by them.
pub async fn revoke_for_sites(tx: &Tx<'_>, entry_point: EntryPointId, sites: &[String]) -> Result<()> {
    if sites.is_empty() {
        return Ok(());
    }
    let given = visitor_token::Column::EntryPointId.eq(entry_point);
    revoke(tx, given.and(visitor_token::Column::Origin.is_in(sites.iter().map(String::as_str)))).await
}

/// Ends the tokens of a customer, and what is live by them. Emits `RightsEnded`.
pub async fn revoke_for_customer(tx: &Tx<'_>, customer: &Locked<customer::Model>) -> Result<()> {
    revoke(tx, visitor_token::Column::CustomerId.eq(customer.id)).await
}

async fn revoke(tx: &Tx<'_>, which: SimpleExpr) -> Result<()> {
    let given = visitor_token::Entity::find().select_only().column(visitor_token::Column::Id).filter(which);
    let given: Vec<VisitorTokenId> = given.into_tuple().all(tx.db()).await?;
    for some in given.chunks(TOGETHER) {
        visitor_token::Entity::delete_many()
            .filter(visitor_token::Column::Id.is_in(some.iter().copied()))
            .exec(tx.db())
            .await?;
        revocation::revoke(tx, &Subject::Visits(some.to_vec()))?;
    }
    Ok(())
}
