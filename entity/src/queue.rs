//! Where tasks of one channel wait for the agents who serve it.

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
    /// Where it stands in a list by name.
    pub name_key: Vec<u8>,
    /// By this the name is found, and is unique among those in use.
    pub search_text: String,
    pub channel: Channel,
    /// How long an agent may take to accept; none: as long as the channel says.
    pub offer_seconds: Option<i32>,
    pub on_unaccepted_transfer: UnacceptedTransfer,
    /// After how long a wrap-up that is owed is done by itself; none: never.
    pub auto_wrap_up_seconds: Option<i32>,
    /// How long a customer may say nothing before the system ends a conversation with an agent; none: for ever.
    pub inactivity_seconds: Option<i32>,
    /// Within how long a task should be accepted, for the service level.
    pub service_level_seconds: Option<i32>,
    #[sea_orm(column_type = "Json")]
    pub skills: SkillSteps,
    #[sea_orm(column_type = "Json", nullable)]
    pub hours: Option<BusinessHours>,
    pub created_at: DateTimeUtc,
    pub archived_at: Option<DateTimeUtc>,
    /// Of one that is archived: where the tasks wait that would come back to it.
    pub successor_id: Option<QueueId>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What becomes of a transfer to a named agent who does not accept it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum UnacceptedTransfer {
    /// The task is dropped and the conversation closed.
    #[sea_orm(num_value = 1)]
    Drop = 1,
    /// The task waits in this queue.
    #[sea_orm(num_value = 2)]
    Requeue = 2,
}

/// What agents must be good at. Each step asks for something else, mostly for less, once a task has waited so long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct SkillSteps(pub Vec<SkillStep>);

impl SkillSteps {
    /// Whether any step asks for one of some skills.
    #[must_use]
    pub fn asks_for(&self, skills: &[SkillId]) -> bool {
        self.0.iter().flat_map(|step| &step.required).any(|required| skills.contains(&required.skill_id))
    }
}

/// What is asked for from a time on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkillStep {
    /// Since the task began to wait.
    pub after_seconds: i32,
    pub required: Vec<RequiredSkill>,
}

/// A skill and the least level of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredSkill {
    pub skill_id: SkillId,
    pub level: i16,
}

/// When a queue is served, and what a customer is told at other times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct BusinessHours {
    /// By its IANA name.
    pub time_zone: String,
    pub open: Vec<OpenHours>,
    /// Days on which the queue is not served, `2026-12-25`.
    pub closed_on: Vec<String>,
    pub answer: Option<String>,
}

/// Hours of a day of the week, in minutes since midnight: from the first up to the last, which is 1440 at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenHours {
    /// 1 for Monday to 7 for Sunday.
    pub weekday: u8,
    pub from: u16,
    pub to: u16,
}
