//! Conversations between two users: one for each pair, for as long as the two have accounts. It is open while they are
//! connected: whatever ends the connection closes it in the same transaction, so that a block looks like any other end.
//! Locked in the order relationship, conversation.

use entity::{
    conversation::{self, ConversationKind, ConversationStatus},
    id::{ConversationId, UserId},
    notification::NotificationKind,
    participant::{self, ParticipantRole},
    relationship::{self, Connection},
    thread_item,
};
use sea_orm::{ColumnTrait as _, DbErr, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use super::{
    participants::{self, Who},
    receipts, threads,
};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    notifications::notices::{self, Notice},
    users::people,
};

const FIELD: &[&str] = &["input", "userId"];

/// What stands between the two of a direct conversation; held as it is until the transaction ends.
pub async fn bond(tx: &Tx<'_>, lo: UserId, hi: UserId) -> Result<Option<relationship::Model>, DbErr> {
    relationship::Entity::find()
        .filter(relationship::Column::Lo.eq(lo))
        .filter(relationship::Column::Hi.eq(hi))
        .lock_shared()
        .one(tx.db())
        .await
}

/// The conversation of the caller with a person they are connected with: made, or opened again; whether it had to be.
pub async fn start(app: &App, by: &Viewer, user_id: &str) -> Result<(ConversationId, bool)> {
    let other = UserId::parse(user_id).ok_or_else(|| Error::not_found(FIELD))?;
    if other == by.user {
        return Err(Error::refused(UserErrorCode::Oneself, FIELD, "This cannot be done to oneself."));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            people::hold_both(tx, by, other, FIELD).await?;
            let (lo, hi) = (by.user.min(other), by.user.max(other));
            let bond = bond(tx, lo, hi).await?;
            if bond.as_ref().is_some_and(|bond| if by.user == lo { bond.lo_blocks } else { bond.hi_blocks }) {
                return Err(Error::refused(
                    UserErrorCode::YouBlocked,
                    FIELD,
                    "You block this person. Unblock them first.",
                ));
            }
            if bond.is_none_or(|bond| bond.connection != Connection::Connected) {
                let why = "Only people who are connected write to one another.";
                return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
            }
            let mut conversation = match between(tx, lo, hi).await? {
                Some(row) if row.status == ConversationStatus::Open => return Ok((row.id, false)),
                Some(row) => row,
                None => make(tx, lo, hi).await?,
            };
            threads::open(tx, &mut conversation).await?;
            for user in [lo, hi] {
                participants::join(tx, &conversation, Who::User(user), ParticipantRole::Member).await?;
            }
            Ok((conversation.id, true))
        })
    })
    .await
}

/// The conversation of two, held.
async fn between(tx: &Tx<'_>, lo: UserId, hi: UserId) -> Result<Option<conversation::Model>, DbErr> {
    conversation::Entity::find()
        .filter(conversation::Column::Lo.eq(lo))
        .filter(conversation::Column::Hi.eq(hi))
        .lock_exclusive()
        .one(tx.db())
        .await
}

async fn make(tx: &Tx<'_>, lo: UserId, hi: UserId) -> Result<conversation::Model> {
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
        created_at: now,
    };
    // The other may have been quicker.
    if threads::insert(tx, &row).await? { Ok(row) } else { Err(Error::Again) }
}

/// Closes the conversation of two whose relationship is held, if there is one: their connection has ended.
pub async fn close(tx: &Tx<'_>, one: UserId, other: UserId) -> Result<()> {
    let Some(mut row) = between(tx, one.min(other), one.max(other)).await? else { return Ok(()) };
    if row.status == ConversationStatus::Closed {
        return Ok(());
    }
    threads::close(tx, &mut row).await?;
    participants::dismiss(tx, &row).await
}

/// Closes all direct conversations of somebody whose connections end all at once, by statements about all of them.
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
    sql.push(" RETURNING *");
    let closed = sql.models::<conversation::Entity>(tx.db()).await?;
    if closed.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new("UPDATE participant SET left_at = ");
    sql.bind(tx.clock().now());
    sql.push(" WHERE left_at IS NULL AND conversation_id IN (SELECT id FROM conversation WHERE ");
    theirs(&mut sql);
    sql.push(") RETURNING *");
    let mut left = sql.models::<participant::Entity>(tx.db()).await?;
    left.sort_by_key(|row| row.id);
    for row in &left {
        if let Some(conversation) = closed.iter().find(|conversation| conversation.id == row.conversation_id) {
            participants::tell(tx, conversation, row)?;
        }
    }
    Ok(())
}

/// Tells the other of a direct conversation that somebody wrote, unless they are told already or do not want to hear of them.
pub async fn tell(
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
    let notice = Notice::from(author, NotificationKind::Message, to);
    notices::tell(tx, Notice { conversation: Some(conversation.id), ..notice }).await
}

/// Removes what told the other of a direct conversation, if `item`, which was taken back, was the last they had not read.
pub async fn withdraw(tx: &Tx<'_>, conversation: &conversation::Model, item: &thread_item::Model) -> Result<()> {
    let (Some(lo), Some(hi)) = (conversation.lo, conversation.hi) else { return Ok(()) };
    for (user, other) in [(lo, hi), (hi, lo)] {
        let reader = participants::of(tx.db(), conversation.id, Who::User(user)).await?;
        // The author reads nothing of their own, and what was read before has settled its notification.
        if !reader.is_some_and(|reader| item.author_id != Some(reader.id) && item.sequence > reader.read_up_to) {
            continue;
        }
        if receipts::unread(tx.db(), Who::User(user), &[conversation.id]).await?.is_empty() {
            notices::withdraw_conversation(tx, user, conversation.id, other).await?;
        }
    }
    Ok(())
}

/// What told somebody of a direct conversation is done with, once they have read it to its end.
pub async fn settle(tx: &Tx<'_>, conversation: &conversation::Model, me: &participant::Model) -> Result<()> {
    let (Some(lo), Some(hi), Some(user)) = (conversation.lo, conversation.hi, me.user_id) else { return Ok(()) };
    let unread = receipts::unread(tx.db(), Who::User(user), &[conversation.id]).await?;
    if unread.is_empty() {
        notices::settle_conversation(tx, user, conversation.id, if user == lo { hi } else { lo }).await?;
    }
    Ok(())
}
