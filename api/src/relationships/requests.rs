//! Connection requests: at most one is pending between two people. Each side has its own view: a requester is not told
//! that a request was ignored or closed, and sees it pending until the cool-down ends. What happens to a request is an
//! event in the stream of its recipient.

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

use super::pairs::Pair;
use crate::{
    activities::records,
    app::Tx,
    auth::viewer::Viewer,
    database::sql::Sql,
    error::{Error, OnConstraint, Result, UserErrorCode},
    events::{cursor::requests_of, log::NewEvent},
    notifications::notices::{self, Notice},
    page::{ByAge, Page, Slice},
    plain_text, text,
};

/// The longest message of a request, in characters.
pub const MAX_MESSAGE: usize = 500;

/// From whose side requests are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum RequestDirection {
    /// Requests to the viewer.
    Incoming,
    /// Requests of the viewer.
    Outgoing,
}

/// The requests that a person may see: those to and of that person.
pub fn visible_to(user: UserId) -> Select<connection_request::Entity> {
    let theirs = Condition::any()
        .add(connection_request::Column::RequesterId.eq(user))
        .add(connection_request::Column::RecipientId.eq(user));
    connection_request::Entity::find().filter(theirs)
}

/// The request with an id, if the caller made or got it.
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

/// The request as it is now, under the lock of its pair.
pub async fn reread(tx: &Tx<'_>, id: ConnectionRequestId) -> Result<connection_request::Model> {
    let found = connection_request::Entity::find_by_id(id).one(tx.db()).await?;
    found.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referred to but not there")))
}

/// When a request that is refused now may be followed by another.
pub fn cool_down(tx: &Tx<'_>) -> DateTime<Utc> {
    let wait = chrono::Duration::from_std(tx.config().request_cool_down).unwrap_or(chrono::Duration::MAX);
    tx.clock().now().checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// The message of a request within its limits.
pub fn check_message(message: Option<&str>) -> Result<Option<String>> {
    const FIELD: &[&str] = &["input", "message"];
    let message = plain_text::lines(message.unwrap_or_default());
    let message = message.trim();
    if text::is_blank(message) {
        return Ok(None);
    }
    if message.chars().count() > MAX_MESSAGE {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, format!("At most {MAX_MESSAGE} characters.")));
    }
    if plain_text::has_control(message) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    Ok(Some(message.to_owned()))
}

/// Makes a request from the caller to the other and tells the other.
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
    // Of two who ask at once for the first time, the second finds the request of the first when it looks again.
    connection_request::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(tx.db())
        .await
        .on_unique(|| Error::Again)?;
    tell(tx, EventKind::ConnectionRequestReceived, &row)?;
    notify(tx, pair, row.recipient_id, NotificationKind::ConnectionRequested, row.id).await?;
    Ok(row)
}

/// How a pending request ends.
#[derive(Clone, Copy, Debug)]
pub enum End {
    Accepted,
    /// The recipient ignored it; the requester sees it pending until then.
    Ignored(DateTime<Utc>),
    /// The recipient blocked the requester; likewise.
    ClosedByRecipient(DateTime<Utc>),
    /// The requester took it back.
    Withdrawn,
    /// The requester blocked the recipient, to whom that looks like taking it back.
    ClosedByRequester,
}

/// Ends a pending request and tells its recipient; an acceptance is told its requester too, and is something that both
/// did. The pair must be held, and the request be its pending one.
pub async fn end(tx: &Tx<'_>, pair: &Pair, id: ConnectionRequestId, how: End) -> Result<connection_request::Model> {
    let mut row = reread(tx, id).await?;
    let now = tx.clock().now();
    let (requester, recipient, hidden_until) = match how {
        End::Accepted => (RequestStatus::Accepted, RequestStatus::Accepted, None),
        End::Ignored(until) => (RequestStatus::Pending, RequestStatus::Ignored, Some(until)),
        End::ClosedByRecipient(until) => (RequestStatus::Pending, RequestStatus::Closed, Some(until)),
        End::Withdrawn => (RequestStatus::Withdrawn, RequestStatus::Withdrawn, None),
        End::ClosedByRequester => (RequestStatus::Closed, RequestStatus::Withdrawn, None),
    };
    row.requester_status = requester;
    row.recipient_status = recipient;
    row.hidden_until = hidden_until;
    row.requester_decided_at = hidden_until.is_none().then_some(now);
    row.recipient_decided_at = Some(now);
    let row = save(tx, row).await?;
    tell(tx, EventKind::ConnectionRequestChanged, &row)?;
    match how {
        End::Accepted => {
            notices::settle_request(tx, row.recipient_id, id).await?;
            notify(tx, pair, row.requester_id, NotificationKind::ConnectionAccepted, id).await?;
            records::connected(tx, pair.me.id, pair.other.id).await?;
        }
        End::Ignored(_) => notices::settle_request(tx, row.recipient_id, id).await?,
        End::Withdrawn | End::ClosedByRequester | End::ClosedByRecipient(_) => {
            notices::withdraw_request(tx, row.recipient_id, id).await?;
        }
    }
    Ok(row)
}

/// Notifies one of the pair of what the other did, unless they do not want to hear of it.
async fn notify(
    tx: &Tx<'_>,
    pair: &Pair,
    to: UserId,
    kind: NotificationKind,
    request: ConnectionRequestId,
) -> Result<()> {
    if pair.stance_of(to).mutes_at(tx.clock().now()).notifications() {
        return Ok(());
    }
    let actor = if to == pair.me.id { pair.other.id } else { pair.me.id };
    notices::tell(tx, Notice { request: Some(request), ..Notice::from(actor, kind, to) }).await
}

/// Ends a request that only its requester still sees as pending. The recipient, who decided long ago, is not told.
pub async fn end_shadow(
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

fn tell(tx: &Tx<'_>, kind: EventKind, request: &connection_request::Model) -> Result<()> {
    tx.append(NewEvent::new(kind, request, vec![requests_of(request.recipient_id)])?);
    Ok(())
}

/// What a person sees of a request's status at a moment.
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

/// When the status a person sees became final.
#[must_use]
pub fn decided_for(request: &connection_request::Model, viewer: UserId, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if viewer == request.recipient_id {
        return request.recipient_decided_at;
    }
    request.hidden_until.filter(|until| *until <= now).or(request.requester_decided_at)
}

/// Requests to or of a person, newest first.
#[derive(Clone, Copy, Debug)]
pub struct Requests {
    pub user: UserId,
    pub direction: RequestDirection,
    pub status: Option<RequestStatus>,
    pub now: DateTime<Utc>,
}

impl Requests {
    /// Names list and filter, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("{} {:?} {:?}", self.user, self.direction, self.status)
    }

    /// One page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<Slice<connection_request::Model>, DbErr> {
        let mut sql = Sql::new("SELECT r.* FROM connection_request r WHERE ");
        self.write(&mut sql);
        page.write(&mut sql, &["r.id"], true);
        Ok(page.slice(sql.models::<connection_request::Entity>(db).await?))
    }

    /// How many there are in all.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM connection_request r WHERE ");
        self.write(&mut sql);
        let Some(row) = sql.one(db).await? else { return Ok(0) };
        row.try_get("", "count")
    }

    fn write(&self, sql: &mut Sql) {
        let other = match self.direction {
            RequestDirection::Incoming => "r.requester_id",
            RequestDirection::Outgoing => "r.recipient_id",
        };
        // As in every list, without those who take no part.
        sql.push(&format!("(SELECT u.status FROM \"user\" u WHERE u.id = {other}) = "));
        sql.bind(UserStatus::Active);
        sql.push(" AND ");
        match self.direction {
            RequestDirection::Incoming => {
                sql.push("r.recipient_id = ");
                sql.bind(self.user);
                if let Some(status) = self.status {
                    sql.push(" AND r.recipient_status = ");
                    sql.bind(status);
                }
            }
            RequestDirection::Outgoing => {
                sql.push("r.requester_id = ");
                sql.bind(self.user);
                self.write_outgoing_status(sql);
            }
        }
    }

    /// The requester's status is the stored one, but for hidden requests whose time is over: those are closed.
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
