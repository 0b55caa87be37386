//! Putting an account to rest: nobody sees the person, everything is kept, and signing in with `reactivate` brings it back.

use entity::user::UserStatus;

use super::authority::{FIELD, Whose};
use crate::{
    accounts::standing,
    agents::retirement,
    app::App,
    audit::entries::{self, Act},
    auth::{context::Origin, viewer::Viewer},
    error::{Error, Result, UserErrorCode},
};

/// Puts an account to rest; whether it was not so already. Somebody who is suspended is not, because they could then come back
/// by themselves.
pub async fn deactivate(app: &App, by: &Viewer, whose: &Whose, origin: &Origin) -> Result<bool> {
    app.transaction(|tx| {
        Box::pin(async move {
            let held = whose.hold(tx, by).await?;
            held.spare_the_last_administrator()?;
            let user = held.person.id;
            match held.person.status {
                UserStatus::Active => {}
                UserStatus::Suspended => {
                    let why = "This person is suspended, and could come back by themselves if this were done.";
                    return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
                }
                UserStatus::Deactivated | UserStatus::Deleted => return Ok(false),
            }
            standing::set(tx, held.person, UserStatus::Deactivated).await?;
            retirement::retire(tx, user).await?;
            if whose.is_another() {
                entries::record(tx, by, Act::on("deactivateAccount", &user, origin)).await?;
            }
            Ok(true)
        })
    })
    .await
}
