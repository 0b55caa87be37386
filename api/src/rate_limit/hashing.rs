//! Slots for hashing passwords, which takes memory and time. Known users have slots of their own, so they never wait
//! for strangers who try passwords. The number of waiting strangers is limited.

use std::{sync::Arc, time::Duration};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::RateLimited;

/// The number of passwords that are hashed at once, for known users and for strangers each. One hash takes 19 MiB.
const AT_ONCE: usize = 4;
/// The maximum of strangers that wait for a slot.
pub const WAITING: usize = 64;
/// The wait that a refused stranger is given. It is about as long as all waiting strangers take.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// The slots of an instance.
pub struct HashingSlots {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// One for each stranger that hashes or waits.
    places: Arc<Semaphore>,
}

impl Default for HashingSlots {
    fn default() -> Self {
        let of = |count| Arc::new(Semaphore::new(count));
        Self { known: of(AT_ONCE), strangers: of(AT_ONCE), places: of(AT_ONCE + WAITING) }
    }
}

impl HashingSlots {
    /// Enters the queue of known users: they proved their identity, or the account knows their place.
    pub fn known(&self) -> QueuedSlot {
        QueuedSlot { slots: Arc::clone(&self.known), place: None }
    }

    /// Enters the queue of strangers. Fails when too many wait.
    pub fn stranger(&self) -> Result<QueuedSlot, RateLimited> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| RateLimited(AGAIN_AFTER))?;
        Ok(QueuedSlot { slots: Arc::clone(&self.strangers), place: Some(place) })
    }
}

/// A place in a queue. Dropping it leaves the queue.
#[must_use]
pub struct QueuedSlot {
    slots: Arc<Semaphore>,
    place: Option<OwnedSemaphorePermit>,
}

impl QueuedSlot {
    /// Waits for a slot.
    pub async fn acquire(self) -> Result<HashingPermit, AcquireError> {
        Ok(HashingPermit { _permit: self.slots.acquire_owned().await?, _place: self.place })
    }
}

/// A slot, until it is dropped.
#[must_use]
pub struct HashingPermit {
    _permit: OwnedSemaphorePermit,
    _place: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::{AT_ONCE, HashingSlots, WAITING};

    #[tokio::test]
    async fn strangers_who_wait_are_counted_and_hold_up_nobody_who_is_known() -> anyhow::Result<()> {
        let slots = HashingSlots::default();
        let stranger = || slots.stranger().map_err(|_| anyhow::anyhow!("no place"));
        let mut computing = Vec::new();
        for _ in 0..AT_ONCE {
            computing.push(stranger()?.acquire().await?);
        }
        let waiting = (0..WAITING).map(|_| stranger()).collect::<anyhow::Result<Vec<_>>>()?;
        assert!(slots.stranger().is_err_and(|soon| !soon.0.is_zero()));
        for _ in 0..AT_ONCE {
            assert!(slots.known().acquire().now_or_never().is_some_and(|turn| turn.is_ok()));
        }
        // A finished hash makes room for the next.
        let mut waiting = waiting.into_iter();
        let mut next = Box::pin(waiting.next().map(super::QueuedSlot::acquire).ok_or_else(|| anyhow::anyhow!("none"))?);
        assert!((&mut next).now_or_never().is_none());
        drop(computing.pop());
        assert!(next.now_or_never().is_some());
        assert!(slots.stranger().is_ok());
        Ok(())
    }
}
