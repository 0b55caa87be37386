//! The agent desktop, a conversation and a new message, with the fewest statements that read or write the same data.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{IdParams, JsonResult, Pool, Time, fault, json};

const AGENT: &str = "SELECT a.state, a.state_since, a.mode, a.chat_limit, a.chat_used, a.email_limit, a.email_used, \
    a.social_limit, a.social_used, a.offerable_channels, r.name, s.last_sequence FROM agent a \
    LEFT JOIN idle_reason r ON r.id = a.idle_reason_id LEFT JOIN stream s ON s.kind = 8 AND s.owner_id = a.user_id \
    WHERE a.user_id = $1";
const OFFERS: &str = "SELECT o.id, o.expires_at, t.id, t.channel, t.received_at, q.name, k.display_name, k.email FROM offer o \
    JOIN task t ON t.id = o.task_id JOIN queue q ON q.id = t.queue_id JOIN conversation c ON c.id = t.conversation_id \
    JOIN customer k ON k.id = c.customer_id WHERE o.agent_id = $1 AND o.status = 1 ORDER BY o.id";
const CURRENT_TASKS: &str = "SELECT t.id, t.status, t.received_at, t.accepted_at, h.phase, t.owner_id, w.due_at, w.extended, \
    w.submitted_at, c.id, c.channel, c.status, c.last_item_at, k.display_name, (SELECT count(*) FROM participant p \
    JOIN thread_item i ON i.conversation_id = p.conversation_id AND i.sequence > p.read_up_to \
    WHERE p.conversation_id = c.id AND p.user_id = h.agent_id AND i.author_id <> p.id AND i.deleted_at IS NULL AND i.kind = 1) \
    FROM assignment h JOIN task t ON t.id = h.task_id JOIN conversation c ON c.id = t.conversation_id \
    JOIN customer k ON k.id = c.customer_id LEFT JOIN wrap_up w ON w.id = h.id WHERE h.agent_id = $1 AND h.phase <> 1 ORDER BY h.id";

/// Includes the check that the reader is a participant.
const HEAD: &str = "SELECT c.channel, c.status, c.created_at, c.last_item_at, k.id, k.display_name, k.email, k.phone, t.id, \
    t.status, t.received_at, q.name, h.phase, u.id, u.display_name, s.last_sequence FROM conversation c \
    JOIN customer k ON k.id = c.customer_id JOIN task t ON t.id = c.task_id JOIN queue q ON q.id = t.queue_id \
    LEFT JOIN \"user\" u ON u.id = t.owner_id LEFT JOIN assignment h ON h.task_id = t.id AND h.agent_id = $2 \
    LEFT JOIN stream s ON s.kind = 6 AND s.owner_id = c.id \
    WHERE c.id = $1 AND EXISTS (SELECT 1 FROM participant p WHERE p.conversation_id = c.id AND p.user_id = $2)";
const PARTICIPANTS: &str = "SELECT p.id, p.role, p.joined_at, p.left_at, p.read_up_to, p.user_id, p.customer_id, \
    COALESCE(u.display_name, k.display_name) FROM participant p LEFT JOIN \"user\" u ON u.id = p.user_id \
    LEFT JOIN customer k ON k.id = p.customer_id WHERE p.conversation_id = $1 ORDER BY p.id";
const ITEMS: &str = "SELECT i.id, i.sequence, i.kind, i.author_id, i.inbound, i.announcement, i.body, i.format, i.reply_to_id, \
    i.client_message_id, i.created_at, i.edited_at, i.deleted_at FROM thread_item i WHERE i.conversation_id = $1 \
    ORDER BY i.sequence DESC LIMIT 51";
const RECEIPTS: &str = "SELECT r.item_id, r.participant_id, r.state, r.at FROM thread_item i JOIN receipt r ON r.item_id = i.id \
    WHERE i.conversation_id = $1 AND i.sequence >= $2 ORDER BY i.sequence, r.participant_id";
const UNREAD: &str = "SELECT count(*) FROM participant p JOIN thread_item i ON i.conversation_id = p.conversation_id \
    AND i.sequence > p.read_up_to WHERE p.conversation_id = $1 AND p.user_id = $2 AND i.author_id <> p.id \
    AND i.deleted_at IS NULL AND i.kind = 1";

/// The statements that write a message: permission, next numbers, the message, the counters of both streams, and the
/// event.
const FIND_AUTHOR: &str = "SELECT p.id FROM conversation c JOIN participant p ON p.conversation_id = c.id \
    WHERE c.id = $1 AND p.user_id = $2 AND p.left_at IS NULL";
const ADVANCE_CONVERSATION: &str = "UPDATE conversation SET last_sequence = last_sequence + 1, \
    last_customer_sequence = last_customer_sequence + 1, last_item_at = $2 WHERE id = $1 AND status = 1 \
    RETURNING last_sequence, last_customer_sequence, task_id";
const INSERT_MESSAGE: &str = "INSERT INTO thread_item (id, conversation_id, sequence, customer_sequence, kind, visibility, author_id, \
    inbound, body, format, task_id, client_message_id, digest, created_at) \
    VALUES ($1, $2, $3, $4, 1, 3, $5, FALSE, $6, 1, $7, $8, $9, $10) ON CONFLICT (author_id, client_message_id) DO NOTHING";
const ADVANCE_STREAMS: &str = "INSERT INTO stream (kind, owner_id, last_sequence, pruned_sequence) VALUES (6, $1, 1, 0), (7, $1, 1, 0) \
    ON CONFLICT (kind, owner_id) DO UPDATE SET last_sequence = stream.last_sequence + 1 RETURNING kind, last_sequence";
const INSERT_EVENT: &str =
    "INSERT INTO event (id, kind, payload, occurred_at) VALUES ($1, 'item_added', $2, $3) RETURNING number";
const INSERT_EVENT_ENTRIES: &str =
    "INSERT INTO event_entry (stream_kind, owner_id, sequence, event_number) VALUES ($1, $2, $3, $4), ($5, $2, $6, $4)";

/// The text of a written message.
pub const BODY: &str = "Thank you for waiting. I have looked at your order: it left us three days ago.";

/// Returns the routes of the agent desktop, conversations and messages.
pub fn routes() -> Router<Arc<Pool>> {
    Router::new().route("/desk", get(desk)).route("/conversation", get(conversation)).route("/send", get(send))
}

type AgentRow = (i16, Time, i16, i16, i16, i16, i16, i16, i16, i16, Option<String>, Option<i64>);
type OfferRow = (Uuid, Time, Uuid, i16, Time, String, String, Option<String>);
type CurrentTaskRow = (
    Uuid,
    i16,
    Time,
    Option<Time>,
    i16,
    Option<Uuid>,
    Option<Time>,
    Option<bool>,
    Option<Time>,
    Uuid,
    i16,
    i16,
    Time,
    String,
    i64,
);

async fn desk(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let me = params["me"];
    let agent = on!(pool, db => sqlx::query_as::<_, AgentRow>(AGENT).bind(me).fetch_one(db).await);
    let offers = on!(pool, db => sqlx::query_as::<_, OfferRow>(OFFERS).bind(me).fetch_all(db).await);
    let current_tasks =
        on!(pool, db => sqlx::query_as::<_, CurrentTaskRow>(CURRENT_TASKS).bind(me).fetch_all(db).await);
    json(&(agent.map_err(fault)?, offers.map_err(fault)?, current_tasks.map_err(fault)?))
}

type HeadRow = (
    i16,
    i16,
    Time,
    Time,
    Uuid,
    String,
    Option<String>,
    Option<String>,
    Uuid,
    i16,
    Time,
    String,
    Option<i16>,
    Option<Uuid>,
    Option<String>,
    Option<i64>,
);
type ParticipantRow = (Uuid, i16, Time, Option<Time>, i64, Option<Uuid>, Option<Uuid>, String);
type ItemRow = (
    Uuid,
    i64,
    i16,
    Option<Uuid>,
    bool,
    Option<i16>,
    String,
    i16,
    Option<Uuid>,
    Option<String>,
    Time,
    Option<Time>,
    Option<Time>,
);
type ReceiptRow = (Uuid, Uuid, i16, Time);

async fn conversation(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let (id, me) = (params["id"], params["me"]);
    let head = on!(pool, db => sqlx::query_as::<_, HeadRow>(HEAD).bind(id).bind(me).fetch_one(db).await);
    let participants = on!(pool, db => sqlx::query_as::<_, ParticipantRow>(PARTICIPANTS).bind(id).fetch_all(db).await);
    let items = on!(pool, db => sqlx::query_as::<_, ItemRow>(ITEMS).bind(id).fetch_all(db).await);
    let mut items = items.map_err(fault)?;
    items.reverse();
    let from = items.first().map(|item| item.1).unwrap_or_default();
    let receipts = on!(pool, db => sqlx::query_as::<_, ReceiptRow>(RECEIPTS).bind(id).bind(from).fetch_all(db).await);
    let unread = on!(pool, db => sqlx::query_scalar::<_, i64>(UNREAD).bind(id).bind(me).fetch_one(db).await);
    json(&(head.map_err(fault)?, participants.map_err(fault)?, items, receipts.map_err(fault)?, unread.map_err(fault)?))
}

async fn send(State(pool): State<Arc<Pool>>, Query(params): Query<HashMap<String, String>>) -> JsonResult {
    let uuid = |name: &str| params[name].parse::<Uuid>().map_err(fault);
    let (id, me, key, clock) = (uuid("id")?, uuid("me")?, params["key"].as_str(), api::clock::Clock::System);
    let (now, item, event) = (clock.now(), clock.uuid(), clock.uuid());
    let sent = on!(pool, db => {
        let begin = match &*pool {
            Pool::Postgres(_) => "BEGIN",
            Pool::Sqlite(_) => "BEGIN IMMEDIATE",
        };
        let mut tx = db.begin_with(begin).await.map_err(fault)?;
        let author: Uuid = sqlx::query_scalar(FIND_AUTHOR).bind(id).bind(me).fetch_one(&mut *tx).await.map_err(fault)?;
        let (sequence, customer_sequence, task): (i64, i64, Uuid) =
            sqlx::query_as(ADVANCE_CONVERSATION).bind(id).bind(now).fetch_one(&mut *tx).await.map_err(fault)?;
        let digest = Sha256::digest(BODY).to_vec();
        sqlx::query(INSERT_MESSAGE).bind(item).bind(id).bind(sequence).bind(customer_sequence).bind(author).bind(BODY)
            .bind(task).bind(key).bind(&digest).bind(now).execute(&mut *tx).await.map_err(fault)?;
        let advanced: Vec<(i16, i64)> =
            sqlx::query_as(ADVANCE_STREAMS).bind(id).fetch_all(&mut *tx).await.map_err(fault)?;
        let payload = serde_json::json!({
            "id": item, "conversation_id": id, "sequence": sequence, "customer_sequence": customer_sequence,
            "kind": "Message", "visibility": "Both", "author_id": author, "inbound": false, "announcement": null,
            "body": BODY, "format": "Plain", "reply_to_id": null, "task_id": task, "client_message_id": key,
            "digest": digest, "sent_at": null, "created_at": now, "edited_at": null, "deleted_at": null,
        });
        let number: i64 = sqlx::query_scalar(INSERT_EVENT).bind(event).bind(payload).bind(now)
            .fetch_one(&mut *tx).await.map_err(fault)?;
        let (staff, customer) = (advanced[0], advanced[1]);
        sqlx::query(INSERT_EVENT_ENTRIES).bind(staff.0).bind(id).bind(staff.1).bind(number).bind(customer.0)
            .bind(customer.1).execute(&mut *tx).await.map_err(fault)?;
        tx.commit().await.map_err(fault)?;
        sequence
    });
    json(&(item, sent, now, "SENT"))
}
