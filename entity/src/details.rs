//! The contact details of a user or a personal contact, stored as one JSON value that is read and written as a whole.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{DeriveActiveEnum, EnumIter},
};
use serde::{Deserialize, Serialize};

/// All contact details of one person.
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

/// A postal address.
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

/// A web page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Url {
    pub address: String,
    pub label: Option<String>,
    #[serde(default)]
    pub visibility: Visibility,
}

/// The audience of a contact detail. Only the owner of a personal contact sees its details.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Visibility {
    /// Every member of the organization can see it.
    #[sea_orm(num_value = 1)]
    Everyone,
    /// Only the user's connections can see it.
    #[default]
    #[sea_orm(num_value = 2)]
    Connections,
    /// Only the user can see it.
    #[sea_orm(num_value = 3)]
    Nobody,
}
