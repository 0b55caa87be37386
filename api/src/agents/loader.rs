//! Agents, queues, tasks and what belongs to them, many at once.

use entity::user::{Role, UserStatus};

pub use self::{
    floor::{
        AgentById, EntryPointById, EstimateOf, IdleReasonById, LineOf, NamedBy, ProfileById, QueueById, QueuesOf,
        ServersOf, SkillById, SkillsOf, WrapUpReasonById,
    },
    tasks::{DecisionsOf, DetailsOf, OwnHold, OwnOffer, PositionOf, TaskById, WrapUpsOf},
    watching::{CountsOf, IntervalsOf},
};
use crate::{
    auth::{
        context::Reads,
        viewer::{Caller, Scope},
    },
    database::sql::Sql,
    error::Result,
};

macro_rules! key {
    ($(#[$doc:meta])* $name:ident($id:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct $name(pub $id);
    };
}

/// Of so many one statement asks that has a part for each: as many as a page has rows; SQLite takes 500 parts.
const PARTS: usize = 100;

mod floor;
mod tasks;
mod watching;

/// Whether the caller is one of those who answer customers, or a key that may see them.
pub async fn answers(reads: &Reads) -> Result<bool> {
    let mut sql = Sql::new("SELECT 1 AS one WHERE ");
    Ok(may_see(reads, &mut sql) && sql.one(reads.app.db.read()).await?.is_some())
}

/// Adds the condition that the caller is one of those who answer customers now; false where no statement is needed to tell
/// that they may see none of it.
fn may_see(reads: &Reads, sql: &mut Sql) -> bool {
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
