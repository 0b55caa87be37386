//! Sessions with their refresh tokens, and API keys.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE session (
                    id uuid NOT NULL PRIMARY KEY,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    created_at timestamptz NOT NULL,
                    used_at timestamptz NOT NULL,
                    expires_at timestamptz NOT NULL,
                    ended_at timestamptz,
                    user_agent text
                )"#,
                "CREATE INDEX session_of_user ON session (user_id, id)",
                "CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL",
                r"CREATE TABLE refresh_token (
                    hash bytea NOT NULL PRIMARY KEY,
                    session_id uuid NOT NULL REFERENCES session (id),
                    created_at timestamptz NOT NULL,
                    used_at timestamptz
                )",
                "CREATE INDEX refresh_token_of_session ON refresh_token (session_id)",
                r#"CREATE TABLE api_key (
                    id uuid NOT NULL PRIMARY KEY,
                    prefix text NOT NULL,
                    secret_hash bytea NOT NULL,
                    previous_hash bytea,
                    previous_until timestamptz,
                    kind smallint NOT NULL,
                    name text NOT NULL,
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    scopes text NOT NULL,
                    created_at timestamptz NOT NULL,
                    expires_at timestamptz,
                    last_used_at timestamptz,
                    revoked_at timestamptz
                )"#,
                "CREATE UNIQUE INDEX api_key_prefix_key ON api_key (prefix)",
                "CREATE INDEX api_key_of_owner ON api_key (owner_id, id)",
                "CREATE INDEX api_key_of_kind ON api_key (kind, id)",
            ],
        )
        .await
    }
}
