//! The audit log: the actions of administrators and of organization keys.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the table of the audit log.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE audit_entry (
                    id uuid NOT NULL PRIMARY KEY,
                    user_id uuid,
                    key_id uuid,
                    action text NOT NULL,
                    target text,
                    details json NOT NULL,
                    address text,
                    occurred_at timestamptz NOT NULL
                )",
                "CREATE INDEX audit_entry_of_user ON audit_entry (user_id, id)",
                "CREATE INDEX audit_entry_of_target ON audit_entry (target, id)",
                "CREATE INDEX audit_entry_of_action ON audit_entry (action, id)",
            ],
        )
        .await
    }
}
