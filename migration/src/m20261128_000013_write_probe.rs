//! A row that is written to find out whether the database can be written to.

use sea_orm_migration::{
    prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager},
    sea_orm::DbBackend,
};

use crate::dialect;

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
            // Compressed, it would need less space than what it stands for.
            dialect::run(manager, &["ALTER TABLE write_probe ALTER COLUMN noise SET STORAGE EXTERNAL"]).await?;
        }
        Ok(())
    }
}
