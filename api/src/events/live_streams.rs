//! The live ends of the streams with subscribers in this process. One task reads each stream from the log once and
//! sends the entries to all its subscribers. A slow subscriber never loses an event: it reads the missed entries from
//! the log.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use entity::stream;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::{
    log::{self, LoggedEvent, Stream},
    log_feed::{LogFeed, POSITIONS},
};
use crate::database::{Database, sql::Sql};

/// The entries that a subscriber may be behind before it reads the log again.
const BACKLOG: usize = 32;
/// The maximum number of entries in one read of the log.
pub(super) const BATCH: i64 = 256;
/// The streams in one statement of the poll.
const POLLED_TOGETHER: usize = 512;

/// The streams that have subscribers in this process.
pub struct LiveStreams {
    db: Database,
    open: Mutex<HashMap<Stream, Arc<LiveStream>>>,
    log_feed: Arc<LogFeed>,
    shutdown: CancellationToken,
}

struct LiveStream {
    wake: Notify,
    live: Mutex<LiveState>,
}

/// The two fields change together: the entries up to `last` are exactly the ones that were sent.
struct LiveState {
    last: i64,
    sender: broadcast::Sender<Arc<LoggedEvent>>,
}

/// One subscriber's connection to a live stream.
pub(super) struct LiveSubscription {
    /// The entries as the reading task sends them.
    pub receiver: broadcast::Receiver<Arc<LoggedEvent>>,
    /// The sequence number of the hand-off. Later entries come through the receiver, earlier ones are in the log.
    pub pin: i64,
    /// Wakes the reading task. It drops after the receiver, so that the task no longer counts this subscriber.
    leaving: DetachGuard,
}

/// Wakes the reading task when a subscriber leaves. The task then ends if it has no subscriber left.
struct DetachGuard(Arc<LiveStream>);

impl Drop for DetachGuard {
    fn drop(&mut self) {
        self.0.wake.notify_one();
    }
}

impl LiveStreams {
    pub(crate) fn new(db: Database, log_feed: Arc<LogFeed>, shutdown: CancellationToken) -> Self {
        Self { db, open: Mutex::default(), log_feed, shutdown }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Stream, Arc<LiveStream>>> {
        self.open.lock()
    }

    /// Reports that `streams` have grown.
    pub fn wake(&self, streams: &[Stream]) {
        if streams.contains(&POSITIONS) {
            self.log_feed.wake();
        }
        let open = self.open();
        for tail in streams.iter().filter_map(|stream| open.get(stream)) {
            tail.wake.notify_one();
        }
    }

    /// Reports that any stream may have grown, because hints may have been lost.
    pub fn wake_all(&self) {
        self.log_feed.wake();
        for tail in self.open().values() {
            tail.wake.notify_one();
        }
    }

    /// Returns the number of streams that have subscribers.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Attaches to the live end of `stream`. Starts the reading task for the first subscriber.
    pub(super) async fn attach(self: &Arc<Self>, stream: Stream) -> Result<LiveSubscription, DbErr> {
        let end = log::bounds(self.db.read(), stream).await?.last;
        let (tail, made) = {
            let mut open = self.open();
            let made = !open.contains_key(&stream);
            let tail = open.entry(stream).or_insert_with(|| {
                let (sender, _) = broadcast::channel(BACKLOG);
                Arc::new(LiveStream { wake: Notify::new(), live: Mutex::new(LiveState { last: end, sender }) })
            });
            (LiveSubscription::to(tail), made)
        };
        if made {
            // Hints before the stream was registered are lost, so the task reads once without a hint.
            tail.leaving.0.wake.notify_one();
            tokio::spawn(Arc::clone(self).pump(stream, Arc::clone(&tail.leaving.0)));
        }
        Ok(tail)
    }

    /// Reads the stream after each wake-up, until it has no subscriber.
    async fn pump(self: Arc<Self>, stream: Stream, tail: Arc<LiveStream>) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => {
                    self.open().remove(&stream);
                    return;
                }
                () = tail.wake.notified() => {}
            }
            {
                let mut open = self.open();
                if tail.live().sender.receiver_count() == 0 {
                    open.remove(&stream);
                    return;
                }
            }
            if let Err(error) = self.read_on(stream, &tail).await {
                // The poll finds that this stream is behind and wakes it again.
                tracing::warn!(cause = %error, "a stream could not be read; retrying");
            }
        }
    }

    async fn read_on(&self, stream: Stream, tail: &LiveStream) -> Result<(), DbErr> {
        loop {
            let last = tail.live().last;
            let entries = log::read(self.db.read(), stream, last, BATCH).await?;
            let full = i64::try_from(entries.len()).is_ok_and(|count| count == BATCH);
            let mut live = tail.live();
            for entry in entries {
                live.last = entry.sequence;
                // Sending fails when all subscribers have left. The task ends at its next wake-up.
                drop(live.sender.send(Arc::new(entry)));
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Repairs lost hints: wakes each stream that is longer in the database than here.
    pub(crate) async fn poll(self: Arc<Self>, every: Duration) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.poll_lengths().await {
                tracing::warn!(cause = %error, "the log could not be polled; retrying");
            }
        }
    }

    async fn poll_lengths(&self) -> Result<(), DbErr> {
        self.log_feed.wake();
        let mut known = BTreeMap::<stream::StreamKind, Vec<(Stream, i64)>>::new();
        for (stream, tail) in self.open().iter() {
            known.entry(stream.kind).or_default().push((*stream, tail.live().last));
        }
        for (kind, streams) in known {
            for together in streams.chunks(POLLED_TOGETHER) {
                let owners: Vec<_> = together.iter().map(|(stream, _)| stream.owner).collect();
                let mut sql =
                    Sql::new("SELECT kind, owner_id, last_sequence, pruned_sequence FROM stream WHERE kind = ");
                sql.bind(kind);
                sql.push(" AND owner_id IN ");
                sql.bind_list(&owners);
                let ends: HashMap<_, _> = sql
                    .models::<stream::Entity>(self.db.read())
                    .await?
                    .into_iter()
                    .map(|row| (row.owner_id, row.last_sequence))
                    .collect();
                let behind: Vec<Stream> = together
                    .iter()
                    .filter(|(stream, last)| ends.get(&stream.owner).is_some_and(|end| end > last))
                    .map(|(stream, _)| *stream)
                    .collect();
                self.wake(&behind);
            }
        }
        Ok(())
    }
}

impl LiveStream {
    fn live(&self) -> MutexGuard<'_, LiveState> {
        self.live.lock()
    }
}

impl LiveSubscription {
    /// Takes the receiver and the hand-off under one lock, so that no entry is lost between them.
    fn to(tail: &Arc<LiveStream>) -> Self {
        let live = tail.live();
        Self { receiver: live.sender.subscribe(), pin: live.last, leaving: DetachGuard(Arc::clone(tail)) }
    }
}
