//! Who has lost a right in this moment: what they follow live looks again at whether they may, and ends where they may not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_stream::stream;
use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::Result;

/// Those who follow something by a right that may shrink.
#[derive(Default)]
pub struct Rechecks(Mutex<HashMap<Uuid, watch::Sender<()>>>);

impl Rechecks {
    /// Waits from now on for a right of somebody to shrink.
    #[must_use]
    pub fn of(self: &Arc<Self>, who: Uuid) -> Recheck {
        let due = self.waiting().entry(who).or_default().subscribe();
        Recheck { due: Some(due), who, rechecks: Arc::clone(self) }
    }

    /// A right of somebody has shrunk.
    pub fn tell(&self, who: Uuid) {
        if let Some(waiting) = self.waiting().get(&who) {
            waiting.send_replace(());
        }
    }

    /// Anybody's rights may have shrunk.
    pub fn tell_all(&self) {
        for waiting in self.waiting().values() {
            waiting.send_replace(());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a right of somebody to shrink.
pub struct Recheck {
    due: Option<watch::Receiver<()>>,
    who: Uuid,
    rechecks: Arc<Rechecks>,
}

impl Recheck {
    /// Returns when it has to be looked again, once for each time.
    pub async fn due(&mut self) {
        if let Some(due) = &mut self.due
            && due.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for Recheck {
    fn drop(&mut self) {
        let mut waiting = self.rechecks.waiting();
        self.due = None;
        if waiting.get(&self.who).is_some_and(|waiting| waiting.receiver_count() == 0) {
            waiting.remove(&self.who);
        }
    }
}

/// Hands on what comes, and ends as soon as a right has shrunk without which it is not allowed.
pub fn while_allowed<T: Send + 'static>(
    mut live: BoxStream<'static, T>,
    mut recheck: Recheck,
    allowed: impl Fn() -> BoxFuture<'static, Result<bool>> + Send + Sync + 'static,
) -> BoxStream<'static, T> {
    let guarded = stream! {
        loop {
            let item = tokio::select! {
                biased;
                () = recheck.due() => None,
                item = live.next() => Some(item),
            };
            match item {
                Some(Some(item)) => yield item,
                Some(None) => return,
                None => {
                    if !matches!(allowed().await, Ok(true)) {
                        return;
                    }
                }
            }
        }
    };
    guarded.boxed()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::Rechecks;

    #[tokio::test]
    async fn those_who_are_gone_leave_nothing_behind() {
        let (rechecks, who) = (Arc::new(Rechecks::default()), Uuid::from_u128(1));
        let (mut first, second) = (rechecks.of(who), rechecks.of(who));
        rechecks.tell(Uuid::from_u128(2));
        rechecks.tell(who);
        first.due().await;
        drop(first);
        assert_eq!(rechecks.waiting().len(), 1);
        drop(second);
        assert_eq!(rechecks.waiting().len(), 0);
    }
}
