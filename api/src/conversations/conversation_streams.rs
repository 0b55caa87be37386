//! The streams to which the events of a conversation go: the stream of each side, and a stream of each user who takes
//! part. A user who takes part therefore learns of the event without following the conversation.

use entity::{
    assignment::AssignmentPhase,
    conversation::{self, ConversationKind},
    id::{ConversationId, UserId},
    thread_item::ItemVisibility,
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::conversation_rows::ConversationSide;
use crate::{
    app::Tx,
    database::sql::Sql,
    error::Result,
    events::{
        cursor::{conversation_of, customer_side_of, desk_of, direct_conversation_of, direct_inbox_of},
        log::Stream,
    },
};

impl ConversationSide {
    /// Returns the stream in which this side follows a conversation.
    #[must_use]
    pub fn stream(self, conversation: &conversation::Model) -> Stream {
        match (self, conversation.kind) {
            (_, ConversationKind::Direct) => direct_conversation_of(conversation.id),
            (Self::Staff, ConversationKind::Customer) => conversation_of(conversation.id),
            (Self::Customer, ConversationKind::Customer) => customer_side_of(conversation.id),
        }
    }
}

/// Returns the streams of a conversation's sides that may see an event with this visibility.
#[must_use]
pub fn of_sides(conversation: &conversation::Model, seen_by: ItemVisibility) -> Vec<Stream> {
    match (conversation.kind, seen_by) {
        (ConversationKind::Direct, _) => vec![direct_conversation_of(conversation.id)],
        (ConversationKind::Customer, ItemVisibility::Agent) => vec![conversation_of(conversation.id)],
        // The organization's side sees everything.
        (ConversationKind::Customer, ItemVisibility::Customer | ItemVisibility::Both) => {
            vec![conversation_of(conversation.id), customer_side_of(conversation.id)]
        }
    }
}

/// Returns the streams whose readers may see an event of a conversation: those of its sides, and one of each user who
/// takes part or has a task of it on the desktop. `about` is a user whom the event is about, who gets it even after
/// they have left.
pub async fn for_event(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    seen_by: ItemVisibility,
    about: Option<UserId>,
) -> Result<Vec<Stream>> {
    let mut streams = of_sides(conversation, seen_by);
    if conversation.kind == ConversationKind::Direct {
        streams.extend([conversation.lo, conversation.hi].into_iter().flatten().map(direct_inbox_of));
        return Ok(streams);
    }
    let mut users = users_in(tx.db(), conversation.id).await?;
    users.extend(about.filter(|about| !users.contains(about)));
    streams.extend(users.into_iter().map(desk_of));
    Ok(streams)
}

#[derive(FromQueryResult)]
struct PresentUser {
    user_id: UserId,
}

/// Returns the users who take part in a conversation now, and the agents whose desktops show one of its tasks: it is
/// offered to them, or they must wrap it up and still see the conversation.
async fn users_in(db: &impl ConnectionTrait, conversation: ConversationId) -> Result<Vec<UserId>, DbErr> {
    let mut sql = Sql::new(
        "SELECT p.user_id FROM participant p WHERE p.user_id IS NOT NULL AND p.left_at IS NULL AND p.conversation_id = ",
    );
    sql.bind(conversation);
    sql.push(
        " UNION SELECT s.agent_id AS user_id FROM task t JOIN assignment s ON s.task_id = t.id \
         JOIN conversation c ON c.id = t.conversation_id JOIN \"user\" u ON u.id = s.agent_id WHERE t.conversation_id = ",
    );
    sql.bind(conversation);
    sql.push(" AND (s.phase <> ");
    sql.bind(AssignmentPhase::WrapUp);
    sql.push(" OR u.role >= ");
    sql.bind(Role::Supervisor);
    sql.push(" OR EXISTS (SELECT 1 FROM queue_member m WHERE m.queue_id = c.queue_id AND m.agent_id = s.agent_id))");
    sql.push(" ORDER BY user_id");
    let present: Vec<PresentUser> = sql.all(db).await?;
    Ok(present.into_iter().map(|present| present.user_id).collect())
}
