//! Notifications, the delivery preferences of each user, and the notifications that wait to be sent by e-mail.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of notifications.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r#"CREATE TABLE notification (
                    id uuid NOT NULL PRIMARY KEY,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    kind smallint NOT NULL,
                    actor_id uuid REFERENCES "user" (id),
                    request_id uuid REFERENCES connection_request (id),
                    text text,
                    created_at timestamptz NOT NULL,
                    read_at timestamptz
                )"#,
                "CREATE INDEX notification_of_user ON notification (user_id, id)",
                "CREATE INDEX notification_of_user_by_kind ON notification (user_id, kind, id)",
                "CREATE INDEX notification_unread ON notification (user_id, id) WHERE read_at IS NULL",
                "CREATE INDEX notification_by_actor ON notification (actor_id, user_id)",
                "CREATE INDEX notification_by_age ON notification (created_at, id)",
                "CREATE UNIQUE INDEX notification_of_request ON notification (request_id, kind, user_id)",
                "CREATE UNIQUE INDEX notification_of_follower ON notification (user_id, actor_id) WHERE kind = 3",
                r#"CREATE TABLE notification_preference (
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    kind smallint NOT NULL,
                    in_app boolean NOT NULL,
                    email smallint NOT NULL,
                    PRIMARY KEY (user_id, kind)
                ) {clustered}"#,
                r#"CREATE TABLE notification_mail (
                    id uuid NOT NULL PRIMARY KEY,
                    user_id uuid NOT NULL REFERENCES "user" (id),
                    kind smallint NOT NULL,
                    actor_id uuid REFERENCES "user" (id),
                    request_id uuid REFERENCES connection_request (id),
                    text text,
                    created_at timestamptz NOT NULL,
                    due_at timestamptz NOT NULL,
                    delivery_id uuid,
                    sent_at timestamptz
                )"#,
                "CREATE UNIQUE INDEX notification_mail_once ON notification_mail (user_id, kind, actor_id)",
                "CREATE INDEX notification_mail_sent ON notification_mail (sent_at) WHERE sent_at IS NOT NULL",
                "CREATE INDEX notification_mail_of_user ON notification_mail (user_id, due_at, id) WHERE sent_at IS NULL",
                "CREATE INDEX notification_mail_by_actor ON notification_mail (actor_id, user_id)",
                "CREATE INDEX notification_mail_of_request ON notification_mail (request_id)",
            ],
        )
        .await
    }
}
