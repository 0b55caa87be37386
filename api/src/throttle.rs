//! How much a caller, an address, an account may be asked of in a time: leaky buckets, kept by each instance for itself.

pub mod attempts;
mod meters;
pub mod turns;

use std::{
    fmt,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use chrono::TimeDelta;
use governor::{
    Quota, RateLimiter, clock::Clock as Seconds, middleware::StateInformationMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use uuid::Uuid;

use self::{attempts::Attempts, turns::Turns};
use crate::{address::Networks, clock::Clock, config::Config};

/// Bytes that one address may write for each that one caller may.
const CALLERS_PER_ADDRESS: u32 = 10;

/// Hints that somebody may say in passing at once, and that come back each second.
const WHISPERS: u32 = 20;
const WHISPERS_PER_SECOND: u32 = 2;

/// Checks after which the buckets that are full again are forgotten.
const CHECKS_BETWEEN_SWEEPS: u32 = 10_000;

/// Who pays for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Payer {
    /// A person or a key, by id.
    Caller(Uuid),
    Address(IpAddr),
}

/// What is left in a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// What a full bucket holds.
    pub limit: u32,
    pub remaining: u32,
    /// What comes back each second.
    pub restore_rate: u32,
}

impl Budget {
    /// What is missing to a full bucket.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.limit.saturating_sub(self.remaining)
    }

    /// How long a bucket that is left alone takes to be full.
    #[must_use]
    pub fn full_in(&self) -> TimeDelta {
        let millis = u64::from(self.used()) * 1_000 / u64::from(self.restore_rate.max(1));
        TimeDelta::milliseconds(millis.try_into().unwrap_or(i64::MAX))
    }
}

/// Not now, but after this time.
#[derive(Clone, Copy, Debug)]
pub struct TooSoon(pub Duration);

pub struct Throttle {
    cost: Option<Buckets<Payer>>,
    requests: Option<Buckets<IpAddr>>,
    /// Tries to sign in.
    pub attempts: Attempts,
    /// Turns to compute with passwords.
    pub turns: Turns,
    whispers: Option<Buckets<Uuid>>,
    chats: Option<Buckets<IpAddr>>,
    networks: Networks,
    written: Option<Buckets<Payer>>,
    written_from: Option<Buckets<IpAddr>>,
    visitor_messages: Option<Buckets<Payer>>,
    messages: Option<Buckets<Payer>>,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").finish_non_exhaustive()
    }
}

impl Throttle {
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let rates = config.rates;
        // An operation that is served at all must fit into a full bucket.
        let burst = rates.burst.max(u32::try_from(config.limits.cost).unwrap_or(u32::MAX));
        let minute = Duration::from_secs(60);
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(3_600);
        Self {
            cost: Buckets::new(rates.cost, second, burst, clock),
            requests: Buckets::new(rates.requests, second, rates.requests.saturating_mul(4), clock),
            attempts: Attempts::new(rates.attempts, Networks::new(config.connections.ipv6_prefix), clock),
            turns: Turns::default(),
            whispers: Buckets::new(WHISPERS_PER_SECOND, second, WHISPERS, clock),
            chats: Buckets::new(rates.chats, hour, rates.chats, clock),
            networks: Networks::new(config.connections.ipv6_prefix),
            written: Buckets::new(rates.written, hour, rates.written, clock),
            written_from: Buckets::new(
                rates.written.saturating_mul(CALLERS_PER_ADDRESS),
                hour,
                rates.written.saturating_mul(CALLERS_PER_ADDRESS),
                clock,
            ),
            visitor_messages: Buckets::new(rates.visitor_messages, minute, rates.visitor_messages, clock),
            messages: Buckets::new(rates.messages, minute, rates.messages, clock),
        }
    }

    /// Whether somebody may say another thing in passing.
    pub fn whisper(&self, by: Uuid) -> bool {
        self.whispers.as_ref().is_none_or(|buckets| buckets.take(&by, 1).is_ok())
    }

    /// Takes the cost of an operation from whoever pays; what is left, where there is a limit.
    pub fn spend(&self, payer: Payer, cost: u64) -> Result<Option<Budget>, TooSoon> {
        let Some(buckets) = &self.cost else { return Ok(None) };
        buckets.take(&self.counted(payer), u32::try_from(cost).unwrap_or(u32::MAX)).map(Some)
    }

    /// Takes what an answer turned out to cost beyond its price. Never refuses: a bucket with less is emptied.
    pub fn settle(&self, payer: Payer, cost: u64) {
        let Some(buckets) = &self.cost else { return };
        let payer = self.counted(payer);
        let mut portion = u32::try_from(cost).unwrap_or(u32::MAX).min(buckets.limit.get());
        let mut owed = portion;
        while owed > 0 && portion > 0 {
            match buckets.take(&payer, portion.min(owed)) {
                Ok(_) => owed -= portion.min(owed),
                Err(_) => portion /= 2,
            }
        }
    }

    /// Counts bytes that a caller writes, and their address with them.
    pub fn write(&self, payer: Payer, address: Option<IpAddr>, bytes: u64) -> Result<(), TooSoon> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        // The caller's own first: whoever is refused there takes nothing from others at the same address.
        if let Some(buckets) = &self.written {
            buckets.take(&self.counted(payer), bytes)?;
        }
        if let (Some(buckets), Some(address)) = (&self.written_from, address) {
            buckets.take(&self.networks.counted(address), bytes)?;
        }
        Ok(())
    }

    /// Counts a message or a note; visitors have a limit of their own.
    pub fn message(&self, payer: Payer, visitor: bool) -> Result<(), TooSoon> {
        let buckets = if visitor { &self.visitor_messages } else { &self.messages };
        buckets.as_ref().map_or(Ok(()), |buckets| buckets.take(&self.counted(payer), 1).map(drop))
    }

    fn counted(&self, payer: Payer) -> Payer {
        match payer {
            Payer::Address(address) => Payer::Address(self.networks.counted(address)),
            caller @ Payer::Caller(_) => caller,
        }
    }

    /// Counts a request of an address.
    pub fn request(&self, address: IpAddr) -> Result<(), TooSoon> {
        let address = self.networks.counted(address);
        self.requests.as_ref().map_or(Ok(()), |buckets| buckets.take(&address, 1).map(drop))
    }

    /// Counts a chat that an address begins.
    pub fn chat(&self, address: Option<IpAddr>) -> Result<(), TooSoon> {
        let address = address.map(|address| self.networks.counted(address));
        match (&self.chats, address) {
            (Some(buckets), Some(address)) => buckets.take(&address, 1).map(drop),
            _ => Ok(()),
        }
    }
}

/// Reads the product's clock as the buckets want it.
#[derive(Clone)]
struct Ticks(Clock);

impl Seconds for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self.0.now().timestamp_micros().unsigned_abs().saturating_mul(1_000);
        Nanos::from(nanos)
    }
}

struct Buckets<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, Ticks, StateInformationMiddleware>,
    limit: NonZeroU32,
    restore_rate: u32,
    ticks: Ticks,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    /// Buckets of `burst` into which `rate` comes back in each `period`; none when the rate is 0.
    fn new(rate: u32, period: Duration, burst: u32, clock: &Clock) -> Option<Self> {
        let (each, limit) = (NonZeroU32::new(rate)?, NonZeroU32::new(burst)?);
        let quota = Quota::with_period(period / each.get())?.allow_burst(limit);
        let ticks = Ticks(clock.clone());
        let limiter =
            RateLimiter::<K, _, _, StateInformationMiddleware>::new(quota, DashMapStateStore::default(), ticks.clone());
        Some(Self { limiter, limit, restore_rate: rate, ticks, checks: AtomicU32::new(0) })
    }

    fn take(&self, key: &K, amount: u32) -> Result<Budget, TooSoon> {
        if self.checks.fetch_add(1, Ordering::Relaxed) % CHECKS_BETWEEN_SWEEPS == CHECKS_BETWEEN_SWEEPS - 1 {
            self.limiter.retain_recent();
        }
        let amount = NonZeroU32::new(amount.clamp(1, self.limit.get())).unwrap_or(NonZeroU32::MIN);
        match self.limiter.check_key_n(key, amount) {
            Ok(Ok(left)) => Ok(Budget {
                limit: self.limit.get(),
                remaining: left.remaining_burst_capacity(),
                restore_rate: self.restore_rate,
            }),
            Ok(Err(not_until)) => Err(TooSoon(not_until.wait_time_from(self.ticks.now()))),
            // Never more than a bucket holds, by the clamp above.
            Err(_) => Err(TooSoon(Duration::from_secs(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{Payer, Throttle, TimeDelta};
    use crate::{clock::Clock, config::Config};

    fn throttle(pairs: &[(&str, &str)]) -> anyhow::Result<(Throttle, Clock)> {
        let config = Config::read(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())?;
        let clock = Clock::standing();
        Ok((Throttle::new(&config, &clock), clock))
    }

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_bucket_empties_and_fills_again_each_payer_for_themselves() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_COST", "100"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
        let (throttle, clock) = throttle(&settings)?;
        let (one, other) = (Payer::Caller(clock.uuid()), Payer::Caller(clock.uuid()));
        let left = |spent: Result<Option<super::Budget>, _>| spent.ok().flatten().map(|budget| budget.remaining);
        assert_eq!(left(throttle.spend(one, 400)), Some(600));
        assert_eq!(left(throttle.spend(one, 600)), Some(0));
        let wait = throttle.spend(one, 100).err().map(|soon| soon.0.as_millis());
        assert!(wait.is_some_and(|wait| (900..=1_100).contains(&wait)), "{wait:?}");
        assert!(throttle.spend(other, 1_000).is_ok());
        clock.advance(TimeDelta::milliseconds(1_100));
        assert!(throttle.spend(one, 100).is_ok());
        Ok(())
    }

    #[test]
    fn what_an_answer_weighed_is_taken_later_and_never_refused() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_COST", "100"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
        let (throttle, clock) = throttle(&settings)?;
        let one = Payer::Caller(clock.uuid());
        throttle.settle(one, 300);
        assert!(throttle.spend(one, 600).is_ok_and(|budget| budget.is_some_and(|budget| budget.remaining == 100)));
        throttle.settle(one, 1_000_000);
        assert!(throttle.spend(one, 1).is_err());
        clock.advance(TimeDelta::milliseconds(1_100));
        assert!(throttle.spend(one, 100).is_ok());
        Ok(())
    }

    #[test]
    fn bytes_and_messages_are_counted_by_caller_and_bytes_by_address_too() -> anyhow::Result<()> {
        let settings = [
            ("RAPPORT_WRITTEN_BYTES_PER_HOUR", "3600"),
            ("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "2"),
            ("RAPPORT_MESSAGES_PER_MINUTE", "3"),
        ];
        let (throttle, clock) = throttle(&settings)?;
        let one = Payer::Caller(clock.uuid());
        assert!(throttle.write(one, Some(HOME), 3_000).is_ok());
        let wait = throttle.write(one, Some(HOME), 700).err().map(|soon| soon.0.as_secs());
        assert!(wait.is_some_and(|wait| (95..=101).contains(&wait)), "{wait:?}");
        clock.advance(TimeDelta::seconds(101));
        assert!(throttle.write(one, None, 700).is_ok());
        let others = (0..20).filter(|_| throttle.write(Payer::Caller(clock.uuid()), Some(HOME), 3_600).is_ok()).count();
        assert!((8..=9).contains(&others), "one address writes for many callers: {others}");
        let messages = |visitor| (0..9).filter(|_| throttle.message(one, visitor).is_ok()).count();
        assert_eq!((messages(true), messages(false)), (2, 3));
        Ok(())
    }

    #[test]
    fn an_ipv6_network_is_counted_as_one_address_everywhere() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_REQUESTS", "1"), ("RAPPORT_WEB_CHATS_PER_HOUR", "5")];
        let (throttle, _) = throttle(&settings)?;
        let from = |n: u128, other: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | other << 64 | n).into());
        assert_eq!((0..150).filter(|n| throttle.chat(Some(from(*n, 1))).is_ok()).count(), 5);
        assert_eq!((0..150).filter(|n| throttle.request(from(*n, 1)).is_ok()).count(), 4);
        assert!(throttle.chat(Some(from(1, 2))).is_ok() && throttle.request(from(1, 2)).is_ok());
        Ok(())
    }

    #[test]
    fn nothing_is_counted_without_a_limit() -> anyhow::Result<()> {
        let off = [("RAPPORT_RATE_COST", "0"), ("RAPPORT_RATE_REQUESTS", "0")];
        let (throttle, _) = throttle(&off)?;
        for _ in 0..10_000 {
            assert!(throttle.spend(Payer::Address(HOME), 50_000).is_ok_and(|budget| budget.is_none()));
            assert!(throttle.request(HOME).is_ok());
        }
        Ok(())
    }
}
