//! Suspending people and letting them back in. Who is suspended cannot help it themselves; only administrators can.

use entity::{
    id::UserId,
    user::{self, UserStatus},
};

use super::authority::{self, FIELD};
use crate::{
    accounts::standing,
    agents::retirement,
    app::App,
    audit::entries::{self, Act},
    auth::{context::Origin, viewer::Viewer},
    error::{Error, Result, UserErrorCode},
};

/// Suspends a person, also one who had put their account to rest; whether they were not suspended already.
pub async fn suspend(app: &App, by: &Viewer, user: &str, origin: &Origin) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Suspended, &Act::on("suspendUser", user, origin)).await
}

/// Lets a person back in who was suspended or had put their account to rest; whether they were either.
pub async fn reinstate(app: &App, by: &Viewer, user: &str, origin: &Origin) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Active, &Act::on("reinstateUser", user, origin)).await
}

async fn change(app: &App, by: &Viewer, user: &str, status: UserStatus, act: &Act<'_>) -> Result<(user::Model, bool)> {
    let user = UserId::parse(user).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            if user == by.user {
                return Err(Error::refused(UserErrorCode::Oneself, FIELD, "This cannot be done to oneself."));
            }
            let person = authority::hold(tx, by, user).await?.person;
            if person.status == status {
                return Ok((person, false));
            }
            let person = standing::set(tx, person, status).await?;
            if status != UserStatus::Active {
                retirement::retire(tx, user).await?;
            }
            entries::record(tx, by, act.clone()).await?;
            Ok((person, true))
        })
    })
    .await
}
