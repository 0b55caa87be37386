//! Something a person did that those related to them may see.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::id::{ActivityId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActivityId,
    pub kind: ActivityKind,
    pub actor_id: UserId,
    /// The other person, of a connection that was made.
    pub subject_id: Option<UserId>,
    /// Of a status.
    pub text: Option<String>,
    /// Only the actor's connections may see it.
    pub connections_only: bool,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a person did.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ActivityKind {
    /// Wrote a status.
    #[sea_orm(num_value = 1)]
    StatusPosted,
    /// Connected with the subject.
    #[sea_orm(num_value = 2)]
    Connected,
    /// Changed name, title, organisation or picture.
    #[sea_orm(num_value = 3)]
    ProfileChanged,
}
