//! Turns to compute with passwords, which takes memory and time. Those who are known have turns of their own, so that
//! however many strangers try passwords, nobody who is known waits for them. Of strangers only some may wait.

use std::{sync::Arc, time::Duration};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::TooSoon;

/// How many passwords of those who are known, and of strangers, are computed at once, each with 19 MiB.
const AT_ONCE: usize = 4;
/// How many strangers may wait for a turn.
pub const WAITING: usize = 64;
/// After this time a stranger who found no place to wait may try again: about as long as all who wait take.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The turns of an instance.
pub struct Turns {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// One for each stranger who computes or waits.
    places: Arc<Semaphore>,
}

impl Default for Turns {
    fn default() -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Self { known: of(AT_ONCE), strangers: of(AT_ONCE), places: of(AT_ONCE + WAITING) }
    }
}

impl Turns {
    /// A place in the queue of those who are known: they proved who they are, or the account knows where they are.
    pub fn known(&self) -> Queued {
        Queued { turns: Arc::clone(&self.known), place: None }
    }

    /// A place in the queue of everybody else, if there is one left.
    pub fn stranger(&self) -> Result<Queued, TooSoon> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| TooSoon(AGAIN_AFTER))?;
        Ok(Queued { turns: Arc::clone(&self.strangers), place: Some(place) })
    }
}

/// A place in a queue. It is given back when it is dropped.
#[must_use]
pub struct Queued {
    turns: Arc<Semaphore>,
    place: Option<OwnedSemaphorePermit>,
}

impl Queued {
    /// Waits for the turn.
    pub async fn turn(self) -> Result<Turn, AcquireError> {
        Ok(Turn { _permit: self.turns.acquire_owned().await?, _place: self.place })
    }
}

/// A turn, until it is dropped.
#[must_use]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    _place: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{AT_ONCE, Turns, WAITING};

    #[tokio::test]
    async fn strangers_who_wait_are_counted_and_hold_up_nobody_who_is_known() -> anyhow::Result<()> {
        let turns = Turns::default();
        let stranger = || turns.stranger().map_err(|_| anyhow::anyhow!("no place"));
        let mut computing = Vec::new();
        for _ in 0..AT_ONCE {
            computing.push(stranger()?.turn().await?);
        }
        let waiting = (0..WAITING).map(|_| stranger()).collect::<anyhow::Result<Vec<_>>>()?;
        assert!(turns.stranger().is_err_and(|soon| !soon.0.is_zero()));
        for _ in 0..AT_ONCE {
            assert!(turns.known().turn().now_or_never().is_some_and(|turn| turn.is_ok()));
        }
        // Who ends makes room for the next.
        let mut waiting = waiting.into_iter();
        let mut next = Box::pin(waiting.next().map(super::Queued::turn).ok_or_else(|| anyhow::anyhow!("none"))?);
        assert!((&mut next).now_or_never().is_none());
        drop(computing.pop());
        assert!(next.now_or_never().is_some());
        assert!(turns.stranger().is_ok());
        Ok(())
    }
}
