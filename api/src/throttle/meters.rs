//! Meters: each key has a level that rises by one with each try and falls with time, and the level says how long the next
//! try has to wait. At most [`MOST`] keys are kept; when there are more, those with the lowest levels are forgotten.

use std::{collections::HashMap, hash::Hash, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

/// The number of meters from which on idle ones are removed.
const SWEEP_FROM: usize = 10_000;
/// The most meters of one kind.
const MOST: usize = 200_000;
/// How many are left when there were too many. The difference is what a forgetting is paid by, so that it costs each new
/// key a few steps however many there are.
const LEFT: usize = MOST - MOST / 4;

/// How many tries are let through at once, and how long later ones wait. Times are in seconds.
#[derive(Clone, Copy)]
pub struct Pace {
    pub at_once: f64,
    /// Tries that are forgotten each second.
    pub forgets: f64,
    /// The first wait; each try doubles it.
    pub first: f64,
    pub longest: f64,
}

/// The tries that are not forgotten yet.
#[derive(Clone, Copy)]
struct Meter {
    level: f64,
    /// When `level` was written.
    at: DateTime<Utc>,
    /// When the latest try was let through.
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
    pub fn new(pace: Pace) -> Self {
        Self { pace, meters: HashMap::new() }
    }

    /// How long a try has to wait; zero when it is let through.
    #[must_use]
    pub fn wait(&self, key: &K, now: DateTime<Utc>) -> Duration {
        let (pace, Some(meter)) = (self.pace, self.meters.get(key)) else { return Duration::ZERO };
        let beyond = meter.level(pace, meter.latest) - pace.at_once;
        // A little less than the limit counts as it, because levels are not whole numbers.
        if beyond < -1e-6 {
            return Duration::ZERO;
        }
        let wait = (pace.first * beyond.max(0.0).exp2()).min(pace.longest) - seconds(now - meter.latest);
        Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or_default()
    }

    /// Counts a try; the level. A level stays within what makes the longest wait, so that it comes down in time.
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

    /// Takes a try back.
    pub fn fall(&mut self, key: &K) {
        if let Some(meter) = self.meters.get_mut(key) {
            meter.level = (meter.level - 1.0).max(0.0);
        }
    }

    /// Notes that a try was let through, and does not count it. Nothing for a key without a meter.
    pub fn touch(&mut self, key: &K, now: DateTime<Utc>) {
        if let Some(meter) = self.meters.get_mut(key) {
            meter.latest = now;
        }
    }

    /// Lets a key begin anew.
    pub fn forget(&mut self, key: &K) {
        self.meters.remove(key);
    }

    /// Removes what is idle now and then, and the lowest levels when there are too many: who has tried most is forgotten
    /// last, however many others come.
    fn make_room(&mut self, now: DateTime<Utc>) {
        let (count, pace) = (self.meters.len(), self.pace);
        if count < MOST && (count < SWEEP_FROM || !count.is_power_of_two()) {
            return;
        }
        self.meters.retain(|_, meter| meter.level(pace, now) > 0.0);
        if count < MOST || self.meters.len() <= LEFT {
            return;
        }
        let surplus = self.meters.len() - LEFT;
        let mut levels: Vec<f64> = self.meters.values().map(|meter| meter.level(pace, now)).collect();
        let (below, limit, _) = levels.select_nth_unstable_by(surplus - 1, f64::total_cmp);
        let limit = *limit;
        // As many with the very level of the limit as there is still to remove.
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

    use super::{LEFT, MOST, Meters, Pace};
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
        for key in 1..=3 * MOST {
            meters.rise(key, clock.now());
            assert!(meters.meters.len() <= MOST, "{} are kept", meters.meters.len());
        }
        assert_eq!(meters.wait(&0, clock.now()), waits);
        assert!(meters.meters.len() >= LEFT, "no more are forgotten than needed: {}", meters.meters.len());
    }

    #[test]
    fn idle_meters_make_room_first() {
        let clock = Clock::standing();
        let mut meters = Meters::new(PACE);
        for key in 0..MOST {
            meters.rise(key, clock.now());
        }
        clock.advance(Duration::hours(1));
        meters.rise(MOST, clock.now());
        assert_eq!(meters.meters.len(), 1);
    }
}
