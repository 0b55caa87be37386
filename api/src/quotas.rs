//! The resources that a caller uses at one moment: sockets, subscriptions, memory for answers. Each instance counts
//! for itself. A permit returns its share when it is dropped, so a share is free as soon as its use ends.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;

use crate::{config::Config, error::Excess, ip_network::Networks, rate_limit::LimitSubject};

/// A resource with a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// An open socket of a known caller.
    Socket,
    /// A socket whose caller is not known yet.
    Opening,
    /// A running subscription.
    Subscription,
    /// A file that is being sent or received.
    Transfer,
    /// Bytes of answers in memory.
    Memory,
}

/// The quota that is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The quota of this caller.
    Caller,
    /// The quota of all callers together.
    Everybody,
}

impl From<Exhausted> for Excess {
    fn from(exhausted: Exhausted) -> Self {
        match exhausted {
            Exhausted::Caller => Self::Caller,
            Exhausted::Everybody => Self::Everybody,
        }
    }
}

/// The maximum of one caller and of all callers together.
#[derive(Clone, Copy, Debug)]
struct QuotaBound {
    caller: usize,
    everybody: usize,
}

/// The quotas of an instance and their present use.
#[derive(Debug)]
pub struct Quotas {
    networks: Networks,
    sockets: QuotaBound,
    subscriptions: QuotaBound,
    memory: QuotaBound,
    taken: Mutex<QuotaUsage>,
}

#[derive(Debug, Default)]
struct QuotaUsage {
    by_caller: HashMap<(LimitSubject, Resource), usize>,
    /// The memory of all callers. No other resource has a common limit.
    memory: usize,
}

/// A share of a resource that a caller uses until the permit is dropped.
#[derive(Debug)]
pub struct QuotaPermit {
    of: Arc<Quotas>,
    key: (LimitSubject, Resource),
    amount: usize,
}

/// Turns a setting into a limit: 0 means no limit.
fn limit(configured: usize) -> usize {
    if configured == 0 { usize::MAX } else { configured }
}

impl Quotas {
    #[must_use]
    /// Reads the quotas from the settings.
    pub fn new(config: &Config) -> Self {
        let bound = |caller| QuotaBound { caller: limit(caller), everybody: usize::MAX };
        Self {
            networks: Networks::new(config.connections.ipv6_prefix),
            sockets: bound(config.connections.sockets_per_caller),
            subscriptions: bound(config.connections.subscriptions_per_caller),
            memory: QuotaBound {
                caller: limit(config.limits.answer_bytes).saturating_mul(ANSWERS_PER_CALLER),
                everybody: limit(config.limits.all_answers_bytes),
            },
            taken: Mutex::default(),
        }
    }

    /// Takes a share of a resource for a caller. Fails when the quota of the caller or of all callers is exhausted.
    pub fn take(
        self: &Arc<Self>,
        payer: LimitSubject,
        resource: Resource,
        amount: usize,
    ) -> Result<QuotaPermit, Exhausted> {
        let payer = match payer {
            LimitSubject::Address(address) => LimitSubject::Address(self.networks.counted(address)),
            caller @ LimitSubject::Caller(_) => caller,
        };
        let mut share = QuotaPermit { of: Arc::clone(self), key: (payer, resource), amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }

    /// Returns the bytes that the answers of all callers take now.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.taken.lock().memory
    }

    fn bound(&self, resource: Resource) -> QuotaBound {
        match resource {
            Resource::Socket => self.sockets,
            Resource::Opening => QuotaBound { caller: OPENING_PER_ADDRESS, everybody: usize::MAX },
            Resource::Subscription => self.subscriptions,
            Resource::Transfer => QuotaBound { caller: TRANSFERS_PER_CALLER, everybody: usize::MAX },
            Resource::Memory => self.memory,
        }
    }
}

/// The maximum of sockets of one address that are opening. Each may have an incomplete message in memory.
const OPENING_PER_ADDRESS: usize = 128;
/// The maximum of files of one caller in transfer: transcripts, cards, archives.
const TRANSFERS_PER_CALLER: usize = 4;
/// The maximum of answers of the full size that one caller may have in memory.
const ANSWERS_PER_CALLER: usize = 2;

impl QuotaPermit {
    /// Takes more of the same resource. Fails when a quota is exhausted.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        let bound = self.of.bound(self.key.1);
        let mut taken = self.of.taken.lock();
        let of_caller = taken.by_caller.get(&self.key).copied().unwrap_or_default().saturating_add(more);
        if of_caller > bound.caller {
            return Err(Exhausted::Caller);
        }
        if self.key.1 == Resource::Memory {
            let of_all = taken.memory.saturating_add(more);
            if of_all > bound.everybody {
                return Err(Exhausted::Everybody);
            }
            taken.memory = of_all;
        }
        taken.by_caller.insert(self.key, of_caller);
        self.amount += more;
        Ok(())
    }

    /// Returns the size of the share.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for QuotaPermit {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut taken = self.of.taken.lock();
        if self.key.1 == Resource::Memory {
            taken.memory = taken.memory.saturating_sub(self.amount);
        }
        if let Some(of_caller) = taken.by_caller.get_mut(&self.key) {
            *of_caller = of_caller.saturating_sub(self.amount);
            if *of_caller == 0 {
                taken.by_caller.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Exhausted, Quotas, Resource};
    use crate::{clock::Clock, config::Config, rate_limit::LimitSubject};

    fn new_quotas(pairs: &[(&str, &str)]) -> anyhow::Result<Arc<Quotas>> {
        let config = Config::read(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())?;
        Ok(Arc::new(Quotas::new(&config)))
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped_and_each_caller_has_their_own() -> anyhow::Result<()> {
        let quotas = new_quotas(&[("RAPPORT_MAX_SOCKETS_PER_CALLER", "2")])?;
        let clock = Clock::standing();
        let (ann, ben) = (LimitSubject::Caller(clock.uuid()), LimitSubject::Caller(clock.uuid()));
        let first = quotas.take(ann, Resource::Socket, 1).expect("a place");
        let _second = quotas.take(ann, Resource::Socket, 1).expect("a place");
        assert_eq!(quotas.take(ann, Resource::Socket, 1).err(), Some(Exhausted::Caller));
        assert!(quotas.take(ben, Resource::Socket, 1).is_ok() && quotas.take(ann, Resource::Subscription, 1).is_ok());
        drop(first);
        assert!(quotas.take(ann, Resource::Socket, 1).is_ok());
        Ok(())
    }

    #[test]
    fn one_ipv6_network_has_the_places_of_one_address() -> anyhow::Result<()> {
        let quotas = new_quotas(&[("RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER", "1")])?;
        let from = |text: &str| LimitSubject::Address(text.parse().expect("an address"));
        let _one = quotas.take(from("2001:db8::1"), Resource::Subscription, 1).expect("a place");
        assert!(quotas.take(from("2001:db8::2"), Resource::Subscription, 1).is_err());
        assert!(quotas.take(from("2001:db8:0:1::2"), Resource::Subscription, 1).is_ok());
        Ok(())
    }

    #[test]
    fn memory_is_bounded_for_a_caller_and_for_all() -> anyhow::Result<()> {
        let bounds = [("RAPPORT_MAX_ANSWER_BYTES", "1048576"), ("RAPPORT_MAX_ALL_ANSWERS_BYTES", "3145728")];
        let quotas = new_quotas(&bounds)?;
        let clock = Clock::standing();
        let [ann, ben] = [0, 1].map(|_| LimitSubject::Caller(clock.uuid()));
        let mut hers = quotas.take(ann, Resource::Memory, 1 << 20).expect("memory");
        assert!(hers.grow(1 << 20).is_ok());
        assert_eq!(hers.grow(1), Err(Exhausted::Caller));
        let his = quotas.take(ben, Resource::Memory, 1 << 20).expect("memory");
        assert_eq!(quotas.take(ben, Resource::Memory, 1).err(), Some(Exhausted::Everybody));
        drop(hers);
        assert_eq!(quotas.memory(), his.amount());
        assert!(quotas.take(ben, Resource::Memory, 1 << 20).is_ok());
        Ok(())
    }

    #[test]
    fn callers_that_race_never_have_more_places_than_there_are() -> anyhow::Result<()> {
        let quotas = new_quotas(&[("RAPPORT_MAX_SOCKETS_PER_CALLER", "8")])?;
        let ann = LimitSubject::Caller(Clock::standing().uuid());
        let most = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let mine: Vec<_> = (0..3).filter_map(|_| quotas.take(ann, Resource::Socket, 1).ok()).collect();
                        let taken = quotas.taken.lock().by_caller.values().sum::<usize>();
                        most.fetch_max(taken, std::sync::atomic::Ordering::Relaxed);
                        drop(mine);
                    }
                });
            }
        });
        // The number of places that they take depends on their timing.
        assert!((1..=8).contains(&most.into_inner()));
        let all: Vec<_> = (0..9).filter_map(|_| quotas.take(ann, Resource::Socket, 1).ok()).collect();
        assert_eq!(all.len(), 8);
        drop(all);
        assert!(quotas.taken.lock().by_caller.is_empty());
        Ok(())
    }
}
