//! The creation, reading and removal of notifications. Each change emits an event in the user's notification stream, in
//! the same transaction.

use chrono::{DateTime, Utc};
use entity::{
    event::EventKind,
    id::{ConnectionRequestId, ConversationId, NotificationId, UserId},
    notification::{self, NotificationKind},
    notification_mail,
};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _, TryInsertResult,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};

use super::{email_delivery, preferences};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    database::sql::Sql,
    error::{Error, Result},
    events::payloads::own_payload,
    events::{cursor::notifications_of, log::NewEvent},
    pagination::{ByAge, Page, PageSlice},
};

/// The maximum number of ids in one call.
pub const MAX_IDS: usize = 100;
/// The maximum number of ids in one event.
const IDS_TOGETHER: usize = 500;

/// A notification to create.
#[derive(Clone, Debug)]
pub struct NewNotification {
    /// The user to notify.
    pub to: UserId,
    /// The kind of notification.
    pub kind: NotificationKind,
    /// The user who caused it.
    pub actor: Option<UserId>,
    /// The connection request that it reports.
    pub request: Option<ConnectionRequestId>,
    /// The conversation that it reports.
    pub conversation: Option<ConversationId>,
    /// The organization's text, in a system notification.
    pub text: Option<String>,
}

impl NewNotification {
    /// Returns a notification of `to` about something that `actor` did.
    #[must_use]
    pub fn from(actor: UserId, kind: NotificationKind, to: UserId) -> Self {
        Self { to, kind, actor: Some(actor), request: None, conversation: None, text: None }
    }
}

/// The payload of an event about several notifications.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupedNotification {
    /// The affected notifications.
    pub ids: Vec<NotificationId>,
    /// The time of reading, when the event reports it.
    pub read_at: Option<DateTime<Utc>>,
}

own_payload!(GroupedNotification, 1);

/// Notifies a user according to their preferences. Emits `NotificationAdded`. Creates nothing when the user has such a
/// notification already: for the same request, the same follower or an unread conversation.
pub async fn notify(tx: &Tx<'_>, notice: NewNotification) -> Result<()> {
    let wish = preferences::of(tx.db(), notice.to, notice.kind).await?;
    let now = tx.clock().now();
    let row = notification::Model {
        id: NotificationId(tx.clock().uuid()),
        user_id: notice.to,
        kind: notice.kind,
        actor_id: notice.actor,
        request_id: notice.request,
        conversation_id: notice.conversation,
        text: notice.text,
        created_at: now,
        read_at: None,
    };
    if wish.in_app {
        if let Some(conversation) = notice.conversation {
            make_room(tx, notice.to, conversation).await?;
        }
        let insert = notification::Entity::insert(row.clone().into_active_model()).on_conflict(find_earlier());
        let inserted = insert.try_insert().exec_without_returning(tx.db()).await?;
        if !matches!(inserted, TryInsertResult::Inserted(1)) {
            return Ok(());
        }
        tx.append(NewEvent::new(EventKind::NotificationAdded, &row, vec![notifications_of(notice.to)])?);
    }
    if let Some(due_at) = preferences::due(wish.email, now).filter(|_| tx.config().mail.is_some()) {
        let mail = notification_mail::ActiveModel {
            id: Set(row.id),
            user_id: Set(row.user_id),
            kind: Set(row.kind),
            actor_id: Set(row.actor_id),
            request_id: Set(row.request_id),
            text: Set(row.text),
            created_at: Set(now),
            due_at: Set(due_at),
            delivery_id: Set(None),
            sent_at: Set(None),
        };
        let insert = notification_mail::Entity::insert(mail).on_conflict(find_earlier());
        let inserted = insert.try_insert().exec_without_returning(tx.db()).await?;
        if matches!(inserted, TryInsertResult::Inserted(1)) {
            email_delivery::enqueue(tx, notice.to, due_at).await?;
        }
    }
    Ok(())
}

/// Removes the read notification of a conversation, so that a new one can be created. Emits `NotificationsRemoved`.
async fn make_room(tx: &Tx<'_>, user: UserId, conversation: ConversationId) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification");
    of_conversation(&mut sql, user, conversation);
    sql.push(" AND read_at IS NOT NULL RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    notify_grouped(tx, user, EventKind::NotificationsRemoved, &ids, None)
}

fn of_conversation(sql: &mut Sql, user: UserId, conversation: ConversationId) {
    sql.push(" WHERE user_id = ");
    sql.bind(user);
    sql.push(" AND conversation_id = ");
    sql.bind(conversation);
}

/// Marks the notification of a conversation as read, because the user has read the conversation. Emits
/// `NotificationsRead`.
/// Deletes the unsent mail about messages of `actor`.
pub async fn settle_conversation(tx: &Tx<'_>, user: UserId, conversation: ConversationId, actor: UserId) -> Result<()> {
    read_where(tx, user, &|sql| of_conversation(sql, user, conversation)).await?;
    drop_message_mail(tx, user, actor).await
}

/// Removes the notification of a conversation without unread messages, and its mail. Emits `NotificationsRemoved`.
pub async fn withdraw_conversation(
    tx: &Tx<'_>,
    user: UserId,
    conversation: ConversationId,
    actor: UserId,
) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification");
    of_conversation(&mut sql, user, conversation);
    sql.push(" RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    notify_grouped(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
    drop_message_mail(tx, user, actor).await
}

async fn drop_message_mail(tx: &Tx<'_>, user: UserId, actor: UserId) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification_mail WHERE user_id = ");
    sql.bind(user);
    sql.push(" AND kind = ");
    sql.bind(NotificationKind::Message);
    sql.push(" AND actor_id = ");
    sql.bind(actor);
    sql.push(" AND sent_at IS NULL");
    sql.run(tx.db()).await?;
    Ok(())
}

/// Covers every unique constraint that keeps a notification from being created twice.
fn find_earlier() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// Removes all notifications of a user that `actor` caused, and their unsent mail. Emits `NotificationsRemoved`.
pub async fn withdraw_of(tx: &Tx<'_>, user: UserId, actor: UserId) -> Result<()> {
    let of_actor = |sql: &mut Sql| {
        sql.push(" WHERE user_id = ");
        sql.bind(user);
        sql.push(" AND actor_id = ");
        sql.bind(actor);
    };
    remove_where(tx, user, &of_actor).await
}

/// Removes the notification of a connection request, and its unsent mail. Emits `NotificationsRemoved`.
pub async fn withdraw_request(tx: &Tx<'_>, user: UserId, request: ConnectionRequestId) -> Result<()> {
    remove_where(tx, user, &|sql| of_request(sql, user, request)).await
}

/// Marks the notification of an answered request as read. Emits `NotificationsRead`. Deletes its unsent mail.
pub async fn settle_request(tx: &Tx<'_>, user: UserId, request: ConnectionRequestId) -> Result<()> {
    read_where(tx, user, &|sql| of_request(sql, user, request)).await?;
    let mut sql = Sql::new("DELETE FROM notification_mail");
    of_request(&mut sql, user, request);
    sql.push(" AND sent_at IS NULL");
    sql.run(tx.db()).await?;
    Ok(())
}

fn of_request(sql: &mut Sql, user: UserId, request: ConnectionRequestId) {
    sql.push(" WHERE user_id = ");
    sql.bind(user);
    sql.push(" AND request_id = ");
    sql.bind(request);
    sql.push(" AND kind = ");
    sql.bind(NotificationKind::ConnectionRequested);
}

/// The notifications that a user chose.
#[derive(Clone, Debug)]
pub enum NotificationSelection {
    /// The notifications with these ids.
    These(Vec<NotificationId>),
    /// The notification with this id and all older ones.
    UpTo(NotificationId),
}

impl NotificationSelection {
    fn write(&self, sql: &mut Sql, user: UserId) {
        sql.push(" WHERE user_id = ");
        sql.bind(user);
        match self {
            Self::These(ids) => {
                sql.push(" AND id IN ");
                sql.bind_list(ids);
            }
            Self::UpTo(id) => {
                sql.push(" AND id <= ");
                sql.bind(*id);
            }
        }
    }
}

/// Marks notifications of the caller as read and returns the number that was unread. Emits `NotificationsRead`.
/// Notifications that arrive in the meantime stay unread.
pub async fn mark_read(app: &App, by: &Viewer, which: NotificationSelection) -> Result<usize> {
    let which = &which;
    app.transaction(|tx| Box::pin(async move { read_where(tx, by.user, &|sql| which.write(sql, by.user)).await })).await
}

/// Marks notifications of the caller as unread and returns the number that was read. Emits `NotificationsUnread`.
pub async fn mark_unread(app: &App, by: &Viewer, ids: Vec<NotificationId>) -> Result<usize> {
    let which = &NotificationSelection::These(ids);
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE notification SET read_at = NULL");
            which.write(&mut sql, by.user);
            sql.push(" AND read_at IS NOT NULL RETURNING id");
            let ids = changed(sql, tx.db()).await?;
            notify_grouped(tx, by.user, EventKind::NotificationsUnread, &ids, None)?;
            Ok(ids.len())
        })
    })
    .await
}

/// Removes notifications of the caller and returns their number. Their subjects stay. Emits `NotificationsRemoved`.
pub async fn delete(app: &App, by: &Viewer, ids: Vec<NotificationId>) -> Result<usize> {
    let which = &NotificationSelection::These(ids);
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("DELETE FROM notification");
            which.write(&mut sql, by.user);
            sql.push(" RETURNING id");
            let ids = changed(sql, tx.db()).await?;
            notify_grouped(tx, by.user, EventKind::NotificationsRemoved, &ids, None)?;
            Ok(ids.len())
        })
    })
    .await
}

async fn read_where(tx: &Tx<'_>, user: UserId, which: &(dyn Fn(&mut Sql) + Sync)) -> Result<usize> {
    let now = tx.clock().now();
    let mut sql = Sql::new("UPDATE notification SET read_at = ");
    sql.bind(now);
    which(&mut sql);
    sql.push(" AND read_at IS NULL RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    notify_grouped(tx, user, EventKind::NotificationsRead, &ids, Some(now))?;
    Ok(ids.len())
}

async fn remove_where(tx: &Tx<'_>, user: UserId, which: &(dyn Fn(&mut Sql) + Sync)) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification");
    which(&mut sql);
    sql.push(" RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    notify_grouped(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
    let mut sql = Sql::new("DELETE FROM notification_mail");
    which(&mut sql);
    sql.push(" AND sent_at IS NULL");
    sql.run(tx.db()).await?;
    Ok(())
}

#[derive(FromQueryResult)]
struct Id {
    id: NotificationId,
}

/// Returns the ids of the notifications that a statement changed.
async fn changed(sql: Sql, db: &impl ConnectionTrait) -> Result<Vec<NotificationId>, DbErr> {
    let rows: Vec<Id> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Emits events about several notifications, with at most 500 ids each.
pub fn notify_grouped(
    tx: &Tx<'_>,
    user: UserId,
    kind: EventKind,
    ids: &[NotificationId],
    read_at: Option<DateTime<Utc>>,
) -> Result<()> {
    for together in ids.chunks(IDS_TOGETHER) {
        let several = GroupedNotification { ids: together.to_vec(), read_at };
        tx.append(NewEvent::new(kind, &several, vec![notifications_of(user)])?);
    }
    Ok(())
}

/// Parses the ids of a call and ignores malformed ones. Fails when there are too many.
pub fn read_ids(texts: &[async_graphql::ID], field: &'static str) -> Result<Vec<NotificationId>> {
    if texts.len() > MAX_IDS {
        return Err(Error::invalid(field, format!("A call takes at most {MAX_IDS} ids.")));
    }
    Ok(texts.iter().filter_map(|text| NotificationId::parse(text)).collect())
}

/// A list of a user's notifications, ordered by age.
#[derive(Clone, Copy, Debug)]
pub struct NotificationList {
    /// The owner of the notifications.
    pub user: UserId,
    /// True to list read notifications only, false to list unread ones only.
    pub read: Option<bool>,
    /// The only kind to list.
    pub kind: Option<NotificationKind>,
    /// True to list the oldest first.
    pub oldest_first: bool,
}

impl NotificationList {
    /// Returns a text that identifies the list, its filter and its order in cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("notifications {} {:?} {:?} {}", self.user, self.read, self.kind, self.oldest_first)
    }

    /// Reads one page of the list.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<PageSlice<notification::Model>, DbErr> {
        let mut sql = Sql::select::<notification::Entity>("n", "WHERE ");
        self.write(&mut sql);
        page.write(&mut sql, &["n.id"], !self.oldest_first);
        Ok(page.slice(sql.models::<notification::Entity>(db).await?))
    }

    /// Counts the whole list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM notification n WHERE ");
        self.write(&mut sql);
        let Some(row) = sql.one(db).await? else { return Ok(0) };
        row.try_get("", "count")
    }

    fn write(&self, sql: &mut Sql) {
        sql.push("n.user_id = ");
        sql.bind(self.user);
        if let Some(kind) = self.kind {
            sql.push(" AND n.kind = ");
            sql.bind(kind);
        }
        match self.read {
            Some(true) => sql.push(" AND n.read_at IS NOT NULL"),
            Some(false) => sql.push(" AND n.read_at IS NULL"),
            None => {}
        }
    }
}

/// Returns the notification with an id if it belongs to the user.
pub async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: NotificationId,
) -> Result<Option<notification::Model>, DbErr> {
    let row = notification::Entity::find_by_id(id).one(db).await?;
    Ok(row.filter(|row| row.user_id == user))
}
