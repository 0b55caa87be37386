//! An address of the organisation on a channel. It feeds one queue.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
        PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    id::{EntryPointId, QueueId},
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry_point")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EntryPointId,
    pub name: String,
    /// Where it stands in a list by name.
    pub name_key: Vec<u8>,
    /// By this the name is found, and is unique among those in use.
    pub search_text: String,
    pub channel: Channel,
    /// Unique on the channel among those in use.
    pub address: String,
    pub queue_id: QueueId,
    /// Of new tasks: 1 to 9; 10 where none is set.
    pub priority: i16,
    /// What a visitor is asked for before a chat begins.
    #[sea_orm(column_type = "Json")]
    pub form: Form,
    /// The web sites from which a chat may be begun.
    #[sea_orm(column_type = "Json")]
    pub origins: Origins,
    /// With this the site signs who a visitor is.
    pub identity_secret: Option<String>,
    pub created_at: DateTimeUtc,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The fields of a pre-chat form, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Form(pub Vec<FormField>);

/// A field of a pre-chat form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    pub name: String,
    pub label: String,
    pub kind: FormFieldKind,
    pub required: bool,
    /// Of a choice.
    #[serde(default)]
    pub options: Vec<String>,
}

/// What a field of a form takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
pub enum FormFieldKind {
    /// The customer's name.
    Name,
    /// An e-mail address.
    Email,
    /// A telephone number: 3 to 20 digits of any script, and between them spaces, dashes and `+ . / ( )`. Kept in ASCII.
    Phone,
    /// A line of text.
    Text,
    /// One of the options.
    Choice,
}

/// Origins as browsers send them, `https://example.com`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Origins(pub Vec<String>);
