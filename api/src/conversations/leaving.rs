//! What a follower is still told who has just left a conversation: everything up to their leaving, and nothing after it.

use std::time::Duration;

use entity::participant;
use tokio::time::{Instant, sleep_until};

use super::{participants::Who, subscription::ThreadEvent, threads::Until};
use crate::{auth::viewer::Caller, error::Result, events::types::Live};

/// The most events that are kept until the leaving comes.
const MOST: usize = 1_000;

/// How long who has left is still told what came before.
const WITHIN: Duration = Duration::from_secs(1);

/// The last events of a follower who has left.
pub struct Leaving {
    until: Until,
    /// Where the stream ended when it was found that they have left: the leaving stands before that, or was told long ago.
    end: i64,
    kept: Vec<Result<Live<ThreadEvent>>>,
    by: Instant,
}

/// Returns when it is too late for the last events of a follower who has left; never for who has not.
pub async fn over(leaving: Option<&Leaving>) {
    match leaving {
        Some(leaving) => sleep_until(leaving.by).await,
        None => std::future::pending().await,
    }
}

impl Leaving {
    /// Of who was found to have left, when their stream ended at `end`.
    #[must_use]
    pub fn new(until: Until, end: i64) -> Self {
        Self { until, end, kept: Vec::new(), by: Instant::now() + WITHIN }
    }

    /// Takes what came. Returns what is delivered last, or none while there is more to wait for.
    pub fn take(
        &mut self,
        came: Vec<Result<Live<ThreadEvent>>>,
        caller: &Caller,
    ) -> Option<Vec<Result<Live<ThreadEvent>>>> {
        for item in came {
            let (number, last) = match &item {
                Ok(Live::Started(_)) => (0, false),
                Ok(Live::Event(event)) => (event.sequence(), self.is_leaving(event, caller)),
                Ok(Live::Resync(_)) | Err(_) => (i64::MAX, true),
            };
            self.kept.push(item);
            if last {
                return Some(std::mem::take(&mut self.kept));
            }
            if number >= self.end || self.kept.len() == MOST {
                return Some(Vec::new());
            }
        }
        None
    }

    fn is_leaving(&self, event: &ThreadEvent, caller: &Caller) -> bool {
        let own = |row: &participant::Model| Who::of(caller).is_some_and(|who| who.is(row));
        let left = |row: &participant::Model| row.left_at.is_some_and(|left| left >= self.until.at);
        matches!(event, ThreadEvent::ParticipantChanged(event) if own(&event.participant.row) && left(&event.participant.row))
    }
}
