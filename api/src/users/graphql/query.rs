//! The queries `viewer`, `node`, `nodes` and `user`. An object that the viewer may not see is null.

use async_graphql::{Context, ID, Object};
use entity::id::UserId;

use super::{interfaces::Node, node, types::User, viewer_types::Viewer};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{
        guard::{Needs, NeedsUnlessVisitor},
        viewer::Scope,
    },
    error::{Error, Result},
    instant::Instant,
    users::people,
};

/// Maximum number of ids in one call of `nodes`.
const MAX_NODES: usize = 100;

/// Root queries of the viewer, of people and of objects by id.
#[derive(Default)]
pub struct UsersQuery;

#[Object]
impl UsersQuery {
    /// The person, service account or visitor that makes the call.
    #[graphql(guard = "NeedsUnlessVisitor(Scope::ProfileRead)")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(*ctx.caller()?))
    }

    /// The time by the server's clock, to which all times of the API refer. Needs no token.
    async fn server_time(&self, ctx: &Context<'_>) -> Result<Instant> {
        Ok(Instant(ctx.app()?.clock.now()))
    }

    /// Finds the object with an id. Null when the viewer may see no such object.
    #[graphql(guard = "NeedsUnlessVisitor(Scope::ProfileRead)")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The object's id.")] id: ID) -> Option<Result<Node>> {
        node::find(ctx, &id).await.transpose()
    }

    /// Finds the objects with some ids, in the order of the ids. An entry is null when the viewer may see no such
    /// object.
    #[graphql(guard = "NeedsUnlessVisitor(Scope::ProfileRead)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_NODES {
            return Err(Error::invalid("ids", format!("At most {MAX_NODES} ids.")));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| node::find(ctx, id))).await
    }

    /// Finds a person by id or by handle. Exactly one of the two must be given. Null when the viewer may see no such
    /// person.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person's id.")] id: Option<ID>,
        #[graphql(desc = "The person's handle, in upper or lower case.")] handle: Option<String>,
    ) -> Option<Result<User>> {
        by_id_or_handle(ctx, id, handle).await.transpose()
    }
}

async fn by_id_or_handle(ctx: &Context<'_>, id: Option<ID>, handle: Option<String>) -> Result<Option<User>> {
    match (id, handle) {
        (Some(id), None) => match UserId::parse(&id) {
            Some(id) => User::find(ctx, id).await,
            None => Ok(None),
        },
        (None, Some(handle)) if handle.contains('\0') => Ok(None),
        (None, Some(handle)) => {
            let person = people::by_handle(ctx.app()?.db.read(), &handle).await?;
            Ok(person.map(User::from))
        }
        _ => Err(Error::invalid("id", "Give either id or handle.")),
    }
}
