//! Templates: prepared texts with versions.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of templates.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE template (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    find_text text NOT NULL,
                    shortcut text,
                    shortcut_key text,
                    category text,
                    channels json NOT NULL,
                    stage smallint,
                    locked boolean NOT NULL,
                    by_administrator boolean NOT NULL,
                    version integer NOT NULL CHECK (version > 0),
                    created_at timestamptz NOT NULL,
                    updated_at timestamptz NOT NULL,
                    archived_at timestamptz,
                    CHECK ((shortcut IS NULL) = (shortcut_key IS NULL))
                )",
                "CREATE UNIQUE INDEX template_in_use ON template (search_text) WHERE archived_at IS NULL",
                "CREATE UNIQUE INDEX template_shortcut ON template (shortcut_key) WHERE archived_at IS NULL",
                "CREATE INDEX template_by_name ON template (name_key, id) WHERE archived_at IS NULL",
                r"CREATE TABLE template_version (
                    template_id uuid NOT NULL REFERENCES template (id),
                    version integer NOT NULL,
                    body text NOT NULL,
                    format smallint NOT NULL,
                    parameters json NOT NULL,
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (template_id, version)
                )",
                r"CREATE TABLE template_use (
                    item_id uuid NOT NULL PRIMARY KEY REFERENCES thread_item (id),
                    template_id uuid NOT NULL,
                    version integer NOT NULL,
                    edited boolean NOT NULL,
                    FOREIGN KEY (template_id, version) REFERENCES template_version (template_id, version)
                )",
                "CREATE INDEX template_use_of_version ON template_use (template_id, version)",
            ],
        )
        .await
    }
}
