//! The work that a conversation causes, from its first waiting message to the last wrap-up.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    id::{ConversationId, QueueId, TaskId, UserId},
    intake::Intake,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaskId,
    pub conversation_id: ConversationId,
    pub queue_id: QueueId,
    pub channel: Channel,
    pub status: TaskStatus,
    /// The priority from 1, the highest, to 9. A value of 10 means that none is set.
    pub priority: i16,
    /// The time from which the customer has waited.
    pub received_at: DateTimeUtc,
    /// The order among tasks of the same priority. A task that returns to the queue keeps this time.
    pub enqueued_at: DateTimeUtc,
    /// The index of the skill step that applies.
    pub step: i16,
    pub owner_id: Option<UserId>,
    pub conference_agent_id: Option<UserId>,
    pub accepted_at: Option<DateTimeUtc>,
    pub ended_at: Option<DateTimeUtc>,
    pub ended_by: Option<EndedBy>,
    /// True when the agent states that the customer agreed to the end.
    pub customer_agreed: bool,
    /// The task before this one, when the conversation was reopened.
    pub previous_id: Option<TaskId>,
    /// The facts that the web site gave at the start of the chat. Only set in web chats.
    #[sea_orm(column_type = "Json", nullable)]
    pub intake: Option<Intake>,
    /// The conversation in which the customer continues, when a merge of two customers ended the task.
    pub continued_in_id: Option<ConversationId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The state of a task.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TaskStatus {
    /// The task waits in its queue.
    #[sea_orm(num_value = 1)]
    Queued = 1,
    /// The task is offered to an agent.
    #[sea_orm(num_value = 2)]
    Offered = 2,
    /// An agent and the customer are in conversation.
    #[sea_orm(num_value = 3)]
    Connected = 3,
    /// An agent and the customer are in conversation, and another agent was asked to join.
    #[sea_orm(num_value = 4)]
    ConferenceRequested = 4,
    /// Two agents and the customer are in conversation.
    #[sea_orm(num_value = 5)]
    Conference = 5,
    /// The conversation is over and a wrap-up is required.
    #[sea_orm(num_value = 6)]
    WrapUp = 6,
    /// The task is over and wrapped up.
    #[sea_orm(num_value = 7)]
    Completed = 7,
    /// The task ended before an agent accepted it.
    #[sea_orm(num_value = 8)]
    Abandoned = 8,
    /// The task ended because no agent took it over.
    #[sea_orm(num_value = 9)]
    Dropped = 9,
    /// The task ended before an agent accepted it, because its customer was merged with another one.
    #[sea_orm(num_value = 10)]
    Merged = 10,
}

// Comparisons of the column `status` in SQL. They are literals, because a partial index serves a query only when the
// query repeats the condition of the index.

/// The comparison that holds for tasks that wait in a queue.
pub const QUEUED: &str = "= 1";
/// The comparison that holds for tasks that wait in a queue or are offered to an agent.
pub const WAITING: &str = "< 3";
/// The comparison that holds for tasks on which an agent and the customer are in conversation.
pub const IN_SERVICE: &str = "IN (3, 4, 5)";
/// The comparison that holds for tasks that are neither over nor in wrap-up.
pub const LIVE: &str = "< 6";
/// The comparison that holds for tasks that ended before an agent accepted them.
pub const ABANDONED: &str = "= 8";

/// The party or the change that ended a conversation or a task.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum EndedBy {
    /// An agent ended it.
    #[sea_orm(num_value = 1)]
    Agent = 1,
    /// The customer ended it.
    #[sea_orm(num_value = 2)]
    Customer = 2,
    /// The system ended it.
    #[sea_orm(num_value = 3)]
    System = 3,
    /// Two customers were merged, and their conversations became one.
    #[sea_orm(num_value = 4)]
    Merge = 4,
}

#[cfg(test)]
mod tests {
    use sea_orm::Iterable;

    use super::TaskStatus::{Abandoned, Conference, ConferenceRequested, Connected, Offered, Queued};
    use super::{ABANDONED, IN_SERVICE, LIVE, QUEUED, TaskStatus, WAITING};
    use crate::sql_comparison::satisfied;

    #[test]
    fn each_comparison_holds_for_the_states_of_its_name() {
        let states: [(&str, &[TaskStatus]); 5] = [
            (QUEUED, &[Queued]),
            (WAITING, &[Queued, Offered]),
            (IN_SERVICE, &[Connected, ConferenceRequested, Conference]),
            (LIVE, &[Queued, Offered, Connected, ConferenceRequested, Conference]),
            (ABANDONED, &[Abandoned]),
        ];
        for (comparison, expected) in states {
            let found: Vec<TaskStatus> =
                TaskStatus::iter().filter(|status| satisfied(comparison, *status as i64)).collect();
            assert_eq!(found, expected, "status {comparison}");
        }
    }
}
