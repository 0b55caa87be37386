//! Roles. A smaller role ends at once what only the earlier one allowed; a role that answers customers makes an agent at once.

use entity::{
    id::UserId,
    user::{self, Role},
};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, IntoActiveModel as _};
use serde_json::json;

use super::authority::{self, FIELD};
use crate::{
    accounts::sessions,
    agents::{retirement, states},
    app::App,
    audit::entries::{self, Act},
    auth::{
        context::Origin,
        rights::{self, Subject},
        viewer::{Scopes, Viewer},
    },
    error::{Error, Result},
};

/// Gives a person a role; whether they had another.
pub async fn set(app: &App, by: &Viewer, user: &str, role: Role, origin: &Origin) -> Result<(user::Model, bool)> {
    let user = UserId::parse(user).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let held = authority::hold_as_administrator(tx, by, user).await?;
            let before = held.person.role;
            if before == role {
                if role >= Role::Agent {
                    states::enrol(tx, user).await?;
                }
                return Ok((held.person, false));
            }
            if role != Role::Admin {
                held.spare_the_last_administrator()?;
            }
            let mut row = held.person.into_active_model();
            row.role = Set(role);
            row.updated_at = Set(tx.clock().now());
            let person = row.update(tx.db()).await?;
            if role < Role::Agent {
                retirement::retire(tx, user).await?;
            } else {
                states::enrol(tx, user).await?;
            }
            if before >= Role::Supervisor && role == Role::Agent {
                retirement::stop_supervising(tx, user).await?;
            }
            if role < before {
                rights::narrow(tx, vec![user])?;
            }
            if Scopes::of(before).and(Scopes::of(role)) != Scopes::of(before) {
                // What is live closes everywhere; it may open again with what the new role allows.
                sessions::renew_all(tx, user).await?;
                rights::end(tx, &Subject::User(user))?;
                if person.status == user::UserStatus::Active {
                    rights::restore(tx, user)?;
                }
            }
            let details =
                json!({ "from": format!("{before:?}").to_uppercase(), "to": format!("{role:?}").to_uppercase() });
            entries::record(tx, by, Act::on("setUserRole", &user, origin).with(details)).await?;
            Ok((person, true))
        })
    })
    .await
}
