//! Runs statements on both databases. Placeholders stand for the words that the two databases spell differently.
//!
//! | placeholder | PostgreSQL | SQLite |
//! |---|---|---|
//! | `{serial}` | an identity column, primary key | `INTEGER PRIMARY KEY AUTOINCREMENT` |
//! | `{clustered}` | nothing | `WITHOUT ROWID`: rows are stored in the order of the primary key |
//! | `{bytewise}` | `COLLATE "C"` | nothing, because SQLite compares text by bytes |
//! | `{uuid:…}` | an id, as text | an id, as bytes |
//! | `{uuid:}` | no bytes | no bytes |

use sea_orm_migration::{
    prelude::{DbErr, SchemaManager},
    sea_orm::{ConnectionTrait, DbBackend},
};

/// Replaces the placeholders in the statements and runs them in order.
pub async fn run(manager: &SchemaManager<'_>, statements: &[&str]) -> Result<(), DbErr> {
    let words = match manager.get_database_backend() {
        DbBackend::Postgres => [
            ("{serial}", "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY"),
            ("{clustered}", ""),
            ("{bytewise}", "COLLATE \"C\""),
            ("{uuid:", "'"),
        ],
        _ => [
            ("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{clustered}", "WITHOUT ROWID"),
            ("{bytewise}", ""),
            ("{uuid:", "x'"),
        ],
    };
    for statement in statements {
        let mut sql = (*statement).to_owned();
        for (word, meaning) in words {
            sql = sql.replace(word, meaning);
        }
        // The remaining braces end the ids.
        let sql = sql.replace('}', "'");
        manager.get_connection().execute_unprepared(&sql).await?;
    }
    Ok(())
}
