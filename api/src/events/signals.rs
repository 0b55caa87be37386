//! Signals: ephemeral messages to the listeners of the moment, on all instances. A signal is never stored and may be
//! lost, so nothing may depend on it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

/// The signals that a listener may be behind before it loses some.
const BACKLOG: usize = 16;

/// The start or the end of an action, such as typing in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// The id of the object, such as a conversation.
    pub about: Uuid,
    /// The id of the actor, such as a participant.
    pub by: Uuid,
    /// True at the start, false at the end.
    pub on: bool,
}

/// The listeners in this process, by the id of the object.
#[derive(Default)]
pub struct Signals(Mutex<HashMap<Uuid, broadcast::Sender<Signal>>>);

impl Signals {
    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, broadcast::Sender<Signal>>> {
        self.0.lock()
    }

    /// Listens to the signals about an object from now on.
    pub fn subscribe(self: &Arc<Self>, about: Uuid) -> SignalSubscription {
        let receiver = self.open().entry(about).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe();
        SignalSubscription { receiver, about, signals: Arc::clone(self) }
    }

    /// Sends a signal to the listeners in this process.
    pub(crate) fn publish(&self, signal: Signal) {
        if let Some(sender) = self.open().get(&signal.about) {
            // Sending fails when all listeners have left, and that is no fault.
            drop(sender.send(signal));
        }
    }

    /// Returns the number of objects that have listeners.
    pub fn count(&self) -> usize {
        self.open().len()
    }
}

/// A listener. Dropping it ends the listening.
pub struct SignalSubscription {
    receiver: broadcast::Receiver<Signal>,
    about: Uuid,
    signals: Arc<Signals>,
}

impl SignalSubscription {
    /// Returns the next signal. A slow listener misses some.
    pub async fn next(&mut self) -> Option<Signal> {
        loop {
            match self.receiver.recv().await {
                Ok(signal) => return Some(signal),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for SignalSubscription {
    fn drop(&mut self) {
        let mut open = self.signals.open();
        // The receiver of this listener still counts.
        if open.get(&self.about).is_some_and(|sender| sender.receiver_count() <= 1) {
            open.remove(&self.about);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::{Signal, Signals};

    #[tokio::test]
    async fn who_listens_hears_what_is_about_their_thing_and_leaves_nothing_behind() {
        let signals = Arc::new(Signals::default());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (mut first, mut second) = (signals.subscribe(one), signals.subscribe(one));
        let said = |about| Signal { about, by: Uuid::from_u128(9), on: true };
        signals.publish(said(other));
        signals.publish(said(one));
        assert_eq!(first.next().await, Some(said(one)));
        assert_eq!(second.next().await, Some(said(one)));
        drop(first);
        assert_eq!(signals.count(), 1);
        drop(second);
        assert_eq!(signals.count(), 0);
    }
}
