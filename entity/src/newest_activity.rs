//! The newest activity of each person, kept with [`crate::activity_author`]: what a feed looks at first is as large as the
//! organisation, however much was ever posted.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{ActivityId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "newest_activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// None of who has done nothing.
    pub activity_id: Option<ActivityId>,
    /// The rest of the row of that activity.
    pub other_id: Option<UserId>,
    pub connections_only: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
