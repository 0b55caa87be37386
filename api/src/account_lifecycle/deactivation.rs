//! The deactivation of an account. The user becomes invisible, all data is kept, and a sign-in with `reactivate`
//! activates the account again.

use entity::user::UserStatus;

use super::permissions::{AccountScope, FIELD};
use crate::{
    accounts::account_status,
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{request_context::Origin, viewer::Viewer},
    error::{Error, Result, UserErrorCode},
    tasks::offboarding,
};

/// Deactivates an account. Returns false when it was inactive already. Locks the account, and audits the action of an
/// administrator. Refuses with `NotAllowed` for the last administrator and for a suspended account, because its owner
/// could then reactivate it.
pub async fn deactivate(app: &App, by: &Viewer, whose: &AccountScope, origin: &Origin) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut held = whose.lock(tx, by).await?;
            held.refuse_last_administrator()?;
            let user = held.person.id;
            match held.person.status {
                UserStatus::Active => {}
                UserStatus::Suspended => {
                    let why = "This person is suspended. A suspended account cannot be deactivated.";
                    return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
                }
                UserStatus::Deactivated | UserStatus::Deleted => return Ok(false),
            }
            account_status::set_status(tx, &mut held.person, UserStatus::Deactivated).await?;
            offboarding::offboard(tx, &held.person).await?;
            if whose.is_another() {
                entries::record(tx, by, AuditedAction::on("deactivateAccount", &user, origin)).await?;
            }
            Ok(true)
        })
    })
    .await
}
