//! Checks for queries and subscriptions of supervisors and organization keys.

use async_graphql::Context;
use entity::{
    id::UserId,
    user::{Role, UserStatus},
};
use futures_util::{FutureExt as _, future::BoxFuture};

use crate::{
    app::App,
    auth::{request_context::ContextExt as _, viewer::Caller},
    error::Result,
    events::reading::retry_while_unavailable,
    users::{graphql::loader::PersonById, people},
};

/// Returns true if the caller may see the work of all agents and queues: a person with the role SUPERVISOR or a higher
/// one, or an organization key, whose scopes decide.
pub async fn may_supervise(ctx: &Context<'_>) -> Result<bool> {
    let viewer = match ctx.caller()? {
        Caller::Person(viewer) => viewer,
        Caller::Service(_) => return Ok(true),
        Caller::Visitor(_) => return Ok(false),
    };
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
