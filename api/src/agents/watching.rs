//! What supervisors watch and do beside the agents.

use async_graphql::Context;
use entity::user::Role;

use crate::{auth::context::ContextExt, error::Result, users::loader::PersonById};

pub mod mutation;
pub mod subscription;

/// Whether the caller is a person who supervises.
pub async fn supervises(ctx: &Context<'_>) -> Result<bool> {
    let Ok(viewer) = ctx.viewer() else { return Ok(false) };
    Ok(ctx.load(PersonById(viewer.user)).await?.is_some_and(|person| person.role >= Role::Supervisor))
}
