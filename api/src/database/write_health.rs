//! The health of writes. A write that fails because of the disk or the server marks writes as failing. Only a probe, a
//! write for this purpose, marks them as healthy again. Probes run often while writes fail, and rarely while no writes
//! occur.

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

/// The interval of probes while writes fail.
const AGAIN: Duration = Duration::from_millis(500);
/// The time without a write after which a probe runs.
const IDLE: Duration = Duration::from_secs(5);
/// The maximum time of a probe.
const WITHIN: Duration = Duration::from_secs(4);
/// The characters of a probe while writes fail. A large call writes as many. A full disk may still accept a few.
const LARGE: u32 = 131_072;
/// The characters of a probe while no writes occur.
const SMALL: u32 = 32;

/// Returns the milliseconds since the first call in the process.
fn now() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    // The count starts at 1, because 0 means never.
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
}

/// The health of the writes of one database.
#[derive(Default)]
pub struct WriteHealth {
    failing: AtomicBool,
    /// The time of the last write.
    wrote: AtomicU64,
    /// Connections that were opened before this time must not be used.
    stale: AtomicU64,
    wake: Notify,
}

impl WriteHealth {
    /// Returns true when writes fail, as far as is known.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Records an error of a write.
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
            tracing::error!(cause = %error, "writes fail; probing until a write succeeds");
            self.wake.notify_one();
        }
    }

    /// Records a successful write.
    pub(crate) fn wrote(&self) {
        self.wrote.store(now(), Ordering::Release);
    }

    /// Returns true when a connection of this age may be used.
    pub(crate) fn trusts(&self, age: Duration) -> bool {
        let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        now().saturating_sub(age) >= self.stale.load(Ordering::Acquire)
    }

    fn is_idle(&self) -> bool {
        let idle = u64::try_from(IDLE.as_millis()).unwrap_or(u64::MAX);
        now().saturating_sub(self.wrote.load(Ordering::Acquire)) >= idle
    }
}

/// Probes until shutdown.
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

/// Writes so many random characters.
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
