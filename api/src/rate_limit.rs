//! Rate limits of callers, addresses and accounts. They are leaky buckets, and each instance keeps its own.

pub mod attempts;
mod meters;
pub mod hashing;

use std::{
    fmt,
    hash::Hash,
    net::IpAddr,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use governor::{
    Quota, RateLimiter, clock::Clock as Seconds, middleware::StateInformationMiddleware, nanos::Nanos,
    state::keyed::DashMapStateStore,
};
use uuid::Uuid;

use self::{attempts::Attempts, hashing::HashingSlots};
use crate::{cache::Cache, clock::Clock, config::Config, ip_network::Networks};

/// The bytes that one address may write, as a multiple of the limit of one caller.
const CALLERS_PER_ADDRESS: u32 = 10;

/// The maximum of signals that one user may send at once, and the number that comes back each second.
const SIGNALS: u32 = 20;
const SIGNALS_PER_SECOND: u32 = 2;
/// The time in which a user's same signal again is a repeated call.
const SAME_SIGNAL_WITHIN: TimeDelta = TimeDelta::seconds(1);
/// The maximum number of users whose last signal is known.
const LAST_SIGNALS: usize = 10_000;

/// The number of checks between two removals of full buckets.
const CHECKS_BETWEEN_SWEEPS: u32 = 10_000;

/// The subject that pays for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitSubject {
    /// A person or an API key, by id.
    Caller(Uuid),
    /// An IP address.
    Address(IpAddr),
}

/// The content of a bucket.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The capacity of the bucket.
    pub limit: u32,
    /// The amount that is left.
    pub remaining: u32,
    /// The amount that comes back each second.
    pub restore_rate: u32,
}

impl Budget {
    /// Returns the amount that is missing to a full bucket.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.limit.saturating_sub(self.remaining)
    }

    /// Returns the time until the bucket is full again if nothing is taken.
    #[must_use]
    pub fn full_in(&self) -> TimeDelta {
        let millis = u64::from(self.used()) * 1_000 / u64::from(self.restore_rate.max(1));
        TimeDelta::milliseconds(millis.try_into().unwrap_or(i64::MAX))
    }
}

/// A refusal for now. The caller may try again after this time.
#[derive(Clone, Copy, Debug)]
pub struct RateLimited(pub Duration);

/// The rate limits of an instance. A limit of 0 in the settings means that nothing is counted.
pub struct RateLimits {
    cost: Option<KeyedLimiter<LimitSubject>>,
    requests: Option<KeyedLimiter<IpAddr>>,
    /// Attempts to sign in.
    pub attempts: Attempts,
    /// Slots for hashing passwords.
    pub hashing_slots: HashingSlots,
    signals: Option<KeyedLimiter<Uuid>>,
    last_signals: Cache<(bool, DateTime<Utc>)>,
    clock: Clock,
    chats: Option<KeyedLimiter<IpAddr>>,
    networks: Networks,
    written: Option<KeyedLimiter<LimitSubject>>,
    written_from: Option<KeyedLimiter<IpAddr>>,
    uploaded: Option<KeyedLimiter<LimitSubject>>,
    uploaded_from: Option<KeyedLimiter<IpAddr>>,
    visitor_messages: Option<KeyedLimiter<LimitSubject>>,
    messages: Option<KeyedLimiter<LimitSubject>>,
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimits").finish_non_exhaustive()
    }
}

impl RateLimits {
    /// Reads the limits from the settings.
    pub fn new(config: &Config, clock: &Clock) -> Self {
        let rates = config.rates;
        // A full bucket must have room for the largest operation that is allowed.
        let burst = rates.burst.max(u32::try_from(config.limits.cost).unwrap_or(u32::MAX));
        let minute = Duration::from_secs(60);
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(3_600);
        Self {
            cost: KeyedLimiter::new(rates.cost, second, burst, clock),
            requests: KeyedLimiter::new(rates.requests, second, rates.requests.saturating_mul(4), clock),
            attempts: Attempts::new(rates.attempts, Networks::new(config.connections.ipv6_prefix), clock),
            hashing_slots: HashingSlots::default(),
            signals: KeyedLimiter::new(SIGNALS_PER_SECOND, second, SIGNALS, clock),
            last_signals: Cache::new(LAST_SIGNALS, LAST_SIGNALS),
            clock: clock.clone(),
            chats: KeyedLimiter::new(rates.chats, hour, rates.chats, clock),
            networks: Networks::new(config.connections.ipv6_prefix),
            written: KeyedLimiter::new(rates.written, hour, rates.written, clock),
            written_from: of_address(rates.written, clock),
            uploaded: KeyedLimiter::new(rates.uploaded, hour, rates.uploaded, clock),
            uploaded_from: of_address(rates.uploaded, clock),
            visitor_messages: KeyedLimiter::new(rates.visitor_messages, minute, rates.visitor_messages, clock),
            messages: KeyedLimiter::new(rates.messages, minute, rates.messages, clock),
        }
    }

    /// Counts a signal. Returns false when the user sent the same one a moment ago, or sends too many.
    pub fn check_signal(&self, by: Uuid, on: bool) -> bool {
        let (name, now) = (by.to_string(), self.clock.now());
        let same = |last: Arc<(bool, DateTime<Utc>)>| last.0 == on && (now - last.1).abs() < SAME_SIGNAL_WITHIN;
        if self.last_signals.get(&name).is_some_and(same) {
            return false;
        }
        let admitted = self.signals.as_ref().is_none_or(|buckets| buckets.take(&by, 1).is_ok());
        if admitted {
            self.last_signals.keep(&name, 1, Arc::new((on, now)));
        }
        admitted
    }

    /// Takes the cost of an operation from the bucket of `payer`. Returns the rest, or none without a limit. Fails
    /// with the time to wait.
    pub fn spend(&self, payer: LimitSubject, cost: u64) -> Result<Option<Budget>, RateLimited> {
        let Some(buckets) = &self.cost else { return Ok(None) };
        buckets.take(&self.counted(payer), u32::try_from(cost).unwrap_or(u32::MAX)).map(Some)
    }

    /// Takes the cost of an answer beyond its estimate. It never refuses: it empties a bucket that has less.
    pub fn settle(&self, payer: LimitSubject, cost: u64) {
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

    /// Counts bytes that a caller writes, for the caller and for its address. Fails with the time to wait.
    pub fn write(&self, payer: LimitSubject, address: Option<IpAddr>, bytes: u64) -> Result<(), RateLimited> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.take_both(self.written.as_ref(), self.written_from.as_ref(), payer, address, bytes)
    }

    /// Counts bytes of a file that a caller uploads, for the caller and for its address. Fails with the time to wait.
    pub fn upload(&self, payer: LimitSubject, address: Option<IpAddr>, bytes: u64) -> Result<(), RateLimited> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.take_both(self.uploaded.as_ref(), self.uploaded_from.as_ref(), payer, address, bytes)
    }

    fn take_both(
        &self,
        of_callers: Option<&KeyedLimiter<LimitSubject>>,
        of_addresses: Option<&KeyedLimiter<IpAddr>>,
        payer: LimitSubject,
        address: Option<IpAddr>,
        amount: u32,
    ) -> Result<(), RateLimited> {
        // The caller's own bucket comes first, so that a refused caller takes nothing from others at its address.
        if let Some(buckets) = of_callers {
            buckets.take(&self.counted(payer), amount)?;
        }
        if let (Some(buckets), Some(address)) = (of_addresses, address) {
            buckets.take(&self.networks.counted(address), amount)?;
        }
        Ok(())
    }

    /// Counts a message or a note. Visitors have a limit of their own. Fails with the time to wait.
    pub fn message(&self, payer: LimitSubject, visitor: bool) -> Result<(), RateLimited> {
        let buckets = if visitor { &self.visitor_messages } else { &self.messages };
        buckets.as_ref().map_or(Ok(()), |buckets| buckets.take(&self.counted(payer), 1).map(drop))
    }

    fn counted(&self, payer: LimitSubject) -> LimitSubject {
        match payer {
            LimitSubject::Address(address) => LimitSubject::Address(self.networks.counted(address)),
            caller @ LimitSubject::Caller(_) => caller,
        }
    }

    /// Counts a request of an address. Fails with the time to wait.
    pub fn request(&self, address: IpAddr) -> Result<(), RateLimited> {
        let address = self.networks.counted(address);
        self.requests.as_ref().map_or(Ok(()), |buckets| buckets.take(&address, 1).map(drop))
    }

    /// Counts a chat that an address begins. Fails with the time to wait.
    pub fn check_web_chat(&self, address: Option<IpAddr>) -> Result<(), RateLimited> {
        let address = address.map(|address| self.networks.counted(address));
        match (&self.chats, address) {
            (Some(buckets), Some(address)) => buckets.take(&address, 1).map(drop),
            _ => Ok(()),
        }
    }
}

/// Creates the buckets of addresses beside those of callers that may take `rate` in an hour.
fn of_address(rate: u32, clock: &Clock) -> Option<KeyedLimiter<IpAddr>> {
    let rate = rate.saturating_mul(CALLERS_PER_ADDRESS);
    KeyedLimiter::new(rate, Duration::from_secs(3_600), rate, clock)
}

/// Adapts the product's clock to the buckets.
#[derive(Clone)]
struct GovernorClock(Clock);

impl Seconds for GovernorClock {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let nanos = self.0.now().timestamp_micros().unsigned_abs().saturating_mul(1_000);
        Nanos::from(nanos)
    }
}

struct KeyedLimiter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, DashMapStateStore<K>, GovernorClock, StateInformationMiddleware>,
    limit: NonZeroU32,
    restore_rate: u32,
    ticks: GovernorClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> KeyedLimiter<K> {
    /// Creates buckets with room for `burst`. In each `period` the amount `rate` comes back. Returns none when the
    /// rate is 0.
    fn new(rate: u32, period: Duration, burst: u32, clock: &Clock) -> Option<Self> {
        let (each, limit) = (NonZeroU32::new(rate)?, NonZeroU32::new(burst)?);
        let quota = Quota::with_period(period / each.get())?.allow_burst(limit);
        let ticks = GovernorClock(clock.clone());
        let limiter =
            RateLimiter::<K, _, _, StateInformationMiddleware>::new(quota, DashMapStateStore::default(), ticks.clone());
        Some(Self { limiter, limit, restore_rate: rate, ticks, checks: AtomicU32::new(0) })
    }

    fn take(&self, key: &K, amount: u32) -> Result<Budget, RateLimited> {
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
            Ok(Err(not_until)) => Err(RateLimited(not_until.wait_time_from(self.ticks.now()))),
            // The clamp above keeps the amount within the bucket, so this case does not occur.
            Err(_) => Err(RateLimited(Duration::from_secs(1))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::{LimitSubject, RateLimits, TimeDelta};
    use crate::{clock::Clock, config::Config};

    fn new_rate_limits(pairs: &[(&str, &str)]) -> anyhow::Result<(RateLimits, Clock)> {
        let config = Config::read(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())?;
        let clock = Clock::standing();
        Ok((RateLimits::new(&config, &clock), clock))
    }

    const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn a_bucket_empties_and_fills_again_each_payer_for_themselves() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_COST", "100"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
        let (rate_limits, clock) = new_rate_limits(&settings)?;
        let (one, other) = (LimitSubject::Caller(clock.uuid()), LimitSubject::Caller(clock.uuid()));
        let left = |spent: Result<Option<super::Budget>, _>| spent.ok().flatten().map(|budget| budget.remaining);
        assert_eq!(left(rate_limits.spend(one, 400)), Some(600));
        assert_eq!(left(rate_limits.spend(one, 600)), Some(0));
        let wait = rate_limits.spend(one, 100).err().map(|soon| soon.0.as_millis());
        assert!(wait.is_some_and(|wait| (900..=1_100).contains(&wait)), "{wait:?}");
        assert!(rate_limits.spend(other, 1_000).is_ok());
        clock.advance(TimeDelta::milliseconds(1_100));
        assert!(rate_limits.spend(one, 100).is_ok());
        Ok(())
    }

    #[test]
    fn what_an_answer_weighed_is_taken_later_and_never_refused() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_COST", "100"), ("RAPPORT_RATE_BURST", "1000"), ("RAPPORT_MAX_COST", "1000")];
        let (rate_limits, clock) = new_rate_limits(&settings)?;
        let one = LimitSubject::Caller(clock.uuid());
        rate_limits.settle(one, 300);
        assert!(rate_limits.spend(one, 600).is_ok_and(|budget| budget.is_some_and(|budget| budget.remaining == 100)));
        rate_limits.settle(one, 1_000_000);
        assert!(rate_limits.spend(one, 1).is_err());
        clock.advance(TimeDelta::milliseconds(1_100));
        assert!(rate_limits.spend(one, 100).is_ok());
        Ok(())
    }

    #[test]
    fn bytes_and_messages_are_counted_by_caller_and_bytes_by_address_too() -> anyhow::Result<()> {
        let settings = [
            ("RAPPORT_WRITTEN_BYTES_PER_HOUR", "3600"),
            ("RAPPORT_VISITOR_MESSAGES_PER_MINUTE", "2"),
            ("RAPPORT_MESSAGES_PER_MINUTE", "3"),
        ];
        let (rate_limits, clock) = new_rate_limits(&settings)?;
        let one = LimitSubject::Caller(clock.uuid());
        assert!(rate_limits.write(one, Some(HOME), 3_000).is_ok());
        let wait = rate_limits.write(one, Some(HOME), 700).err().map(|soon| soon.0.as_secs());
        assert!(wait.is_some_and(|wait| (95..=101).contains(&wait)), "{wait:?}");
        clock.advance(TimeDelta::seconds(101));
        assert!(rate_limits.write(one, None, 700).is_ok());
        let others = (0..20)
            .filter(|_| rate_limits.write(LimitSubject::Caller(clock.uuid()), Some(HOME), 3_600).is_ok())
            .count();
        assert!((8..=9).contains(&others), "one address writes for many callers: {others}");
        let messages = |visitor| (0..9).filter(|_| rate_limits.message(one, visitor).is_ok()).count();
        assert_eq!((messages(true), messages(false)), (2, 3));
        Ok(())
    }

    #[test]
    fn an_ipv6_network_is_counted_as_one_address_everywhere() -> anyhow::Result<()> {
        let settings = [("RAPPORT_RATE_REQUESTS", "1"), ("RAPPORT_WEB_CHATS_PER_HOUR", "5")];
        let (rate_limits, _) = new_rate_limits(&settings)?;
        let from = |n: u128, other: u128| IpAddr::V6((0x2001_0db8_u128 << 96 | other << 64 | n).into());
        assert_eq!((0..150).filter(|n| rate_limits.check_web_chat(Some(from(*n, 1))).is_ok()).count(), 5);
        assert_eq!((0..150).filter(|n| rate_limits.request(from(*n, 1)).is_ok()).count(), 4);
        assert!(rate_limits.check_web_chat(Some(from(1, 2))).is_ok() && rate_limits.request(from(1, 2)).is_ok());
        Ok(())
    }

    #[test]
    fn nothing_is_counted_without_a_limit() -> anyhow::Result<()> {
        let off = [("RAPPORT_RATE_COST", "0"), ("RAPPORT_RATE_REQUESTS", "0")];
        let (rate_limits, _) = new_rate_limits(&off)?;
        for _ in 0..10_000 {
            assert!(rate_limits.spend(LimitSubject::Address(HOME), 50_000).is_ok_and(|budget| budget.is_none()));
            assert!(rate_limits.request(HOME).is_ok());
        }
        Ok(())
    }
}
