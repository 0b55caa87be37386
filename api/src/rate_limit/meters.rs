//! Meters of attempts. The level of a key rises by one with each attempt and falls with time. It determines how long
//! the next attempt has to wait. At most [`MAX_KEYS`] keys are kept, and keys with the lowest levels are forgotten
//! first.

use std::{collections::HashMap, hash::Hash, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

/// The number of meters above which idle ones are removed.
const SWEEP_FROM: usize = 10_000;
/// The maximum of meters of one kind.
const MAX_KEYS: usize = 200_000;
/// The number of meters that are left after a removal. The removal is paid for by the keys in between, so that each
/// new key costs a few steps however many there are.
const KEYS_KEPT: usize = MAX_KEYS - MAX_KEYS / 4;

/// The number of attempts that pass at once, and the wait of later ones. Times are in seconds.
#[derive(Clone, Copy)]
pub struct Pace {
    /// The attempts that pass without a wait.
    pub at_once: f64,
    /// The attempts that are forgotten each second.
    pub forgets: f64,
    /// The first wait. Each further attempt doubles it.
    pub first: f64,
    /// The longest wait.
    pub longest: f64,
}

/// The attempts of a key that are not forgotten yet.
#[derive(Clone, Copy)]
struct Meter {
    level: f64,
    /// The time when `level` was written.
    at: DateTime<Utc>,
    /// The time when the latest attempt passed.
    latest: DateTime<Utc>,
}

impl Meter {
    fn level(self, pace: Pace, now: DateTime<Utc>) -> f64 {
        (self.level - pace.forgets * seconds(now - self.at)).max(0.0)
    }
}

/// The meters of one kind, which share a pace.
pub struct Meters<K> {
    pace: Pace,
    meters: HashMap<K, Meter>,
}

impl<K: Hash + Eq> Meters<K> {
    #[must_use]
    /// Creates meters without keys.
    pub fn new(pace: Pace) -> Self {
        Self { pace, meters: HashMap::new() }
    }

    /// Returns how long an attempt has to wait. Zero means that it may pass.
    #[must_use]
    pub fn wait(&self, key: &K, now: DateTime<Utc>) -> Duration {
        let (pace, Some(meter)) = (self.pace, self.meters.get(key)) else { return Duration::ZERO };
        let beyond = meter.level(pace, meter.latest) - pace.at_once;
        // A level just below the limit counts as the limit, because levels are not whole numbers.
        if beyond < -1e-6 {
            return Duration::ZERO;
        }
        let wait = (pace.first * beyond.max(0.0).exp2()).min(pace.longest) - seconds(now - meter.latest);
        Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or_default()
    }

    /// Counts an attempt and returns the level. The level is capped where the wait is longest, so that it falls in
    /// time.
    pub fn rise(&mut self, key: K, now: DateTime<Utc>) -> f64 {
        if !self.meters.contains_key(&key) {
            self.make_room(now);
        }
        let pace = self.pace;
        let meter = self.meters.entry(key).or_insert(Meter { level: 0.0, at: now, latest: now });
        let highest = pace.at_once + (pace.longest / pace.first).log2().max(0.0) + 1.0;
        *meter = Meter { level: (meter.level(pace, now) + 1.0).min(highest), at: now, latest: now };
        meter.level
    }

    /// Takes one attempt back.
    pub fn fall(&mut self, key: &K) {
        if let Some(meter) = self.meters.get_mut(key) {
            meter.level = (meter.level - 1.0).max(0.0);
        }
    }

    /// Notes that an attempt passed, without counting it. Does nothing for a key without a meter.
    pub fn touch(&mut self, key: &K, now: DateTime<Utc>) {
        if let Some(meter) = self.meters.get_mut(key) {
            meter.latest = now;
        }
    }

    /// Removes the meter of a key.
    pub fn forget(&mut self, key: &K) {
        self.meters.remove(key);
    }

    /// Removes idle meters now and then, and the lowest levels when there are too many. The keys with the most
    /// attempts are forgotten last, however many others come.
    fn make_room(&mut self, now: DateTime<Utc>) {
        let (count, pace) = (self.meters.len(), self.pace);
        if count < MAX_KEYS && (count < SWEEP_FROM || !count.is_power_of_two()) {
            return;
        }
        self.meters.retain(|_, meter| meter.level(pace, now) > 0.0);
        if count < MAX_KEYS || self.meters.len() <= KEYS_KEPT {
            return;
        }
        let surplus = self.meters.len() - KEYS_KEPT;
        let mut levels: Vec<f64> = self.meters.values().map(|meter| meter.level(pace, now)).collect();
        let (below, limit, _) = levels.select_nth_unstable_by(surplus - 1, f64::total_cmp);
        let limit = *limit;
        // The number of meters exactly at the limit that remain to be removed.
        let mut equal = surplus - below.iter().filter(|level| level.total_cmp(&limit).is_lt()).count();
        self.meters.retain(|_, meter| {
            let order = meter.level(pace, now).total_cmp(&limit);
            let removed = order.is_lt() || (order.is_eq() && equal > 0);
            if removed && order.is_eq() {
                equal -= 1;
            }
            !removed
        });
    }
}

fn seconds(time: TimeDelta) -> f64 {
    time.as_seconds_f64().max(0.0)
}

#[cfg(test)]
mod tests {
    use chrono::Duration;

    use super::{KEYS_KEPT, MAX_KEYS, Meters, Pace};
    use crate::clock::Clock;

    const PACE: Pace = Pace { at_once: 10.0, forgets: 10.0 / 3_600.0, first: 6.0, longest: 900.0 };

    #[test]
    fn those_who_tried_most_are_remembered_however_many_others_come() {
        let clock = Clock::standing();
        let mut meters = Meters::new(PACE);
        for _ in 0..12 {
            meters.rise(0_usize, clock.now());
        }
        let waits = meters.wait(&0, clock.now());
        assert!(!waits.is_zero());
        for key in 1..=3 * MAX_KEYS {
            meters.rise(key, clock.now());
            assert!(meters.meters.len() <= MAX_KEYS, "{} are kept", meters.meters.len());
        }
        assert_eq!(meters.wait(&0, clock.now()), waits);
        assert!(meters.meters.len() >= KEYS_KEPT, "no more are forgotten than needed: {}", meters.meters.len());
    }

    #[test]
    fn idle_meters_make_room_first() {
        let clock = Clock::standing();
        let mut meters = Meters::new(PACE);
        for key in 0..MAX_KEYS {
            meters.rise(key, clock.now());
        }
        clock.advance(Duration::hours(1));
        meters.rise(MAX_KEYS, clock.now());
        assert_eq!(meters.meters.len(), 1);
    }
}
