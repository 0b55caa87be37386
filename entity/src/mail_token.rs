//! A single-use token that was sent by e-mail, stored as the SHA-256 of its text.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};
use serde::{Deserialize, Serialize};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub user_id: UserId,
    pub purpose: Purpose,
    /// The recipient's address, in the form that [`crate::user_email`] uses.
    pub address_key: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    /// The time at which the token was used up. It is kept until it expires, to recognize a repeated call.
    pub used_at: Option<DateTimeUtc>,
}

/// The purpose of an e-mail to the owner of an account.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Purpose {
    /// The mail lets the owner set a new password.
    #[sea_orm(num_value = 1)]
    ResetPassword,
    /// The mail asks the owner to confirm an address.
    #[sea_orm(num_value = 2)]
    ConfirmAddress,
    /// The mail reports that the password was changed. It carries no token.
    #[sea_orm(num_value = 3)]
    PasswordChanged,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
