//! What is said in passing to those who listen at this moment, here and on other instances. It is never stored and may be
//! lost; nothing may depend on it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::broadcast::{self, error::RecvError};
use uuid::Uuid;

/// Hints a listener may be behind before it loses some.
const BACKLOG: usize = 16;

/// Somebody begins something about a thing, or stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whisper {
    pub about: Uuid,
    pub by: Uuid,
    pub on: bool,
}

/// Who listens in this process, by what they listen to.
#[derive(Default)]
pub struct Whispers(Mutex<HashMap<Uuid, broadcast::Sender<Whisper>>>);

impl Whispers {
    fn open(&self) -> MutexGuard<'_, HashMap<Uuid, broadcast::Sender<Whisper>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to what is said about a thing from now on.
    pub fn listen(self: &Arc<Self>, about: Uuid) -> Listening {
        let receiver = self.open().entry(about).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe();
        Listening { receiver, about, whispers: Arc::clone(self) }
    }

    /// Says something to those who listen in this process.
    pub(crate) fn spread(&self, whisper: Whisper) {
        if let Some(sender) = self.open().get(&whisper.about) {
            // Nobody listening any more is no fault.
            drop(sender.send(whisper));
        }
    }

    /// How many things are listened to.
    pub fn count(&self) -> usize {
        self.open().len()
    }
}

/// A listener. Let go of when it is dropped.
pub struct Listening {
    receiver: broadcast::Receiver<Whisper>,
    about: Uuid,
    whispers: Arc<Whispers>,
}

impl Listening {
    /// The next that is said; who is too slow misses some.
    pub async fn next(&mut self) -> Option<Whisper> {
        loop {
            match self.receiver.recv().await {
                Ok(whisper) => return Some(whisper),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut open = self.whispers.open();
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

    use super::{Whisper, Whispers};

    #[tokio::test]
    async fn who_listens_hears_what_is_about_their_thing_and_leaves_nothing_behind() {
        let whispers = Arc::new(Whispers::default());
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let (mut first, mut second) = (whispers.listen(one), whispers.listen(one));
        let said = |about| Whisper { about, by: Uuid::from_u128(9), on: true };
        whispers.spread(said(other));
        whispers.spread(said(one));
        assert_eq!(first.next().await, Some(said(one)));
        assert_eq!(second.next().await, Some(said(one)));
        drop(first);
        assert_eq!(whispers.count(), 1);
        drop(second);
        assert_eq!(whispers.count(), 0);
    }
}
