//! Direct conversations. Two users have one, as long as both have accounts. It is open while the two are connected.
//! Whatever ends the connection closes it in the same transaction, so that a block looks like any other end. Locks
//! are taken in the order relationship, conversation.

use entity::{
    conversation::{self, ConversationKind, ConversationStatus},
    id::{ConversationId, UserId},
    notification::NotificationKind,
    participant::{self, ParticipantRole},
    relationship::{self, Connection},
    thread_item,
};
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _};

use super::{
    conversation_rows,
    participants::{self, ParticipantRef},
    unread,
};
use crate::{
    app::{App, Locked, SharedLock, Tx},
    auth::viewer::Viewer,
    database::sql::{Sql, columns},
    error::{Error, Result, UserErrorCode},
    notifications::notification_rows::{self, NewNotification},
    users::people,
};

const FIELD: &[&str] = &["input", "userId"];

/// Locks the relationship of two users in shared mode until the transaction ends, and returns it.
pub async fn lock_relationship(
    tx: &Tx<'_>,
    lo: UserId,
    hi: UserId,
) -> Result<Option<SharedLock<relationship::Model>>, DbErr> {
    tx.share_one(
        relationship::Entity::find().filter(relationship::Column::Lo.eq(lo)).filter(relationship::Column::Hi.eq(hi)),
    )
    .await
}

/// Creates or reopens the caller's conversation with a connected person. Returns its id, and true if it was created
/// or reopened. Locks the two users, their relationship and the conversation. Emits `ParticipantChanged` for each
/// user who joins. Refuses with `CANNOT_TARGET_SELF`, `NOT_FOUND`, `BLOCKED_BY_VIEWER` or `NOT_ALLOWED`.
pub async fn start(app: &App, by: &Viewer, user_id: &str) -> Result<(ConversationId, bool)> {
    let other = UserId::parse(user_id).ok_or_else(|| Error::not_found(FIELD))?;
    if other == by.user {
        return Err(Error::refused(UserErrorCode::CannotTargetSelf, FIELD, "You cannot do this to yourself."));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            people::lock_both(tx, by, other, FIELD).await?;
            let (lo, hi) = (by.user.min(other), by.user.max(other));
            let bond = lock_relationship(tx, lo, hi).await?;
            if bond.as_ref().is_some_and(|bond| if by.user == lo { bond.lo_blocks } else { bond.hi_blocks }) {
                return Err(Error::refused(
                    UserErrorCode::BlockedByViewer,
                    FIELD,
                    "You block this person. Unblock them first.",
                ));
            }
            if bond.is_none_or(|bond| bond.connection != Connection::Connected) {
                let why = "You can write only to people you are connected with.";
                return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
            }
            let mut conversation = match lock_between(tx, lo, hi).await? {
                Some(row) if row.status == ConversationStatus::Open => return Ok((row.id, false)),
                Some(row) => row,
                None => create(tx, lo, hi).await?,
            };
            conversation_rows::open(tx, &mut conversation).await?;
            for user in [lo, hi] {
                participants::join(tx, &conversation, ParticipantRef::User(user), ParticipantRole::Member).await?;
            }
            Ok((conversation.id, true))
        })
    })
    .await
}

/// Locks the conversation of two users, if there is one.
async fn lock_between(tx: &Tx<'_>, lo: UserId, hi: UserId) -> Result<Option<Locked<conversation::Model>>, DbErr> {
    tx.lock_one(
        conversation::Entity::find().filter(conversation::Column::Lo.eq(lo)).filter(conversation::Column::Hi.eq(hi)),
    )
    .await
}

async fn create(tx: &Tx<'_>, lo: UserId, hi: UserId) -> Result<Locked<conversation::Model>> {
    let now = tx.clock().now();
    let row = conversation::Model {
        id: ConversationId(tx.clock().uuid()),
        kind: ConversationKind::Direct,
        channel: None,
        entry_point_id: None,
        customer_id: None,
        topic: None,
        lo: Some(lo),
        hi: Some(hi),
        status: ConversationStatus::Closed,
        queue_id: None,
        task_id: None,
        last_sequence: 0,
        last_customer_sequence: 0,
        last_item_at: now,
        character_limit: None,
        created_at: now,
    };
    // The other user may have created it first.
    tx.insert_locked(row).await?.ok_or(Error::Again)
}

/// Closes the conversation of two users, if there is one, because their connection has ended. Their relationship must
/// be locked. Emits `ParticipantChanged` for each user who leaves.
pub async fn close(tx: &Tx<'_>, one: UserId, other: UserId) -> Result<()> {
    let Some(mut row) = lock_between(tx, one.min(other), one.max(other)).await? else { return Ok(()) };
    if row.status == ConversationStatus::Closed {
        return Ok(());
    }
    conversation_rows::close(tx, &mut row).await?;
    participants::remove_agents(tx, &row).await
}

/// Closes all direct conversations of a user whose connections end all at once, with statements for all of them
/// together. Emits `ParticipantChanged` for each user who leaves.
pub async fn close_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let theirs = |sql: &mut Sql| {
        sql.push("(lo = ");
        sql.bind(user);
        sql.push(" OR hi = ");
        sql.bind(user);
        sql.push(")");
    };
    let mut sql = Sql::new("UPDATE conversation SET status = ");
    sql.bind(ConversationStatus::Closed);
    sql.push(" WHERE status = ");
    sql.bind(ConversationStatus::Open);
    sql.push(" AND ");
    theirs(&mut sql);
    sql.push(&format!(" RETURNING {}", columns::<conversation::Entity>("conversation")));
    let closed = sql.models::<conversation::Entity>(tx.db()).await?;
    if closed.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("UPDATE participant SET left_at = ");
    sql.bind(tx.clock().now());
    sql.push(" WHERE left_at IS NULL AND conversation_id IN (SELECT id FROM conversation WHERE ");
    theirs(&mut sql);
    sql.push(&format!(") RETURNING {}", columns::<participant::Entity>("participant")));
    let mut left = sql.models::<participant::Entity>(tx.db()).await?;
    left.sort_by_key(|row| row.id);
    for row in &left {
        if let Some(conversation) = closed.iter().find(|conversation| conversation.id == row.conversation_id) {
            participants::emit_changed(tx, conversation, row).await?;
        }
    }
    Ok(())
}

/// Notifies the other user of a direct conversation about a message. Does nothing if they mute notifications of the
/// author or already have a notification of the conversation.
pub async fn notify(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    author: UserId,
    bond: &relationship::Model,
) -> Result<()> {
    let (to, mutes, until) = if author == bond.hi {
        (bond.lo, bond.lo_mutes, bond.lo_mutes_until)
    } else {
        (bond.hi, bond.hi_mutes, bond.hi_mutes_until)
    };
    if mutes.notifications() && until.is_none_or(|until| until > tx.clock().now()) {
        return Ok(());
    }
    let notice = NewNotification::from(author, NotificationKind::Message, to);
    notification_rows::notify(tx, NewNotification { conversation: Some(conversation.id), ..notice }).await
}

/// Removes the other user's notification of a direct conversation, if the deleted message `item` was the last one
/// that they had not read.
pub async fn withdraw_notification(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    item: &thread_item::Model,
) -> Result<()> {
    let (Some(lo), Some(hi)) = (conversation.lo, conversation.hi) else { return Ok(()) };
    for (user, other) in [(lo, hi), (hi, lo)] {
        let reader = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
        // An author gets no notification for their own message, and a message that was read has settled its
        // notification.
        if !reader.is_some_and(|reader| item.author_id != Some(reader.id) && item.sequence > reader.read_up_to) {
            continue;
        }
        if unread::unread(tx.db(), ParticipantRef::User(user), &[conversation.id]).await?.is_empty() {
            notification_rows::withdraw_conversation(tx, user, conversation.id, other).await?;
        }
    }
    Ok(())
}

/// Settles the user's notification of a direct conversation if they have no unread messages in it.
pub async fn settle_notification(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    me: &participant::Model,
) -> Result<()> {
    let (Some(lo), Some(hi), Some(user)) = (conversation.lo, conversation.hi, me.user_id) else { return Ok(()) };
    let unread = unread::unread(tx.db(), ParticipantRef::User(user), &[conversation.id]).await?;
    if unread.is_empty() {
        notification_rows::settle_conversation(tx, user, conversation.id, if user == lo { hi } else { lo }).await?;
    }
    Ok(())
}
