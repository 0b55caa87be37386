//! Deleting an account for good: in one transaction everything that is the person's or about the person goes, for both sides.
//! Their row is locked before anything else, and everybody who writes something about a person holds that row, so nothing
//! about them can be written afterwards.

use entity::id::UserId;

use super::{authority::Whose, erasure};
use crate::{
    app::App,
    audit::entries::{self, Act},
    auth::{context::Origin, viewer::Viewer},
    error::Result,
};

/// Deletes an account; whose it was.
pub async fn delete(app: &App, by: &Viewer, whose: &Whose, origin: &Origin) -> Result<UserId> {
    app.transaction(|tx| {
        Box::pin(async move {
            let held = whose.hold(tx, by).await?;
            held.spare_the_last_administrator()?;
            let user = held.person.id;
            erasure::erase(tx, held.person).await?;
            if whose.is_another() {
                entries::record(tx, by, Act::on("deleteAccount", &user, origin)).await?;
            }
            Ok(user)
        })
    })
    .await
}
