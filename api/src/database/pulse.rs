//! Whether writes succeed. A write that fails for the disk or the server marks the database as failing; only a write made
//! for the purpose marks it as well again. Such a write is made often while writes fail, and seldom while nobody writes.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use sea_orm::{ConnectionTrait as _, DbErr};
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

use super::Database;
use crate::error::{is_outage, is_stale};

/// How soon a failing database is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// After how long without a write one is made.
const IDLE: Duration = Duration::from_secs(5);
/// How long a write made for the purpose may take.
const WITHIN: Duration = Duration::from_secs(4);
/// Characters that are written while writes fail. As many as a large call writes, because a disk without space may still
/// take a few.
const LARGE: u32 = 131_072;
/// Characters that are written while nobody writes.
const SMALL: u32 = 32;

/// Milliseconds since the process first asked.
fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    // From 1 on: 0 stands for never.
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// Whether writes succeed.
#[derive(Default)]
pub struct Pulse {
    failing: AtomicBool,
    /// When something was last written.
    wrote: AtomicU64,
    /// Connections that were opened before this are not to be used any more.
    stale: AtomicU64,
    wake: Notify,
}

impl Pulse {
    /// Whether writes fail, as far as is known.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Notes what has gone wrong while writing.
    pub(crate) fn note(&self, error: &sqlx::Error) {
        if is_stale(error) {
            self.stale.store(now(), Ordering::Release);
        }
        if is_outage(error) && !matches!(error, sqlx::Error::PoolClosed) {
            self.fail(error);
        }
    }

    fn fail(&self, error: &dyn std::fmt::Display) {
        if !self.failing.swap(true, Ordering::AcqRel) {
            tracing::error!(cause = %error, "writes fail; the database is tried until one succeeds");
            self.wake.notify_one();
        }
    }

    /// Notes that something was written.
    pub(crate) fn wrote(&self) {
        self.wrote.store(now(), Ordering::Release);
    }

    /// Whether a connection of this age may be used.
    pub(crate) fn trusts(&self, age: Duration) -> bool {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        now().saturating_sub(age) >= self.stale.load(Ordering::Acquire)
    }

    fn is_idle(&self) -> bool {
        let idle = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
        now().saturating_sub(self.wrote.load(Ordering::Acquire)) >= idle
    }
}

/// Tries to write until the instance stops.
pub(crate) async fn run(db: Database, shutdown: CancellationToken) {
    let pulse = db.pulse();
    loop {
        let failing = pulse.is_failing();
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = pulse.wake.notified() => {}
            () = tokio::time::sleep(if failing { AGAIN } else { IDLE }) => {}
        }
        let failing = pulse.is_failing();
        if !failing && !pulse.is_idle() {
            continue;
        }
        match timeout(WITHIN, probe(&db, if failing { LARGE } else { SMALL })).await {
            Ok(Ok(())) => {
                if pulse.failing.swap(false, Ordering::AcqRel) {
                    tracing::info!("writes succeed again");
                }
            }
            Ok(Err(error)) => pulse.fail(&error),
            Err(late) => pulse.fail(&late),
        }
    }
}

/// Writes so many characters, other ones each time.
async fn probe(db: &Database, characters: u32) -> Result<(), DbErr> {
    let tx = db.begin_unobserved().await?;
    let noise = match db.is_postgres() {
        true => format!("(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, {}))", characters / 32),
        false => format!("hex(randomblob({}))", characters / 2),
    };
    let sql = format!(
        "INSERT INTO write_probe (id, noise) VALUES (1, {noise}) ON CONFLICT (id) DO UPDATE SET noise = excluded.noise"
    );
    tx.execute_unprepared(&sql).await?;
    tx.commit().await
}
