//! A person with an account: handle, name, profile, roles and who may approach them.

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
    /// Unique, lower case, 2 to 32 of `a-z 0-9 . _ -`.
    #[sea_orm(unique)]
    pub handle: String,
    pub display_name: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub additional_name: Option<String>,
    pub name_prefix: Option<String>,
    pub name_suffix: Option<String>,
    pub title: Option<String>,
    pub organisation: Option<String>,
    pub avatar_url: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub role: Role,
    pub status: UserStatus,
    pub who_may_request_connection: Audience,
    pub who_may_follow: Audience,
    /// Where the person stands in name order: the sort key of the family name, then of the rest, compared as bytes.
    pub name_key: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a person is in the organisation. Each role has what the ones before it have.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Role {
    /// Everyone with an account.
    #[sea_orm(num_value = 1)]
    Member,
    /// Answers customers.
    #[sea_orm(num_value = 2)]
    Agent,
    /// Watches over agents and queues.
    #[sea_orm(num_value = 3)]
    Supervisor,
    /// Runs the deployment.
    #[sea_orm(num_value = 4)]
    Admin,
}

/// Whether an account takes part.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum UserStatus {
    #[sea_orm(num_value = 1)]
    Active,
    #[sea_orm(num_value = 2)]
    Suspended,
    #[sea_orm(num_value = 3)]
    Deactivated,
    /// Nothing is left but the row, which things that others have refer to.
    #[sea_orm(num_value = 4)]
    Deleted,
}

/// Who may approach a person.
#[derive(Copy, Clone, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Enum)]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum Audience {
    /// Every member of the organisation.
    #[sea_orm(num_value = 1)]
    Everyone,
    /// Only one's connections and those who share a connection with one.
    #[sea_orm(num_value = 2)]
    Mutual,
    /// No one.
    #[sea_orm(num_value = 3)]
    Nobody,
}
