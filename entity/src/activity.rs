//! Something a user did that related people may see in their feeds.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use async_graphql::Enum;
use serde::{Deserialize, Serialize};

use crate::id::{ActivityId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ActivityId,
    pub kind: ActivityKind,
    pub actor_id: UserId,
    /// The other person of a new connection.
    pub subject_id: Option<UserId>,
    /// The text of a posted status or of a recorded act.
    pub text: Option<String>,
    /// The name of the application that recorded the act, and the page that shows it.
    pub application: Option<String>,
    pub url: Option<String>,
    /// True when only the actor's connections may see the activity.
    pub connections_only: bool,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The kind of thing that a user did.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ActivityKind {
    /// The user posted a status.
    #[sea_orm(num_value = 1)]
    StatusPosted,
    /// The user connected with the subject.
    #[sea_orm(num_value = 2)]
    Connected,
    /// The user changed their name, title, organization or picture.
    #[sea_orm(num_value = 3)]
    ProfileChanged,
    /// The user did something in another application, which recorded it.
    #[sea_orm(num_value = 4)]
    Recorded,
}
