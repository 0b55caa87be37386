//! The last events for a subscriber who has just left a conversation: every event up to the departure, and no later
//! one.

use std::time::Duration;

use entity::participant;
use tokio::time::{Instant, sleep_until};

use super::event_types::ConversationLogEvent;
use crate::{
    auth::viewer::Caller,
    conversations::{conversation_rows::VisibilityEnd, participants::ParticipantRef},
    error::Result,
    events::graphql::types::LiveEvent,
};

/// Maximum number of events that are buffered until the departure arrives.
const MAX_EVENTS: usize = 1_000;

/// Time limit for the delivery of the events before the departure.
const WITHIN: Duration = Duration::from_secs(1);

/// Buffer for the last events of a subscriber who has left.
pub struct Departure {
    until: VisibilityEnd,
    /// End of the stream when the departure was noticed. The event of the departure has at most this number, unless
    /// it was delivered long ago.
    end: i64,
    kept: Vec<Result<LiveEvent<ConversationLogEvent>>>,
    by: Instant,
}

/// Returns when the time limit of a departure has passed. Never returns while `leaving` is `None`.
pub async fn over(leaving: Option<&Departure>) {
    match leaving {
        Some(leaving) => sleep_until(leaving.by).await,
        None => std::future::pending().await,
    }
}

impl Departure {
    /// Creates the buffer of a subscriber whose visibility ends at `until`. `end` is the stream's end when that was
    /// noticed.
    #[must_use]
    pub fn new(until: VisibilityEnd, end: i64) -> Self {
        Self { until, end, kept: Vec::new(), by: Instant::now() + WITHIN }
    }

    /// Buffers `came`. Returns the events to deliver before the subscription completes, or `None` while more events
    /// must arrive. Returns an empty list if the departure is not among the stream's last events.
    pub fn take(
        &mut self,
        came: Vec<Result<LiveEvent<ConversationLogEvent>>>,
        caller: &Caller,
    ) -> Option<Vec<Result<LiveEvent<ConversationLogEvent>>>> {
        for item in came {
            let (number, last) = match &item {
                Ok(LiveEvent::Started(_)) => (0, false),
                Ok(LiveEvent::Event(event)) => (event.sequence(), self.is_leaving(event, caller)),
                Ok(LiveEvent::Resync(_)) | Err(_) => (i64::MAX, true),
            };
            self.kept.push(item);
            if last {
                return Some(std::mem::take(&mut self.kept));
            }
            if number >= self.end || self.kept.len() == MAX_EVENTS {
                return Some(Vec::new());
            }
        }
        None
    }

    fn is_leaving(&self, event: &ConversationLogEvent, caller: &Caller) -> bool {
        let own = |row: &participant::Model| ParticipantRef::of(caller).is(row);
        let left = |row: &participant::Model| row.left_at.is_some_and(|left| left >= self.until.at);
        matches!(event, ConversationLogEvent::ParticipantChanged(event) if own(&event.participant.row) && left(&event.participant.row))
    }
}
