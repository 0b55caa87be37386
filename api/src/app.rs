//! What every verb needs: configuration, database, clock, the log. Resources, never rules. `App` opens transactions;
//! whoever is given a [`Tx`] joins one. Inside a transaction only SQL is awaited.

use std::{
    marker::PhantomData,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream as FuturesStream, future::BoxFuture};
use sea_orm::DbErr;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    clock::Clock,
    config::Config,
    database::{
        Database, Observer, is_conflict, pulse,
        writing::{Transaction, is_unsure},
    },
    error::{Error, Result},
    events::{
        boards::Boards,
        bus::Bus,
        follow::{Followed, follow},
        log::{self, NewEvent, Stream},
        positions::{POSITIONS, Positions},
        pruning,
        rechecks::Rechecks,
        sequencer,
        tails::Tails,
        whispers::{Whisper, Whispers},
    },
    shares::Shares,
    throttle::Throttle,
};

tokio::task_local! {
    /// Whether the operation of this task has committed anything.
    static COMMITTED: Arc<AtomicBool>;
}

/// Runs something and notes whether it commits a transaction.
pub async fn noting_commits<F: Future>(committed: Arc<AtomicBool>, running: F) -> F::Output {
    COMMITTED.scope(committed, running).await
}

/// How often a transaction is run again when another one was in its way.
const RETRIES: u32 = 8;

/// One instance of the product.
#[derive(Clone)]
pub struct App {
    pub config: Arc<Config>,
    pub db: Database,
    pub clock: Clock,
    pub tails: Arc<Tails>,
    pub positions: Arc<Positions>,
    pub whispers: Arc<Whispers>,
    pub boards: Arc<Boards>,
    pub rechecks: Arc<Rechecks>,
    pub throttle: Arc<Throttle>,
    pub shares: Arc<Shares>,
    /// The instance is going to stop and wants no more work; it still does what comes.
    pub leaving: CancellationToken,
    pub shutdown: CancellationToken,
    /// What has to come to its end before the process may: open sockets, mutations under way.
    pub tasks: TaskTracker,
    /// There may be a task to offer.
    pub routing: Arc<Notify>,
    bus: Arc<Bus>,
    sequencer: Arc<Notify>,
}

impl App {
    /// Opens the database, brings it up to date and starts the workers.
    pub async fn start(config: Config, clock: Clock, observer: Option<Observer>) -> anyhow::Result<Self> {
        // Boxed, because whoever starts an instance would have room for it.
        let db = Box::pin(Database::open(&config.database, observer)).await?;
        Box::pin(db.migrate()).await?;
        let shutdown = CancellationToken::new();
        let positions = Positions::start(db.clone(), shutdown.clone());
        let tails = Arc::new(Tails::new(db.clone(), Arc::clone(&positions), shutdown.clone()));
        let (whispers, boards) = (Arc::new(Whispers::default()), Arc::new(Boards::default()));
        let bus = Arc::new(Bus::start(db.postgres(), &tails, &whispers, clock.uuid(), &shutdown));
        let sequencer = Arc::new(Notify::new());
        let events = config.events;
        tokio::spawn(Arc::clone(&tails).poll(events.poll));
        let sequenced = {
            let (tails, bus) = (Arc::clone(&tails), Arc::clone(&bus));
            move || {
                tails.wake(&[POSITIONS]);
                bus.hint(&[POSITIONS]);
            }
        };
        tokio::spawn(sequencer::run(db.clone(), Arc::clone(&sequencer), events.poll, sequenced, shutdown.clone()));
        tokio::spawn(pulse::run(db.clone(), shutdown.clone()));
        tokio::spawn(pruning::run(db.clone(), clock.clone(), events.retention, shutdown.clone()));
        let leaving = CancellationToken::new();
        let (tasks, throttle) = (TaskTracker::new(), Arc::new(Throttle::new(&config, &clock)));
        let shares = Arc::new(Shares::new(&config));
        let config = Arc::new(config);
        let routing = Arc::new(Notify::new());
        Ok(Self {
            config,
            db,
            clock,
            tails,
            positions,
            whispers,
            boards,
            rechecks: Arc::default(),
            throttle,
            shares,
            leaving,
            shutdown,
            tasks,
            routing,
            bus,
            sequencer,
        })
    }

    /// Runs `body` in a transaction and commits it with the events it appended, or rolls back if it fails. When another
    /// transaction was in the way it is run again from the start, so it must change nothing but the database. After a fault of the database it is not run again:
    /// who called is told, and the fault is over once the pulse says so.
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
            // Apart from one another by a few milliseconds that differ from call to call.
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
            frees: AtomicBool::new(false),
            borrows: PhantomData,
        };
        let value = match body(&tx).await {
            Ok(value) => value,
            Err(error) => {
                // Before the answer is given, so that whoever gets it finds nothing locked by it.
                tx.db.rollback().await;
                return Err(error);
            }
        };
        let events = tx.events.into_inner().unwrap_or_else(PoisonError::into_inner);
        let grown = log::write(&tx.db, &tx.clock, &events).await?;
        tx.db.commit().await.map_err(|error| match is_unsure(&error) {
            true => Error::Unsure(Arc::new(error.into())),
            false => error.into(),
        })?;
        // Outside of an operation nobody asks.
        COMMITTED.try_with(|committed| committed.store(true, Ordering::Release)).ok();
        if tx.frees.into_inner() {
            self.routing.notify_one();
        }
        if !grown.is_empty() {
            self.tails.wake(&grown);
            self.bus.hint(&grown);
            self.sequencer.notify_one();
        }
        Ok(value)
    }

    /// Runs the steps of a worker until the instance stops. A step returns whether it found work; after one that found none,
    /// and after one that failed, the worker pauses. `work` names the work in the log.
    pub async fn work_off<S: Future<Output = Result<bool>>>(
        &self,
        pause: Duration,
        work: &'static str,
        step: impl Fn() -> S,
    ) {
        while !self.shutdown.is_cancelled() {
            match step().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(cause = ?error, work, "a step failed; it will be tried again"),
            }
            tokio::select! { () = self.shutdown.cancelled() => {}, () = tokio::time::sleep(pause) => {} }
        }
    }

    /// Does something again and again until the instance stops, with a pause before each time. `work` names it in the log.
    pub async fn repeat<T, S: Future<Output = Result<T>>>(
        &self,
        pause: Duration,
        work: &'static str,
        step: impl Fn() -> S,
    ) {
        loop {
            tokio::select! { () = self.shutdown.cancelled() => return, () = tokio::time::sleep(pause) => {} }
            if let Err(error) = step().await {
                tracing::warn!(cause = ?error, work, "a step failed; it will be tried again");
            }
        }
    }

    /// Says something in passing to whoever listens, on whichever instance.
    pub fn whisper(&self, whisper: Whisper) {
        self.whispers.spread(whisper);
        self.bus.whisper(whisper);
    }

    /// Follows a stream after a sequence number, or from its present end.
    pub fn follow(&self, stream: Stream, after: Option<i64>) -> impl FuturesStream<Item = Result<Followed>> + use<> {
        follow(Arc::clone(&self.tails), self.db.clone(), stream, after)
    }
}

/// A transaction in which rows and events are written together. `'a` is what its body may borrow.
pub struct Tx<'a> {
    db: Transaction,
    clock: Clock,
    config: Arc<Config>,
    events: Mutex<Vec<NewEvent>>,
    frees: AtomicBool,
    borrows: PhantomData<&'a ()>,
}

impl Tx<'_> {
    /// Where its statements run.
    pub fn db(&self) -> &Transaction {
        &self.db
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Says that there may be a task to offer once this is committed.
    pub fn may_route(&self) {
        self.frees.store(true, Ordering::Relaxed);
    }

    /// Adds an event to what will be committed.
    pub fn append(&self, event: NewEvent) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
