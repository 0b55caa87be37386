//! Suspending people and letting them back in. Who is suspended signs in nowhere, ends everywhere, and stands in nobody's
//! lists; what stood between them and others is kept and shown again afterwards.

use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, IntoActiveModel as _};

use crate::{
    accounts::sessions,
    app::{App, Tx},
    auth::{
        rights::{self, Subject},
        viewer::{Scope, Viewer},
    },
    contacts::entries,
    error::{Error, Result, UserErrorCode},
    users::{people, profiles},
};

const FIELD: &[&str] = &["input", "userId"];

/// Suspends a person; whether they were not so already.
pub async fn suspend(app: &App, by: &Viewer, user: &str) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Suspended).await
}

/// Lets a suspended person back in; whether they were suspended.
pub async fn reinstate(app: &App, by: &Viewer, user: &str) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Active).await
}

async fn change(app: &App, by: &Viewer, user: &str, status: UserStatus) -> Result<(user::Model, bool)> {
    let user = UserId::parse(user).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            admit(tx, by).await?;
            if user == by.user {
                return Err(Error::refused(UserErrorCode::Oneself, FIELD, "This cannot be done to oneself."));
            }
            let person = people::hold_any(tx, user).await?.ok_or_else(|| Error::not_found(FIELD))?;
            if person.status == UserStatus::Deactivated {
                return Err(Error::not_found(FIELD));
            }
            if person.status == status {
                return Ok((person, false));
            }
            let mut row = person.into_active_model();
            row.status = Set(status);
            row.updated_at = Set(tx.clock().now());
            let person = row.update(tx.db()).await?;
            if status == UserStatus::Suspended {
                entries::hide(tx.db(), user).await?;
                profiles::count_in(tx.db(), -1).await?;
                sessions::end_all(tx, user, None).await?;
                rights::end(tx, &Subject::User(user))?;
            } else {
                entries::show(tx.db(), user).await?;
                profiles::count_in(tx.db(), 1).await?;
                rights::restore(tx, user)?;
            }
            Ok((person, true))
        })
    })
    .await
}

/// Refuses who is no administrator at this moment.
async fn admit(tx: &Tx<'_>, by: &Viewer) -> Result<()> {
    match people::role(tx.db(), by.user).await? {
        Some(Role::Admin) => Ok(()),
        _ => Err(Error::Forbidden(Scope::Admin.name())),
    }
}
