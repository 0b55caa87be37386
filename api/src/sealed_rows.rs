//! The sealed texts in the database, checked and renewed at the start.

use std::fmt::Write as _;

use anyhow::bail;
use entity::sealed::Sealed;
use sea_orm::{DbErr, FromQueryResult};
use uuid::Uuid;

use crate::{
    app::App,
    database::sql::Sql,
    sealing::{SEALED_COLUMNS, SealedColumn},
};

#[derive(Debug, FromQueryResult)]
struct SealedRow {
    id: Uuid,
    sealed: Sealed,
}

/// Seals all texts again that an earlier key sealed. Fails if this instance cannot open one of them, because its key
/// is missing or is another one: no instance may serve without its secrets.
pub async fn renew(app: &App) -> anyhow::Result<()> {
    let mut unreadable = String::new();
    for column in SEALED_COLUMNS {
        let mut closed = 0;
        for row in sealed_by_others(app, column).await? {
            match app.config.sealing.open(column, row.id, &row.sealed) {
                Some(text) => renew_one(app, column, &row, &text).await?,
                None => closed += 1,
            }
        }
        if closed > 0 {
            let separator = if unreadable.is_empty() { "" } else { ", " };
            write!(unreadable, "{separator}{closed} of {}.{}", column.table, column.column)?;
        }
    }
    if !unreadable.is_empty() {
        bail!("RAPPORT_SEALING_KEYS is refused: it lacks the key of secrets in the database ({unreadable})");
    }
    Ok(())
}

/// Reads the texts that the present key did not seal.
async fn sealed_by_others(app: &App, column: SealedColumn) -> Result<Vec<SealedRow>, DbErr> {
    let SealedColumn { table, column: name } = column;
    let prefix = app.config.sealing.current_prefix();
    let mut sql = Sql::new(&format!("SELECT id, {name} AS sealed FROM {table} WHERE {name} IS NOT NULL"));
    sql.push(&format!(" AND substr({name}, 1, {}) <> ", prefix.len()));
    sql.bind(prefix);
    sql.all(app.db.read()).await
}

/// Seals one text with the present key, unless it was changed meanwhile.
async fn renew_one(app: &App, column: SealedColumn, row: &SealedRow, text: &str) -> anyhow::Result<()> {
    let Some(sealed) = &app.config.sealing.seal(column, row.id, text) else { bail!("no random numbers") };
    let renewed = app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new(&format!("UPDATE {} SET {} = ", column.table, column.column));
            sql.bind(sealed.clone());
            sql.push(" WHERE id = ");
            sql.bind(row.id);
            sql.push(&format!(" AND {} = ", column.column));
            sql.bind(row.sealed.clone());
            Ok(sql.run(tx.db()).await?)
        })
    });
    renewed.await.map_err(|error| anyhow::anyhow!("a secret cannot be sealed again: {error:?}"))?;
    Ok(())
}
