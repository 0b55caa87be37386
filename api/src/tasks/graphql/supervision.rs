//! Checks of the supervisor role for queries and subscriptions.

use async_graphql::Context;
use entity::{
    id::UserId,
    user::{Role, UserStatus},
};
use futures_util::{FutureExt as _, future::BoxFuture};

use crate::{
    app::App,
    auth::request_context::ContextExt as _,
    error::Result,
    events::subscribe::retry_while_unavailable,
    users::{graphql::loader::PersonById, people},
};

/// Returns true if the caller is a person with the role SUPERVISOR or a higher one.
pub async fn is_supervisor(ctx: &Context<'_>) -> Result<bool> {
    let Ok(viewer) = ctx.viewer() else { return Ok(false) };
    Ok(ctx.load(PersonById(viewer.user)).await?.is_some_and(|person| person.role >= Role::Supervisor))
}

/// Returns true if a person is active and has at least the role `least` now. Retries while the database is unavailable.
pub fn still_has_role(app: &App, user: UserId, least: Role) -> BoxFuture<'static, Result<bool>> {
    let db = app.db.clone();
    async move {
        let person = retry_while_unavailable(|| people::by_id(db.read(), user)).await?;
        Ok(person.is_some_and(|person| person.status == UserStatus::Active && person.role >= least))
    }
    .boxed()
}
