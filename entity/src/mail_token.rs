//! A token that was sent by mail, by the SHA-256 of its text. Used once.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mail_token")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub hash: Vec<u8>,
    pub user_id: UserId,
    pub purpose: Purpose,
    /// Where it was sent, as in [`crate::user_email`].
    pub address_key: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
}

/// What a mail to the owner of an account is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Purpose {
    /// To set a new password.
    #[sea_orm(num_value = 1)]
    ResetPassword,
    /// To confirm an address.
    #[sea_orm(num_value = 2)]
    ConfirmAddress,
    /// To say that the password was changed. Such a mail has no token.
    #[sea_orm(num_value = 3)]
    PasswordChanged,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
