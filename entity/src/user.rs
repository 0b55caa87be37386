//! A person with an account: handle, name, profile, role and the audiences who may approach them.

use async_graphql::Enum;
use sea_orm::entity::prelude::{
    ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
    EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: UserId,
    /// Unique and lower case, with 2 to 32 characters of `a-z 0-9 . _ -`.
    #[sea_orm(unique)]
    pub handle: String,
    pub display_name: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub additional_name: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    pub title: Option<String>,
    pub organization: Option<String>,
    pub avatar_url: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub role: Role,
    pub status: UserStatus,
    pub who_may_request_connection: Audience,
    pub who_may_follow: Audience,
    /// The sort key in name order: the family name first, then the other parts. Keys are compared as bytes.
    pub name_key: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A user's rank in the organization. Each role includes the roles before it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Role {
    /// Has the rights of every account.
    #[sea_orm(num_value = 1)]
    Member,
    /// Answers customers.
    #[sea_orm(num_value = 2)]
    Agent,
    /// Supervises agents and queues.
    #[sea_orm(num_value = 3)]
    Supervisor,
    /// Administers the deployment.
    #[sea_orm(num_value = 4)]
    Admin,
}

/// The state of an account.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum UserStatus {
    /// The user can sign in and take part.
    #[sea_orm(num_value = 1)]
    Active,
    /// An administrator suspended the account.
    #[sea_orm(num_value = 2)]
    Suspended,
    /// The owner deactivated the account.
    #[sea_orm(num_value = 3)]
    Deactivated,
    /// Only the row remains, because data of other users refers to it.
    #[sea_orm(num_value = 4)]
    Deleted,
}

/// The audience that may approach a user.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Audience {
    /// Every member of the organization.
    #[sea_orm(num_value = 1)]
    Everyone,
    /// Only connections, and users who share a connection with the user.
    #[sea_orm(num_value = 2)]
    Mutual,
    /// No other user.
    #[sea_orm(num_value = 3)]
    Nobody,
}
