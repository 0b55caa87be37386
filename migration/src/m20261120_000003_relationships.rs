//! Relationships of two users, connection requests, and the contact lists that follow from the relationships.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of relationships.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE relationship (
                    lo uuid NOT NULL REFERENCES "user" (id),
                    hi uuid NOT NULL REFERENCES "user" (id),
                    connection smallint NOT NULL,
                    request_id uuid,
                    lo_follows boolean NOT NULL,
                    hi_follows boolean NOT NULL,
                    lo_blocks boolean NOT NULL,
                    hi_blocks boolean NOT NULL,
                    lo_hidden_request_id uuid,
                    hi_hidden_request_id uuid,
                    lo_cooldown_until timestamptz,
                    hi_cooldown_until timestamptz,
                    lo_mutes smallint NOT NULL,
                    hi_mutes smallint NOT NULL,
                    lo_mutes_until timestamptz,
                    hi_mutes_until timestamptz,
                    updated_at timestamptz NOT NULL,
                    PRIMARY KEY (lo, hi),
                    CONSTRAINT pair_is_ordered CHECK (lo < hi),
                    CONSTRAINT connection_is_known CHECK (connection BETWEEN 0 AND 3),
                    CONSTRAINT request_is_named CHECK (connection NOT IN (1, 2) OR request_id IS NOT NULL),
                    CONSTRAINT block_clears_all CHECK (
                        NOT (lo_blocks OR hi_blocks) OR (connection = 0 AND NOT lo_follows AND NOT hi_follows)
                    )
                ) {clustered}"#,
                "CREATE INDEX relationship_by_hi ON relationship (hi, lo)",
                r#"CREATE TABLE connection_request (
                    id uuid NOT NULL PRIMARY KEY,
                    requester_id uuid NOT NULL REFERENCES "user" (id),
                    recipient_id uuid NOT NULL REFERENCES "user" (id),
                    lo uuid NOT NULL,
                    hi uuid NOT NULL,
                    message text,
                    requester_status smallint NOT NULL,
                    recipient_status smallint NOT NULL,
                    hidden_until timestamptz,
                    created_at timestamptz NOT NULL,
                    requester_decided_at timestamptz,
                    recipient_decided_at timestamptz,
                    CONSTRAINT not_to_oneself CHECK (requester_id <> recipient_id)
                )"#,
                "CREATE UNIQUE INDEX one_pending_request ON connection_request (lo, hi) WHERE recipient_status = 1",
                "CREATE INDEX connection_request_in ON connection_request (recipient_id, id)",
                "CREATE INDEX connection_request_in_by_status ON connection_request (recipient_id, recipient_status, id)",
                "CREATE INDEX connection_request_out ON connection_request (requester_id, id)",
                "CREATE INDEX connection_request_out_by_status ON connection_request (requester_id, requester_status, id)",
                r#"CREATE TABLE contact (
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    list smallint NOT NULL,
                    name_key bytea NOT NULL,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    until timestamptz,
                    since timestamptz NOT NULL,
                    PRIMARY KEY (owner_id, list, name_key, user_id)
                ) {clustered}"#,
                "CREATE INDEX contact_of_user ON contact (user_id, list, owner_id, until)",
                "CREATE INDEX contact_count ON contact (owner_id, list, until)",
                "CREATE INDEX contact_by_since ON contact (owner_id, list, since, user_id)",
                r#"CREATE TABLE note (
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    about_id uuid NOT NULL REFERENCES "user" (id),
                    text text NOT NULL,
                    updated_at timestamptz NOT NULL,
                    PRIMARY KEY (owner_id, about_id)
                ) {clustered}"#,
                "CREATE INDEX note_about ON note (about_id)",
            ],
        )
        .await
    }
}
