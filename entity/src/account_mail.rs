//! A mail to the owner of an account that is still to be sent. The token in it is made when it is sent, so none is kept here.

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
    /// Who asked to confirm an address, or whose password was changed; none for a new password, which anybody may ask for.
    pub user_id: Option<UserId>,
    /// The address to confirm or to write to, or the handle or address for whose account a new password is asked.
    pub asked: String,
    pub created_at: DateTimeUtc,
    pub due_at: DateTimeUtc,
    /// A worker has it in hand until then.
    pub claimed_until: Option<DateTimeUtc>,
    /// How often sending it failed.
    pub failures: i32,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
