//! The time, and the ids that are made of it. No other module reads the machine's clock, so a test can move the clock
//! past a cooldown. Times are whole microseconds, because both databases keep that precision.

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicI64, Ordering},
};

use chrono::{DateTime, Duration, Utc};
use parking_lot::Mutex;
use uuid::{ContextV7, Timestamp, Uuid};

/// The source of the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's own clock.
    System,
    /// A clock that stands still until it is moved, in microseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Creates a manual clock that starts at the machine's present time.
    #[must_use]
    pub fn standing() -> Self {
        Self::Manual(Arc::new(AtomicI64::new(Self::System.now().timestamp_micros())))
    }

    /// Returns the present time in whole microseconds.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = match self {
            #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
            Self::System => Utc::now().timestamp_micros(),
            Self::Manual(micros) => micros.load(Ordering::SeqCst),
        };
        DateTime::from_timestamp_micros(micros).unwrap_or_default()
    }

    /// Moves a manual clock forward. The machine's clock is never changed.
    pub fn advance(&self, by: Duration) {
        if let Self::Manual(micros) = self {
            micros.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }

    /// Returns a new `UUIDv7` of the present time. It is larger than all ids that this process made before.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        static CONTEXT: LazyLock<Mutex<ContextV7>> = LazyLock::new(|| Mutex::new(ContextV7::new()));
        let now = self.now();
        let seconds = u64::try_from(now.timestamp()).unwrap_or_default();
        let context = CONTEXT.lock();
        Uuid::new_v7(Timestamp::from_unix(&*context, seconds, now.timestamp_subsec_nanos()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Duration};

    #[test]
    fn ids_rise_even_when_the_clock_stands() {
        let clock = Clock::standing();
        let ids: Vec<_> = (0..1_000).map(|_| clock.uuid()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::standing();
        let before = clock.now();
        assert_eq!(clock.now(), before);
        clock.advance(Duration::days(21));
        assert_eq!(clock.now() - before, Duration::days(21));
    }
}
