//! The migrations for SQLite and PostgreSQL. They are written in SQL that both databases accept. [`dialect`] has
//! placeholders for the few differences. There are no down migrations.

use sea_orm_migration::{
    async_trait,
    prelude::{DbErr, MigrationName, MigrationTrait, MigratorTrait, SchemaManager},
};

mod dialect;
mod m20261120_000001_users;
mod m20261120_000002_events;
mod m20261120_000003_relationships;
mod m20261121_000004_access;
mod m20261121_000005_activities;
mod m20261121_000006_notifications;
mod m20261121_000007_personal_contacts;
mod m20261121_000008_audit;
mod m20261122_000009_conversations;
mod m20261122_000010_agents;
mod m20261122_000011_threads;
mod m20261122_000012_visits;
mod m20261128_000013_write_probe;
mod m20261129_000014_deliveries;
mod m20261130_000015_attachments;
mod m20261130_000016_templates;

/// The list of migrations in their order.
/// The migrations of the database, in their order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Whole(m20261120_000001_users::Migration)),
            Box::new(Whole(m20261120_000002_events::Migration)),
            Box::new(Whole(m20261120_000003_relationships::Migration)),
            Box::new(Whole(m20261121_000004_access::Migration)),
            Box::new(Whole(m20261121_000005_activities::Migration)),
            Box::new(Whole(m20261121_000006_notifications::Migration)),
            Box::new(Whole(m20261121_000007_personal_contacts::Migration)),
            Box::new(Whole(m20261121_000008_audit::Migration)),
            Box::new(Whole(m20261122_000009_conversations::Migration)),
            Box::new(Whole(m20261122_000010_agents::Migration)),
            Box::new(Whole(m20261122_000011_threads::Migration)),
            Box::new(Whole(m20261122_000012_visits::Migration)),
            Box::new(Whole(m20261128_000013_write_probe::Migration)),
            Box::new(Whole(m20261129_000014_deliveries::Migration)),
            Box::new(Whole(m20261130_000015_attachments::Migration)),
            Box::new(Whole(m20261130_000016_templates::Migration)),
        ]
    }
}

/// Applies a migration in one transaction, on SQLite too. A start that fails during a migration can therefore be
/// repeated.
struct Whole<M>(M);

impl<M: MigrationName> MigrationName for Whole<M> {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait::async_trait]
impl<M: MigrationTrait> MigrationTrait for Whole<M> {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.0.up(manager).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
