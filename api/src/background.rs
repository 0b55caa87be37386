//! The runner of background work: routing, timers, deliveries, sequencing and retention. It runs the steps of one kind
//! of work in a loop, sleeps until something is due, and pauses longer after each failure. Work that only one instance
//! needs to do has a lease in the database.

use std::{future::Future, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use prometheus::{IntCounterVec, Opts};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    database::{Database, sql::Sql},
    error::Result,
};

/// The pause after the first failure. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause after a failure. Work that may sleep longer pauses up to its longest sleep. The pauses are short,
/// because an instance must recover soon after its database does.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// The shortest sleep before work that is due, so that work that another instance does is not asked for without end.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);

/// The time of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next step runs at once, because there may be more work.
    Now,
    /// The next step runs at this time, or after a wake-up.
    At(DateTime<Utc>),
    /// The next step runs after a wake-up, or after the longest sleep of the work.
    Idle,
}

impl Next {
    /// Returns `Now` when a step found work, and `Idle` otherwise.
    #[must_use]
    pub fn after(found: bool) -> Self {
        if found { Self::Now } else { Self::Idle }
    }
}

/// A kind of background work.
pub struct Work<'a> {
    /// The name in the log and in the metrics.
    pub name: &'static str,
    /// The longest sleep between two steps. It bounds the delay when a wake-up of another instance is lost.
    pub longest_sleep: Duration,
    /// Wakes the work before the end of its sleep.
    pub wake: &'a Notify,
}

/// Runs background work until the instance stops. Clones share the counters.
#[derive(Clone)]
pub struct Runner {
    db: Database,
    clock: Clock,
    shutdown: CancellationToken,
    steps: Arc<IntCounterVec>,
}

impl Runner {
    /// Creates a runner. Fails only if the name of its counter is invalid.
    pub fn new(db: Database, clock: Clock, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let about = Opts::new("rapport_background_steps_total", "Steps of background work, by work and outcome.");
        Ok(Self { db, clock, shutdown, steps: Arc::new(IntCounterVec::new(about, &["work", "outcome"])?) })
    }

    /// Returns the counter of steps, for `/metrics`.
    #[must_use]
    pub fn steps(&self) -> IntCounterVec {
        IntCounterVec::clone(&self.steps)
    }

    /// Runs the steps of a work until the instance stops. A step that failed is repeated after a pause.
    pub async fn run<S: Future<Output = Result<Next>>>(&self, work: Work<'_>, step: impl Fn() -> S) {
        let mut failures = 0;
        while !self.shutdown.is_cancelled() {
            let sleep = match step().await {
                Ok(next) => {
                    failures = 0;
                    self.count(work.name, "done");
                    self.sleep(next, work.longest_sleep)
                }
                Err(error) => {
                    failures += 1;
                    self.failed(work.name, &error);
                    self.pause(failures, work.longest_sleep)
                }
            };
            if sleep.is_zero() {
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                () = self.shutdown.cancelled() => {}
                () = work.wake.notified(), if failures == 0 => {}
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// Runs `step` once in each period, on one of all instances, until this instance stops. `name` is the name of the
    /// lease too.
    pub async fn run_every<S: Future<Output = Result<()>>>(
        &self,
        name: &'static str,
        period: Duration,
        step: impl Fn() -> S,
    ) {
        loop {
            tokio::select! { () = self.shutdown.cancelled() => return, () = tokio::time::sleep(period) => {} }
            let ran = async { if self.lease(name, period).await? { step().await } else { Ok(()) } };
            match ran.await {
                Ok(()) => self.count(name, "done"),
                Err(error) => self.failed(name, &error),
            }
        }
    }

    /// Claims the present period of a work. Returns false when another instance has claimed it.
    pub async fn lease(&self, name: &'static str, period: Duration) -> Result<bool> {
        // A tenth of a period leaves room for clocks that differ and for timers that are late.
        let (now, period) = (self.clock.now(), chrono::Duration::from_std(period).unwrap_or(chrono::Duration::zero()));
        let mut sql = Sql::new("INSERT INTO background_lease (name, held_until) VALUES (");
        sql.bind(name);
        sql.push(", ");
        sql.bind(now + period - period / 10);
        sql.push(
            ") ON CONFLICT (name) DO UPDATE SET held_until = excluded.held_until \
             WHERE background_lease.held_until <= ",
        );
        sql.bind(now);
        let tx = self.db.begin().await?;
        let claimed = sql.run(&tx).await? == 1;
        tx.commit().await?;
        Ok(claimed)
    }

    fn sleep(&self, next: Next, longest: Duration) -> Duration {
        match next {
            Next::Now => Duration::ZERO,
            Next::Idle => longest,
            Next::At(time) => {
                let left = (time - self.clock.now()).to_std().unwrap_or_default();
                left.clamp(SHORTEST_SLEEP.min(longest), longest)
            }
        }
    }

    /// Returns the pause after some failures in a row. Half of it differs from case to case, so that instances that
    /// failed together do not try again together.
    fn pause(&self, failures: u32, longest: Duration) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.min(16).saturating_sub(1)).min(longest.max(LONGEST_PAUSE));
        pause.mul_f64(0.5 + f64::from(self.clock.uuid().as_bytes()[15]) / 512.0)
    }

    fn count(&self, name: &str, outcome: &str) {
        self.steps.with_label_values(&[name, outcome]).inc();
    }

    fn failed(&self, name: &str, error: &crate::error::Error) {
        self.count(name, "failed");
        tracing::warn!(cause = ?error, work = name, "a step of background work failed; it will be repeated");
    }
}
