//! Who takes part in a conversation: each user and each customer once, however often they come and go.

use entity::{
    conversation,
    event::EventKind,
    id::{ConversationId, CustomerId, ParticipantId, UserId},
    participant::{self, ParticipantRole},
    thread_item::ItemVisibility,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder,
};

use super::{channels, items};
use crate::{app::Tx, error::Result, events::log::NewEvent};

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    User(UserId),
    Customer(CustomerId),
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

/// Everybody who takes part or has taken part, in the order in which they first came.
pub async fn all(db: &impl ConnectionTrait, conversation: ConversationId) -> Result<Vec<participant::Model>, DbErr> {
    participant::Entity::find()
        .filter(participant::Column::ConversationId.eq(conversation))
        .order_by_asc(participant::Column::Id)
        .all(db)
        .await
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
            let row = participant::Model { role, joined_at, left_at: None, ..before };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            row
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
                read_up_to: 0,
            };
            participant::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
            row
        }
    };
    tell(tx, conversation, &row)?;
    Ok(row)
}

/// Lets a participant of a conversation that is held leave it.
pub async fn leave(tx: &Tx<'_>, conversation: &conversation::Model, row: participant::Model) -> Result<()> {
    if row.left_at.is_some() {
        return Ok(());
    }
    let row = participant::Model { left_at: Some(tx.clock().now()), ..row };
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    tell(tx, conversation, &row)
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

fn tell(tx: &Tx<'_>, conversation: &conversation::Model, row: &participant::Model) -> Result<()> {
    let streams = items::streams(conversation, shown(conversation, row));
    tx.append(NewEvent::new(EventKind::ParticipantChanged, row, streams)?);
    Ok(())
}

/// Who sees that somebody takes part.
#[must_use]
pub fn shown(conversation: &conversation::Model, row: &participant::Model) -> ItemVisibility {
    match (row.role, conversation.channel) {
        (ParticipantRole::Owner | ParticipantRole::Joined, Some(channel)) => channels::of(channel).agents_shown,
        (ParticipantRole::Supervisor, Some(_)) => ItemVisibility::Agent,
        _ => ItemVisibility::Both,
    }
}
