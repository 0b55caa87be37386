//! Shared parts of the contact center's loaders: keys, grouping, and the check that the caller may see agents.

use std::collections::HashMap;

use async_graphql::Context;
use entity::user::{Role, UserStatus};

use crate::{
    auth::{
        request_context::{RequestLoaders, RequestReads},
        viewer::{Caller, Scope},
    },
    database::sql::Sql,
    error::{Error, Result},
};

/// Defines the key type of a loader.
macro_rules! loader_key {
    ($(#[$doc:meta])* $name:ident($id:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $id);
    };
}

pub(crate) use loader_key;

/// Maximum number of keys in one statement with a part for each key. A page has as many rows. SQLite allows 500 parts.
pub const PARTS: usize = 100;

/// Returns true if the caller is an agent now, or an API key that may see agents.
pub async fn answers(reads: &RequestReads) -> Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS one WHERE ");
    Ok(may_see(reads, &mut sql) && sql.one(reads.app.db.read()).await?.is_some())
}

/// Adds the condition that the caller is an agent now. Returns false if the caller may see nothing, so that no
/// statement is needed.
pub fn may_see(reads: &RequestReads, sql: &mut Sql) -> bool {
    match &reads.caller {
        Some(Caller::Person(viewer)) => {
            sql.push("EXISTS (SELECT 1 FROM \"user\" me WHERE me.id = ");
            sql.bind(viewer.user);
            sql.push(" AND me.role >= ");
            sql.bind(Role::Agent);
            sql.push(" AND me.status = ");
            sql.bind(UserStatus::Active);
            sql.push(")");
            true
        }
        Some(Caller::Service(service)) => {
            sql.push("TRUE");
            service.scopes.has(Scope::AgentsRead)
        }
        Some(Caller::Visitor(_)) | None => false,
    }
}

/// Groups keys by the period that they ask for. Sibling fields ask for the same period, so each written field gives one
/// group.
pub fn grouped<P: Eq + std::hash::Hash, T>(asked: impl Iterator<Item = (P, T)>) -> HashMap<P, Vec<T>> {
    let mut groups: HashMap<P, Vec<T>> = HashMap::new();
    for (period, what) in asked {
        groups.entry(period).or_default().push(what);
    }
    groups
}

/// Returns true if the caller may see agents.
pub async fn may_see_agents(ctx: &Context<'_>) -> Result<bool> {
    let reads = ctx.data::<RequestLoaders>();
    let reads = reads.map_err(|error| Error::internal(anyhow::anyhow!("{}", error.message)))?;
    answers(reads.loader()).await
}
