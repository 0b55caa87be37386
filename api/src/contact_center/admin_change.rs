//! Changes of the contact center configuration. The caller's role is checked and locked in the transaction that makes
//! the change. Every change is recorded in the audit log. Refused calls and calls without effect are not.

use std::collections::BTreeSet;

use async_graphql::InputType;
use entity::{
    config_lock,
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::locks;
use crate::{
    app::{Locked, SharedLock, Tx},
    audit::entries::{self, AuditedAction},
    auth::{
        idempotency,
        request_context::Origin,
        viewer::{Scope, Viewer},
    },
    error::{Error, INPUT, Result, UserErrorCode},
};

/// The actor of a configuration change.
#[derive(Clone, Copy, Debug)]
pub enum AdminActor<'a> {
    /// An administrator who makes the call.
    Administrator {
        /// The administrator.
        viewer: &'a Viewer,
        /// The origin of the call.
        origin: &'a Origin,
    },
    /// Rapport itself, when it sets up the demo organization.
    System,
}

impl AdminActor<'_> {
    /// Returns the user who makes the change. It is the nil id for Rapport itself.
    #[must_use]
    pub fn user(&self) -> UserId {
        match self {
            Self::Administrator { viewer, .. } => viewer.user,
            Self::System => UserId(Uuid::nil()),
        }
    }
}

/// An object that a call created, or that an earlier call with the same idempotency key created.
#[derive(Clone, Debug)]
pub struct Created<T> {
    /// The created object.
    pub row: T,
    /// True if an earlier call with the same key created it.
    pub replayed: bool,
}

impl<T> Created<T> {
    /// Returns the object, and true if this call created it.
    #[must_use]
    pub fn into_change(self) -> (T, bool) {
        (self.row, !self.replayed)
    }
}

/// The configuration of the contact center, locked for one change.
pub struct LockedConfiguration {
    /// Those of the named people who are agents now.
    pub agents: Vec<SharedLock<user::Model>>,
    /// The role of the caller.
    pub role: Role,
    _row: Locked<config_lock::Model>,
}

impl LockedConfiguration {
    /// Returns true if a named person is an agent now.
    #[must_use]
    pub fn has_agent(&self, id: UserId) -> bool {
        self.agents.iter().any(|agent| agent.id == id)
    }
}

/// Locks the configuration for an administrator. Before that, takes shared locks of the administrator's row and of the
/// rows of `others`, the people whom the change names. Fails with `UNAUTHENTICATED` or `FORBIDDEN` when the
/// caller is not an active administrator.
pub async fn lock_config(tx: &Tx<'_>, by: &AdminActor<'_>, others: &BTreeSet<UserId>) -> Result<LockedConfiguration> {
    lock_config_as(tx, by, others, Role::Admin).await
}

/// Locks the configuration for a user with at least the role `least`, as [`lock_config`] does for an administrator.
pub async fn lock_config_as(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    others: &BTreeSet<UserId>,
    least: Role,
) -> Result<LockedConfiguration> {
    let me = match by {
        AdminActor::Administrator { viewer, .. } => Some(viewer.user),
        AdminActor::System => None,
    };
    let held = tx
        .share_all(
            user::Entity::find()
                .filter(user::Column::Id.is_in(others.iter().copied().chain(me)))
                .filter(user::Column::Status.eq(UserStatus::Active))
                .order_by_asc(user::Column::Id),
        )
        .await?;
    let role = match me {
        Some(me) => held.iter().find(|person| person.id == me).ok_or(Error::Unauthenticated)?.role,
        None => Role::Admin,
    };
    if role < least {
        return Err(match least {
            Role::Admin => Error::Forbidden(Scope::Admin.name()),
            _ => Error::refused(UserErrorCode::NotAllowed, INPUT, "Only supervisors and administrators can do this."),
        });
    }
    let row = locks::lock_configuration(tx).await?;
    let agents = held.into_iter().filter(|person| person.role >= Role::Agent && others.contains(&person.id)).collect();
    Ok(LockedConfiguration { agents, role, _row: row })
}

/// Records in the audit log that an object was created, or any other change with its details.
pub async fn record_created(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    action: &'static str,
    id: &(impl ToString + ?Sized + Sync),
    what: Value,
) -> Result<()> {
    match by {
        AdminActor::Administrator { viewer, origin } => {
            entries::record(tx, viewer, AuditedAction::on(action, id, origin).with(what)).await
        }
        AdminActor::System => {
            entries::record_system(tx, AuditedAction::on(action, id, &Origin::default()).with(what)).await
        }
    }
}

/// Claims the idempotency key of a call for the object that it is about to create. Returns the id of the object that an
/// earlier call with the key created. `asked` distinguishes one request from another. Refuses with
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn claim_key(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    key: Option<&str>,
    asked: &str,
    target: Uuid,
) -> Result<Option<Uuid>> {
    match by {
        AdminActor::Administrator { viewer, .. } => idempotency::claim(tx, viewer.user, key, asked, target).await,
        AdminActor::System => Ok(None),
    }
}

/// Records the changed fields in the audit log. Returns false and records nothing if no field changed.
pub async fn record_changed(
    tx: &Tx<'_>,
    by: &AdminActor<'_>,
    action: &'static str,
    id: &(impl ToString + ?Sized + Sync),
    before: &Value,
    after: &Value,
) -> Result<bool> {
    let different = changed_fields(before, after);
    if different.is_empty() {
        return Ok(false);
    }
    record_created(tx, by, action, id, Value::Object(different)).await?;
    Ok(true)
}

/// Returns the fields whose values differ, with their values in `after`.
fn changed_fields(before: &Value, after: &Value) -> Map<String, Value> {
    let fields = after.as_object().into_iter().flatten();
    fields
        .filter(|(name, value)| before.get(name) != Some(value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Returns an enum value in the form of the API.
#[must_use]
pub fn to_value(value: &impl InputType) -> Value {
    value.to_value().into_json().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::changed_fields;

    #[test]
    fn only_what_is_different_is_told() {
        let before = json!({ "name": "a", "chat": 1, "hours": null });
        let after = json!({ "name": "a", "chat": 2, "hours": null });
        assert_eq!(Value::Object(changed_fields(&before, &after)), json!({ "chat": 2 }));
        assert!(changed_fields(&after, &after).is_empty());
    }
}
