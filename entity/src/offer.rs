//! An offer of a task to one agent for a limited time. A constraint allows one pending offer for a task.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::{OfferId, QueueId, TaskId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "offer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OfferId,
    pub kind: OfferKind,
    pub task_id: TaskId,
    pub queue_id: QueueId,
    /// The conference invitation of a queue to which the offer belongs. When an agent does not join, the next one gets
    /// an offer.
    pub invitation: Option<Uuid>,
    pub agent_id: UserId,
    pub status: OfferStatus,
    /// The time until which the task should be accepted, by the service level that the queue had.
    pub due_at: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The reason of an offer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum OfferKind {
    /// The task waits in a queue.
    #[sea_orm(num_value = 1)]
    Queue = 1,
    /// Another agent transfers the task.
    #[sea_orm(num_value = 2)]
    Transfer = 2,
    /// Another agent asks for a conference.
    #[sea_orm(num_value = 3)]
    Conference = 3,
}

/// The state of an offer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum OfferStatus {
    /// The agent can accept the offer.
    #[sea_orm(num_value = 1)]
    Pending = 1,
    /// The agent accepted the offer.
    #[sea_orm(num_value = 2)]
    Accepted = 2,
    /// The agent declined the offer.
    #[sea_orm(num_value = 3)]
    Declined = 3,
    /// The agent did not answer in time.
    #[sea_orm(num_value = 4)]
    Expired = 4,
    /// The task is no longer available.
    #[sea_orm(num_value = 5)]
    Withdrawn = 5,
}

// Comparisons of the columns `status` and `kind` in SQL. They are literals, because a partial index serves a query only
// when the query repeats the condition of the index.

/// The comparison of `status` that holds for offers that the agent can accept.
pub const PENDING: &str = "= 1";
/// The comparison of `status` that holds for accepted offers.
pub const ACCEPTED: &str = "= 2";
/// The comparison of `kind` that holds for offers that hand over a task. An offer to join a conference does not.
pub const HANDS_OVER: &str = "< 3";

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::{ACCEPTED, HANDS_OVER, OfferKind, OfferStatus, PENDING};
    use crate::sql_comparison::satisfied;

    #[test]
    fn each_comparison_holds_for_the_states_of_its_name() {
        let of = |comparison| OfferStatus::iter().filter(move |status| satisfied(comparison, *status as i64));
        assert_eq!(of(PENDING).collect::<Vec<_>>(), [OfferStatus::Pending]);
        assert_eq!(of(ACCEPTED).collect::<Vec<_>>(), [OfferStatus::Accepted]);
        let kinds: Vec<OfferKind> = OfferKind::iter().filter(|kind| satisfied(HANDS_OVER, *kind as i64)).collect();
        assert_eq!(kinds, [OfferKind::Queue, OfferKind::Transfer]);
    }
}
