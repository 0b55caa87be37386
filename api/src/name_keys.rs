//! The stored keys of names, rebuilt when the Unicode tables or the rules of this product change. One row of the
//! database names the version of all keys. An instance with another version rebuilds the keys in batches before it
//! serves. Each batch saves its progress, so that a rebuild continues after a crash.
//!
//! No instance of another version may write meanwhile, because a row written behind the rebuild would have keys of
//! that version.

use entity::{
    id::{CustomerId, PersonalContactId, UserId},
    text_keys,
};
use sea_orm::{ActiveModelTrait as _, EntityTrait as _, FromQueryResult, IntoActiveModel as _};
use uuid::Uuid;

use crate::{
    address_book::book_entries,
    app::{App, Tx},
    contact_center::locks,
    conversations::customer_index,
    database::sql::Sql,
    error::{Error, Result},
    text::{self, named},
    users::index,
};

/// The number of rows that one transaction rebuilds.
pub const ROWS: u64 = 500;

/// The order of the stages: the tables of named things, then users, personal contacts and customers.
const TABLES: [&str; 6] = ["queue", "entry_point", "multimedia_profile", "idle_reason", "wrap_up_reason", "skill"];
const PEOPLE: usize = TABLES.len();
const BOOKS: usize = PEOPLE + 1;
const CUSTOMERS: usize = BOOKS + 1;

/// Rebuilds all keys if their version differs from the version of this instance.
pub async fn refresh(app: &App) -> anyhow::Result<()> {
    let kept = text_keys::Entity::find().one(app.db.read()).await?;
    let kept = kept.map(|kept| kept.version).unwrap_or_default();
    if kept == text::version() {
        return Ok(());
    }
    // A new database has only the few rows of its migrations.
    let is_new = kept.is_empty();
    if !is_new {
        tracing::info!(from = kept, to = text::version(), "rebuilding the keys of names");
    }
    app.db
        .exclusively(async {
            while step(app, ROWS)
                .await
                .map_err(|error| anyhow::anyhow!("the keys of names cannot be rebuilt: {error:?}"))?
            {
                anyhow::ensure!(!app.shutdown.is_cancelled(), "stopped while the keys of names were being rebuilt");
            }
            Ok(())
        })
        .await?;
    if !is_new {
        tracing::info!("rebuilt the keys of names");
    }
    Ok(())
}

/// Rebuilds the keys of the next rows in one transaction. Returns true when more are left.
pub async fn step(app: &App, rows: u64) -> Result<bool> {
    app.transaction(|tx| Box::pin(rebuild_some(tx, rows))).await
}

async fn rebuild_some(tx: &Tx<'_>, rows: u64) -> Result<bool> {
    let version = text::version();
    let state = tx.lock_one(text_keys::Entity::find()).await?;
    let state = state.ok_or_else(|| Error::internal(anyhow::anyhow!("the row of the keys' version is missing")))?;
    let mut state = state.into_row();
    if state.version == version {
        return Ok(false);
    }
    if state.building != version {
        state = text_keys::Model { building: version.to_owned(), stage: 0, reached: None, ..state };
    }
    let mut left = rows;
    while left > 0 && state.building == version {
        let stage = usize::try_from(state.stage).unwrap_or_default();
        let (done, last) = rebuild_stage(tx, stage, state.reached, left).await?;
        let ended = done < left || stage < PEOPLE;
        left = left.saturating_sub(done);
        match ended {
            false => state.reached = last,
            true if stage < CUSTOMERS => (state.stage, state.reached) = (state.stage + 1, None),
            true => state = text_keys::Model { version: version.to_owned(), building: String::new(), ..state },
        }
    }
    let more = state.version != version;
    state.into_active_model().reset_all().update(tx.db()).await?;
    Ok(more)
}

/// Rebuilds rows of a stage after the id `after`. Returns the number of rows and the id of the last one.
async fn rebuild_stage(tx: &Tx<'_>, stage: usize, after: Option<Uuid>, limit: u64) -> Result<(u64, Option<Uuid>)> {
    if let Some(table) = TABLES.get(stage) {
        return Ok((rebuild_table(tx, table).await?, None));
    }
    Ok(match stage {
        PEOPLE => {
            let (done, last) = index::rebuild(tx, after.map(UserId), limit).await?;
            (done, last.map(|id| id.0))
        }
        CUSTOMERS => {
            let (done, last) = customer_index::rebuild(tx, after.map(CustomerId), limit).await?;
            (done, last.map(|id| id.0))
        }
        _ => {
            let (done, last) = book_entries::rebuild(tx, after.map(PersonalContactId), limit).await?;
            (done, last.map(|id| id.0))
        }
    })
}

#[derive(FromQueryResult)]
struct NamedRow {
    id: Uuid,
    name: String,
    search_text: String,
    in_use: bool,
}

/// Rebuilds the keys of a whole table at once, because it is small and two rows may swap their keys. When two rows in
/// use get the same name, the later one gets a key that names its id, and it is still listed and found.
async fn rebuild_table(tx: &Tx<'_>, table: &str) -> Result<u64> {
    locks::lock_configuration(tx).await?;
    let in_use = if table == "skill" { "(1 = 1)" } else { "(archived_at IS NULL)" };
    let sql = Sql::new(&format!("SELECT id, name, search_text, {in_use} AS in_use FROM {table} ORDER BY id"));
    let rows: Vec<NamedRow> = sql.all(tx.db()).await?;
    let mut taken = std::collections::HashSet::new();
    let mut changes = Vec::new();
    for row in &rows {
        let (name_key, mut search_text) = named::keys(&row.name);
        if row.in_use && !taken.insert(search_text.clone()) {
            search_text = format!("{search_text} {}", mark(row.id));
        }
        if search_text != row.search_text {
            set(tx, table, row.id, "search_text", mark(row.id)).await?;
        }
        changes.push((row.id, name_key, search_text));
    }
    for (id, name_key, search_text) in changes {
        set(tx, table, id, "name_key", name_key).await?;
        set(tx, table, id, "search_text", search_text).await?;
    }
    Ok(rows.len() as u64)
}

/// Makes a text that no search contains and no two rows share.
fn mark(id: Uuid) -> String {
    format!("\u{1}{}", id.simple())
}

async fn set(tx: &Tx<'_>, table: &str, id: Uuid, column: &str, value: impl Into<sea_orm::Value>) -> Result<()> {
    let mut sql = Sql::new(&format!("UPDATE {table} SET {column} = "));
    sql.bind(value);
    sql.push(" WHERE id = ");
    sql.bind(id);
    sql.run(tx.db()).await?;
    Ok(())
}
