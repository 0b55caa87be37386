//! A timer: something that is due at a time. It takes effect once, because a worker checks it again under the lock of
//! its target.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "timer")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: TimerKind,
    #[sea_orm(primary_key, auto_increment = false)]
    /// The id of the offer, assignment, task or conversation.
    pub target: Uuid,
    pub due_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The effect of a timer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TimerKind {
    /// An offer expires.
    #[sea_orm(num_value = 1)]
    Offer = 1,
    /// A wrap-up is completed automatically.
    #[sea_orm(num_value = 2)]
    WrapUp = 2,
    /// The next skill step of a queue applies.
    #[sea_orm(num_value = 3)]
    Step = 3,
    /// A conversation ends because of inactivity.
    #[sea_orm(num_value = 4)]
    Inactivity = 4,
}
