//! Giving visitors' tokens, ending and forgetting them. The text of a token is shown once.

use entity::{
    id::{CustomerId, EntryPointId, VisitorTokenId},
    visitor_token,
};
use sea_orm::{ColumnTrait as _, EntityTrait, IntoActiveModel as _, QueryFilter as _, QuerySelect as _};

use crate::{
    app::{App, Tx},
    auth::{
        context::Site,
        rights::{self, Subject},
        secret,
        viewer::VisitorViewer,
        visits,
    },
    database::sql::Sql,
    error::Result,
};

/// Random bytes of a token.
const BYTES: usize = 32;

/// Tokens that are forgotten in one transaction.
const BATCH: i64 = 500;

/// Tokens that one statement and one event name.
const TOGETHER: usize = 500;

/// A token that was made, and who has it. Its text is kept nowhere.
pub struct Given {
    pub text: String,
    pub visitor: VisitorViewer,
}

/// Makes a token for a customer at an entry point, to be taken from no other site than this.
pub async fn give(tx: &Tx<'_>, customer: CustomerId, entry_point: EntryPointId, site: Option<&Site>) -> Result<Given> {
    let text = format!("{}{}", visits::START, secret::random(BYTES)?);
    let now = tx.clock().now();
    let expires_at = visits::end(tx.config(), now);
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
    Ok(Given { text, visitor })
}

/// Ends a visitor's token for ever, and what is live by it; whether it had not ended before.
pub async fn end(app: &App, by: &VisitorViewer) -> Result<bool> {
    let token = by.token;
    app.transaction(|tx| {
        Box::pin(async move {
            let gone = visitor_token::Entity::delete_by_id(token).exec(tx.db()).await?.rows_affected > 0;
            if gone {
                rights::end(tx, &Subject::Visit(token))?;
            }
            Ok(gone)
        })
    })
    .await
}

/// Ends the tokens that were given at an entry point to pages of some sites, and what is live by them.
pub async fn end_of_sites(tx: &Tx<'_>, entry_point: EntryPointId, sites: &[String]) -> Result<()> {
    if sites.is_empty() {
        return Ok(());
    }
    let given = visitor_token::Entity::find()
        .select_only()
        .column(visitor_token::Column::Id)
        .filter(visitor_token::Column::EntryPointId.eq(entry_point))
        .filter(visitor_token::Column::Origin.is_in(sites.iter().map(String::as_str)));
    let given: Vec<VisitorTokenId> = given.into_tuple().all(tx.db()).await?;
    for some in given.chunks(TOGETHER) {
        visitor_token::Entity::delete_many()
            .filter(visitor_token::Column::Id.is_in(some.iter().copied()))
            .exec(tx.db())
            .await?;
        rights::end(tx, &Subject::Visits(some.to_vec()))?;
    }
    Ok(())
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
