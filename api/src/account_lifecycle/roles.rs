//! The roles of users. A lower role ends the additional rights of the earlier role at once. A role that answers
//! customers makes the user an agent at once.

use entity::{
    id::UserId,
    user::{self, Role},
};
use serde_json::json;

use super::permissions::{self, FIELD};
use crate::{
    accounts::sessions,
    agents::agent_state,
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{
        request_context::Origin,
        revocation::{self, Subject},
        viewer::{Scopes, Viewer},
    },
    error::{Error, Result},
    tasks::offboarding,
    users::profile_changes,
};

/// Sets a user's role. Returns the user, and true when the role changed. Locks the account, revokes lost rights and
/// audits the change. Emits `UserChanged`. Refuses with `NotFound`, or with `LastAdministrator`.
pub async fn set(app: &App, by: &Viewer, user: &str, role: Role, origin: &Origin) -> Result<(user::Model, bool)> {
    let user = UserId::parse(user).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut held = permissions::lock_as_administrator(tx, by, user).await?;
            let before = held.person.role;
            if before == role {
                if role >= Role::Agent {
                    agent_state::create_agent(tx, &held.person).await?;
                }
                return Ok((held.person.into_row(), false));
            }
            if role != Role::Admin {
                held.refuse_last_administrator()?;
            }
            held.person.role = role;
            held.person.updated_at = tx.clock().now();
            tx.save(&held.person).await?;
            let person = held.person;
            if role < Role::Agent {
                offboarding::offboard(tx, &person).await?;
            } else {
                agent_state::create_agent(tx, &person).await?;
            }
            if before >= Role::Supervisor && role == Role::Agent {
                offboarding::stop_supervising(tx, &person).await?;
            }
            profile_changes::emit(tx, user)?;
            revocation::change(tx, vec![user])?;
            if Scopes::of(before).and(Scopes::of(role)) != Scopes::of(before) {
                // Live access closes on every instance and can be opened again with the scopes of the new role.
                sessions::renew_all(tx, &person).await?;
                revocation::revoke(tx, &Subject::User(user))?;
                if person.status == user::UserStatus::Active {
                    revocation::restore(tx, user)?;
                }
            }
            let details =
                json!({ "from": format!("{before:?}").to_uppercase(), "to": format!("{role:?}").to_uppercase() });
            entries::record(tx, by, AuditedAction::on("setUserRole", &user, origin).with(details)).await?;
            Ok((person.into_row(), true))
        })
    })
    .await
}
