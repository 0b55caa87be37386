//! How queues are doing and in which states agents were, many at once: for those whom a resolver has let in.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use chrono::{DateTime, Utc};
use entity::{
    agent_interval,
    id::{QueueId, UserId},
};

use crate::{
    agents::{
        counts::{self, Counts},
        ledger,
    },
    auth::context::Reads,
    error::{Error, Result},
};

/// How a queue is doing; what has happened since a time, or the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountsOf {
    pub queue: QueueId,
    pub since: Option<DateTime<Utc>>,
}

impl Loader<CountsOf> for Reads {
    /// From when it was counted, and what.
    type Value = (DateTime<Utc>, Counts);
    type Error = Error;

    async fn load(&self, keys: &[CountsOf]) -> Result<HashMap<CountsOf, Self::Value>> {
        let mut found = HashMap::new();
        for (since, queues) in grouped(keys.iter().map(|key| (key.since, key.queue))) {
            let from = counts::begin(&self.app, since);
            for row in counts::of(self.app.db.read(), &queues, from).await? {
                found.insert(CountsOf { queue: row.queue_id, since }, (from, row));
            }
        }
        Ok(found)
    }
}

/// In which states an agent was in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IntervalsOf {
    pub agent: UserId,
    pub since: Option<DateTime<Utc>>,
    pub until: Option<DateTime<Utc>>,
}

impl Loader<IntervalsOf> for Reads {
    type Value = Vec<agent_interval::Model>;
    type Error = Error;

    async fn load(&self, keys: &[IntervalsOf]) -> Result<HashMap<IntervalsOf, Self::Value>> {
        let mut found: HashMap<IntervalsOf, Self::Value> = HashMap::new();
        for ((since, until), agents) in grouped(keys.iter().map(|key| ((key.since, key.until), key.agent))) {
            let from = counts::begin(&self.app, since);
            for row in ledger::between(self.app.db.read(), &agents, from, until).await? {
                found.entry(IntervalsOf { agent: row.agent_id, since, until }).or_default().push(row);
            }
        }
        Ok(found)
    }
}

/// What is asked for together: siblings ask for the same period, so this is one group for each time a field is written.
fn grouped<P: Eq + std::hash::Hash, T>(asked: impl Iterator<Item = (P, T)>) -> HashMap<P, Vec<T>> {
    let mut groups: HashMap<P, Vec<T>> = HashMap::new();
    for (period, what) in asked {
        groups.entry(period).or_default().push(what);
    }
    groups
}
