//! Connection requests. At most one is pending between two people. Each side has its own view: the requester sees an
//! ignored or closed request as pending until the cooldown ends. Each change that the recipient can see is an event in
//! the recipient's stream.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{
    connection_request::{self, RequestStatus},
    event::EventKind,
    id::{ConnectionRequestId, UserId},
    notification::NotificationKind,
    user::UserStatus,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, Select,
};

use super::pair::Pair;
use crate::{
    activities::publish,
    app::Tx,
    auth::viewer::Viewer,
    database::sql::Sql,
    error::{Error, OnConstraint, Result, UserErrorCode},
    events::{cursor::requests_of, log::NewEvent},
    notifications::notification_rows::{self, NewNotification},
    pagination::{ByAge, Page, PageSlice},
    plain_text, text,
};

/// Maximum length of a request's message, in characters.
pub const MAX_MESSAGE: usize = 500;

/// The side of a connection request that the viewer is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ConnectionRequestDirection {
    /// Requests that the viewer received.
    Incoming,
    /// Requests that the viewer sent.
    Outgoing,
}

/// Returns a query of the requests that a person sent or received.
pub fn visible_to(user: UserId) -> Select<connection_request::Entity> {
    let theirs = Condition::any()
        .add(connection_request::Column::RequesterId.eq(user))
        .add(connection_request::Column::RecipientId.eq(user));
    connection_request::Entity::find().filter(theirs)
}

/// Returns the request with an id. Refuses with NOT_FOUND when the caller neither sent nor received it.
pub async fn find(
    db: &impl ConnectionTrait,
    by: &Viewer,
    id: &str,
    field: &'static [&'static str],
) -> Result<connection_request::Model> {
    let Some(id) = ConnectionRequestId::parse(id) else { return Err(Error::not_found(field)) };
    let found = visible_to(by.user).filter(connection_request::Column::Id.eq(id)).one(db).await?;
    found.ok_or_else(|| Error::not_found(field))
}

/// Returns the current row of a request. The pair must be locked.
pub async fn reread(tx: &Tx<'_>, id: ConnectionRequestId) -> Result<connection_request::Model> {
    let found = connection_request::Entity::find_by_id(id).one(tx.db()).await?;
    found.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referred to but not there")))
}

/// Returns the end of a cooldown that starts now.
pub fn cooldown_end(tx: &Tx<'_>) -> DateTime<Utc> {
    let wait = chrono::Duration::from_std(tx.config().request_cool_down).unwrap_or(chrono::Duration::MAX);
    tx.clock().now().checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Cleans and checks a request's message. Returns `None` for a blank one. Refuses with INVALID.
pub fn check_message(message: Option<&str>) -> Result<Option<String>> {
    const FIELD: &[&str] = &["input", "message"];
    let message = plain_text::lines(message.unwrap_or_default());
    let message = message.trim();
    if text::is_blank(message) {
        return Ok(None);
    }
    if message.chars().count() > MAX_MESSAGE {
        let refused = Error::refused(UserErrorCode::Invalid, FIELD, format!("At most {MAX_MESSAGE} characters."));
        return Err(refused.with_excess(MAX_MESSAGE, message.chars().count()));
    }
    if plain_text::has_control(message) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    Ok(Some(message.to_owned()))
}

/// Creates a request from the caller to the other person. The pair must be locked. Emits `ConnectionRequestReceived`,
/// and notifies the recipient unless they mute the caller's notifications.
pub async fn create(tx: &Tx<'_>, pair: &Pair, message: Option<String>) -> Result<connection_request::Model> {
    let row = connection_request::Model {
        id: ConnectionRequestId(tx.clock().uuid()),
        requester_id: pair.me.id,
        recipient_id: pair.other.id,
        lo: pair.me.id.min(pair.other.id),
        hi: pair.me.id.max(pair.other.id),
        message,
        requester_status: RequestStatus::Pending,
        recipient_status: RequestStatus::Pending,
        hidden_until: None,
        created_at: tx.clock().now(),
        requester_decided_at: None,
        recipient_decided_at: None,
    };
    // If two people ask each other for the first time at once, the second insert fails. Its transaction runs again and
    // finds the first request.
    connection_request::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(tx.db())
        .await
        .on_unique(|| Error::Again)?;
    emit(tx, EventKind::ConnectionRequestReceived, &row)?;
    notify(tx, pair, row.recipient_id, NotificationKind::ConnectionRequested, row.id).await?;
    Ok(row)
}

/// The way in which a pending request ends.
#[derive(Clone, Copy, Debug)]
pub enum RequestEnding {
    /// The recipient accepted it, or asked the requester in turn.
    Accepted,
    /// The recipient ignored it. The requester sees it as pending until this time.
    Ignored(DateTime<Utc>),
    /// The recipient blocked the requester. The requester sees it as pending until this time.
    ClosedByRecipient(DateTime<Utc>),
    /// The requester withdrew it.
    Withdrawn,
    /// The requester blocked the recipient. The recipient sees the request as withdrawn.
    ClosedByRequester,
}

/// Ends a pending request. The pair must be locked, and `id` must be its pending request. Emits
/// `ConnectionRequestChanged` to the recipient. An acceptance also notifies the requester and becomes an activity of
/// both people.
pub async fn end(
    tx: &Tx<'_>,
    pair: &Pair,
    id: ConnectionRequestId,
    how: RequestEnding,
) -> Result<connection_request::Model> {
    let mut row = reread(tx, id).await?;
    let now = tx.clock().now();
    let (requester, recipient, hidden_until) = match how {
        RequestEnding::Accepted => (RequestStatus::Accepted, RequestStatus::Accepted, None),
        RequestEnding::Ignored(until) => (RequestStatus::Pending, RequestStatus::Ignored, Some(until)),
        RequestEnding::ClosedByRecipient(until) => (RequestStatus::Pending, RequestStatus::Closed, Some(until)),
        RequestEnding::Withdrawn => (RequestStatus::Withdrawn, RequestStatus::Withdrawn, None),
        RequestEnding::ClosedByRequester => (RequestStatus::Closed, RequestStatus::Withdrawn, None),
    };
    row.requester_status = requester;
    row.recipient_status = recipient;
    row.hidden_until = hidden_until;
    row.requester_decided_at = hidden_until.is_none().then_some(now);
    row.recipient_decided_at = Some(now);
    let row = save(tx, row).await?;
    emit(tx, EventKind::ConnectionRequestChanged, &row)?;
    match how {
        RequestEnding::Accepted => {
            notification_rows::settle_request(tx, row.recipient_id, id).await?;
            notify(tx, pair, row.requester_id, NotificationKind::ConnectionAccepted, id).await?;
            publish::publish_connected(tx, pair.me.id, pair.other.id).await?;
        }
        RequestEnding::Ignored(_) => notification_rows::settle_request(tx, row.recipient_id, id).await?,
        RequestEnding::Withdrawn | RequestEnding::ClosedByRequester | RequestEnding::ClosedByRecipient(_) => {
            notification_rows::withdraw_request(tx, row.recipient_id, id).await?;
        }
    }
    Ok(row)
}

/// Notifies one person of the pair about an act of the other, unless that person mutes such notifications.
async fn notify(
    tx: &Tx<'_>,
    pair: &Pair,
    to: UserId,
    kind: NotificationKind,
    request: ConnectionRequestId,
) -> Result<()> {
    if pair.side_of(to).mutes_at(tx.clock().now()).notifications() {
        return Ok(());
    }
    let actor = if to == pair.me.id { pair.other.id } else { pair.me.id };
    notification_rows::notify(tx, NewNotification { request: Some(request), ..NewNotification::from(actor, kind, to) })
        .await
}

/// Ends a request that only its requester still sees as pending. The pair must be locked. Emits nothing, because the
/// recipient's view does not change.
pub async fn end_hidden(
    tx: &Tx<'_>,
    id: ConnectionRequestId,
    status: RequestStatus,
) -> Result<connection_request::Model> {
    let mut row = reread(tx, id).await?;
    row.requester_status = status;
    row.requester_decided_at = Some(tx.clock().now());
    row.hidden_until = None;
    save(tx, row).await
}

async fn save(tx: &Tx<'_>, row: connection_request::Model) -> Result<connection_request::Model> {
    Ok(row.into_active_model().reset_all().update(tx.db()).await?)
}

fn emit(tx: &Tx<'_>, kind: EventKind, request: &connection_request::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, request, vec![requests_of(request.recipient_id)])?);
    Ok(())
}

/// Returns the status of a request as a person sees it at `now`.
#[must_use]
pub fn status_for(request: &connection_request::Model, viewer: UserId, now: DateTime<Utc>) -> RequestStatus {
    if viewer == request.recipient_id {
        return request.recipient_status;
    }
    match request.hidden_until {
        Some(until) if until <= now => RequestStatus::Closed,
        _ => request.requester_status,
    }
}

/// Returns the time when the status that a person sees became final, if it is final.
#[must_use]
pub fn decided_for(request: &connection_request::Model, viewer: UserId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if viewer == request.recipient_id {
        return request.recipient_decided_at;
    }
    request.hidden_until.filter(|until| *until <= now).or(request.requester_decided_at)
}

/// The requests that a person sent or received, newest first.
#[derive(Clone, Copy, Debug)]
pub struct RequestList {
    /// The person whose requests are listed.
    pub user: UserId,
    /// The side of the requests that the person is on.
    pub direction: ConnectionRequestDirection,
    /// The status to list, as the person sees it. `None` lists every status.
    pub status: Option<RequestStatus>,
    /// The moment at which the statuses are computed.
    pub now: DateTime<Utc>,
}

impl RequestList {
    /// Returns a text that identifies list and filter, for cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{} {:?} {:?}", self.user, self.direction, self.status)
    }

    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<PageSlice<connection_request::Model>, DbErr> {
        let mut sql = Sql::select::<connection_request::Entity>("r", "WHERE ");
        self.write(&mut sql);
        page.write(&mut sql, &["r.id"], true);
        Ok(page.slice(sql.models::<connection_request::Entity>(db).await?))
    }

    /// Counts the requests of the whole list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM connection_request r WHERE ");
        self.write(&mut sql);
        let Some(row) = sql.one(db).await? else { return Ok(0) };
        row.try_get("", "count")
    }

    fn write(&self, sql: &mut Sql) {
        let other = match self.direction {
            ConnectionRequestDirection::Incoming => "r.requester_id",
            ConnectionRequestDirection::Outgoing => "r.recipient_id",
        };
        // Like every list, this one leaves out people whose account is not active.
        sql.push(&format!("(SELECT u.status FROM \"user\" u WHERE u.id = {other}) = "));
        sql.bind(UserStatus::Active);
        sql.push(" AND ");
        match self.direction {
            ConnectionRequestDirection::Incoming => {
                sql.push("r.recipient_id = ");
                sql.bind(self.user);
                if let Some(status) = self.status {
                    sql.push(" AND r.recipient_status = ");
                    sql.bind(status);
                }
            }
            ConnectionRequestDirection::Outgoing => {
                sql.push("r.requester_id = ");
                sql.bind(self.user);
                self.write_outgoing_status(sql);
            }
        }
    }

    /// Adds the condition on the requester's status. It is the stored status, but a hidden request is closed once its
    /// time has passed.
    fn write_outgoing_status(&self, sql: &mut Sql) {
        let Some(status) = self.status else { return };
        match status {
            RequestStatus::Pending => {
                sql.push(" AND r.requester_status = ");
                sql.bind(status);
                sql.push(" AND (r.hidden_until IS NULL OR r.hidden_until > ");
                sql.bind(self.now);
                sql.push(")");
            }
            RequestStatus::Closed => {
                sql.push(" AND r.requester_status IN (");
                sql.bind(status);
                sql.push(", ");
                sql.bind(RequestStatus::Pending);
                sql.push(") AND (r.requester_status = ");
                sql.bind(status);
                sql.push(" OR r.hidden_until <= ");
                sql.bind(self.now);
                sql.push(")");
            }
            other => {
                sql.push(" AND r.requester_status = ");
                sql.bind(other);
            }
        }
    }
}
