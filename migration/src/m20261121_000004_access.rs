//! Sessions with their refresh tokens, confirmed e-mail addresses, tokens that are sent by e-mail, and API keys.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of sessions and keys.
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
                    user_agent text,
                    network bytea
                )"#,
                "CREATE INDEX session_of_user ON session (user_id, id)",
                "CREATE INDEX session_ended ON session (ended_at) WHERE ended_at IS NOT NULL",
                "CREATE INDEX session_expired ON session (expires_at) WHERE ended_at IS NULL",
                "CREATE INDEX session_known_network ON session (user_id, network, used_at) WHERE network IS NOT NULL",
                r"CREATE TABLE refresh_token (
                    hash bytea NOT NULL PRIMARY KEY,
                    session_id uuid NOT NULL REFERENCES session (id),
                    created_at timestamptz NOT NULL,
                    used_at timestamptz
                )",
                "CREATE INDEX refresh_token_of_session ON refresh_token (session_id)",
                "CREATE INDEX refresh_token_used ON refresh_token (used_at) WHERE used_at IS NOT NULL",
                r#"CREATE TABLE confirmed_email (
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    address_key text {bytewise} NOT NULL,
                    confirmed_at timestamptz NOT NULL,
                    PRIMARY KEY (user_id, address_key)
                ) {clustered}"#,
                "CREATE INDEX confirmed_email_by_address ON confirmed_email (address_key)",
                r#"CREATE TABLE mail_token (
                    hash bytea NOT NULL PRIMARY KEY,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    purpose smallint NOT NULL,
                    address_key text NOT NULL,
                    created_at timestamptz NOT NULL,
                    expires_at timestamptz NOT NULL,
                    used_at timestamptz
                )"#,
                "CREATE INDEX mail_token_expires ON mail_token (expires_at)",
                "CREATE INDEX mail_token_of_user ON mail_token (user_id, purpose, created_at)",
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
                    trusted_documents_only boolean NOT NULL,
                    created_at timestamptz NOT NULL,
                    expires_at timestamptz,
                    last_used_at timestamptz,
                    revoked_at timestamptz
                )"#,
                "CREATE UNIQUE INDEX api_key_prefix_key ON api_key (prefix)",
                "CREATE INDEX api_key_of_owner ON api_key (owner_id, id)",
                "CREATE INDEX api_key_of_kind ON api_key (kind, id)",
                r"CREATE TABLE trusted_document (
                    id uuid NOT NULL PRIMARY KEY,
                    digest text {bytewise} NOT NULL,
                    body text NOT NULL,
                    created_at timestamptz NOT NULL
                )",
                "CREATE UNIQUE INDEX trusted_document_digest_key ON trusted_document (digest)",
            ],
        )
        .await
    }
}
