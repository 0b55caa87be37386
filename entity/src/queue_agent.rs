//! An agent whom a queue names explicitly.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{QueueId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "queue_agent")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub queue_id: QueueId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub agent_id: UserId,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
