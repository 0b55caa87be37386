//! An account e-mail that waits to be sent. The worker creates the token at the moment of sending, so the table stores
//! none.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter,
    PrimaryKeyTrait, Uuid,
};

use crate::{id::UserId, mail_token::Purpose};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_mail")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub purpose: Purpose,
    /// The user to confirm an address of, or whose password changed. Unset for a password reset, which needs no
    /// sign-in.
    pub user_id: Option<UserId>,
    /// The address to confirm or to notify. For a password reset: the handle or address that the request named.
    pub asked: String,
    pub created_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    /// A worker has claimed the row until this time.
    pub claimed_until: Option<DateTimeUtc>,
    /// The number of failed attempts to send it.
    pub failures: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
