//! Notifying, reading, removing. Each change is an event in the user's stream of notifications, in the same transaction.

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

use super::preferences;
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    database::sql::Sql,
    error::{Error, Result},
    events::{cursor::notifications_of, log::NewEvent},
    page::{ByAge, Page, Slice},
};

/// The most ids of one call.
pub const MAX_IDS: usize = 100;
/// Ids in one event.
const IDS_TOGETHER: usize = 500;

/// Something to tell a user.
#[derive(Clone, Debug)]
pub struct Notice {
    pub to: UserId,
    pub kind: NotificationKind,
    pub actor: Option<UserId>,
    pub request: Option<ConnectionRequestId>,
    pub conversation: Option<ConversationId>,
    pub text: Option<String>,
}

impl Notice {
    /// That somebody did something.
    #[must_use]
    pub fn from(actor: UserId, kind: NotificationKind, to: UserId) -> Self {
        Self { to, kind, actor: Some(actor), request: None, conversation: None, text: None }
    }
}

/// What an event says of several notifications.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Several {
    pub ids: Vec<NotificationId>,
    pub read_at: Option<DateTime<Utc>>,
}

/// Tells a user of something, as they want to be told. What is told already (the same request, the same follower, a conversation that is not read) is not
/// told again.
pub async fn tell(tx: &Tx<'_>, notice: Notice) -> Result<()> {
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
        let insert = notification::Entity::insert(row.clone().into_active_model()).on_conflict(told_before());
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
            claimed_until: Set(None),
            sent_at: Set(None),
            failures: Set(0),
        };
        let insert = notification_mail::Entity::insert(mail).on_conflict(told_before());
        insert.try_insert().exec_without_returning(tx.db()).await?;
    }
    Ok(())
}

/// Removes what told of a conversation and was read: what comes now is told anew.
async fn make_room(tx: &Tx<'_>, user: UserId, conversation: ConversationId) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification");
    of_conversation(&mut sql, user, conversation);
    sql.push(" AND read_at IS NOT NULL RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    tell_several(tx, user, EventKind::NotificationsRemoved, &ids, None)
}

fn of_conversation(sql: &mut Sql, user: UserId, conversation: ConversationId) {
    sql.push(" WHERE user_id = ");
    sql.bind(user);
    sql.push(" AND conversation_id = ");
    sql.bind(conversation);
}

/// A user has read a conversation with somebody: what told of it counts as read, and no mail tells of it any more.
pub async fn settle_conversation(tx: &Tx<'_>, user: UserId, conversation: ConversationId, actor: UserId) -> Result<()> {
    read_where(tx, user, &|sql| of_conversation(sql, user, conversation)).await?;
    drop_message_mail(tx, user, actor).await
}

/// Removes the notification of a conversation in which nothing is left to read, and its mail.
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
    tell_several(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
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

/// By any of the constraints that say what is told once.
fn told_before() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

/// Takes back everything that a user was told of somebody.
pub async fn withdraw_of(tx: &Tx<'_>, user: UserId, actor: UserId) -> Result<()> {
    let of_actor = |sql: &mut Sql| {
        sql.push(" WHERE user_id = ");
        sql.bind(user);
        sql.push(" AND actor_id = ");
        sql.bind(actor);
    };
    remove_where(tx, user, &of_actor).await
}

/// Takes back that a user was asked to connect.
pub async fn withdraw_request(tx: &Tx<'_>, user: UserId, request: ConnectionRequestId) -> Result<()> {
    remove_where(tx, user, &|sql| of_request(sql, user, request)).await
}

/// A request was answered: what told of it counts as read, and no mail tells of it any more.
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

/// Which of their notifications a user means.
#[derive(Clone, Debug)]
pub enum Which {
    These(Vec<NotificationId>),
    /// This one and all that are older.
    UpTo(NotificationId),
}

impl Which {
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

/// Marks notifications of the caller as read; how many were not. What arrives meanwhile stays unread.
pub async fn mark_read(app: &App, by: &Viewer, which: Which) -> Result<usize> {
    let which = &which;
    app.transaction(|tx| Box::pin(async move { read_where(tx, by.user, &|sql| which.write(sql, by.user)).await })).await
}

/// Marks notifications of the caller as unread; how many were read.
pub async fn mark_unread(app: &App, by: &Viewer, ids: Vec<NotificationId>) -> Result<usize> {
    let which = &Which::These(ids);
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE notification SET read_at = NULL");
            which.write(&mut sql, by.user);
            sql.push(" AND read_at IS NOT NULL RETURNING id");
            let ids = changed(sql, tx.db()).await?;
            tell_several(tx, by.user, EventKind::NotificationsUnread, &ids, None)?;
            Ok(ids.len())
        })
    })
    .await
}

/// Removes notifications of the caller; how many there were. What they told of stays as it is.
pub async fn delete(app: &App, by: &Viewer, ids: Vec<NotificationId>) -> Result<usize> {
    let which = &Which::These(ids);
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("DELETE FROM notification");
            which.write(&mut sql, by.user);
            sql.push(" RETURNING id");
            let ids = changed(sql, tx.db()).await?;
            tell_several(tx, by.user, EventKind::NotificationsRemoved, &ids, None)?;
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
    tell_several(tx, user, EventKind::NotificationsRead, &ids, Some(now))?;
    Ok(ids.len())
}

async fn remove_where(tx: &Tx<'_>, user: UserId, which: &(dyn Fn(&mut Sql) + Sync)) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification");
    which(&mut sql);
    sql.push(" RETURNING id");
    let ids = changed(sql, tx.db()).await?;
    tell_several(tx, user, EventKind::NotificationsRemoved, &ids, None)?;
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

/// The notifications that a statement has changed.
async fn changed(sql: Sql, db: &impl ConnectionTrait) -> Result<Vec<NotificationId>, DbErr> {
    let rows: Vec<Id> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| row.id).collect())
}

/// Adds events that say the same of several notifications.
pub fn tell_several(
    tx: &Tx<'_>,
    user: UserId,
    kind: EventKind,
    ids: &[NotificationId],
    read_at: Option<DateTime<Utc>>,
) -> Result<()> {
    for together in ids.chunks(IDS_TOGETHER) {
        let several = Several { ids: together.to_vec(), read_at };
        tx.append(NewEvent::new(kind, &several, vec![notifications_of(user)])?);
    }
    Ok(())
}

/// Reads the ids of a call; those that are none name nothing.
pub fn read_ids(texts: &[async_graphql::ID], field: &'static str) -> Result<Vec<NotificationId>> {
    if texts.len() > MAX_IDS {
        return Err(Error::invalid(field, format!("At most {MAX_IDS} ids.")));
    }
    Ok(texts.iter().filter_map(|text| NotificationId::parse(text)).collect())
}

/// Notifications of a user, by age.
#[derive(Clone, Copy, Debug)]
pub struct Notices {
    pub user: UserId,
    /// Only those that are read, or only those that are not.
    pub read: Option<bool>,
    pub kind: Option<NotificationKind>,
    pub oldest_first: bool,
}

impl Notices {
    /// Names list, filter and order, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("notifications {} {:?} {:?} {}", self.user, self.read, self.kind, self.oldest_first)
    }

    /// One page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<Slice<notification::Model>, DbErr> {
        let mut sql = Sql::new("SELECT n.* FROM notification n WHERE ");
        self.write(&mut sql);
        page.write(&mut sql, &["n.id"], !self.oldest_first);
        Ok(page.slice(sql.models::<notification::Entity>(db).await?))
    }

    /// How many there are in all.
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

/// The notification with an id, if it is the user's.
pub async fn find(
    db: &impl ConnectionTrait,
    user: UserId,
    id: NotificationId,
) -> Result<Option<notification::Model>, DbErr> {
    let row = notification::Entity::find_by_id(id).one(db).await?;
    Ok(row.filter(|row| row.user_id == user))
}
