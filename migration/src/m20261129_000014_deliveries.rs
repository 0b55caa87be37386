//! Deliveries that leave Rapport, and the leases of background work.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of deliveries and of leases.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE delivery (
                    id uuid NOT NULL PRIMARY KEY,
                    kind smallint NOT NULL,
                    lane text {bytewise} NOT NULL,
                    retry smallint NOT NULL,
                    status smallint NOT NULL,
                    ready boolean NOT NULL,
                    payload text NOT NULL,
                    user_id uuid REFERENCES "user" (id),
                    attempts integer NOT NULL,
                    created_at timestamptz NOT NULL,
                    due_at timestamptz NOT NULL,
                    expires_at timestamptz,
                    claimed_until timestamptz,
                    settled_at timestamptz,
                    provider_id text,
                    error text
                )"#,
                "CREATE UNIQUE INDEX delivery_sending ON delivery (lane) WHERE status = 2",
                "CREATE INDEX delivery_in_lane ON delivery (lane, id) WHERE status < 3",
                "CREATE INDEX delivery_enqueued ON delivery (lane, created_at)",
                "CREATE INDEX delivery_due ON delivery (due_at, id) WHERE status = 1 AND ready",
                "CREATE INDEX delivery_claimed ON delivery (claimed_until) WHERE status = 2",
                "CREATE INDEX delivery_dead ON delivery (id) WHERE status IN (4, 5)",
                "CREATE INDEX delivery_settled ON delivery (settled_at) WHERE settled_at IS NOT NULL",
                "CREATE INDEX delivery_of_user ON delivery (user_id)",
                r"CREATE TABLE background_lease (
                    name text {bytewise} NOT NULL PRIMARY KEY,
                    held_until timestamptz NOT NULL
                )",
            ],
        )
        .await
    }
}
