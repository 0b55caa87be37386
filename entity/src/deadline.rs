//! Something that is due at a time. Whoever finds it due does it, once: under the lock of what it is about it is looked at again.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deadline")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: DeadlineKind,
    #[sea_orm(primary_key, auto_increment = false)]
    /// The offer, assignment, task or conversation.
    pub target: Uuid,
    pub due_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is due.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum DeadlineKind {
    /// An offer was not answered.
    #[sea_orm(num_value = 1)]
    Offer = 1,
    /// A wrap-up is done by itself.
    #[sea_orm(num_value = 2)]
    WrapUp = 2,
    /// The next step of the skills of a queue holds.
    #[sea_orm(num_value = 3)]
    Step = 3,
    /// Nobody has written.
    #[sea_orm(num_value = 4)]
    Inactivity = 4,
}
