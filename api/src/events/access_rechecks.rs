//! Access rechecks: they end a live subscription when the user loses the right behind it. The subscription checks the
//! right again after each notice and ends when the check fails.

use std::{collections::HashMap, sync::Arc};

use async_stream::stream;
use futures_util::{StreamExt as _, future::BoxFuture, stream::BoxStream};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::Result;

/// The open subscriptions that depend on a right, by user.
#[derive(Default)]
pub struct AccessRechecks(Mutex<HashMap<Uuid, watch::Sender<()>>>);

impl AccessRechecks {
    /// Returns a recheck that reports each loss of rights of `who` from now on.
    #[must_use]
    pub fn of(self: &Arc<Self>, who: Uuid) -> AccessRecheck {
        let due = self.waiting().entry(who).or_default().subscribe();
        AccessRecheck { due: Some(due), who, access_rechecks: Arc::clone(self) }
    }

    /// Reports that `who` has lost a right.
    pub fn notify(&self, who: Uuid) {
        if let Some(waiting) = self.waiting().get(&who) {
            waiting.send_replace(());
        }
    }

    /// Reports that any user may have lost a right.
    pub fn notify_all(&self) {
        for waiting in self.waiting().values() {
            waiting.send_replace(());
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Uuid, watch::Sender<()>>> {
        self.0.lock()
    }
}

/// One subscription's notice that its user may have lost a right. Dropping it removes the entry of its user.
pub struct AccessRecheck {
    due: Option<watch::Receiver<()>>,
    who: Uuid,
    access_rechecks: Arc<AccessRechecks>,
}

impl AccessRecheck {
    /// Waits until the right has to be checked again. Reports between two calls count as one.
    pub async fn due(&mut self) {
        if let Some(due) = &mut self.due
            && due.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

impl Drop for AccessRecheck {
    fn drop(&mut self) {
        let mut waiting = self.access_rechecks.waiting();
        self.due = None;
        if waiting.get(&self.who).is_some_and(|waiting| waiting.receiver_count() == 0) {
            waiting.remove(&self.who);
        }
    }
}

/// Passes on the items of `live`. Ends when a recheck is due and `allowed` fails or returns false.
pub fn while_allowed<T: Send + 'static>(
    mut live: BoxStream<'static, T>,
    mut recheck: AccessRecheck,
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

    use super::AccessRechecks;

    #[tokio::test]
    async fn those_who_are_gone_leave_nothing_behind() {
        let (access_rechecks, who) = (Arc::new(AccessRechecks::default()), Uuid::from_u128(1));
        let (mut first, second) = (access_rechecks.of(who), access_rechecks.of(who));
        access_rechecks.notify(Uuid::from_u128(2));
        access_rechecks.notify(who);
        first.due().await;
        drop(first);
        assert_eq!(access_rechecks.waiting().len(), 1);
        drop(second);
        assert_eq!(access_rechecks.waiting().len(), 0);
    }
}
