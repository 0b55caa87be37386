//! Visitor tokens: their creation, end and removal. The text of a token is shown only once.

use entity::{
    id::{CustomerId, EntryPointId, VisitorTokenId},
    visitor_token,
};
use sea_orm::{EntityTrait, IntoActiveModel as _};

use crate::{
    app::{App, Tx},
    auth::{
        request_context::Site,
        revocation::{self, Subject},
        secret,
        viewer::VisitorViewer,
        visitor_tokens,
    },
    database::sql::Sql,
    error::Result,
};

/// Number of random bytes in a token.
const BYTES: usize = 32;

/// Maximum number of tokens that one transaction removes.
const BATCH: i64 = 500;

/// A token that was made, and who has it. Its text is kept nowhere.
pub struct IssuedToken {
    /// The text of the token, `rv_…`.
    pub text: String,
    /// The visitor whom the token identifies.
    pub visitor: VisitorViewer,
}

/// Creates a token for a customer at an entry point. No other web site than `site` can use it.
pub async fn issue(
    tx: &Tx<'_>,
    customer: CustomerId,
    entry_point: EntryPointId,
    site: Option<&Site>,
) -> Result<IssuedToken> {
    let text = format!("{}{}", visitor_tokens::START, secret::random(BYTES)?);
    let now = tx.clock().now();
    let expires_at = visitor_tokens::expiry(tx.config(), now);
    let row = visitor_token::Model {
        id: VisitorTokenId(tx.clock().uuid()),
        secret_hash: secret::digest(&text),
        customer_id: customer,
        entry_point_id: entry_point,
        origin: site.map(|site| site.origin.to_string()),
        created_at: now,
        expires_at,
    };
    let visitor = VisitorViewer { token: row.id, customer, entry_point, expires_at };
    visitor_token::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(IssuedToken { text, visitor })
}

/// Ends a visitor token permanently, with the connections that use it. Returns true if it had not ended before. Emits
/// `RightsEnded`.
pub async fn end(app: &App, by: &VisitorViewer) -> Result<bool> {
    let token = by.token;
    app.transaction(|tx| {
        Box::pin(async move {
            let gone = visitor_token::Entity::delete_by_id(token).exec(tx.db()).await?.rows_affected > 0;
            if gone {
                revocation::revoke(tx, &Subject::Visit(token))?;
            }
            Ok(gone)
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
                let mut sql = Sql::new(
                    "DELETE FROM visitor_token WHERE id IN (SELECT id FROM visitor_token WHERE expires_at <= ",
                );
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
