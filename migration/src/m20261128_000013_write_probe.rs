//! A row for checks that the database accepts writes.

use sea_orm_migration::{
    prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager},
    sea_orm::DbBackend,
};

use crate::dialect;

/// Creates the table of the write probe.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[r"CREATE TABLE write_probe (
                    id smallint NOT NULL PRIMARY KEY CHECK (id = 1),
                    noise text NOT NULL
                )"],
        )
        .await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            // Compression would shrink the row below the space that the probe must test.
            dialect::run(manager, &["ALTER TABLE write_probe ALTER COLUMN noise SET STORAGE EXTERNAL"]).await?;
        }
        Ok(())
    }
}
