//! Activities with their authors, and idempotency keys.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of activities.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE activity (
                    id uuid NOT NULL PRIMARY KEY,
                    kind smallint NOT NULL,
                    actor_id uuid NOT NULL REFERENCES "user" (id),
                    subject_id uuid REFERENCES "user" (id),
                    text text,
                    application text,
                    url text,
                    connections_only boolean NOT NULL,
                    created_at timestamptz NOT NULL
                )"#,
                r#"CREATE TABLE activity_author (
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    activity_id uuid NOT NULL REFERENCES activity (id),
                    other_id uuid REFERENCES "user" (id),
                    connections_only boolean NOT NULL,
                    PRIMARY KEY (user_id, activity_id)
                ) {clustered}"#,
                r#"CREATE TABLE idempotency_key (
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    key text {bytewise} NOT NULL,
                    digest bytea NOT NULL,
                    target uuid NOT NULL,
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (owner_id, key)
                ) {clustered}"#,
                r#"CREATE TABLE latest_activity (
                    user_id uuid NOT NULL PRIMARY KEY REFERENCES "user" (id),
                    activity_id uuid,
                    other_id uuid REFERENCES "user" (id),
                    connections_only boolean NOT NULL
                ) {clustered}"#,
                "CREATE INDEX activity_author_of_activity ON activity_author (activity_id)",
            ],
        )
        .await
    }
}
