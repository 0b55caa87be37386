//! The live end of the global order, for those who follow activities of many people at once. What was sequenced is read
//! once in each process and handed to all followers in batches that say from where to where they reach; whoever misses one
//! reads the log.

use std::{collections::HashSet, sync::Arc};

use entity::{id::UserId, stream::StreamKind};
use sea_orm::DbErr;
use tokio::sync::{Notify, OnceCell, broadcast};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    log::{self, Entry, Stream},
    sequencer,
};
use crate::database::Database;

/// Stands for the global order itself in hints.
pub const POSITIONS: Stream = Stream { kind: StreamKind::Activities, owner: Uuid::nil() };

/// Batches a follower may be behind.
const BACKLOG: usize = 64;
/// Entries in a batch.
pub const BATCH: i64 = 256;

/// Everything of the followed kind after one position and up to another.
#[derive(Debug)]
pub struct Batch {
    pub from: i64,
    pub to: i64,
    pub entries: Vec<Told>,
}

/// An entry, and who may see it: found once, by whoever asks first.
#[derive(Debug)]
pub struct Told {
    pub entry: Entry,
    pub audience: OnceCell<HashSet<UserId>>,
}

/// Where followers attach.
pub struct Positions {
    wake: Notify,
    sender: broadcast::Sender<Arc<Batch>>,
}

impl Positions {
    pub(crate) fn start(db: Database, shutdown: CancellationToken) -> Arc<Self> {
        let (sender, _) = broadcast::channel(BACKLOG);
        let positions = Arc::new(Self { wake: Notify::new(), sender });
        tokio::spawn(shutdown.run_until_cancelled_owned(Arc::clone(&positions).pump(db)));
        positions
    }

    /// Says that the global order may have grown.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Attaches to what comes from now on. What came before is in the log.
    pub fn attach(&self) -> broadcast::Receiver<Arc<Batch>> {
        let receiver = self.sender.subscribe();
        self.wake();
        receiver
    }

    async fn pump(self: Arc<Self>, db: Database) {
        // Nothing is read while nobody follows; then it begins anew from the end.
        let mut at = None;
        loop {
            self.wake.notified().await;
            if self.sender.receiver_count() == 0 {
                at = None;
                continue;
            }
            if let Err(error) = self.read_on(&db, &mut at).await {
                tracing::warn!(cause = %error, "the global order could not be read; it will be tried again");
            }
        }
    }

    async fn read_on(&self, db: &Database, at: &mut Option<i64>) -> Result<(), DbErr> {
        let head = sequencer::extent(db.read()).await?.last;
        if at.is_none() {
            // Who attached before has read up to somewhere: says from where the batches go on.
            drop(self.sender.send(Arc::new(Batch { from: head, to: head, entries: Vec::new() })));
        }
        let mut from = *at.get_or_insert(head);
        while from < head {
            let (entries, to) = log::activities(db.read(), from, head, BATCH).await?;
            let told = |entry| Told { entry, audience: OnceCell::new() };
            let batch = Batch { from, to, entries: entries.into_iter().map(told).collect() };
            // Nobody listening is no fault.
            drop(self.sender.send(Arc::new(batch)));
            from = to;
            *at = Some(to);
        }
        Ok(())
    }
}
