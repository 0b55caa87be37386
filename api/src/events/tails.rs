//! The live ends of the streams that someone in this process follows. Each is read from the log once, by one task, and
//! handed to all its followers; a follower that is too slow loses its place here, never an event: it reads the log again.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use entity::stream;
use sea_orm::DbErr;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use super::{
    log::{self, Entry, Stream},
    positions::{POSITIONS, Positions},
};
use crate::database::{Database, sql::Sql};

/// Entries a follower may be behind before it reads the log again.
const BACKLOG: usize = 32;
/// Entries per read of the log.
pub(super) const BATCH: i64 = 256;
/// Streams per statement of the poll.
const POLLED_TOGETHER: usize = 512;

pub struct Tails {
    db: Database,
    open: Mutex<HashMap<Stream, Arc<Tail>>>,
    positions: Arc<Positions>,
    shutdown: CancellationToken,
}

struct Tail {
    wake: Notify,
    live: Mutex<Live>,
}

/// Changed together: what was sent is exactly what is at or before `last`.
struct Live {
    last: i64,
    sender: broadcast::Sender<Arc<Entry>>,
}

/// A follower's hold on a live stream.
pub(super) struct Attached {
    pub receiver: broadcast::Receiver<Arc<Entry>>,
    /// Everything after this comes through the receiver; everything up to it is in the log.
    pub pin: i64,
    /// Dropped after the receiver, so that whoever is woken no longer counts it.
    leaving: Leaving,
}

/// Wakes the task of a tail when a follower goes, to look whether anyone is left.
struct Leaving(Arc<Tail>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.wake.notify_one();
    }
}

impl Tails {
    pub(crate) fn new(db: Database, positions: Arc<Positions>, shutdown: CancellationToken) -> Self {
        Self { db, open: Mutex::default(), positions, shutdown }
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Stream, Arc<Tail>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that streams have grown.
    pub fn wake(&self, streams: &[Stream]) {
        if streams.contains(&POSITIONS) {
            self.positions.wake();
        }
        let open = self.open();
        for tail in streams.iter().filter_map(|stream| open.get(stream)) {
            tail.wake.notify_one();
        }
    }

    /// Says that any stream may have grown, after hints may have been lost.
    pub fn wake_all(&self) {
        self.positions.wake();
        for tail in self.open().values() {
            tail.wake.notify_one();
        }
    }

    /// How many streams are followed.
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Attaches to the live end of a stream.
    pub(super) async fn attach(self: &Arc<Self>, stream: Stream) -> Result<Attached, DbErr> {
        let end = log::extent(self.db.read(), stream).await?.last;
        let (tail, made) = {
            let mut open = self.open();
            let made = !open.contains_key(&stream);
            let tail = open.entry(stream).or_insert_with(|| {
                let (sender, _) = broadcast::channel(BACKLOG);
                Arc::new(Tail { wake: Notify::new(), live: Mutex::new(Live { last: end, sender }) })
            });
            (Attached::to(tail), made)
        };
        if made {
            // Hints that came before the tail was there are lost: look once without one.
            tail.leaving.0.wake.notify_one();
            tokio::spawn(Arc::clone(self).pump(stream, Arc::clone(&tail.leaving.0)));
        }
        Ok(tail)
    }

    /// Reads a stream whenever it is woken, until nobody follows it.
    async fn pump(self: Arc<Self>, stream: Stream, tail: Arc<Tail>) {
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
                // The poll finds this stream behind and wakes it again.
                tracing::warn!(cause = %error, "a stream could not be read; it will be tried again");
            }
        }
    }

    async fn read_on(&self, stream: Stream, tail: &Tail) -> Result<(), DbErr> {
        loop {
            let last = tail.live().last;
            let entries = log::read(self.db.read(), stream, last, BATCH).await?;
            let full = i64::try_from(entries.len()).is_ok_and(|count| count == BATCH);
            let mut live = tail.live();
            for entry in entries {
                live.last = entry.sequence;
                // Nobody listening is no fault: the next turn closes the tail.
                drop(live.sender.send(Arc::new(entry)));
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Repairs lost hints: wakes every followed stream that the database says is longer.
    pub(crate) async fn poll(self: Arc<Self>, every: Duration) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(cause = %error, "the log could not be polled; it will be tried again");
            }
        }
    }

    async fn look(&self) -> Result<(), DbErr> {
        self.positions.wake();
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

impl Tail {
    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attached {
    /// Takes the receiver and the pin in one moment, so that nothing falls between them.
    fn to(tail: &Arc<Tail>) -> Self {
        let live = tail.live();
        Self { receiver: live.sender.subscribe(), pin: live.last, leaving: Leaving(Arc::clone(tail)) }
    }
}
