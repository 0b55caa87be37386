//! What supervisors watch and do beside the agents.

use async_graphql::Context;
use entity::{
    id::UserId,
    user::{Role, UserStatus},
};
use futures_util::{FutureExt as _, future::BoxFuture};

use crate::{
    app::App,
    auth::context::ContextExt,
    error::Result,
    events::follow::insist,
    users::{loader::PersonById, people},
};

pub mod mutation;
pub mod subscription;

/// Whether the caller is a person who supervises.
pub async fn supervises(ctx: &Context<'_>) -> Result<bool> {
    let Ok(viewer) = ctx.viewer() else { return Ok(false) };
    Ok(ctx.load(PersonById(viewer.user)).await?.is_some_and(|person| person.role >= Role::Supervisor))
}

/// Whether a person is of a role or a higher one, as it stands now; asked again while the database is away.
pub fn is_still(app: &App, user: UserId, least: Role) -> BoxFuture<'static, Result<bool>> {
    let db = app.db.clone();
    async move {
        let person = insist(|| people::by_id(db.read(), user)).await?;
        Ok(person.is_some_and(|person| person.status == UserStatus::Active && person.role >= least))
    }
    .boxed()
}
