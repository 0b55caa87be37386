//! A text of a template. It never changes: a change of the template makes the next version.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
        PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::{id::TemplateId, thread_item::TextFormat};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "template_version")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub template_id: TemplateId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub version: i32,
    /// The text, with its parameters in double braces.
    pub body: String,
    pub format: TextFormat,
    /// The parameters that the agent fills in.
    #[sea_orm(column_type = "Json")]
    pub parameters: TemplateParameters,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The parameters that the agent fills in, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct TemplateParameters(pub Vec<TemplateParameter>);

/// A parameter that the agent fills in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateParameter {
    pub name: String,
    pub label: String,
    pub kind: ParameterKind,
    pub required: bool,
    /// The possible values of a choice. Empty for other kinds.
    #[serde(default)]
    pub options: Vec<String>,
    #[serde(default)]
    pub example: Option<String>,
}

/// The kind of value that a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ParameterKind {
    /// A line of text, at most 500 characters.
    Text,
    /// A decimal number, such as `12.50`.
    Number,
    /// A day, such as `2026-12-24`. The customer reads it in their language.
    Date,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// One of the parameter's options.
    Choice,
}
