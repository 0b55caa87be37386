//! A queue: a list of tasks of one channel, served by its eligible agents.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
        EntityTrait, EnumIter, PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    id::{QueueId, SkillId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: QueueId,
    pub name: String,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name for searches. Unique among the queues in use.
    pub search_text: String,
    pub channel: Channel,
    /// The seconds in which an agent must accept an offer. Without a value the channel's default applies.
    pub offer_seconds: Option<i32>,
    pub on_unaccepted_transfer: UnacceptedTransfer,
    /// The seconds after which a required wrap-up is completed automatically. Without a value it never is.
    pub auto_wrap_up_seconds: Option<i32>,
    /// The seconds of customer silence after which the system ends a conversation with an agent. Without a value it
    /// never does.
    pub inactivity_seconds: Option<i32>,
    /// The seconds within which a task should be accepted, for the service level.
    pub service_level_seconds: Option<i32>,
    #[sea_orm(column_type = "Json")]
    pub skills: SkillSteps,
    #[sea_orm(column_type = "Json", nullable)]
    pub hours: Option<BusinessHours>,
    pub created_at: DateTimeUtc,
    pub archived_at: Option<DateTimeUtc>,
    /// For an archived queue: the queue that receives the tasks which would return to it.
    pub successor_id: Option<QueueId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The treatment of a transfer to a named agent who does not accept it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum UnacceptedTransfer {
    /// The task is dropped and the conversation is closed.
    #[sea_orm(num_value = 1)]
    Drop = 1,
    /// The task waits in this queue.
    #[sea_orm(num_value = 2)]
    Requeue = 2,
}

/// The skill relaxation of a queue: the skills that it demands, in steps. A step replaces the step before it once a
/// task has waited long enough. Later steps usually demand less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct SkillSteps(pub Vec<SkillStep>);

impl SkillSteps {
    /// Returns true when any step demands one of `skills`.
    #[must_use]
    pub fn asks_for(&self, skills: &[SkillId]) -> bool {
        self.0.iter().flat_map(|step| &step.required).any(|required| skills.contains(&required.skill_id))
    }
}

/// One step of the skill relaxation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillStep {
    /// The seconds after the task began to wait from which the step applies.
    pub after_seconds: i32,
    pub required: Vec<RequiredSkill>,
}

/// A skill with the minimum level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredSkill {
    pub skill_id: SkillId,
    pub level: i16,
}

/// The opening hours of a queue, with the answer that customers get outside of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct BusinessHours {
    /// The IANA name of the time zone.
    pub time_zone: String,
    pub open: Vec<OpenHours>,
    /// The dates on which the queue is closed, such as `2026-12-25`.
    pub closed_on: Vec<String>,
    /// The closed message that customers get.
    pub answer: Option<String>,
}

/// The open hours on a day of the week, in minutes since midnight. `to` is at most 1440.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHours {
    /// 1 for Monday to 7 for Sunday.
    pub weekday: u8,
    pub from: u16,
    pub to: u16,
}
