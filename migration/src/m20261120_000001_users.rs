//! Users, their passwords, their contact details and the search index.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of users.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE "user" (
                    id uuid NOT NULL PRIMARY KEY,
                    handle text NOT NULL,
                    display_name text NOT NULL,
                    given_name text,
                    family_name text,
                    additional_name text,
                    name_prefix text,
                    name_suffix text,
                    title text,
                    organization text,
                    avatar_url text,
                    locale text,
                    time_zone text,
                    role smallint NOT NULL,
                    status smallint NOT NULL,
                    who_may_request_connection smallint NOT NULL,
                    who_may_follow smallint NOT NULL,
                    name_key bytea NOT NULL,
                    created_at timestamptz NOT NULL,
                    updated_at timestamptz NOT NULL
                )"#,
                r#"CREATE UNIQUE INDEX user_handle_key ON "user" (handle)"#,
                r#"CREATE INDEX user_by_name ON "user" (status, name_key, id)"#,
                r#"CREATE INDEX user_by_age ON "user" (status, created_at, id)"#,
                r#"CREATE TABLE avatar (
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    size smallint NOT NULL,
                    token text {bytewise} NOT NULL,
                    jpeg bytea NOT NULL,
                    PRIMARY KEY (user_id, size)
                )"#,
                "CREATE UNIQUE INDEX avatar_token_key ON avatar (token, size)",
                r"CREATE TABLE directory_count (
                    id smallint NOT NULL PRIMARY KEY CHECK (id = 1),
                    people bigint NOT NULL
                )",
                "INSERT INTO directory_count (id, people) VALUES (1, 0)",
                r"CREATE TABLE text_keys (
                    id smallint NOT NULL PRIMARY KEY CHECK (id = 1),
                    version text NOT NULL,
                    building text NOT NULL,
                    stage smallint NOT NULL,
                    reached uuid
                )",
                "INSERT INTO text_keys (id, version, building, stage) VALUES (1, '', '', 0)",
                r#"CREATE TABLE credential (
                    user_id uuid NOT NULL PRIMARY KEY REFERENCES "user" (id),
                    password_hash text NOT NULL,
                    updated_at timestamptz NOT NULL
                )"#,
                r#"CREATE TABLE user_search (
                    user_id uuid NOT NULL PRIMARY KEY REFERENCES "user" (id),
                    text text NOT NULL,
                    connections_text text NOT NULL
                )"#,
                r#"CREATE TABLE user_bigram (
                    gram text {bytewise} NOT NULL,
                    name_key bytea NOT NULL,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    PRIMARY KEY (gram, name_key, user_id)
                ) {clustered}"#,
                "CREATE INDEX user_bigram_of_user ON user_bigram (user_id)",
                r#"CREATE TABLE user_detail (
                    user_id uuid NOT NULL PRIMARY KEY REFERENCES "user" (id),
                    details json NOT NULL
                )"#,
                r#"CREATE TABLE user_email (
                    address_key text {bytewise} NOT NULL,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    visibility smallint NOT NULL,
                    PRIMARY KEY (address_key, user_id)
                ) {clustered}"#,
                "CREATE INDEX user_email_of_user ON user_email (user_id)",
            ],
        )
        .await
    }
}
