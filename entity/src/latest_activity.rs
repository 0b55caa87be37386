//! The newest activity of each user, written together with [`crate::activity_author`]. A feed reads at most one row for
//! each user, so its cost does not grow with the number of activities.

use sea_orm::entity::prelude::{
    ActiveModelBehavior, DeriveEntityModel, DerivePrimaryKey, DeriveRelation, EntityTrait, EnumIter, PrimaryKeyTrait,
};

use crate::id::{ActivityId, UserId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "latest_activity")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Unset for a user without activities.
    pub activity_id: Option<ActivityId>,
    /// Copied from the author row of that activity, as is the next field.
    pub other_id: Option<UserId>,
    pub connections_only: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
