//! Idempotency keys of visitors, so that each key begins one web chat.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the table of web chat keys.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE web_chat_key (
                    customer_id uuid NOT NULL REFERENCES customer (id),
                    key_hash bytea NOT NULL,
                    digest bytea NOT NULL,
                    conversation_id uuid NOT NULL REFERENCES conversation (id),
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (customer_id, key_hash)
                ) {clustered}",
                "CREATE INDEX web_chat_key_of_conversation ON web_chat_key (conversation_id)",
            ],
        )
        .await
    }
}
