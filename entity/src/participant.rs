//! A user, a customer or a program in a conversation. Each has one row for a conversation.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::{ApiKeyId, ConversationId, CustomerId, ParticipantId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "participant")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ParticipantId,
    pub conversation_id: ConversationId,
    pub user_id: Option<UserId>,
    pub customer_id: Option<CustomerId>,
    /// The organization key whose program takes part.
    pub key_id: Option<ApiKeyId>,
    pub role: ParticipantRole,
    pub joined_at: DateTimeUtc,
    pub left_at: Option<DateTimeUtc>,
    /// The sequence number of the last item at the time the user left. Only set in customer conversations. No API shows
    /// it.
    pub left_sequence: Option<i64>,
    /// The sequence number up to which the participant has read.
    pub read_up_to: i64,
    /// The time of the last item, set for users when a customer conversation is closed. It orders the closed
    /// conversations of a user. No API shows it.
    pub settled_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The role of a participant in a conversation.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ParticipantRole {
    /// The customer who writes to the organization.
    #[sea_orm(num_value = 1)]
    Customer = 1,
    /// The agent who owns the task.
    #[sea_orm(num_value = 2)]
    Owner = 2,
    /// An agent who joined in a conference.
    #[sea_orm(num_value = 3)]
    Joined = 3,
    /// One of the two users of a direct conversation.
    #[sea_orm(num_value = 4)]
    Member = 4,
    /// A supervisor who joined the conversation. Customers see JOINED.
    #[sea_orm(num_value = 5)]
    Supervisor = 5,
    /// A supervisor or a program that wrote a note or assigned the task without joining. Customers do not see them.
    #[sea_orm(num_value = 6)]
    Observer = 6,
    /// A program with a key of the organization. Customers see JOINED.
    #[sea_orm(num_value = 7)]
    Bot = 7,
}

/// The SQL comparison of `role` that holds for participants of conversations with customers. It is a literal, because a
/// partial index serves a query only when the query repeats the condition of the index.
pub const NO_MEMBER: &str = "<> 4";

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::{NO_MEMBER, ParticipantRole};
    use crate::sql_comparison::satisfied;

    #[test]
    fn the_comparison_leaves_out_members_of_direct_conversations() {
        let others = ParticipantRole::iter().filter(|role| !satisfied(NO_MEMBER, *role as i64));
        assert_eq!(others.collect::<Vec<_>>(), [ParticipantRole::Member]);
    }
}
