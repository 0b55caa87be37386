//! The guard on a field: the caller must have the scope.

use async_graphql::{Context, Guard};

use super::{
    request_context::ContextExt,
    viewer::{Caller, Scope},
};
use crate::error::Error;

/// Requires a scope: `#[graphql(guard = "Needs(Scope::ContactsRead)")]`. Refuses with FORBIDDEN.
pub struct Needs(pub Scope);

/// Requires a scope of everyone but visitors, who have few. Refuses with FORBIDDEN.
pub struct NeedsUnlessVisitor(pub Scope);

impl Guard for NeedsUnlessVisitor {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        match ctx.caller()? {
            Caller::Visitor(_) => Ok(()),
            Caller::Person(_) | Caller::Service(_) => Needs(self.0).check(ctx).await,
        }
    }
}

impl Guard for Needs {
    async fn check(&self, ctx: &Context<'_>) -> async_graphql::Result<()> {
        let caller = ctx.caller()?;
        if caller.scopes().has(self.0) { Ok(()) } else { Err(Error::Forbidden(self.0.name()).into()) }
    }
}
