//! A prepared text with its name. `template_version` has its texts.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
        EntityTrait, EnumIter, PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::{channel::Channel, id::TemplateId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "template")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TemplateId,
    pub name: String,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name. Unique among the templates in use.
    pub search_text: String,
    /// The folded name, shortcut, category and text, for searches.
    pub find_text: String,
    pub shortcut: Option<String>,
    /// The folded shortcut. Unique among the templates in use.
    pub shortcut_key: Option<String>,
    pub category: Option<String>,
    /// The channels on which it can be used.
    #[sea_orm(column_type = "Json")]
    pub channels: TemplateChannels,
    pub stage: Option<TemplateStage>,
    /// True if agents cannot change its text.
    pub locked: bool,
    /// True if an administrator made it. Supervisors cannot change it then.
    pub by_administrator: bool,
    /// The number of its present text.
    pub version: i32,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The channels on which a template can be used. Empty for all channels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct TemplateChannels(pub Vec<Channel>);

/// The part of a conversation in which a template is used.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum TemplateStage {
    /// The beginning of a conversation.
    #[sea_orm(num_value = 1)]
    Start = 1,
    /// The time between the beginning and the end.
    #[sea_orm(num_value = 2)]
    FollowUp = 2,
    /// The end of a conversation.
    #[sea_orm(num_value = 3)]
    End = 3,
}
