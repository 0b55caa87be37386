//! The private address books of users.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of address books.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE personal_contact (
                    id uuid NOT NULL PRIMARY KEY,
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    display_name text NOT NULL,
                    given_name text,
                    family_name text,
                    additional_name text,
                    name_prefix text,
                    name_suffix text,
                    title text,
                    organization text,
                    note text,
                    details json NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    card_uid text,
                    created_at timestamptz NOT NULL,
                    updated_at timestamptz NOT NULL
                )"#,
                "CREATE INDEX personal_contact_by_name ON personal_contact (owner_id, name_key, id)",
                "CREATE UNIQUE INDEX personal_contact_of_card ON personal_contact (owner_id, card_uid) WHERE card_uid IS NOT NULL",
                r#"CREATE TABLE personal_email (
                    owner_id uuid NOT NULL REFERENCES "user" (id),
                    address_key text {bytewise} NOT NULL,
                    contact_id uuid NOT NULL REFERENCES personal_contact (id),
                    PRIMARY KEY (owner_id, address_key)
                ) {clustered}"#,
                "CREATE INDEX personal_email_of_contact ON personal_email (contact_id)",
            ],
        )
        .await
    }
}
