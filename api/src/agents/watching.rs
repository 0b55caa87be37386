//! What supervisors watch and do beside the agents.

use async_graphql::Context;
use entity::user::Role;

use crate::{auth::context::ContextExt, error::Result, users::people};

pub mod mutation;
pub mod subscription;

/// Whether the viewer supervises.
pub async fn supervises(ctx: &Context<'_>) -> Result<bool> {
    let role = people::role(ctx.app()?.db.read(), ctx.viewer()?.user).await?;
    Ok(role.is_some_and(|role| role >= Role::Supervisor))
}
