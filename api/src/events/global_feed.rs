//! The live end of the global feed, for subscribers to the activities of many people. One task in each process reads
//! every sequenced activity once and sends it to all subscribers in batches. Each batch names the positions that it
//! covers, so a subscriber that misses a batch reads the log.

use std::{collections::HashSet, sync::Arc};

use entity::{id::UserId, stream::StreamKind};
use sea_orm::DbErr;
use tokio::sync::{Notify, OnceCell, broadcast};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    log::{self, LoggedEvent, Stream},
    sequencer,
};
use crate::database::Database;

/// The stream that stands for the global feed in hints.
pub const POSITIONS: Stream = Stream { kind: StreamKind::Activities, owner: Uuid::nil() };

/// The batches that a subscriber may be behind.
const BACKLOG: usize = 64;
/// The maximum number of entries in a batch.
pub const BATCH: i64 = 256;

/// All activities after one global position and up to another.
#[derive(Debug)]
pub struct Batch {
    /// The position before the batch.
    pub from: i64,
    /// The last position that the batch covers.
    pub to: i64,
    /// The activities between the two positions, in order.
    pub entries: Vec<FeedEntry>,
}

/// An entry with the users who may see it. The first subscriber that needs the audience loads it for all.
#[derive(Debug)]
pub struct FeedEntry {
    /// The entry of the log.
    pub entry: LoggedEvent,
    /// The users who may see the entry.
    pub audience: OnceCell<HashSet<UserId>>,
}

/// The place where subscribers attach to the global feed.
pub struct GlobalFeed {
    wake: Notify,
    sender: broadcast::Sender<Arc<Batch>>,
}

impl GlobalFeed {
    pub(crate) fn start(db: Database, shutdown: CancellationToken) -> Arc<Self> {
        let (sender, _) = broadcast::channel(BACKLOG);
        let positions = Arc::new(Self { wake: Notify::new(), sender });
        tokio::spawn(shutdown.run_until_cancelled_owned(Arc::clone(&positions).pump(db)));
        positions
    }

    /// Reports that the global feed may have grown.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns the batches from now on. Everything before them is in the log.
    pub fn attach(&self) -> broadcast::Receiver<Arc<Batch>> {
        let receiver = self.sender.subscribe();
        self.wake();
        receiver
    }

    async fn pump(self: Arc<Self>, db: Database) {
        // Nothing is read without subscribers. The next subscriber starts again at the end of the feed.
        let mut at = None;
        loop {
            self.wake.notified().await;
            if self.sender.receiver_count() == 0 {
                at = None;
                continue;
            }
            if let Err(error) = self.read_on(&db, &mut at).await {
                tracing::warn!(cause = %error, "the global feed could not be read; retrying");
            }
        }
    }

    async fn read_on(&self, db: &Database, at: &mut Option<i64>) -> Result<(), DbErr> {
        let head = sequencer::bounds(db.read()).await?.last;
        if at.is_none() {
            // The subscribers have read the log up to some position. The empty batch says where the batches start.
            drop(self.sender.send(Arc::new(Batch { from: head, to: head, entries: Vec::new() })));
        }
        let mut from = *at.get_or_insert(head);
        while from < head {
            let (entries, to) = log::activities(db.read(), from, head, BATCH).await?;
            let told = |entry| FeedEntry { entry, audience: OnceCell::new() };
            let batch = Batch { from, to, entries: entries.into_iter().map(told).collect() };
            // Sending fails when all subscribers have left, and that is no fault.
            drop(self.sender.send(Arc::new(batch)));
            from = to;
            *at = Some(to);
        }
        Ok(())
    }
}
