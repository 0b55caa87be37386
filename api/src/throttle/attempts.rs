//! Wrong passwords slow down who sends them, and never lock anybody out.
//!
//! Three meters count each try. The meter of an account *and* a place (a device or a network) comes first. The meter of a
//! network counts its tries at all accounts. The meter of an account counts its tries from all places that it does not
//! know, at most [`SHARE`] of each, so that one place alone cannot slow the account for others. Each meter lets some tries
//! through at once, then makes them wait longer and longer, and forgets with time. A place that the account knows is not
//! slowed by tries from elsewhere. A try that succeeds counts for nothing. Each instance counts for itself.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use entity::id::SessionId;

use super::TooSoon;
use crate::{address::Networks, clock::Clock};

/// The most tries of one place that count for the account as a whole.
const SHARE: f64 = 5.0;
/// Tries of a network at all accounts for each try at one.
const ACCOUNTS_PER_NETWORK: f64 = 10.0;
/// Tries at an account from places that it does not know for each try from one place.
const PLACES_PER_ACCOUNT: f64 = 3.0;
/// The longest wait of one place at one account.
const LONGEST_AT_A_PLACE: f64 = 900.0;
/// The longest wait of a network.
const LONGEST_OF_A_NETWORK: f64 = 60.0;
/// The longest wait at an account for places that it does not know.
const LONGEST_AT_AN_ACCOUNT: f64 = 30.0;
/// How many mails one network may ask for in an hour.
const MAILS_PER_HOUR: f64 = 10.0;
const HOUR: f64 = 3_600.0;
const MINUTE: f64 = 60.0;
/// Meters of one kind from which on idle ones are removed, and the most that are kept.
const SWEEP_FROM: usize = 10_000;
const MOST: usize = 200_000;
/// The longest name of an account that is kept, in characters.
const LONGEST_NAME: usize = 64;

/// Where a try comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A device that proved an earlier session of the account.
    Device(SessionId),
    /// Any device of a network.
    Network(IpAddr),
    /// A caller whose address the server cannot see.
    Nowhere,
}

impl Place {
    /// The network of an address.
    #[must_use]
    pub fn of(networks: Networks, address: Option<IpAddr>) -> Self {
        address.map_or(Self::Nowhere, |address| Self::Network(networks.counted(address)))
    }
}

/// A try that was let through. Give it to [`Attempts::succeeded`] when the password was right.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    account: String,
    place: Place,
    counted: Counted,
}

/// Which meters counted a try.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    network: bool,
    account: bool,
}

/// The tries that count, by account and place.
pub struct Attempts {
    paces: Option<Paces>,
    networks: Networks,
    clock: Clock,
    meters: Mutex<Meters>,
}

/// How fast each kind of meter may rise.
#[derive(Clone, Copy)]
struct Paces {
    place: Pace,
    network: Pace,
    account: Pace,
    mails: Pace,
}

#[derive(Default)]
struct Meters {
    places: HashMap<(String, Place), Meter>,
    networks: HashMap<Place, Meter>,
    accounts: HashMap<String, Meter>,
    mails: HashMap<Place, Meter>,
}

impl Attempts {
    /// Lets `at_once` tries of a place at an account through before any has to wait; 0 counts nothing.
    pub fn new(at_once: u32, networks: Networks, clock: &Clock) -> Self {
        let tries = f64::from(at_once);
        let paces = Paces {
            place: Pace {
                at_once: tries,
                forgets: tries / HOUR,
                first: (MINUTE / tries).min(LONGEST_AT_A_PLACE),
                longest: LONGEST_AT_A_PLACE,
            },
            network: Pace {
                at_once: tries * ACCOUNTS_PER_NETWORK,
                forgets: tries * ACCOUNTS_PER_NETWORK / MINUTE,
                first: 1.0,
                longest: LONGEST_OF_A_NETWORK,
            },
            account: Pace {
                at_once: tries * PLACES_PER_ACCOUNT,
                forgets: tries * PLACES_PER_ACCOUNT / HOUR,
                first: 1.0,
                longest: LONGEST_AT_AN_ACCOUNT,
            },
            mails: Pace {
                at_once: MAILS_PER_HOUR,
                forgets: MAILS_PER_HOUR / HOUR,
                first: HOUR / MAILS_PER_HOUR,
                longest: HOUR / MAILS_PER_HOUR,
            },
        };
        Self { paces: (at_once > 0).then_some(paces), networks, clock: clock.clone(), meters: Mutex::default() }
    }

    /// The network of an address.
    #[must_use]
    pub fn place(&self, address: Option<IpAddr>) -> Place {
        Place::of(self.networks, address)
    }

    /// Counts a try at an account, which need not exist, as wrong until [`Self::succeeded`] is called. `known`: the account
    /// knows the place. Fails with the time to wait; a try that has to wait does not count.
    pub fn begin(&self, account: &str, place: Place, known: bool) -> Result<Attempt, TooSoon> {
        let account: String = account.trim().to_lowercase().chars().take(LONGEST_NAME).collect();
        let mut attempt = Attempt { account, place, counted: Counted::default() };
        let Some(paces) = &self.paces else { return Ok(attempt) };
        let now = self.clock.now();
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (attempt.account.clone(), place);
        let of_network = matches!(place, Place::Network(_));
        let waits = [
            meters.places.get(&key).map(|meter| meter.wait(paces.place, now)),
            meters.networks.get(&place).filter(|_| of_network).map(|meter| meter.wait(paces.network, now)),
            meters.accounts.get(&attempt.account).filter(|_| !known).map(|meter| meter.wait(paces.account, now)),
        ];
        let wait = waits.into_iter().flatten().max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(TooSoon(wait));
        }
        let at_place = rise(&mut meters.places, key, paces.place, now);
        if of_network {
            rise(&mut meters.networks, place, paces.network, now);
            attempt.counted.network = true;
        }
        if !known && at_place <= SHARE {
            rise(&mut meters.accounts, attempt.account.clone(), paces.account, now);
            attempt.counted.account = true;
        } else if !known && let Some(meter) = meters.accounts.get_mut(&attempt.account) {
            meter.latest = now;
        }
        Ok(attempt)
    }

    /// Takes a try back, because the password was right. The place begins anew at this account.
    pub fn succeeded(&self, attempt: Attempt) {
        let Attempt { account, place, counted } = attempt;
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.account
            && let Some(meter) = meters.accounts.get_mut(&account)
        {
            meter.fall();
        }
        if counted.network
            && let Some(meter) = meters.networks.get_mut(&place)
        {
            meter.fall();
        }
        meters.places.remove(&(account, place));
    }

    /// Lets a place begin anew at an account.
    pub fn forget_place(&self, account: &str, place: Place) {
        let account: String = account.trim().to_lowercase().chars().take(LONGEST_NAME).collect();
        self.meters.lock().unwrap_or_else(PoisonError::into_inner).places.remove(&(account, place));
    }

    /// Counts something that a network does for an account which is not yet there: tries at all accounts go down by it.
    pub fn count_network(&self, address: Option<IpAddr>) -> Result<(), TooSoon> {
        let Some(paces) = &self.paces else { return Ok(()) };
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut meters.networks, self.place(address), paces.network, self.clock.now())
    }

    /// Counts a mail that a network asks for.
    pub fn count_mail(&self, address: Option<IpAddr>) -> Result<(), TooSoon> {
        let Some(paces) = &self.paces else { return Ok(()) };
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut meters.mails, self.place(address), paces.mails, self.clock.now())
    }
}

/// How many tries are let through at once, and how long later ones wait. Times are in seconds.
#[derive(Clone, Copy)]
struct Pace {
    at_once: f64,
    /// Tries that are forgotten each second.
    forgets: f64,
    /// The first wait; each try doubles it.
    first: f64,
    longest: f64,
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

    fn wait(self, pace: Pace, now: DateTime<Utc>) -> Duration {
        let beyond = self.level(pace, self.latest) - pace.at_once;
        // A little less than the limit counts as it, because levels are not whole numbers.
        if beyond < -1e-6 {
            return Duration::ZERO;
        }
        let wait = (pace.first * beyond.max(0.0).exp2()).min(pace.longest) - seconds(now - self.latest);
        Duration::try_from_secs_f64(wait.max(0.0)).unwrap_or_default()
    }

    fn fall(&mut self) {
        self.level = (self.level - 1.0).max(0.0);
    }
}

fn seconds(time: TimeDelta) -> f64 {
    time.as_seconds_f64().max(0.0)
}

fn count<K: Hash + Eq>(meters: &mut HashMap<K, Meter>, key: K, pace: Pace, now: DateTime<Utc>) -> Result<(), TooSoon> {
    let wait = meters.get(&key).map(|meter| meter.wait(pace, now)).unwrap_or_default();
    if !wait.is_zero() {
        return Err(TooSoon(wait));
    }
    rise(meters, key, pace, now);
    Ok(())
}

/// Adds one to a meter; its level. A level stays within what makes the longest wait, so that it comes down in time.
fn rise<K: Hash + Eq>(meters: &mut HashMap<K, Meter>, key: K, pace: Pace, now: DateTime<Utc>) -> f64 {
    if meters.len() >= SWEEP_FROM && meters.len().is_power_of_two() || meters.len() >= MOST {
        meters.retain(|_, meter| meter.level(pace, now) > 0.0);
        if meters.len() >= MOST {
            meters.clear();
        }
    }
    let meter = meters.entry(key).or_insert(Meter { level: 0.0, at: now, latest: now });
    let highest = pace.at_once + (pace.longest / pace.first).log2().max(0.0) + 1.0;
    *meter = Meter { level: (meter.level(pace, now) + 1.0).min(highest), at: now, latest: now };
    meter.level
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use chrono::Duration;
    use entity::id::SessionId;

    use super::{Attempts, Place};
    use crate::{address::Networks, clock::Clock};

    const BY_64: fn() -> Networks = || Networks::new(64);

    fn network(number: u32) -> Place {
        Place::of(BY_64(), Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))))
    }

    /// Tries with a wrong password until one has to wait; how many were let through, and the wait.
    fn wrong(attempts: &Attempts, account: &str, place: Place) -> (u32, u64) {
        for let_through in 0..1_000 {
            if let Err(soon) = attempts.begin(account, place, false) {
                return (let_through, soon.0.as_secs());
            }
        }
        (1_000, 0)
    }

    #[test]
    fn one_place_waits_longer_and_longer_and_slows_nobody_else() {
        let clock = Clock::standing();
        let attempts = Attempts::new(10, BY_64(), &clock);
        let (let_through, first) = wrong(&attempts, "jane", network(1));
        assert_eq!((let_through, first), (10, 6));
        let mut waits = vec![first];
        for _ in 0..8 {
            clock.advance(Duration::seconds(i64::try_from(waits[waits.len() - 1]).expect("a wait") + 1));
            let (let_through, wait) = wrong(&attempts, "jane", network(1));
            assert_eq!(let_through, 1, "who waited is let through: {waits:?}");
            waits.push(wait);
        }
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]), "{waits:?}");
        assert!(waits.iter().any(|wait| *wait > 60) && waits.iter().all(|wait| *wait <= 900), "{waits:?}");
        assert!(attempts.begin("jane", network(2), false).is_ok(), "another place");
        assert!(attempts.begin("richard", network(1), false).is_ok(), "another account");
    }

    #[test]
    fn many_places_are_slowed_together_but_not_those_that_the_account_knows() {
        let clock = Clock::standing();
        let attempts = Attempts::new(10, BY_64(), &clock);
        let through = (0..500).filter(|number| attempts.begin("jane", network(*number), false).is_ok()).count();
        assert_eq!(through, 30);
        let wait = attempts.begin("jane", network(999), false).expect_err("a wait").0;
        assert!(wait.as_secs_f64() <= 30.0 && !wait.is_zero(), "{wait:?}");
        // The same at an account that does not exist: nothing tells them apart.
        let device = Place::Device(SessionId(clock.uuid()));
        for known in [device, network(1_000)] {
            assert!(attempts.begin("jane", known, true).is_ok());
        }
        clock.advance(Duration::from_std(wait).expect("a time") + Duration::milliseconds(1));
        assert!(attempts.begin("jane", network(999), false).is_ok(), "who waited is let through");
        // A day of it: a new place each second.
        let mut day = 0;
        for number in 0..86_400 {
            clock.advance(Duration::seconds(1));
            day += usize::from(attempts.begin("jane", network(2_000 + number), false).is_ok());
        }
        assert!(day < 4_000, "{day} tries in a day");
        clock.advance(Duration::hours(1));
        assert!(attempts.begin("jane", network(5), false).is_ok(), "and then it is forgotten");
    }

    #[test]
    fn a_right_password_counts_for_nothing() {
        let attempts = Attempts::new(3, BY_64(), &Clock::standing());
        for _ in 0..1_000 {
            let attempt = attempts.begin(" Jane ", network(1), false).expect("never slowed");
            attempts.succeeded(attempt);
        }
        let through = (0..10).filter(|_| attempts.begin("jane", network(1), false).is_ok()).count();
        assert_eq!(through, 3);
    }

    #[test]
    fn a_network_that_tries_many_accounts_is_slowed_and_a_64_is_one() {
        let clock = Clock::standing();
        let attempts = Attempts::new(3, BY_64(), &clock);
        let of = |host: u128| {
            Place::of(BY_64(), Some(IpAddr::V6((0x2001_0db8_0000_0001_0000_0000_0000_0000_u128 + host).into())))
        };
        let through = (0..200).filter(|n| attempts.begin(&format!("a{n}"), of(*n), false).is_ok()).count();
        assert_eq!(through, 30);
        assert_eq!(Place::of(BY_64(), "::ffff:10.0.0.1".parse().ok()), network(1));
        clock.advance(Duration::minutes(2));
        assert!(attempts.begin("b", of(7), false).is_ok());
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let attempts = Attempts::new(0, BY_64(), &Clock::standing());
        assert!((0..1_000).all(|_| attempts.begin("jane", network(1), false).is_ok()));
        assert!((0..1_000).all(|_| attempts.count_mail(None).is_ok() && attempts.count_network(None).is_ok()));
    }
}
