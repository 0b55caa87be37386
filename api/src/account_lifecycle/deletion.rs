//! The permanent deletion of an account. One transaction deletes all data of and about the user, for both sides. The
//! user's row is locked first. Every transaction that writes about a user locks that row, so nothing about them can be
//! written later.

use entity::id::UserId;

use super::{erasure, permissions::AccountScope};
use crate::{
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{request_context::Origin, viewer::Viewer},
    error::Result,
};

/// Deletes an account and returns its id. Locks the account, and audits the action of an administrator. Refuses with
/// `NotAllowed` for the last administrator.
pub async fn delete(app: &App, by: &Viewer, whose: &AccountScope, origin: &Origin) -> Result<UserId> {
    app.transaction(|tx| {
        Box::pin(async move {
            let held = whose.lock(tx, by).await?;
            held.refuse_last_administrator()?;
            let user = held.person.id;
            erasure::erase(tx, held.person).await?;
            if whose.is_another() {
                entries::record(tx, by, AuditedAction::on("deleteAccount", &user, origin)).await?;
            }
            Ok(user)
        })
    })
    .await
}
