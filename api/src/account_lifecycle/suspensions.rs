//! The suspension and reinstatement of users. Only an administrator can reinstate a suspended user.

use entity::{
    id::UserId,
    user::{self, UserStatus},
};

use super::permissions::{self, FIELD};
use crate::{
    accounts::account_status,
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{request_context::Origin, viewer::Viewer},
    error::{Error, Result, UserErrorCode},
    tasks::offboarding,
};

/// Suspends a user, also a deactivated one. Returns false when the user was suspended already. Locks the account and
/// audits the action. Refuses with `NotFound` or `CannotTargetSelf`.
pub async fn suspend(app: &App, by: &Viewer, user: &str, origin: &Origin) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Suspended, &AuditedAction::on("suspendUser", user, origin)).await
}

/// Reinstates a suspended or deactivated user. Returns false when the user was active already. Locks the account and
/// audits the action. Refuses with `NotFound` or `CannotTargetSelf`.
pub async fn reinstate(app: &App, by: &Viewer, user: &str, origin: &Origin) -> Result<(user::Model, bool)> {
    change(app, by, user, UserStatus::Active, &AuditedAction::on("reinstateUser", user, origin)).await
}

async fn change(
    app: &App,
    by: &Viewer,
    user: &str,
    status: UserStatus,
    act: &AuditedAction<'_>,
) -> Result<(user::Model, bool)> {
    let user = UserId::parse(user).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            if user == by.user {
                return Err(Error::refused(UserErrorCode::CannotTargetSelf, FIELD, "You cannot do this to yourself."));
            }
            let mut person = permissions::lock(tx, by, user).await?.person;
            if person.status == status {
                return Ok((person.into_row(), false));
            }
            account_status::set_status(tx, &mut person, status).await?;
            if status != UserStatus::Active {
                offboarding::offboard(tx, &person).await?;
            }
            entries::record(tx, by, act.clone()).await?;
            Ok((person.into_row(), true))
        })
    })
    .await
}
