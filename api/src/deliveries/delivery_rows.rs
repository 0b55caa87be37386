//! The rows of deliveries: enqueuing, claiming, settling and sending again.

use chrono::{DateTime, Utc};
use entity::{
    delivery::{self, DEAD, DeliveryKind, DeliveryStatus, QUEUED, RetryClass, SENDING, UNSETTLED},
    id::{DeliveryId, UserId},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _};
use serde::Serialize;

use crate::{
    app::{Locked, Tx},
    database::sql::{Sql, columns},
    error::{Error, Result},
};

/// The time after which another worker may take over a claimed delivery. It is longer than any attempt.
pub const CLAIM: chrono::Duration = chrono::Duration::seconds(90);

/// A delivery to enqueue.
pub struct NewDelivery<'a, P> {
    /// The kind, which selects the sender.
    pub kind: DeliveryKind,
    /// The lane. Deliveries of one lane are sent one at a time and in order. The lane is unique over all kinds.
    pub lane: String,
    /// The effect of sending it twice.
    pub retry: RetryClass,
    /// The content.
    pub payload: &'a P,
    /// The user whose data it contains.
    pub user: Option<UserId>,
    /// The time of the first attempt.
    pub due_at: DateTime<Utc>,
    /// The time after which it fails instead of being attempted again.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Enqueues a delivery behind the other deliveries of its lane. Wakes the engine after the commit. Deliveries of one
/// lane are ordered by the transactions that enqueue them only if these lock a common row.
pub async fn enqueue<P: Serialize>(tx: &Tx<'_>, new: NewDelivery<'_, P>) -> Result<DeliveryId> {
    let id = DeliveryId(tx.clock().uuid());
    let row = delivery::Model {
        id,
        kind: new.kind,
        ready: lock_last(tx, &new.lane).await?.is_none(),
        lane: new.lane,
        retry: new.retry,
        status: DeliveryStatus::Queued,
        payload: serde_json::to_string(new.payload).map_err(Error::internal)?,
        user_id: new.user,
        attempts: 0,
        created_at: tx.clock().now(),
        due_at: new.due_at,
        expires_at: new.expires_at,
        claimed_until: None,
        settled_at: None,
        provider_id: None,
        error: None,
    };
    delivery::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    tx.wake_deliveries_on_commit();
    Ok(id)
}

/// Enqueues a delivery unless its lane has one that waits and is due at the same time or earlier. That one is locked,
/// so it is claimed only after this transaction and sees what the transaction wrote.
pub async fn enqueue_once<P: Serialize>(tx: &Tx<'_>, new: NewDelivery<'_, P>) -> Result<()> {
    let mut sql = Sql::new("UPDATE delivery SET lane = lane WHERE lane = ");
    sql.bind(new.lane.as_str());
    sql.push(&format!(" AND status {UNSETTLED} AND status {QUEUED} AND attempts = 0 AND due_at <= "));
    sql.bind(new.due_at);
    if sql.run(tx.db()).await? == 0 {
        enqueue(tx, new).await?;
    }
    Ok(())
}

/// Returns true if a delivery of a lane was enqueued after `since` and has not failed.
pub async fn was_enqueued(tx: &Tx<'_>, lane: &str, since: DateTime<Utc>) -> Result<bool, DbErr> {
    let mut sql = Sql::new("SELECT id FROM delivery WHERE lane = ");
    sql.bind(lane);
    sql.push(" AND created_at > ");
    sql.bind(since);
    sql.push(" AND status <> ");
    sql.bind(DeliveryStatus::Failed);
    sql.push(" LIMIT 1");
    Ok(!sql.all::<Id>(tx.db()).await?.is_empty())
}

/// Locks the last unsettled delivery of a lane, so that it is not settled before this transaction ends. Then its
/// settlement finds the rows of this transaction and makes the next one ready.
async fn lock_last(tx: &Tx<'_>, lane: &str) -> Result<Option<DeliveryId>, DbErr> {
    let mut sql = Sql::new("SELECT id FROM delivery WHERE lane = ");
    sql.bind(lane);
    sql.push(&format!(" AND status {UNSETTLED} ORDER BY id DESC LIMIT 1"));
    sql.lock_rows(tx.db());
    Ok(sql.all::<Id>(tx.db()).await?.pop().map(|row| row.id))
}

#[derive(FromQueryResult)]
struct Id {
    id: DeliveryId,
}

/// Claims the delivery that is due first, among the given kinds. It becomes SENDING and counts an attempt. Returns
/// `None` when none is due. Deliveries that another worker claims at the same moment are skipped.
pub async fn claim(tx: &Tx<'_>, kinds: &[DeliveryKind]) -> Result<Option<delivery::Model>, DbErr> {
    let now = tx.clock().now();
    let mut sql = Sql::new("UPDATE delivery SET status = ");
    sql.bind(DeliveryStatus::Sending);
    sql.push(", attempts = attempts + 1, claimed_until = ");
    sql.bind(now + CLAIM);
    sql.push(&format!(" WHERE id = (SELECT d.id FROM delivery d WHERE d.status {QUEUED} AND d.ready AND d.due_at <= "));
    sql.bind(now);
    sql.push(" AND d.kind IN ");
    sql.bind_list(kinds);
    // A delivery that is sent again on command comes before the rest of its lane, which is ready too.
    sql.push(&format!(
        " AND NOT EXISTS (SELECT 1 FROM delivery e WHERE e.lane = d.lane AND e.status {UNSETTLED} \
         AND (e.id < d.id OR e.status {SENDING})) ORDER BY d.due_at, d.id LIMIT 1"
    ));
    sql.lock_free_rows(tx.db());
    sql.push(&format!(") AND status {QUEUED} RETURNING {}", columns::<delivery::Entity>("delivery")));
    Ok(sql.models::<delivery::Entity>(tx.db()).await?.pop())
}

/// What becomes of a claimed delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// The receiver accepted it and may have given it an id.
    Sent(Option<String>),
    /// It became unnecessary.
    Canceled,
    /// It waits until a time for the next attempt, for a reason.
    Again(DateTime<Utc>, String),
    /// It finally failed, for a reason.
    Failed(String),
    /// The receiver may have got it, and a repetition would do harm.
    Unknown(String),
}

impl Settlement {
    /// Returns the name of the outcome in the metrics.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sent(_) => "sent",
            Self::Canceled => "canceled",
            Self::Again(..) => "again",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Records what becomes of an attempt. Returns false when the attempt is no longer the current one, because its claim
/// expired and the delivery was claimed again. An acceptance that arrives late turns UNKNOWN into SENT.
pub async fn settle(tx: &Tx<'_>, claimed: &delivery::Model, settlement: &Settlement) -> Result<bool> {
    let (status, due_at, provider_id, error) = match settlement {
        Settlement::Sent(id) => (DeliveryStatus::Sent, None, id.clone(), None),
        Settlement::Canceled => (DeliveryStatus::Canceled, None, None, None),
        Settlement::Again(time, error) => (DeliveryStatus::Queued, Some(*time), None, Some(error.clone())),
        Settlement::Failed(error) => (DeliveryStatus::Failed, None, None, Some(error.clone())),
        Settlement::Unknown(error) => (DeliveryStatus::Unknown, None, None, Some(error.clone())),
    };
    let again = due_at.is_some();
    let mut sql = Sql::new("UPDATE delivery SET claimed_until = NULL, status = ");
    sql.bind(status);
    sql.push(", provider_id = ");
    sql.bind(provider_id);
    sql.push(", error = ");
    sql.bind(error);
    sql.push(", settled_at = ");
    sql.bind((!again).then(|| tx.clock().now()));
    sql.push(", due_at = ");
    sql.bind(due_at.unwrap_or(claimed.due_at));
    sql.push(" WHERE id = ");
    sql.bind(claimed.id);
    sql.push(" AND attempts = ");
    sql.bind(claimed.attempts);
    sql.push(&format!(" AND (status {SENDING}"));
    if matches!(settlement, Settlement::Sent(_)) {
        sql.push(" OR status = ");
        sql.bind(DeliveryStatus::Unknown);
    }
    sql.push(")");
    if sql.run(tx.db()).await? == 0 {
        return Ok(false);
    }
    if !again {
        make_next_ready(tx, &claimed.lane).await?;
    }
    Ok(true)
}

/// Makes the first unsettled delivery of a lane ready.
async fn make_next_ready(tx: &Tx<'_>, lane: &str) -> Result<()> {
    let mut sql =
        Sql::new("UPDATE delivery SET ready = TRUE WHERE NOT ready AND id = (SELECT id FROM delivery WHERE lane = ");
    sql.bind(lane);
    sql.push(&format!(" AND status {UNSETTLED} ORDER BY id LIMIT 1)"));
    if sql.run(tx.db()).await? > 0 {
        tx.wake_deliveries_on_commit();
    }
    Ok(())
}

/// Claims one delivery whose claim expired, and extends the claim, so that the caller can settle it. Returns `None`
/// when there is none of the given kinds.
pub async fn claim_expired(tx: &Tx<'_>, kinds: &[DeliveryKind]) -> Result<Option<delivery::Model>, DbErr> {
    let now = tx.clock().now();
    let mut sql = Sql::new("UPDATE delivery SET claimed_until = ");
    sql.bind(now + CLAIM);
    sql.push(&format!(" WHERE id = (SELECT id FROM delivery WHERE status {SENDING} AND claimed_until <= "));
    sql.bind(now);
    sql.push(" AND kind IN ");
    sql.bind_list(kinds);
    sql.push(" ORDER BY claimed_until LIMIT 1");
    sql.lock_free_rows(tx.db());
    sql.push(&format!(") AND status {SENDING} RETURNING {}", columns::<delivery::Entity>("delivery")));
    Ok(sql.models::<delivery::Entity>(tx.db()).await?.pop())
}

#[derive(FromQueryResult)]
struct Time {
    time: Option<DateTime<Utc>>,
}

/// Returns the next time at which a delivery is due or a claim expires.
pub async fn next_due(db: &impl ConnectionTrait) -> Result<Option<DateTime<Utc>>, DbErr> {
    // The orders fit the partial indexes.
    let due = format!("SELECT due_at AS time FROM delivery WHERE status {QUEUED} AND ready ORDER BY due_at LIMIT 1");
    let claimed =
        format!("SELECT claimed_until AS time FROM delivery WHERE status {SENDING} ORDER BY claimed_until LIMIT 1");
    let both = format!("SELECT * FROM ({due}) AS next_due UNION ALL SELECT * FROM ({claimed}) AS next_claim");
    let times: Vec<Time> = Sql::new(&both).all(db).await?;
    Ok(times.into_iter().filter_map(|row| row.time).min())
}

/// Locks and returns a delivery.
pub async fn lock(tx: &Tx<'_>, id: DeliveryId) -> Result<Option<Locked<delivery::Model>>, DbErr> {
    tx.lock_one(delivery::Entity::find_by_id(id)).await
}

/// Queues a failed or unknown delivery again, due at once and without an expiry. Returns false when it is neither.
pub async fn send_again(tx: &Tx<'_>, id: DeliveryId) -> Result<bool> {
    let mut sql = Sql::new("UPDATE delivery SET ready = TRUE, settled_at = NULL, expires_at = NULL, due_at = ");
    sql.bind(tx.clock().now());
    sql.push(", status = ");
    sql.bind(DeliveryStatus::Queued);
    sql.push(" WHERE id = ");
    sql.bind(id);
    sql.push(&format!(" AND status {DEAD}"));
    let queued = sql.run(tx.db()).await? > 0;
    if queued {
        tx.wake_deliveries_on_commit();
    }
    Ok(queued)
}
