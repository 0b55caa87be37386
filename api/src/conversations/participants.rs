//! Who takes part in a conversation: each user and each customer once, however often they come and go.

use entity::{
    channel::Channel,
    conversation,
    event::EventKind,
    id::{ConversationId, CustomerId, ParticipantId, UserId},
    participant::{self, ParticipantRole},
    thread_item::ItemVisibility,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder,
    Set,
};

use super::{
    channels, items,
    threads::{self, FIELD},
};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::log::NewEvent,
};

pub mod types;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    User(UserId),
    Customer(CustomerId),
}

impl Who {
    /// As whom a caller takes part; a key of the organisation takes part in nothing.
    #[must_use]
    pub fn of(caller: &Caller) -> Option<Self> {
        match caller {
            Caller::Person(viewer) => Some(Self::User(viewer.user)),
            Caller::Visitor(visitor) => Some(Self::Customer(visitor.customer)),
            Caller::Service(_) => None,
        }
    }

    /// Whether a participant is this one.
    #[must_use]
    pub fn is(self, row: &participant::Model) -> bool {
        match self {
            Self::User(user) => row.user_id == Some(user),
            Self::Customer(customer) => row.customer_id == Some(customer),
        }
    }
}

/// The participant that somebody is in a conversation, also after they have left.
pub async fn of(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    who: Who,
) -> Result<Option<participant::Model>, DbErr> {
    let who = match who {
        Who::User(user) => participant::Column::UserId.eq(user),
        Who::Customer(customer) => participant::Column::CustomerId.eq(customer),
    };
    participant::Entity::find().filter(participant::Column::ConversationId.eq(conversation)).filter(who).one(db).await
}

/// The participant that a caller is in a conversation.
pub async fn own(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    caller: &Caller,
) -> Result<Option<participant::Model>, DbErr> {
    match Who::of(caller) {
        Some(who) => of(db, conversation, who).await,
        None => Ok(None),
    }
}

/// The refusal of somebody who does not take part now.
#[must_use]
pub fn takes_no_part() -> Error {
    Error::refused(UserErrorCode::NotAParticipant, FIELD, "You do not take part in this conversation.")
}

/// Everybody who takes part or has taken part, in the order in which they first came.
pub async fn all(db: &impl ConnectionTrait, conversation: ConversationId) -> Result<Vec<participant::Model>, DbErr> {
    participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(conversation))
        .order_by_asc(participant::Column::Id)
        .all(db)
        .await
}

/// Participants by id, in no order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[ParticipantId]) -> Result<Vec<participant::Model>, DbErr> {
    let mut sql = Sql::new("SELECT p.* FROM participant p WHERE p.id IN ");
    sql.bind_list(ids);
    sql.models::<participant::Entity>(db).await
}

/// The participants of some conversations, in the order in which they first came.
pub async fn of_several(db: &impl ConnectionTrait, ids: &[ConversationId]) -> Result<Vec<participant::Model>, DbErr> {
    let mut sql = Sql::new("SELECT p.* FROM participant p WHERE p.conversation_id IN ");
    sql.bind_list(ids);
    sql.push(" ORDER BY p.id");
    sql.models::<participant::Entity>(db).await
}

/// The conversations with customers in which a user takes part now.
pub async fn open_with_customers(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<ConversationId>, DbErr> {
    let mut sql = Sql::new(
        "SELECT p.* FROM participant p JOIN conversation c ON c.id = p.conversation_id \
         WHERE c.customer_id IS NOT NULL AND p.left_at IS NULL AND p.user_id = ",
    );
    sql.bind(user);
    sql.push(" ORDER BY p.conversation_id");
    let rows = sql.models::<participant::Entity>(db).await?;
    Ok(rows.into_iter().map(|row| row.conversation_id).collect())
}

/// Lets somebody take part in a conversation that is held, in a role.
pub async fn join(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    who: Who,
    role: ParticipantRole,
) -> Result<participant::Model> {
    let now = tx.clock().now();
    let row = match of(tx.db(), conversation.id, who).await? {
        Some(before) if before.left_at.is_none() && before.role == role => return Ok(before),
        Some(before) => {
            let joined_at = if before.left_at.is_some() { now } else { before.joined_at };
            let mut row = before.into_active_model();
            (row.role, row.joined_at) = (Set(role), Set(joined_at));
            (row.left_at, row.left_sequence) = (Set(None), Set(None));
            row.update(tx.db()).await?
        }
        None => {
            let (user_id, customer_id) = match who {
                Who::User(user) => (Some(user), None),
                Who::Customer(customer) => (None, Some(customer)),
            };
            let row = participant::Model {
                id: ParticipantId(tx.clock().uuid()),
                conversation_id: conversation.id,
                user_id,
                customer_id,
                role,
                joined_at: now,
                left_at: None,
                left_sequence: None,
                read_up_to: 0,
                settled_at: user_id.and_then(|_| threads::settled_at(conversation)),
            };
            participant::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
            row
        }
    };
    tell(tx, conversation, &row)?;
    Ok(row)
}

/// A supervisor who has something to say in a conversation that is held without taking part in it: noted as one who has
/// left again, which the customer does not see.
pub async fn attend(tx: &Tx<'_>, conversation: &conversation::Model, user: UserId) -> Result<participant::Model> {
    let now = tx.clock().now();
    let row = participant::Model {
        id: ParticipantId(tx.clock().uuid()),
        conversation_id: conversation.id,
        user_id: Some(user),
        customer_id: None,
        role: ParticipantRole::Supervisor,
        joined_at: now,
        left_at: Some(now),
        left_sequence: Some(conversation.last_sequence),
        read_up_to: 0,
        settled_at: threads::settled_at(conversation),
    };
    participant::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    tell(tx, conversation, &row)?;
    Ok(row)
}

/// Lets a participant of a conversation that is held leave it. What it holds by now they may see from then on, and nothing
/// later.
pub async fn leave(tx: &Tx<'_>, conversation: &conversation::Model, row: participant::Model) -> Result<()> {
    if row.left_at.is_some() {
        return Ok(());
    }
    let mut row = row.into_active_model();
    row.left_at = Set(Some(tx.clock().now()));
    row.left_sequence = Set(conversation.customer_id.map(|_| conversation.last_sequence));
    tell(tx, conversation, &row.update(tx.db()).await?)
}

/// Lets all agents leave, when a conversation that is held has ended.
pub async fn dismiss(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<()> {
    for row in all(tx.db(), conversation.id).await? {
        if row.user_id.is_some() {
            leave(tx, conversation, row).await?;
        }
    }
    Ok(())
}

/// Tells those who may know it that a participant of a conversation has come or gone.
pub fn tell(tx: &Tx<'_>, conversation: &conversation::Model, row: &participant::Model) -> Result<()> {
    let streams = items::streams(conversation, shown(conversation, row));
    tx.append(NewEvent::new(EventKind::ParticipantChanged, row, streams)?);
    Ok(())
}

/// Who sees that somebody takes part.
#[must_use]
pub fn shown(conversation: &conversation::Model, row: &participant::Model) -> ItemVisibility {
    shown_as(conversation.channel, row.role)
}

/// Who sees that somebody takes part in a role on a channel; none stands for a direct conversation.
#[must_use]
pub fn shown_as(channel: Option<Channel>, role: ParticipantRole) -> ItemVisibility {
    match (role, channel) {
        (ParticipantRole::Owner | ParticipantRole::Joined, Some(channel)) => channels::of(channel).agents_shown,
        (ParticipantRole::Supervisor, Some(_)) => ItemVisibility::Agent,
        _ => ItemVisibility::Both,
    }
}
