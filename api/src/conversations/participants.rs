//! Participants of conversations. A user, a customer or a program has one participant row in a conversation, however
//! often they join and leave.

use entity::{
    channel::Channel,
    conversation,
    event::EventKind,
    id::{ApiKeyId, ConversationId, CustomerId, ParticipantId, UserId},
    participant::{self, ParticipantRole},
    thread_item::ItemVisibility,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder,
    Set,
};

use super::{channel_capabilities, conversation_rows::FIELD, conversation_streams};
use crate::{
    app::{Locked, Tx},
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::log::NewEvent,
};

/// The user, customer or program that a participant stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParticipantRef {
    /// A user: an agent, a supervisor, or one of the two users of a direct conversation.
    User(UserId),
    /// The customer of a conversation.
    Customer(CustomerId),
    /// A program with a key of the organization.
    Key(ApiKeyId),
}

impl ParticipantRef {
    /// Returns the user, customer or program as which a caller takes part.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Person(viewer) => Self::User(viewer.user),
            Caller::Visitor(visitor) => Self::Customer(visitor.customer),
            Caller::Service(service) => Self::Key(service.key),
        }
    }

    /// Returns the columns of a participant's row that name this user, customer or program.
    fn columns(self) -> (Option<UserId>, Option<CustomerId>, Option<ApiKeyId>) {
        match self {
            Self::User(user) => (Some(user), None, None),
            Self::Customer(customer) => (None, Some(customer), None),
            Self::Key(key) => (None, None, Some(key)),
        }
    }

    /// Returns true if the row is the participant of this user or customer.
    #[must_use]
    pub fn is(self, row: &participant::Model) -> bool {
        match self {
            Self::User(user) => row.user_id == Some(user),
            Self::Customer(customer) => row.customer_id == Some(customer),
            Self::Key(key) => row.key_id == Some(key),
        }
    }
}

/// Returns the participant of a user or customer in a conversation, even after they have left.
pub async fn find(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    who: ParticipantRef,
) -> Result<Option<participant::Model>, DbErr> {
    let who = match who {
        ParticipantRef::User(user) => participant::Column::UserId.eq(user),
        ParticipantRef::Customer(customer) => participant::Column::CustomerId.eq(customer),
        ParticipantRef::Key(key) => participant::Column::KeyId.eq(key),
    };
    participant::Entity::find().filter(participant::Column::ConversationId.eq(conversation)).filter(who).one(db).await
}

/// Returns the caller's participant in a conversation, even after they have left.
pub async fn find_caller(
    db: &impl ConnectionTrait,
    conversation: ConversationId,
    caller: &Caller,
) -> Result<Option<participant::Model>, DbErr> {
    find(db, conversation, ParticipantRef::of(caller)).await
}

/// Returns the refusal `NOT_A_PARTICIPANT`, for a caller who is not a participant now.
#[must_use]
pub fn not_a_participant() -> Error {
    Error::refused(UserErrorCode::NotAParticipant, FIELD, "You are not a participant in this conversation.")
}

/// Returns all current and earlier participants, in the order in which they first joined.
pub async fn all(db: &impl ConnectionTrait, conversation: ConversationId) -> Result<Vec<participant::Model>, DbErr> {
    participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(conversation))
        .order_by_asc(participant::Column::Id)
        .all(db)
        .await
}

/// Returns participants by id, in no particular order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[ParticipantId]) -> Result<Vec<participant::Model>, DbErr> {
    let mut sql = Sql::select::<participant::Entity>("p", "WHERE p.id IN ");
    sql.bind_list(ids);
    sql.models::<participant::Entity>(db).await
}

/// Returns all participants of the given conversations, in the order in which they first joined.
pub async fn for_conversations(
    db: &impl ConnectionTrait,
    ids: &[ConversationId],
) -> Result<Vec<participant::Model>, DbErr> {
    let mut sql = Sql::select::<participant::Entity>("p", "WHERE p.conversation_id IN ");
    sql.bind_list(ids);
    sql.push(" ORDER BY p.id");
    sql.models::<participant::Entity>(db).await
}

/// Returns true if a user takes or took part in at least one of the conversations.
pub async fn ever_took_part_in_one(
    db: &impl ConnectionTrait,
    user: UserId,
    ids: &[ConversationId],
) -> Result<bool, DbErr> {
    if ids.is_empty() {
        return Ok(false);
    }
    let found = participant::Entity::find()
        .filter(participant::Column::UserId.eq(user))
        .filter(participant::Column::ConversationId.is_in(ids.iter().copied()));
    Ok(found.one(db).await?.is_some())
}

/// Returns the conversations with customers in which a user is a participant now.
pub async fn open_with_customers(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<ConversationId>, DbErr> {
    let mut sql = Sql::select::<participant::Entity>(
        "p",
        "JOIN conversation c ON c.id = p.conversation_id \
         WHERE c.customer_id IS NOT NULL AND p.left_at IS NULL AND p.user_id = ",
    );
    sql.bind(user);
    sql.push(" ORDER BY p.conversation_id");
    let rows = sql.models::<participant::Entity>(db).await?;
    Ok(rows.into_iter().map(|row| row.conversation_id).collect())
}

/// Makes a user or customer a current participant with a role. Emits `ParticipantChanged`, unless they already have
/// that role.
pub async fn join(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    who: ParticipantRef,
    role: ParticipantRole,
) -> Result<participant::Model> {
    let now = tx.clock().now();
    let row = match find(tx.db(), conversation.id, who).await? {
        Some(before) if before.left_at.is_none() && before.role == role => return Ok(before),
        Some(before) => {
            let joined_at = if before.left_at.is_some() { now } else { before.joined_at };
            let mut row = before.into_active_model();
            (row.role, row.joined_at) = (Set(role), Set(joined_at));
            (row.left_at, row.left_sequence) = (Set(None), Set(None));
            row.update(tx.db()).await?
        }
        None => {
            let (user_id, customer_id, key_id) = who.columns();
            let row = participant::Model {
                id: ParticipantId(tx.clock().uuid()),
                conversation_id: conversation.id,
                user_id,
                customer_id,
                key_id,
                role,
                joined_at: now,
                left_at: None,
                left_sequence: None,
                read_up_to: 0,
                settled_at: user_id.and_then(|_| conversation.settled_at()),
            };
            participant::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
            row
        }
    };
    emit_changed(tx, conversation, &row).await?;
    Ok(row)
}

/// Records a supervisor or a program that acts in a conversation without joining it, as an observer. The participant
/// counts as one who has left, and the customer does not see it. Emits `ParticipantChanged`.
pub async fn record_observer(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    who: ParticipantRef,
) -> Result<participant::Model> {
    let (user_id, customer_id, key_id) = who.columns();
    let now = tx.clock().now();
    let row = participant::Model {
        id: ParticipantId(tx.clock().uuid()),
        conversation_id: conversation.id,
        user_id,
        customer_id,
        key_id,
        role: ParticipantRole::Observer,
        joined_at: now,
        left_at: Some(now),
        left_sequence: Some(conversation.last_sequence),
        read_up_to: 0,
        settled_at: user_id.and_then(|_| conversation.settled_at()),
    };
    participant::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    emit_changed(tx, conversation, &row).await?;
    Ok(row)
}

/// Puts another customer in the place of a customer in a conversation. The participant keeps its id, its messages and
/// its read position. Emits `ParticipantChanged`.
pub async fn replace_customer(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    from: CustomerId,
    to: CustomerId,
) -> Result<()> {
    let Some(row) = find(tx.db(), conversation.id, ParticipantRef::Customer(from)).await? else { return Ok(()) };
    let mut row = row.into_active_model();
    row.customer_id = Set(Some(to));
    emit_changed(tx, conversation, &row.update(tx.db()).await?).await
}

/// Lets a participant leave a conversation. If it is with a customer, the participant still sees the items up to now
/// and no later ones. Emits `ParticipantChanged`, unless they had already left.
pub async fn leave(tx: &Tx<'_>, conversation: &Locked<conversation::Model>, row: participant::Model) -> Result<()> {
    if row.left_at.is_some() {
        return Ok(());
    }
    let mut row = row.into_active_model();
    row.left_at = Set(Some(tx.clock().now()));
    row.left_sequence = Set(conversation.customer_id.map(|_| conversation.last_sequence));
    emit_changed(tx, conversation, &row.update(tx.db()).await?).await
}

/// Lets all users and programs leave a conversation that has ended. Emits `ParticipantChanged` for each of them.
pub async fn remove_agents(tx: &Tx<'_>, conversation: &Locked<conversation::Model>) -> Result<()> {
    for row in all(tx.db(), conversation.id).await? {
        if row.customer_id.is_none() {
            leave(tx, conversation, row).await?;
        }
    }
    Ok(())
}

/// Emits `ParticipantChanged` to the streams whose readers may see the participant.
pub async fn emit_changed(tx: &Tx<'_>, conversation: &conversation::Model, row: &participant::Model) -> Result<()> {
    emit_to(tx, conversation, row, visibility(conversation, row)).await
}

/// Emits `ParticipantChanged` for a read position that passed no message of others. A customer gets no event about an
/// agent's reading then.
pub async fn emit_read_position(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    row: &participant::Model,
) -> Result<()> {
    emit_to(tx, conversation, row, ItemVisibility::Agent).await
}

async fn emit_to(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    row: &participant::Model,
    seen_by: ItemVisibility,
) -> Result<()> {
    let streams = conversation_streams::for_event(tx, conversation, seen_by, row.user_id).await?;
    tx.append(NewEvent::new(EventKind::ParticipantChanged, row, streams)?);
    Ok(())
}

/// Returns the sides that see a participant.
#[must_use]
pub fn visibility(conversation: &conversation::Model, row: &participant::Model) -> ItemVisibility {
    visibility_for_role(conversation.channel, row.role)
}

/// Returns the sides that see a participant with a role on a channel. `None` stands for a direct conversation.
#[must_use]
pub fn visibility_for_role(channel: Option<Channel>, role: ParticipantRole) -> ItemVisibility {
    match (role, channel) {
        (
            ParticipantRole::Owner | ParticipantRole::Joined | ParticipantRole::Supervisor | ParticipantRole::Bot,
            Some(channel),
        ) => channel_capabilities::of(channel).agents_shown,
        (ParticipantRole::Observer, Some(_)) => ItemVisibility::Agent,
        _ => ItemVisibility::Both,
    }
}
