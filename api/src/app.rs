//! The resources of one instance: configuration, database, clock and event log. This module has no product rules.
//! [`App`] opens transactions, and code that receives a [`Tx`] joins one. A transaction awaits nothing but SQL.

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use entity::delivery::DeliveryKind;
use futures_util::{Stream as FuturesStream, future::BoxFuture};
use parking_lot::Mutex;
use prometheus::{IntCounterVec, Opts};
use sea_orm::DbErr;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    background::Runner,
    clock::Clock,
    config::Config,
    database::{
        Database, Observer, is_conflict, write_health,
        write_pool::{Transaction, is_unsure},
    },
    error::{Error, Result},
    events::{
        access_rechecks::AccessRechecks,
        bus::Bus,
        live_streams::LiveStreams,
        log::{self, Growth, NewEvent, Stream},
        log_feed::{LogFeed, POSITIONS},
        sequencer,
        shared_views::SharedViews,
        signals::{Signal, Signals},
        subscribe::{StreamItem, follow},
    },
    file_store::FileStore,
    outgoing::{
        addresses::Reachable,
        client::{LookUp, OutgoingClient, SystemLookUp},
    },
    quotas::Quotas,
    rate_limit::RateLimits,
};

mod locked;

pub use locked::{Locked, LockedRow, SharedLock};

tokio::task_local! {
    /// The transactions that the operation of this task has committed.
    static COMMITS: Arc<Commits>;
}

/// The transactions that an operation has committed.
#[derive(Debug, Default)]
pub struct Commits {
    any: AtomicBool,
    growths: Mutex<Vec<Growth>>,
}

impl Commits {
    /// Runs `running` and records the transactions that it commits.
    pub async fn track<F: Future>(self: Arc<Self>, running: F) -> F::Output {
        COMMITS.scope(self, running).await
    }

    /// Returns true if a transaction was committed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Returns how streams grew by the operation of this task since the last call. It is empty outside of an operation.
    #[must_use]
    pub fn take_growths() -> Vec<Growth> {
        COMMITS.try_with(|commits| std::mem::take(&mut *commits.growths.lock())).unwrap_or_default()
    }

    /// Records a commit of the operation of this task. Outside of an operation nothing tracks commits.
    fn record(grown: &[Growth]) {
        let record = |commits: &Arc<Self>| {
            commits.any.store(true, Ordering::Release);
            commits.growths.lock().extend_from_slice(grown);
        };
        COMMITS.try_with(record).ok();
    }
}

/// The number of retries of a transaction that conflicts with another one.
const RETRIES: u32 = 8;

/// The shared resources of one running instance. Clones share them.
#[derive(Clone)]
pub struct App {
    /// The settings, checked at start.
    pub config: Arc<Config>,
    /// The connections to the database.
    pub db: Database,
    /// The source of the time and of ids.
    pub clock: Clock,
    /// The streams that subscriptions of this instance follow.
    pub live_streams: Arc<LiveStreams>,
    /// The readers of several streams at once.
    pub log_feed: Arc<LogFeed>,
    /// The ephemeral signals that reach this instance.
    pub signals: Arc<Signals>,
    /// Views that several subscriptions share.
    pub shared_views: Arc<SharedViews>,
    /// The repeated checks of the access of open subscriptions.
    pub access_rechecks: Arc<AccessRechecks>,
    /// The rate limits of this instance.
    pub rate_limits: Arc<RateLimits>,
    /// The quotas of this instance.
    pub quotas: Arc<Quotas>,
    /// Canceled when the instance is about to stop and wants no new work. It still serves the requests that arrive.
    pub leaving: CancellationToken,
    /// Canceled when the instance stops.
    pub shutdown: CancellationToken,
    /// The work that must finish before the process ends: open sockets and running mutations.
    pub tasks: TaskTracker,
    /// Runs the background work.
    pub background: Runner,
    /// Wakes the background work of this instance.
    pub wakes: Arc<Wakes>,
    /// Counts the attempts of deliveries by kind and outcome.
    pub deliveries: IntCounterVec,
    /// Sends requests to addresses that people or providers name.
    pub outgoing: OutgoingClient,
    /// The store of files.
    pub files: FileStore,
    bus: Arc<Bus>,
}

/// Wakes the background work of an instance after a commit that gives it work.
#[derive(Debug, Default)]
pub struct Wakes {
    /// Wakes the router when a task may be ready to offer.
    pub routing: Notify,
    /// Wakes the timers when one may be due earlier than all others.
    pub timers: Notify,
    /// Wakes the engine of deliveries when one may be due.
    pub deliveries: Notify,
    /// Wakes the sequencer when events were written.
    pub sequencer: Notify,
}

impl App {
    /// Opens the database, migrates it and starts the workers.
    pub async fn start(config: Config, clock: Clock, observer: Option<Observer>) -> anyhow::Result<Self> {
        // Boxed to keep the future of the caller small.
        let db = Box::pin(Database::open(&config.database, observer)).await?;
        Box::pin(db.migrate()).await?;
        let shutdown = CancellationToken::new();
        let log_feed = LogFeed::start(db.clone(), shutdown.clone()).await?;
        let live_streams = Arc::new(LiveStreams::new(db.clone(), Arc::clone(&log_feed), shutdown.clone()));
        let (signals, shared_views) = (Arc::new(Signals::default()), Arc::new(SharedViews::default()));
        let bus = Arc::new(Bus::start(db.postgres(), &live_streams, &signals, clock.uuid(), &shutdown));
        let wakes = Arc::new(Wakes::default());
        let background = Runner::new(db.clone(), clock.clone(), shutdown.clone())?;
        let events = config.events;
        tokio::spawn(Arc::clone(&live_streams).poll(events.poll));
        let sequenced = {
            let (live_streams, bus) = (Arc::clone(&live_streams), Arc::clone(&bus));
            move || {
                live_streams.wake(&[POSITIONS]);
                bus.hint(&[POSITIONS]);
            }
        };
        let (runner, wakes_of_work, db_of_work) = (background.clone(), Arc::clone(&wakes), db.clone());
        tokio::spawn(async move {
            sequencer::run(&runner, &db_of_work, &wakes_of_work.sequencer, events.poll, sequenced).await;
        });
        tokio::spawn(write_health::run(db.clone(), shutdown.clone()));
        let leaving = CancellationToken::new();
        let (tasks, rate_limits) = (TaskTracker::new(), Arc::new(RateLimits::new(&config, &clock)));
        let quotas = Arc::new(Quotas::new(&config));
        let reachable = Reachable::new(config.outgoing_networks.clone());
        let outgoing = OutgoingClient::new(reachable, &(Arc::new(SystemLookUp) as Arc<dyn LookUp>))?;
        let files = FileStore::open(&config.files)?;
        let config = Arc::new(config);
        let about = Opts::new("rapport_delivery_attempts_total", "Attempts of deliveries, by kind and outcome.");
        let deliveries = IntCounterVec::new(about, &["kind", "outcome"])?;
        Ok(Self {
            config,
            db,
            clock,
            live_streams,
            log_feed,
            signals,
            shared_views,
            access_rechecks: Arc::default(),
            rate_limits,
            quotas,
            leaving,
            shutdown,
            tasks,
            background,
            wakes,
            deliveries,
            outgoing,
            files,
            bus,
        })
    }

    /// Runs `body` in a transaction and commits it with the events it appended. Rolls back if `body` fails. After a
    /// conflict with another transaction it runs `body` again from the start, so `body` must change nothing but the
    /// database. It makes up to 8 retries. A fault of the database is not retried but returned to the caller.
    pub async fn transaction<'a, T, F>(&self, body: F) -> Result<T>
    where
        F: for<'t> Fn(&'t Tx<'a>) -> BoxFuture<'t, Result<T>>,
    {
        let mut attempt = 0;
        loop {
            let result = self.attempt(&body).await;
            let in_the_way = match &result {
                Err(Error::Again) => true,
                Err(Error::Internal(cause) | Error::Unavailable(cause)) => {
                    cause.downcast_ref::<DbErr>().is_some_and(is_conflict)
                }
                _ => false,
            };
            if !in_the_way {
                return result;
            }
            if attempt == RETRIES {
                return Err(Error::Again);
            }
            attempt += 1;
            // A pause that differs from call to call keeps the conflicting transactions apart.
            let apart = u64::from(self.clock.uuid().as_bytes()[15] % 8);
            tokio::time::sleep(Duration::from_millis(u64::from(attempt) * 4 + apart)).await;
        }
    }

    async fn attempt<'a, T, F>(&self, body: &F) -> Result<T>
    where
        F: for<'t> Fn(&'t Tx<'a>) -> BoxFuture<'t, Result<T>>,
    {
        let tx = Tx {
            db: self.db.begin().await?,
            clock: self.clock.clone(),
            config: Arc::clone(&self.config),
            events: Mutex::default(),
            wakes: PendingWakes::default(),
            borrows: PhantomData,
        };
        let value = match body(&tx).await {
            Ok(value) => value,
            Err(error) => {
                // Rolled back before the answer, so that the caller finds no row locked by this transaction.
                tx.db.rollback().await;
                return Err(error);
            }
        };
        let events = tx.events.into_inner();
        let grown = log::write(&tx.db, &tx.clock, &events).await?;
        tx.db.commit().await.map_err(|error| match is_unsure(&error) {
            true => Error::Unsure(Arc::new(error.into())),
            false => error.into(),
        })?;
        Commits::record(&grown);
        tx.wakes.send(&self.wakes);
        if !grown.is_empty() {
            let grown: Vec<Stream> = grown.iter().map(|growth| growth.stream).collect();
            self.live_streams.wake(&grown);
            self.bus.hint(&grown);
            self.wakes.sequencer.notify_one();
        }
        Ok(value)
    }

    /// Counts an attempt of a delivery.
    pub fn count_delivery(&self, kind: DeliveryKind, outcome: &str) {
        self.deliveries.with_label_values(&[&format!("{kind:?}"), outcome]).inc();
    }

    /// Sends a signal to the listeners on all instances.
    pub fn send_signal(&self, signal: Signal) {
        self.signals.publish(signal);
        self.bus.send_signal(signal);
    }

    /// Follows a stream after the sequence number `after`, or from its present end.
    pub fn follow(&self, stream: Stream, after: Option<i64>) -> impl FuturesStream<Item = Result<StreamItem>> + use<> {
        follow(Arc::clone(&self.live_streams), self.db.clone(), stream, after)
    }
}

/// The background work that a transaction wakes when it commits.
#[derive(Default)]
struct PendingWakes {
    routing: AtomicBool,
    timers: AtomicBool,
    deliveries: AtomicBool,
}

impl PendingWakes {
    fn send(self, wakes: &Wakes) {
        let pairs =
            [(self.routing, &wakes.routing), (self.timers, &wakes.timers), (self.deliveries, &wakes.deliveries)];
        for (pending, wake) in pairs {
            if pending.into_inner() {
                wake.notify_one();
            }
        }
    }
}

/// A transaction that writes rows and events together. `'a` is the lifetime of the values that its body may borrow.
pub struct Tx<'a> {
    db: Transaction,
    clock: Clock,
    config: Arc<Config>,
    events: Mutex<Vec<NewEvent>>,
    wakes: PendingWakes,
    borrows: PhantomData<&'a ()>,
}

impl Tx<'_> {
    /// The database transaction that runs the statements.
    pub fn db(&self) -> &Transaction {
        &self.db
    }

    /// The source of the time and of ids.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The settings of the instance.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Wakes the router after the commit, because a task may be ready to offer.
    pub fn wake_router_on_commit(&self) {
        self.wakes.routing.store(true, Ordering::Relaxed);
    }

    /// Wakes the timers after the commit, because one may be due earlier than all others.
    pub fn wake_timers_on_commit(&self) {
        self.wakes.timers.store(true, Ordering::Relaxed);
    }

    /// Wakes the engine of deliveries after the commit, because one may be due.
    pub fn wake_deliveries_on_commit(&self) {
        self.wakes.deliveries.store(true, Ordering::Relaxed);
    }

    /// Adds an event to the ones that the commit writes.
    pub fn append(&self, event: NewEvent) {
        self.events.lock().push(event);
    }
}
