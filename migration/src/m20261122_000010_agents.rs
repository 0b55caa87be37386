//! Agents with their states and skills, tasks with their assignments, offers, wrap-ups, and timers.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};

use crate::dialect;

/// Creates the tables of agents and tasks.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[sea_orm_migration::async_trait::async_trait]
impl MigrationTrait for Migration {
    #[expect(clippy::too_many_lines, reason = "one statement after another")]
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        dialect::run(
            manager,
            &[
                r"CREATE TABLE skill (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL UNIQUE
                )",
                "CREATE INDEX skill_by_name ON skill (name_key, id)",
                r"CREATE TABLE multimedia_profile (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    mode smallint NOT NULL,
                    chat smallint NOT NULL CHECK (chat BETWEEN 0 AND 5),
                    email smallint NOT NULL CHECK (email BETWEEN 0 AND 10),
                    social smallint NOT NULL CHECK (social BETWEEN 0 AND 5),
                    is_default boolean NOT NULL,
                    archived_at timestamptz
                )",
                // The rows that this migration inserts have empty name keys. The first instance fills them when it
                // starts.
                "CREATE UNIQUE INDEX multimedia_profile_in_use ON multimedia_profile (search_text) WHERE archived_at IS NULL",
                "CREATE INDEX multimedia_profile_by_name ON multimedia_profile (name_key, id) WHERE archived_at IS NULL",
                "CREATE UNIQUE INDEX multimedia_profile_default ON multimedia_profile (is_default) WHERE is_default",
                "INSERT INTO multimedia_profile (id, name, name_key, search_text, mode, chat, email, social, is_default) VALUES ({uuid:0193500000007000800000000000a001}, 'Default', {uuid:}, ' default', 1, 5, 5, 5, TRUE)",
                r"CREATE TABLE idle_reason (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    system smallint,
                    is_default boolean NOT NULL,
                    archived_at timestamptz
                )",
                "CREATE UNIQUE INDEX idle_reason_in_use ON idle_reason (search_text) WHERE archived_at IS NULL",
                "CREATE INDEX idle_reason_by_name ON idle_reason (name_key, id) WHERE archived_at IS NULL",
                "CREATE UNIQUE INDEX idle_reason_system ON idle_reason (system)",
                "CREATE UNIQUE INDEX idle_reason_default ON idle_reason (is_default) WHERE is_default",
                "INSERT INTO idle_reason (id, name, name_key, search_text, system, is_default) VALUES ({uuid:0193500000007000800000000000b001}, 'Idle', {uuid:}, ' idle', NULL, TRUE), ({uuid:0193500000007000800000000000b002}, 'Declined', {uuid:}, ' declined', 1, FALSE), ({uuid:0193500000007000800000000000b003}, 'No answer', {uuid:}, ' no answer', 2, FALSE)",
                r"CREATE TABLE wrap_up_reason (
                    id uuid NOT NULL PRIMARY KEY,
                    name text NOT NULL,
                    name_key bytea NOT NULL,
                    search_text text NOT NULL,
                    is_default boolean NOT NULL,
                    archived_at timestamptz
                )",
                "CREATE UNIQUE INDEX wrap_up_reason_in_use ON wrap_up_reason (search_text) WHERE archived_at IS NULL",
                "CREATE INDEX wrap_up_reason_by_name ON wrap_up_reason (name_key, id) WHERE archived_at IS NULL",
                "CREATE UNIQUE INDEX wrap_up_reason_default ON wrap_up_reason (is_default) WHERE is_default",
                "INSERT INTO wrap_up_reason (id, name, name_key, search_text, is_default) VALUES ({uuid:0193500000007000800000000000c001}, 'Other', {uuid:}, ' other', TRUE)",
                r#"CREATE TABLE agent (
                    user_id uuid NOT NULL PRIMARY KEY REFERENCES "user" (id),
                    profile_id uuid NOT NULL REFERENCES multimedia_profile (id),
                    mode smallint NOT NULL,
                    chat_limit smallint NOT NULL,
                    email_limit smallint NOT NULL,
                    social_limit smallint NOT NULL,
                    chat_used smallint NOT NULL CHECK (chat_used >= 0),
                    email_used smallint NOT NULL CHECK (email_used >= 0),
                    social_used smallint NOT NULL CHECK (social_used >= 0),
                    state smallint NOT NULL,
                    idle_reason_id uuid REFERENCES idle_reason (id),
                    state_since timestamptz NOT NULL,
                    idle_channels smallint NOT NULL,
                    offerable_channels smallint NOT NULL,
                    available_since timestamptz NOT NULL,
                    "interval" integer NOT NULL
                )"#,
                "CREATE INDEX agent_free ON agent (available_since, user_id) WHERE offerable_channels <> 0",
                "CREATE INDEX agent_of_profile ON agent (profile_id)",
                r"CREATE TABLE agent_interval (
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    number integer NOT NULL,
                    state smallint NOT NULL,
                    idle_reason_id uuid REFERENCES idle_reason (id),
                    idle_channels smallint NOT NULL,
                    started_at timestamptz NOT NULL,
                    ended_at timestamptz,
                    PRIMARY KEY (agent_id, number),
                    CHECK (ended_at >= started_at)
                ) {clustered}",
                "CREATE INDEX agent_interval_ended ON agent_interval (agent_id, ended_at)",
                "CREATE UNIQUE INDEX agent_interval_open ON agent_interval (agent_id) WHERE ended_at IS NULL",
                r"CREATE TABLE agent_skill (
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    skill_id uuid NOT NULL REFERENCES skill (id),
                    level smallint NOT NULL CHECK (level BETWEEN 1 AND 10),
                    PRIMARY KEY (agent_id, skill_id)
                ) {clustered}",
                "CREATE INDEX agent_skill_by_skill ON agent_skill (skill_id, agent_id)",
                r"CREATE TABLE queue_agent (
                    queue_id uuid NOT NULL REFERENCES queue (id),
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    PRIMARY KEY (queue_id, agent_id)
                ) {clustered}",
                "CREATE INDEX queue_agent_by_agent ON queue_agent (agent_id, queue_id)",
                r"CREATE TABLE queue_member (
                    queue_id uuid NOT NULL REFERENCES queue (id),
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    from_step smallint NOT NULL,
                    PRIMARY KEY (queue_id, agent_id)
                ) {clustered}",
                "CREATE INDEX queue_member_by_agent ON queue_member (agent_id, queue_id)",
                r"CREATE TABLE task (
                    id uuid NOT NULL PRIMARY KEY,
                    conversation_id uuid NOT NULL REFERENCES conversation (id),
                    queue_id uuid NOT NULL REFERENCES queue (id),
                    channel smallint NOT NULL,
                    status smallint NOT NULL,
                    priority smallint NOT NULL CHECK (priority BETWEEN 1 AND 10),
                    received_at timestamptz NOT NULL,
                    enqueued_at timestamptz NOT NULL,
                    step smallint NOT NULL,
                    owner_id uuid REFERENCES agent (user_id),
                    conference_agent_id uuid REFERENCES agent (user_id),
                    accepted_at timestamptz,
                    ended_at timestamptz,
                    ended_by smallint,
                    customer_agreed boolean NOT NULL,
                    previous_id uuid REFERENCES task (id),
                    intake json,
                    continued_in_id uuid REFERENCES conversation (id)
                )",
                "CREATE UNIQUE INDEX task_live ON task (conversation_id) WHERE status < 6",
                "CREATE INDEX task_waiting ON task (priority, enqueued_at, id) WHERE status = 1",
                "CREATE INDEX task_waiting_in_queue ON task (queue_id, priority, enqueued_at, id) WHERE status < 3",
                "CREATE INDEX task_of_conversation ON task (conversation_id, id)",
                "CREATE INDEX task_by_age ON task (received_at, id)",
                "CREATE INDEX task_live_by_age ON task (received_at, id) WHERE status < 6",
                "CREATE INDEX task_in_queue ON task (queue_id, received_at, id)",
                "CREATE INDEX task_accepted ON task (queue_id, accepted_at)",
                "CREATE INDEX task_in_service ON task (queue_id) WHERE status IN (3, 4, 5)",
                "CREATE INDEX task_abandoned ON task (queue_id, ended_at) WHERE status = 8",
                "CREATE INDEX task_of_owner ON task (owner_id, id)",
                "CREATE INDEX task_of_joined ON task (conference_agent_id, id)",
                "CREATE INDEX task_after ON task (previous_id)",
                "CREATE INDEX task_continued_in ON task (continued_in_id) WHERE continued_in_id IS NOT NULL",
                r"CREATE TABLE assignment (
                    id uuid NOT NULL PRIMARY KEY,
                    task_id uuid NOT NULL REFERENCES task (id),
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    channel smallint NOT NULL,
                    phase smallint NOT NULL,
                    joined boolean NOT NULL,
                    since timestamptz NOT NULL,
                    UNIQUE (task_id, agent_id)
                )",
                "CREATE INDEX assignment_of_agent ON assignment (agent_id, id)",
                r"CREATE TABLE offer (
                    id uuid NOT NULL PRIMARY KEY,
                    kind smallint NOT NULL,
                    task_id uuid NOT NULL REFERENCES task (id),
                    queue_id uuid NOT NULL REFERENCES queue (id),
                    invitation uuid,
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    status smallint NOT NULL,
                    due_at timestamptz,
                    created_at timestamptz NOT NULL,
                    expires_at timestamptz NOT NULL,
                    ended_at timestamptz
                )",
                "CREATE UNIQUE INDEX offer_live ON offer (task_id) WHERE status = 1",
                "CREATE INDEX offer_accepted ON offer (queue_id, ended_at) WHERE status = 2 AND kind < 3",
                "CREATE INDEX offer_of_task ON offer (task_id, id)",
                "CREATE INDEX offer_of_agent ON offer (agent_id, id) WHERE status = 1",
                "CREATE INDEX offer_ended ON offer (agent_id, status, ended_at)",
                r"CREATE TABLE wrap_up (
                    id uuid NOT NULL PRIMARY KEY,
                    task_id uuid NOT NULL REFERENCES task (id),
                    agent_id uuid NOT NULL REFERENCES agent (user_id),
                    reasons json NOT NULL,
                    note text,
                    began_at timestamptz NOT NULL,
                    due_at timestamptz,
                    extended boolean NOT NULL,
                    automatic boolean NOT NULL,
                    submitted_at timestamptz
                )",
                "CREATE INDEX wrap_up_of_task ON wrap_up (task_id, id)",
                "CREATE INDEX wrap_up_of_agent ON wrap_up (agent_id, id)",
                "CREATE INDEX wrap_up_began ON wrap_up (agent_id, began_at)",
                r"CREATE TABLE routing_decision (
                    id uuid NOT NULL PRIMARY KEY,
                    task_id uuid NOT NULL REFERENCES task (id),
                    decided_at timestamptz NOT NULL,
                    chosen_id uuid REFERENCES agent (user_id),
                    cause smallint NOT NULL,
                    step smallint NOT NULL,
                    candidates integer NOT NULL,
                    first json NOT NULL
                )",
                "CREATE INDEX routing_decision_of_task ON routing_decision (task_id, id)",
                "CREATE INDEX routing_decision_of_agent ON routing_decision (chosen_id)",
                r"CREATE TABLE timer (
                    kind smallint NOT NULL,
                    target uuid NOT NULL,
                    due_at timestamptz NOT NULL,
                    PRIMARY KEY (kind, target)
                ) {clustered}",
                "CREATE INDEX timer_due ON timer (due_at)",
                "CREATE TABLE routing_lock (id smallint NOT NULL PRIMARY KEY CHECK (id = 1))",
                "INSERT INTO routing_lock (id) VALUES (1)",
                "CREATE TABLE config_lock (id smallint NOT NULL PRIMARY KEY CHECK (id = 1))",
                "INSERT INTO config_lock (id) VALUES (1)",
            ],
        )
        .await
    }
}
