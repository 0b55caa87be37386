//! The guard on a field: the caller must have the scope.

use async_graphql::{Context, Guard};

use super::{request_context::ContextExt, viewer::Scope};
use crate::error::Error;

/// Requires a scope: `#[graphql(guard = "Needs(Scope::ContactsRead)")]`. Refuses with FORBIDDEN.
pub struct Needs(pub Scope);

impl Guard for Needs {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        let caller = ctx.caller()?;
        if caller.scopes().has(self.0) { Ok(()) } else { Err(Error::Forbidden(self.0.name()).into()) }
    }
}
