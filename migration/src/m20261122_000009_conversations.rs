//! Customers, queues, entry points, conversations with their items, and the tokens of visitors.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of customers and conversations.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(clippy::too_many_lines, reason = "one statement after another")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE customer (
                    id uuid NOT NULL PRIMARY KEY,
                    display_name text NOT NULL,
                    email text,
                    phone text,
                    external_id text {bytewise} UNIQUE,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    merged_into_id uuid REFERENCES customer (id),
                    created_at timestamptz NOT NULL,
                    updated_at timestamptz NOT NULL
                )",
                "CREATE INDEX customer_by_name ON customer (name_key, id) WHERE merged_into_id IS NULL",
                r"CREATE TABLE customer_bigram (
                    gram text {bytewise} NOT NULL,
                    name_key bytea NOT NULL,
                    customer_id uuid NOT NULL REFERENCES customer (id),
                    PRIMARY KEY (gram, name_key, customer_id)
                ) {clustered}",
                "CREATE INDEX customer_bigram_of_customer ON customer_bigram (customer_id)",
                "CREATE INDEX customer_merged_into ON customer (merged_into_id) WHERE merged_into_id IS NOT NULL",
                r"CREATE TABLE customer_identity (
                    channel smallint NOT NULL,
                    address text NOT NULL,
                    customer_id uuid NOT NULL REFERENCES customer (id),
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (channel, address)
                )",
                "CREATE INDEX customer_identity_of_customer ON customer_identity (customer_id)",
                r"CREATE TABLE queue (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    channel smallint NOT NULL,
                    offer_seconds integer CHECK (offer_seconds > 0),
                    on_unaccepted_transfer smallint NOT NULL,
                    auto_wrap_up_seconds integer CHECK (auto_wrap_up_seconds > 0),
                    inactivity_seconds integer CHECK (inactivity_seconds > 0),
                    service_level_seconds integer CHECK (service_level_seconds > 0),
                    skills json NOT NULL,
                    hours json,
                    created_at timestamptz NOT NULL,
                    archived_at timestamptz,
                    successor_id uuid REFERENCES queue (id)
                )",
                "CREATE UNIQUE INDEX queue_in_use ON queue (search_text) WHERE archived_at IS NULL",
                "CREATE INDEX queue_by_name ON queue (name_key, id) WHERE archived_at IS NULL",
                "CREATE INDEX queue_of_successor ON queue (successor_id)",
                r"CREATE TABLE entry_point (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    channel smallint NOT NULL,
                    address text NOT NULL,
                    queue_id uuid NOT NULL REFERENCES queue (id),
                    priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 10),
                    character_limit integer CHECK (character_limit > 0),
                    form json NOT NULL,
                    origins json NOT NULL,
                    identity_secret text,
                    created_at timestamptz NOT NULL,
                    archived_at timestamptz
                )",
                "CREATE UNIQUE INDEX entry_point_in_use ON entry_point (search_text) WHERE archived_at IS NULL",
                "CREATE INDEX entry_point_by_name ON entry_point (name_key, id) WHERE archived_at IS NULL",
                "CREATE UNIQUE INDEX entry_point_address ON entry_point (channel, address) WHERE archived_at IS NULL",
                "CREATE INDEX entry_point_of_queue ON entry_point (queue_id)",
                r#"CREATE TABLE conversation (
                    id uuid NOT NULL PRIMARY KEY,
                    kind smallint NOT NULL,
                    channel smallint,
                    entry_point_id uuid REFERENCES entry_point (id),
                    customer_id uuid REFERENCES customer (id),
                    topic text,
                    lo uuid REFERENCES "user" (id),
                    hi uuid REFERENCES "user" (id),
                    status smallint NOT NULL,
                    queue_id uuid REFERENCES queue (id),
                    task_id uuid,
                    last_sequence bigint NOT NULL,
                    last_customer_sequence bigint NOT NULL,
                    last_item_at timestamptz NOT NULL,
                    character_limit integer,
                    created_at timestamptz NOT NULL,
                    CHECK ((kind = 1) = (customer_id IS NOT NULL)),
                    CHECK ((kind = 2) = (lo IS NOT NULL AND hi IS NOT NULL)),
                    CHECK (lo < hi)
                )"#,
                "CREATE UNIQUE INDEX conversation_of_customer ON conversation (entry_point_id, customer_id, topic)",
                "CREATE UNIQUE INDEX conversation_of_pair ON conversation (lo, hi) WHERE lo IS NOT NULL",
                "CREATE INDEX conversation_by_customer ON conversation (customer_id, last_item_at, id)",
                "CREATE INDEX conversation_in_queue ON conversation (queue_id, last_item_at, id)",
                "CREATE INDEX conversation_by_age ON conversation (last_item_at, id)",
                "CREATE INDEX conversation_of_hi ON conversation (hi)",
                r#"CREATE TABLE participant (
                    id uuid NOT NULL PRIMARY KEY,
                    conversation_id uuid NOT NULL REFERENCES conversation (id),
                    user_id uuid REFERENCES "user" (id),
                    customer_id uuid REFERENCES customer (id),
                    key_id uuid REFERENCES api_key (id),
                    role smallint NOT NULL,
                    joined_at timestamptz NOT NULL,
                    left_at timestamptz,
                    left_sequence bigint,
                    read_up_to bigint NOT NULL,
                    settled_at timestamptz,
                    CHECK ((CASE WHEN user_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN customer_id IS NULL THEN 0 ELSE 1 END)
                        + (CASE WHEN key_id IS NULL THEN 0 ELSE 1 END) = 1),
                    CHECK (settled_at IS NULL OR user_id IS NOT NULL),
                    CHECK (left_sequence IS NULL OR left_at IS NOT NULL)
                )"#,
                "CREATE UNIQUE INDEX participant_user ON participant (conversation_id, user_id)",
                "CREATE UNIQUE INDEX participant_customer ON participant (conversation_id, customer_id)",
                "CREATE UNIQUE INDEX participant_key ON participant (conversation_id, key_id)",
                "CREATE INDEX participant_by_key ON participant (key_id) WHERE key_id IS NOT NULL",
                "CREATE INDEX participant_by_user ON participant (user_id, settled_at, conversation_id)",
                "CREATE INDEX participant_present ON participant (user_id, conversation_id) WHERE left_at IS NULL",
                "CREATE INDEX participant_by_customer ON participant (customer_id)",
                r"CREATE TABLE thread_item (
                    id uuid NOT NULL PRIMARY KEY,
                    conversation_id uuid NOT NULL REFERENCES conversation (id),
                    sequence bigint NOT NULL,
                    customer_sequence bigint,
                    kind smallint NOT NULL,
                    visibility smallint NOT NULL,
                    author_id uuid REFERENCES participant (id),
                    inbound boolean NOT NULL,
                    announcement smallint,
                    body text NOT NULL,
                    format smallint NOT NULL,
                    reply_to_id uuid REFERENCES thread_item (id),
                    task_id uuid,
                    client_message_id text,
                    digest bytea,
                    sent_at timestamptz,
                    created_at timestamptz NOT NULL,
                    edited_at timestamptz,
                    deleted_at timestamptz,
                    announcement_data json,
                    UNIQUE (conversation_id, sequence),
                    UNIQUE (conversation_id, customer_sequence),
                    CHECK ((visibility = 1) = (customer_sequence IS NULL)),
                    CHECK ((kind = 2) = (announcement IS NOT NULL))
                )",
                "CREATE UNIQUE INDEX thread_item_once ON thread_item (author_id, client_message_id)",
                "CREATE INDEX thread_item_replies ON thread_item (reply_to_id)",
                r"CREATE TABLE provider_message (
                    entry_point_id uuid NOT NULL REFERENCES entry_point (id),
                    provider_id text NOT NULL,
                    thread_item_id uuid NOT NULL REFERENCES thread_item (id),
                    direction smallint NOT NULL,
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (entry_point_id, provider_id)
                ) {clustered}",
                "CREATE INDEX provider_message_of_item ON provider_message (thread_item_id)",
                r"CREATE TABLE rendering (
                    item_id uuid NOT NULL PRIMARY KEY REFERENCES thread_item (id) ON DELETE CASCADE,
                    version smallint NOT NULL,
                    digest bytea NOT NULL,
                    html text NOT NULL
                )",
                r"CREATE TABLE receipt (
                    item_id uuid NOT NULL REFERENCES thread_item (id),
                    participant_id uuid NOT NULL REFERENCES participant (id),
                    state smallint NOT NULL,
                    at timestamptz NOT NULL,
                    PRIMARY KEY (item_id, participant_id)
                ) {clustered}",
                "CREATE INDEX receipt_by_participant ON receipt (participant_id)",
                r"CREATE TABLE visitor_token (
                    id uuid NOT NULL PRIMARY KEY,
                    secret_hash bytea NOT NULL UNIQUE,
                    customer_id uuid NOT NULL REFERENCES customer (id),
                    entry_point_id uuid NOT NULL REFERENCES entry_point (id),
                    origin text,
                    created_at timestamptz NOT NULL,
                    expires_at timestamptz NOT NULL
                )",
                "CREATE INDEX visitor_token_of_customer ON visitor_token (customer_id)",
                "CREATE INDEX visitor_token_of_site ON visitor_token (entry_point_id, origin)",
                "CREATE INDEX visitor_token_by_end ON visitor_token (expires_at)",
            ],
        )
        .await
    }
}
