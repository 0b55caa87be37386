//! Wrong passwords slow down their sender and never lock an account.
//!
//! Three meters count each attempt.
//! - The meter of an account *and* a place (a device or a network) comes first.
//! - The meter of a network counts its attempts at all accounts.
//! - The meter of an account counts attempts from all places that it does not know. It counts at most [`SHARE`] of
//!   each place, so that one place alone cannot slow the account for others.
//!
//! Each meter lets some attempts pass at once, then makes them wait longer and longer, and forgets with time. A place
//! that the account knows is not slowed by attempts from elsewhere. A successful attempt does not count. Each
//! instance counts for itself.

use std::{net::IpAddr, time::Duration};

use chrono::{DateTime, Utc};
use entity::id::SessionId;
use parking_lot::{Mutex, MutexGuard};

use super::{
    RateLimited,
    meters::{Meters, Pace},
};
use crate::{clock::Clock, ip_network::Networks};

/// The maximum of attempts of one place that count for the account as a whole.
const SHARE: f64 = 5.0;
/// The attempts of a network at all accounts for each attempt at one account.
const ACCOUNTS_PER_NETWORK: f64 = 10.0;
/// The attempts at an account from unknown places for each attempt from one place.
const PLACES_PER_ACCOUNT: f64 = 3.0;
/// The longest wait of one place at one account, in seconds.
const LONGEST_AT_A_PLACE: f64 = 900.0;
/// The longest wait of a network, in seconds.
const LONGEST_OF_A_NETWORK: f64 = 60.0;
/// The longest wait at an account for places that it does not know, in seconds.
const LONGEST_AT_AN_ACCOUNT: f64 = 30.0;
/// The mails that one network may request in an hour, for one name and for all names.
const MAILS_FOR_A_NAME: f64 = 10.0;
const MAILS_OF_A_NETWORK: f64 = 100.0;
const HOUR: f64 = 3_600.0;
const MINUTE: f64 = 60.0;
/// The longest account name that is kept, in characters.
const LONGEST_NAME: usize = 64;

/// The place that an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttemptOrigin {
    /// A device that proved an earlier session of the account.
    Device(SessionId),
    /// Any device of a network.
    Network(IpAddr),
    /// A caller whose address the server cannot see.
    Nowhere,
}

impl AttemptOrigin {
    /// Returns the network of an address.
    #[must_use]
    pub fn of(networks: Networks, address: Option<IpAddr>) -> Self {
        address.map_or(Self::Nowhere, |address| Self::Network(networks.counted(address)))
    }
}

/// An attempt that passed. Give it to [`Attempts::succeeded`] when the password was right.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    account: String,
    place: AttemptOrigin,
    counted: CountedMeters,
}

/// The meters that counted an attempt.
#[derive(Clone, Copy, Debug, Default)]
struct CountedMeters {
    network: bool,
    account: bool,
}

/// The attempts that count, by account and place.
pub struct Attempts {
    networks: Networks,
    clock: Clock,
    /// None when nothing is counted.
    kinds: Option<Mutex<Kinds>>,
}

/// The meters of each kind.
struct Kinds {
    places: Meters<(String, AttemptOrigin)>,
    networks: Meters<AttemptOrigin>,
    accounts: Meters<String>,
    /// The meters by requested name and network.
    mails: Meters<(String, AttemptOrigin)>,
    mails_of_networks: Meters<AttemptOrigin>,
}

impl Kinds {
    /// Returns how long a place has to wait at an account, even if the account knows the place.
    fn wait_at(&self, at: &(String, AttemptOrigin), now: DateTime<Utc>) -> Duration {
        let wait = self.places.wait(at, now);
        if matches!(at.1, AttemptOrigin::Network(_)) { wait.max(self.networks.wait(&at.1, now)) } else { wait }
    }
}

impl Attempts {
    /// Lets `at_once` attempts of a place at an account pass without a wait. With 0 nothing is counted.
    pub fn new(at_once: u32, networks: Networks, clock: &Clock) -> Self {
        let tries = f64::from(at_once);
        let hourly =
            |mails: f64| Pace { at_once: mails, forgets: mails / HOUR, first: HOUR / mails, longest: HOUR / mails };
        let kinds = || Kinds {
            places: Meters::new(Pace {
                at_once: tries,
                forgets: tries / HOUR,
                first: (MINUTE / tries).min(LONGEST_AT_A_PLACE),
                longest: LONGEST_AT_A_PLACE,
            }),
            networks: Meters::new(Pace {
                at_once: tries * ACCOUNTS_PER_NETWORK,
                forgets: tries * ACCOUNTS_PER_NETWORK / MINUTE,
                first: 1.0,
                longest: LONGEST_OF_A_NETWORK,
            }),
            accounts: Meters::new(Pace {
                at_once: tries * PLACES_PER_ACCOUNT,
                forgets: tries * PLACES_PER_ACCOUNT / HOUR,
                first: 1.0,
                longest: LONGEST_AT_AN_ACCOUNT,
            }),
            mails: Meters::new(hourly(MAILS_FOR_A_NAME)),
            mails_of_networks: Meters::new(hourly(MAILS_OF_A_NETWORK)),
        };
        Self { networks, clock: clock.clone(), kinds: (at_once > 0).then(|| Mutex::new(kinds())) }
    }

    fn kinds(&self) -> Option<(MutexGuard<'_, Kinds>, DateTime<Utc>)> {
        let kinds = self.kinds.as_ref()?;
        Some((kinds.lock(), self.clock.now()))
    }

    /// Returns the network of an address.
    #[must_use]
    pub fn origin(&self, address: Option<IpAddr>) -> AttemptOrigin {
        AttemptOrigin::of(self.networks, address)
    }

    /// Fails with the time to wait when a place has to wait at an account, even if the account knows it. Counts
    /// nothing.
    pub fn check_wait(&self, account: &str, place: AttemptOrigin) -> Result<(), RateLimited> {
        let Some((kinds, now)) = self.kinds() else { return Ok(()) };
        at_once(kinds.wait_at(&(name(account), place), now))
    }

    /// Counts an attempt at an account as wrong until [`Self::succeeded`] is called. The account need not exist.
    /// `known` is true when the account knows the place. Fails with the time to wait, and does not count an attempt
    /// that has to wait.
    pub fn begin(&self, account: &str, place: AttemptOrigin, known: bool) -> Result<Attempt, RateLimited> {
        let account = name(account);
        let mut attempt = Attempt { account: account.clone(), place, counted: CountedMeters::default() };
        let Some((mut kinds, now)) = self.kinds() else { return Ok(attempt) };
        let at = (account.clone(), place);
        let elsewhere = if known { Duration::ZERO } else { kinds.accounts.wait(&account, now) };
        at_once(kinds.wait_at(&at, now).max(elsewhere))?;
        let at_place = kinds.places.rise(at, now);
        if let AttemptOrigin::Network(_) = place {
            kinds.networks.rise(place, now);
            attempt.counted.network = true;
        }
        if !known && at_place <= SHARE {
            kinds.accounts.rise(account, now);
            attempt.counted.account = true;
        } else if !known {
            kinds.accounts.touch(&account, now);
        }
        Ok(attempt)
    }

    /// Takes an attempt back, because the password was right. The meter of the place at this account starts at 0.
    pub fn succeeded(&self, attempt: Attempt) {
        let Attempt { account, place, counted } = attempt;
        let Some((mut kinds, _)) = self.kinds() else { return };
        if counted.account {
            kinds.accounts.fall(&account);
        }
        if counted.network {
            kinds.networks.fall(&place);
        }
        kinds.places.forget(&(account, place));
    }

    /// Resets the meter of a place at an account.
    pub fn forget_origin(&self, account: &str, place: AttemptOrigin) {
        if let Some((mut kinds, _)) = self.kinds() {
            kinds.places.forget(&(name(account), place));
        }
    }

    /// Counts an action of a network for an account that does not exist yet, on the meter of its attempts at all
    /// accounts. Fails with the time to wait.
    pub fn count_network(&self, address: Option<IpAddr>) -> Result<(), RateLimited> {
        let (place, Some((mut kinds, now))) = (self.origin(address), self.kinds()) else { return Ok(()) };
        at_once(kinds.networks.wait(&place, now))?;
        kinds.networks.rise(place, now);
        Ok(())
    }

    /// Counts a mail that a network requests for a handle or an address. Many requests for one name leave mails for
    /// the other users of the network. Fails with the time to wait.
    pub fn count_mail(&self, asked: &str, address: Option<IpAddr>) -> Result<(), RateLimited> {
        let (place, Some((mut kinds, now))) = (self.origin(address), self.kinds()) else { return Ok(()) };
        let asked = (name(asked), place);
        at_once(kinds.mails.wait(&asked, now).max(kinds.mails_of_networks.wait(&place, now)))?;
        kinds.mails.rise(asked, now);
        kinds.mails_of_networks.rise(place, now);
        Ok(())
    }
}

/// Returns the text under which an account is counted.
fn name(account: &str) -> String {
    account.trim().to_lowercase().chars().take(LONGEST_NAME).collect()
}

fn at_once(wait: Duration) -> Result<(), RateLimited> {
    if wait.is_zero() { Ok(()) } else { Err(RateLimited(wait)) }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use chrono::Duration;
    use entity::id::SessionId;

    use super::{AttemptOrigin, Attempts};
    use crate::{clock::Clock, ip_network::Networks};

    const BY_64: fn() -> Networks = || Networks::new(64);

    fn network(number: u32) -> AttemptOrigin {
        AttemptOrigin::of(BY_64(), Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + number))))
    }

    /// Tries wrong passwords until one has to wait. Returns the number that passed, and the wait.
    fn wrong(attempts: &Attempts, account: &str, place: AttemptOrigin) -> (u32, u64) {
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
        // An account that does not exist behaves identically, so an attempt does not reveal it.
        let device = AttemptOrigin::Device(SessionId(clock.uuid()));
        for known in [device, network(1_000)] {
            assert!(attempts.begin("jane", known, true).is_ok());
        }
        clock.advance(Duration::from_std(wait).expect("a time") + Duration::milliseconds(1));
        assert!(attempts.begin("jane", network(999), false).is_ok(), "who waited is let through");
        // One day with a new place each second.
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
            AttemptOrigin::of(BY_64(), Some(IpAddr::V6((0x2001_0db8_0000_0001_0000_0000_0000_0000_u128 + host).into())))
        };
        let through = (0..200).filter(|n| attempts.begin(&format!("a{n}"), of(*n), false).is_ok()).count();
        assert_eq!(through, 30);
        assert_eq!(AttemptOrigin::of(BY_64(), "::ffff:10.0.0.1".parse().ok()), network(1));
        clock.advance(Duration::minutes(2));
        assert!(attempts.begin("b", of(7), false).is_ok());
    }

    #[test]
    fn nothing_is_counted_without_a_limit() {
        let attempts = Attempts::new(0, BY_64(), &Clock::standing());
        assert!((0..1_000).all(|_| attempts.begin("jane", network(1), false).is_ok()));
        assert!((0..1_000).all(|_| attempts.count_mail("jane", None).is_ok() && attempts.count_network(None).is_ok()));
    }

    #[test]
    fn mails_for_one_name_leave_those_behind_the_same_network_theirs() {
        let clock = Clock::standing();
        let attempts = Attempts::new(10, BY_64(), &clock);
        let home = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let of = |asked: &str, times: u32| (0..times).filter(|_| attempts.count_mail(asked, home).is_ok()).count();
        assert_eq!(of("jane", 50), 10);
        assert_eq!(of("richard", 1), 1);
        let many = (0..200).filter(|number| attempts.count_mail(&format!("a{number}"), home).is_ok()).count();
        assert_eq!(many, 89, "a hundred of a network");
        assert!(attempts.count_mail("jane", "192.0.2.1".parse().ok()).is_ok(), "from elsewhere");
    }
}
