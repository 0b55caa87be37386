//! The permanent deletion of an account. One transaction deletes all data of and about the user, for both sides. The
//! user's row is locked first. Every transaction that writes about a user locks that row, so nothing about them can be
//! written later.

use entity::{
    id::UserId,
    user::{self, UserStatus},
};
use sea_orm::EntityTrait as _;

use super::{erasure, permissions::AccountScope};
use crate::{
    app::{App, Tx},
    audit::entries::{self, AuditedAction},
    auth::{request_context::Origin, viewer::Viewer},
    error::{Error, Result},
};

/// Deletes an account and returns its id, with false if it was deleted before. Locks the account, and audits the action
/// of an administrator. Refuses with `NotAllowed` for the last administrator.
pub async fn delete(app: &App, by: &Viewer, whose: &AccountScope, origin: &Origin) -> Result<(UserId, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let held = match (whose.lock(tx, by).await, whose) {
                (Err(Error::Refused(_)), AccountScope::Another(user)) if is_deleted(tx, *user).await? => {
                    return Ok((*user, false));
                }
                (held, _) => held?,
            };
            held.refuse_last_administrator()?;
            let user = held.person.id;
            erasure::erase(tx, held.person).await?;
            if whose.is_another() {
                entries::record(tx, by, AuditedAction::on("deleteAccount", &user, origin)).await?;
            }
            Ok((user, true))
        })
    })
    .await
}

async fn is_deleted(tx: &Tx<'_>, id: UserId) -> Result<bool> {
    let row = user::Entity::find_by_id(id).one(tx.db()).await?;
    Ok(row.is_some_and(|person| person.status == UserStatus::Deleted))
}
