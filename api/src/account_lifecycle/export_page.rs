//! Shared parts of an export's sections: their pages, names and enums.

use std::collections::HashMap;

use entity::{
    id::UserId,
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::{app::App, error::Result};

/// Maximum number of rows in one reading.
pub const TOGETHER: u64 = 500;

/// A page of a section, and the start of the next page if there is one.
pub type SectionPage = (Vec<Value>, Option<String>);

/// Returns the API's name of a stored enum value.
pub fn enum_label<T: async_graphql::resolver_utils::EnumType>(value: T) -> &'static str {
    T::items().iter().find(|item| item.value == value).map_or("", |item| item.name)
}

/// Returns the names of active users by id, in the form of the archive.
pub async fn names(app: &App, ids: impl Iterator<Item = UserId>) -> Result<HashMap<UserId, Value>> {
    let people = user::Entity::find()
        .filter(user::Column::Id.is_in(ids))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .all(app.db.read())
        .await?;
    let name = |row: user::Model| (row.id, json!({ "handle": row.handle, "displayName": row.display_name }));
    Ok(people.into_iter().map(name).collect())
}
