//! Indexes for the conversations of a user in the order of their newest item, and notifications of direct messages.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Adds the indexes of direct conversations and the conversation of a notification.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                "DROP INDEX conversation_of_hi",
                "DROP INDEX conversation_by_age",
                "CREATE INDEX conversation_of_kind_by_age ON conversation (kind, last_item_at, id)",
                "CREATE INDEX conversation_of_lo_by_age ON conversation (lo, last_item_at, id) WHERE lo IS NOT NULL",
                "CREATE INDEX conversation_of_hi_by_age ON conversation (hi, last_item_at, id) WHERE hi IS NOT NULL",
                "ALTER TABLE notification ADD COLUMN conversation_id uuid REFERENCES conversation (id)",
                "CREATE UNIQUE INDEX notification_of_conversation ON notification (conversation_id, user_id)",
            ],
        )
        .await
    }
}
