//! Files of messages.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the table of attachments, and the rules of entry points for files.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE attachment (
                    id uuid NOT NULL PRIMARY KEY,
                    conversation_id uuid NOT NULL REFERENCES conversation (id),
                    uploader text NOT NULL,
                    client_upload_id text NOT NULL,
                    digest bytea NOT NULL,
                    item_id uuid REFERENCES thread_item (id),
                    position smallint NOT NULL,
                    name text NOT NULL,
                    media_type text NOT NULL,
                    byte_size bigint NOT NULL CHECK (byte_size > 0),
                    sha256 bytea NOT NULL,
                    width integer,
                    height integer,
                    has_thumbnail boolean NOT NULL,
                    scan smallint NOT NULL,
                    created_at timestamptz NOT NULL,
                    stored_at timestamptz,
                    removed_at timestamptz,
                    CHECK (item_id IS NULL OR stored_at IS NOT NULL)
                )",
                "CREATE UNIQUE INDEX attachment_of_call ON attachment (uploader, client_upload_id)",
                "CREATE UNIQUE INDEX attachment_of_item ON attachment (item_id, position) WHERE item_id IS NOT NULL",
                "CREATE INDEX attachment_of_conversation ON attachment (conversation_id, id)",
                "CREATE INDEX attachment_unsent ON attachment (created_at, id) WHERE item_id IS NULL AND removed_at IS NULL",
                "CREATE INDEX attachment_removed ON attachment (removed_at, id) WHERE removed_at IS NOT NULL",
                "ALTER TABLE entry_point ADD COLUMN attachment_overrides json",
            ],
        )
        .await
    }
}
