//! What supervisors watch and do beside the agents.

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

/// Whether the caller is a person who supervises.
pub async fn is_supervisor(ctx: &Context<'_>) -> Result<bool> {
    let Ok(viewer) = ctx.viewer() else { return Ok(false) };
    Ok(ctx.load(PersonById(viewer.user)).await?.is_some_and(|person| person.role >= Role::Supervisor))
}

/// Whether a person is of a role or a higher one, as it stands now; asked again while the database is away.
pub fn still_has_role(app: &App, user: UserId, least: Role) -> BoxFuture<'static, Result<bool>> {
    let db = app.db.clone();
    async move {
        let person = retry_while_unavailable(|| people::by_id(db.read(), user)).await?;
        Ok(person.is_some_and(|person| person.status == UserStatus::Active && person.role >= least))
    }
    .boxed()
}
