//! Counts of unread messages.

use std::collections::HashMap;

use entity::{
    id::{ConversationId, UserId},
    thread_item::ItemKind,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::participants::ParticipantRef;
use crate::{database::sql::Sql, error::Result};

/// Counts the messages of others that a participant has not read, in several conversations. Conversations without
/// unread messages, or without the participant, are left out.
pub async fn unread(
    db: &impl ConnectionTrait,
    who: ParticipantRef,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, i64>, DbErr> {
    let mut sql = Sql::new(
        "SELECT i.conversation_id, count(*) AS count FROM participant p JOIN thread_item i \
         ON i.conversation_id = p.conversation_id AND i.sequence > p.read_up_to \
         AND i.sequence <= COALESCE(p.left_sequence, i.sequence) WHERE ",
    );
    match who {
        ParticipantRef::User(user) => {
            sql.push("p.user_id = ");
            sql.bind(user);
        }
        ParticipantRef::Customer(customer) => {
            sql.push("i.customer_sequence IS NOT NULL AND p.customer_id = ");
            sql.bind(customer);
        }
        ParticipantRef::Key(key) => {
            sql.push("p.key_id = ");
            sql.bind(key);
        }
    }
    sql.push(" AND p.conversation_id IN ");
    sql.bind_list(ids);
    sql.push(" AND i.author_id <> p.id AND i.deleted_at IS NULL AND i.kind = ");
    sql.bind(ItemKind::Message);
    sql.push(" GROUP BY i.conversation_id");
    let rows: Vec<UnreadCount> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row.count)).collect())
}

#[derive(FromQueryResult)]
struct UnreadCount {
    conversation_id: ConversationId,
    count: i64,
}

/// The unread messages of a user in all conversations.
#[derive(Clone, Copy, Debug, Default, FromQueryResult)]
pub struct UnreadTotals {
    /// The number of conversations with unread messages.
    pub conversations: i64,
    /// The number of unread messages.
    pub messages: i64,
}

/// Counts the messages of others that a user has not read, in the conversations in which the user takes part now.
pub async fn totals(db: &impl ConnectionTrait, user: UserId) -> Result<UnreadTotals, DbErr> {
    let mut sql = Sql::new(
        "SELECT count(CASE WHEN u.messages > 0 THEN 1 END) AS conversations, \
         CAST(coalesce(sum(u.messages), 0) AS bigint) AS messages FROM (SELECT CASE WHEN \
         (SELECT c.last_sequence FROM conversation c WHERE c.id = p.conversation_id) > p.read_up_to THEN \
         (SELECT count(*) FROM thread_item i WHERE i.conversation_id = p.conversation_id \
         AND i.sequence > p.read_up_to AND i.author_id <> p.id AND i.deleted_at IS NULL AND i.kind = ",
    );
    sql.bind(ItemKind::Message);
    sql.push(") ELSE 0 END AS messages FROM participant p WHERE p.left_at IS NULL AND p.user_id = ");
    sql.bind(user);
    sql.push(") AS u");
    Ok(sql.all(db).await?.pop().unwrap_or_default())
}
