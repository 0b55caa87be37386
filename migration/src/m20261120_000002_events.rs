//! The event log: events, their sequence numbers in streams, the counters of the streams and the head of the global
//! order.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of the event log.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE event (
                    number {serial},
                    id uuid NOT NULL UNIQUE,
                    kind text NOT NULL,
                    payload json NOT NULL,
                    occurred_at timestamptz NOT NULL
                )",
                "CREATE INDEX event_by_age ON event (occurred_at, number)",
                r"CREATE TABLE stream (
                    kind smallint NOT NULL,
                    owner_id uuid NOT NULL,
                    last_sequence bigint NOT NULL,
                    pruned_sequence bigint NOT NULL,
                    PRIMARY KEY (kind, owner_id),
                    CHECK (pruned_sequence <= last_sequence)
                ) {clustered}",
                r"CREATE TABLE event_entry (
                    stream_kind smallint NOT NULL,
                    owner_id uuid NOT NULL,
                    sequence bigint NOT NULL,
                    event_number bigint NOT NULL REFERENCES event (number),
                    position bigint,
                    PRIMARY KEY (stream_kind, owner_id, sequence)
                ) {clustered}",
                "CREATE INDEX event_entry_of_event ON event_entry (event_number)",
                "CREATE INDEX event_entry_by_position ON event_entry (owner_id, position)",
                "CREATE INDEX event_entry_of_kind ON event_entry (stream_kind, position)",
                "CREATE INDEX event_entry_unsequenced ON event_entry (event_number) WHERE position IS NULL",
                r"CREATE TABLE log_head (
                    id smallint NOT NULL PRIMARY KEY CHECK (id = 1),
                    position bigint NOT NULL,
                    pruned_position bigint NOT NULL
                )",
                "INSERT INTO log_head (id, position, pruned_position) VALUES (1, 0, 0)",
            ],
        )
        .await
    }
}
