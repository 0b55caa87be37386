//! An address of the organization on a channel. It feeds one queue.

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
    attachment::AttachmentOverrides,
    channel::Channel,
    id::{EntryPointId, QueueId},
    sealed::Sealed,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entry_point")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EntryPointId,
    pub name: String,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The folded name for searches. Unique among the entry points in use.
    pub search_text: String,
    pub channel: Channel,
    /// Unique on the channel among the entry points in use.
    pub address: String,
    pub queue_id: QueueId,
    /// The priority of new tasks, from 1 to 9. A value of 10 means that none is set.
    pub priority: i16,
    /// Maximum length of a message, in Unicode scalar values. Null for the value of the channel.
    pub character_limit: Option<i32>,
    /// The questions that a visitor answers before a web chat begins.
    #[sea_orm(column_type = "Json")]
    pub form: Form,
    /// The web sites that may begin a web chat.
    #[sea_orm(column_type = "Json")]
    pub origins: Origins,
    /// The secret with which the web site signs a visitor's identity.
    pub identity_secret: Option<Sealed>,
    /// The rules for files. Null for those of the channel.
    #[sea_orm(column_type = "Json", nullable)]
    pub attachment_overrides: Option<AttachmentOverrides>,
    pub created_at: DateTimeUtc,
    pub archived_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The fields of a pre-chat form, in display order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Form(pub Vec<FormField>);

/// A field of a pre-chat form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormField {
    pub name: String,
    pub label: String,
    pub kind: FormFieldKind,
    pub required: bool,
    /// The possible answers of a choice. Empty for other kinds of field.
    #[serde(default)]
    pub options: Vec<String>,
}

/// The kind of answer that a form field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
pub enum FormFieldKind {
    /// The customer's name.
    Name,
    /// An e-mail address of the customer.
    Email,
    /// A telephone number of 3 to 20 digits in any script. Spaces, dashes and `+ . / ( )` may separate the digits. It
    /// is stored in ASCII.
    Phone,
    /// A single line of text.
    Text,
    /// One of the field's options.
    Choice,
}

/// Web origins in the form that browsers send, such as `https://example.com`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct Origins(pub Vec<String>);
