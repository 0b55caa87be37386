//! The live end of the global order for readers of several streams. One task in each process reads every sequenced
//! entry once and hands it to the readers whose selection has it. A reader that falls behind is cut off and reads the
//! missed entries from the log.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use async_stream::try_stream;
use entity::{
    id::{CustomerId, QueueId, UserId},
    stream::StreamKind,
};
use futures_util::Stream as FuturesStream;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::DbErr;
use tokio::sync::{Notify, OnceCell, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    log::{LoggedEvent, Stream},
    reading::{AHEAD, PRUNED, retry_while_unavailable},
    selection::{FeedEntry, Selection, read_all},
    sequencer,
};
use crate::{database::Database, error::Error};

/// The stream that stands for the global order in hints.
pub const POSITIONS: Stream = Stream { kind: StreamKind::Activities, owner: Uuid::nil() };

/// The batches that a reader may be behind before it is cut off.
const BACKLOG: usize = 32;
/// The maximum number of entries in one read of the log.
const BATCH: i64 = 256;

/// An entry of the log. The readers of this instance share the entries that are new.
#[derive(Debug)]
pub struct SharedEntry {
    entry: LoggedEvent,
    /// The users who may see the entry. The first reader that needs them loads them for all. None for an entry that
    /// was read for one reader alone.
    pub audience: Option<OnceCell<HashSet<UserId>>>,
}

impl SharedEntry {
    fn of_all_readers(entry: LoggedEvent) -> Arc<Self> {
        Arc::new(Self { entry, audience: Some(OnceCell::new()) })
    }

    fn of_one_reader(entry: LoggedEvent) -> Arc<Self> {
        Arc::new(Self { entry, audience: None })
    }
}

impl Deref for SharedEntry {
    type Target = LoggedEvent;

    fn deref(&self) -> &LoggedEvent {
        &self.entry
    }
}

/// An item for a reader of several streams.
#[derive(Clone, Debug)]
pub enum FeedItem {
    /// The first item: the position after which the reading starts.
    Started(i64),
    /// The next entries, at least one, in order. All of them have a position.
    Entries(Vec<Arc<SharedEntry>>),
    /// The last item: the log does not continue from the reader's position.
    Resync {
        /// The present end of the log.
        at: i64,
        /// A reason in English for developers.
        reason: &'static str,
    },
}

/// The place where readers of several streams attach.
pub struct LogFeed {
    db: Database,
    wake: Notify,
    readers: Mutex<Readers>,
    /// A position that the log has reached. The log may be longer.
    head: AtomicI64,
    shutdown: CancellationToken,
}

/// A key under which the readers are found to whom an entry may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Interest {
    Owner(Uuid),
    Queue(QueueId),
    Customer(CustomerId),
    Kind(StreamKind),
}

impl Interest {
    fn of_selection(selection: &Selection) -> Vec<Self> {
        let owners = selection.owned.iter().map(|(owner, _)| Self::Owner(*owner));
        let queues = selection.queues.iter().copied().map(Self::Queue);
        let customers = selection.customers.iter().copied().map(Self::Customer);
        owners.chain(queues).chain(customers).chain(selection.everywhere.iter().copied().map(Self::Kind)).collect()
    }

    fn of_entry(found: &FeedEntry) -> Vec<Self> {
        let owner = [Self::Owner(found.entry.owner_id), Self::Kind(found.entry.stream_kind)];
        let queue = found.queue_of_entry().map(Self::Queue);
        owner.into_iter().chain(queue).chain(found.customer.map(Self::Customer)).collect()
    }
}

#[derive(Default)]
struct Readers {
    /// The position up to which all entries were handed out. None without readers.
    reached: Option<i64>,
    next: u64,
    all: HashMap<u64, Reader>,
    /// The readers whose selection may have an entry.
    interested: HashMap<Interest, HashSet<u64>>,
}

struct Reader {
    selection: Selection,
    sender: mpsc::Sender<Vec<Arc<SharedEntry>>>,
}

/// A reader's place. Dropping it ends the reading.
struct Attached {
    feed: Arc<LogFeed>,
    number: u64,
    /// The position of the hand-off. Later entries come through the receiver, earlier ones are in the log.
    pin: i64,
    receiver: mpsc::Receiver<Vec<Arc<SharedEntry>>>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.feed.readers().remove(self.number);
    }
}

impl Readers {
    fn add(&mut self, reader: Reader) -> u64 {
        self.next += 1;
        let number = self.next;
        for interest in Interest::of_selection(&reader.selection) {
            self.interested.entry(interest).or_default().insert(number);
        }
        self.all.insert(number, reader);
        number
    }

    fn remove(&mut self, number: u64) {
        let Some(reader) = self.all.remove(&number) else { return };
        for interest in Interest::of_selection(&reader.selection) {
            if let Entry::Occupied(mut numbers) = self.interested.entry(interest) {
                numbers.get_mut().remove(&number);
                if numbers.get().is_empty() {
                    numbers.remove();
                }
            }
        }
        if self.all.is_empty() {
            self.reached = None;
        }
    }

    /// Hands entries to the readers whose selection has them. Cuts off readers that are too far behind.
    fn hand_out(&mut self, entries: Vec<FeedEntry>, to: i64) {
        if self.reached.is_none() {
            return;
        }
        self.reached = Some(to);
        let mut parts: HashMap<u64, Vec<Arc<SharedEntry>>> = HashMap::new();
        for found in entries {
            let interests = Interest::of_entry(&found);
            let numbers: HashSet<u64> =
                interests.iter().filter_map(|interest| self.interested.get(interest)).flatten().copied().collect();
            let taken: Vec<u64> = numbers.into_iter().filter(|number| self.all[number].selection.has(&found)).collect();
            if taken.is_empty() {
                continue;
            }
            let entry = SharedEntry::of_all_readers(found.entry);
            for number in taken {
                let part = parts.entry(number).or_default();
                // An event in several streams has several entries at one position.
                if part.last().is_none_or(|last| last.position != entry.position) {
                    part.push(Arc::clone(&entry));
                }
            }
        }
        for (number, part) in parts {
            if self.all[&number].sender.try_send(part).is_err() {
                self.remove(number);
            }
        }
    }
}

impl LogFeed {
    pub(crate) async fn start(db: Database, shutdown: CancellationToken) -> Result<Arc<Self>, DbErr> {
        let head = AtomicI64::new(sequencer::bounds(db.read()).await?.last);
        let feed = Arc::new(Self { db, wake: Notify::new(), readers: Mutex::default(), head, shutdown });
        tokio::spawn(Arc::clone(&feed).pump());
        Ok(feed)
    }

    /// Returns a position that the log has reached. It may lag behind, and never runs ahead: a reader who reads the
    /// tables afterwards and then follows the log from here misses nothing.
    pub fn head(&self) -> i64 {
        self.head.load(Ordering::Acquire)
    }

    fn readers(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock()
    }

    /// Reports that the global order may have grown.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Returns the number of readers.
    pub fn count(&self) -> usize {
        self.readers().all.len()
    }

    async fn attach(self: &Arc<Self>, selection: Selection) -> Result<Attached, DbErr> {
        let head = sequencer::bounds(self.db.read()).await?.last;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let attached = {
            let mut readers = self.readers();
            let pin = *readers.reached.get_or_insert(head);
            let number = readers.add(Reader { selection, sender });
            Attached { feed: Arc::clone(self), number, pin, receiver }
        };
        self.wake();
        Ok(attached)
    }

    async fn pump(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => {
                    *self.readers() = Readers::default();
                    return;
                }
                () = self.wake.notified() => {}
            }
            if let Err(error) = self.read_on().await {
                // The periodic wake-up reads on.
                tracing::warn!(cause = %error, "the log could not be read for its readers; retrying");
            }
        }
    }

    async fn read_on(&self) -> Result<(), DbErr> {
        loop {
            let head = sequencer::bounds(self.db.read()).await?.last;
            self.head.store(head, Ordering::Release);
            let Some(from) = self.readers().reached else { return Ok(()) };
            if head <= from {
                return Ok(());
            }
            let (entries, to) = read_all(self.db.read(), from, head, BATCH).await?;
            let mut readers = self.readers();
            // Meanwhile all readers may have left and a first one may have come.
            if readers.reached == Some(from) {
                readers.hand_out(entries, to);
            }
        }
    }
}

/// Follows a selection of streams after a global position, or from now on. Ends after a resync, and when the instance
/// stops.
pub fn follow(
    feed: Arc<LogFeed>,
    db: Database,
    selection: Selection,
    after: Option<i64>,
) -> impl FuturesStream<Item = Result<FeedItem, Error>> {
    try_stream! {
        let extent = Box::pin(retry_while_unavailable(|| sequencer::bounds(db.read()))).await?;
        let mut at = after.unwrap_or(extent.last);
        yield FeedItem::Started(at);
        if at < extent.pruned && after.is_some() || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield FeedItem::Resync { at: extent.last, reason };
            return;
        }
        while !feed.shutdown.is_cancelled() {
            let mut attached = Box::pin(retry_while_unavailable(|| feed.attach(selection.clone()))).await?;
            let pin = attached.pin;
            while at < pin {
                let read = || selection.read(db.read(), at, Some(pin), BATCH);
                let (entries, more) = Box::pin(retry_while_unavailable(read)).await?;
                // Read after the entries, so that pruning in between cannot hide an entry.
                let extent = Box::pin(retry_while_unavailable(|| sequencer::bounds(db.read()))).await?;
                if at < extent.pruned {
                    yield FeedItem::Resync { at: extent.last, reason: PRUNED };
                    return;
                }
                let last = entries.last().and_then(|entry| entry.position);
                at = last.filter(|_| more).unwrap_or(pin);
                if !entries.is_empty() {
                    yield FeedItem::Entries(entries.into_iter().map(SharedEntry::of_one_reader).collect());
                }
            }
            while let Some(mut entries) = attached.receiver.recv().await {
                entries.retain(|entry| entry.position.is_some_and(|position| position > at));
                if let Some(last) = entries.last().and_then(|entry| entry.position) {
                    at = last;
                    yield FeedItem::Entries(entries);
                }
            }
        }
    }
}
