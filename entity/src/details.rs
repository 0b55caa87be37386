//! How someone can be reached, as it is stored beside a user or a personal contact: one JSON value, read and written whole.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{DeriveActiveEnum, EnumIter},
};
use serde::{Deserialize, Serialize};

/// Everything by which someone can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(default)]
pub struct Details {
    pub emails: Vec<Email>,
    pub phones: Vec<Phone>,
    pub addresses: Vec<Address>,
    pub urls: Vec<Url>,
}

/// An e-mail address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email {
    pub address: String,
    pub label: Option<String>,
    pub preferred: bool,
    #[serde(default)]
    pub visibility: Visibility,
}

/// A telephone number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phone {
    pub number: String,
    pub label: Option<String>,
    pub extension: Option<String>,
    pub preferred: bool,
    #[serde(default)]
    pub visibility: Visibility,
}

/// A place to send letters to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub label: Option<String>,
    pub street: Option<String>,
    pub city: Option<String>,
    pub region: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub preferred: bool,
    #[serde(default)]
    pub visibility: Visibility,
}

/// A page of the web.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    pub address: String,
    pub label: Option<String>,
    #[serde(default)]
    pub visibility: Visibility,
}

/// Who may see something of a profile. Of a personal contact nobody but its owner sees anything.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Visibility {
    /// Every member of the organisation.
    #[sea_orm(num_value = 1)]
    Everyone,
    /// One's connections.
    #[default]
    #[sea_orm(num_value = 2)]
    Connections,
    /// Nobody but oneself.
    #[sea_orm(num_value = 3)]
    Nobody,
}
