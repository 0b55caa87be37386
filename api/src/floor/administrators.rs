//! Who may change the floor, judged and held in the transaction that does it: an administrator of this moment. Every change is
//! written down, what was refused or changed nothing is not.

use std::collections::BTreeSet;

use async_graphql::InputType;
use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::{Map, Value};

use crate::{
    agents::set_up,
    app::Tx,
    audit::entries::{self, Act},
    auth::{
        context::Origin,
        viewer::{Scope, Viewer},
    },
    error::{Error, Result},
};

/// Who calls, and from where.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    pub viewer: &'a Viewer,
    pub origin: &'a Origin,
}

/// Something that was made, or had been made by an earlier call with the same key.
#[derive(Clone, Debug)]
pub struct Made<T> {
    pub row: T,
    pub replayed: bool,
}

/// Holds the floor for an administrator, and before it some people as they are; those of them who answer customers.
pub async fn hold(tx: &Tx<'_>, by: &By<'_>, others: &BTreeSet<UserId>) -> Result<Vec<UserId>> {
    let me = by.viewer.user;
    let held = user::Entity::find()
        .filter(user::Column::Id.is_in(others.iter().copied().chain([me])))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .order_by_asc(user::Column::Id)
        .lock_shared()
        .all(tx.db())
        .await?;
    let role = held.iter().find(|person| person.id == me).ok_or(Error::Unauthenticated)?.role;
    if role != Role::Admin {
        return Err(Error::Forbidden(Scope::Admin.name()));
    }
    set_up::hold(tx).await?;
    let answers = |person: &&user::Model| person.role >= Role::Agent && others.contains(&person.id);
    Ok(held.iter().filter(answers).map(|person| person.id).collect())
}

/// Writes down that something was made.
pub async fn made(
    tx: &Tx<'_>,
    by: &By<'_>,
    action: &'static str,
    id: &(impl ToString + ?Sized + Sync),
    what: Value,
) -> Result<()> {
    entries::record(tx, by.viewer, Act::on(action, id, by.origin).with(what)).await
}

/// Writes down what is different, if anything is; whether so.
pub async fn changed(
    tx: &Tx<'_>,
    by: &By<'_>,
    action: &'static str,
    id: &(impl ToString + ?Sized + Sync),
    before: &Value,
    after: &Value,
) -> Result<bool> {
    let different = different(before, after);
    if different.is_empty() {
        return Ok(false);
    }
    made(tx, by, action, id, Value::Object(different)).await?;
    Ok(true)
}

/// The fields of an object that are not what they were, as they are now.
fn different(before: &Value, after: &Value) -> Map<String, Value> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| before.get(name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A value as the API writes it.
#[must_use]
pub fn written(value: &impl InputType) -> Value {
    value.to_value().into_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::different;

    #[test]
    fn only_what_is_different_is_told() {
        let before = json!({ "name": "a", "chat": 1, "hours": null });
        let after = json!({ "name": "a", "chat": 2, "hours": null });
        assert_eq!(Value::Object(different(&before, &after)), json!({ "chat": 2 }));
        assert!(different(&after, &after).is_empty());
    }
}
