//! What a caller has in use at one time: sockets, subscriptions, memory for answers. Each instance counts for itself.
//! A share is given back when it is dropped, so whatever ends frees its place at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{address::Networks, config::Config, error::Excess, throttle::Payer};

/// What can be in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Socket,
    /// A socket that does not yet say whose it is.
    Opening,
    Subscription,
    /// Files under way, in or out.
    Transfer,
    /// Bytes that answers hold.
    Memory,
}

/// Why no more can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exhausted {
    /// The caller has as much as one caller may have.
    Caller,
    /// All callers together have as much as there is.
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

/// How much one caller and all callers together may have in use.
#[derive(Clone, Copy, Debug)]
struct Bound {
    caller: usize,
    everybody: usize,
}

/// What all callers have in use.
#[derive(Debug)]
pub struct Shares {
    networks: Networks,
    sockets: Bound,
    subscriptions: Bound,
    memory: Bound,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    by_caller: HashMap<(Payer, Resource), usize>,
    /// Memory of all callers; nothing else is bounded for all together.
    memory: usize,
}

/// A part of a resource that a caller has in use.
#[derive(Debug)]
pub struct Share {
    of: Arc<Shares>,
    key: (Payer, Resource),
    amount: usize,
}

/// 0 stands for no limit.
fn limit(configured: usize) -> usize {
    if configured == 0 { usize::MAX } else { configured }
}

impl Shares {
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let bound = |caller| Bound { caller: limit(caller), everybody: usize::MAX };
        Self {
            networks: Networks::new(config.connections.ipv6_prefix),
            sockets: bound(config.connections.sockets_per_caller),
            subscriptions: bound(config.connections.subscriptions_per_caller),
            memory: Bound {
                caller: limit(config.limits.answer_bytes).saturating_mul(ANSWERS_PER_CALLER),
                everybody: limit(config.limits.all_answers_bytes),
            },
            taken: Mutex::default(),
        }
    }

    /// Takes a part of a resource for a caller.
    pub fn take(self: &Arc<Self>, payer: Payer, resource: Resource, amount: usize) -> Result<Share, Exhausted> {
        let payer = match payer {
            Payer::Address(address) => Payer::Address(self.networks.counted(address)),
            caller @ Payer::Caller(_) => caller,
        };
        let mut share = Share { of: Arc::clone(self), key: (payer, resource), amount: 0 };
        share.grow(amount)?;
        Ok(share)
    }

    /// Bytes that the answers of all callers hold now.
    #[must_use]
    pub fn memory(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).memory
    }

    fn bound(&self, resource: Resource) -> Bound {
        match resource {
            Resource::Socket => self.sockets,
            Resource::Opening => Bound { caller: OPENING_PER_ADDRESS, everybody: usize::MAX },
            Resource::Subscription => self.subscriptions,
            Resource::Transfer => Bound { caller: TRANSFERS_PER_CALLER, everybody: usize::MAX },
            Resource::Memory => self.memory,
        }
    }
}

/// Sockets of one address that may be opening at once. Each may hold a message that is not yet whole.
const OPENING_PER_ADDRESS: usize = 128;
/// Files of one caller that may be under way at once: transcripts, cards, archives.
const TRANSFERS_PER_CALLER: usize = 4;
/// Answers of the full size that one caller may have under way at once.
const ANSWERS_PER_CALLER: usize = 2;

impl Share {
    /// Takes more of the same.
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        let bound = self.of.bound(self.key.1);
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
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

    /// How much it is.
    #[must_use]
    pub fn amount(&self) -> usize {
        self.amount
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.amount == 0 {
            return;
        }
        let mut taken = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
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

    use super::{Exhausted, Resource, Shares};
    use crate::{clock::Clock, config::Config, throttle::Payer};

    fn shares(pairs: &[(&str, &str)]) -> anyhow::Result<Arc<Shares>> {
        let config = Config::read(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())?;
        Ok(Arc::new(Shares::new(&config)))
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped_and_each_caller_has_their_own() -> anyhow::Result<()> {
        let shares = shares(&[("RAPPORT_MAX_SOCKETS_PER_CALLER", "2")])?;
        let clock = Clock::standing();
        let (ann, ben) = (Payer::Caller(clock.uuid()), Payer::Caller(clock.uuid()));
        let first = shares.take(ann, Resource::Socket, 1).expect("a place");
        let _second = shares.take(ann, Resource::Socket, 1).expect("a place");
        assert_eq!(shares.take(ann, Resource::Socket, 1).err(), Some(Exhausted::Caller));
        assert!(shares.take(ben, Resource::Socket, 1).is_ok() && shares.take(ann, Resource::Subscription, 1).is_ok());
        drop(first);
        assert!(shares.take(ann, Resource::Socket, 1).is_ok());
        Ok(())
    }

    #[test]
    fn one_ipv6_network_has_the_places_of_one_address() -> anyhow::Result<()> {
        let shares = shares(&[("RAPPORT_MAX_SUBSCRIPTIONS_PER_CALLER", "1")])?;
        let from = |text: &str| Payer::Address(text.parse().expect("an address"));
        let _one = shares.take(from("2001:db8::1"), Resource::Subscription, 1).expect("a place");
        assert!(shares.take(from("2001:db8::2"), Resource::Subscription, 1).is_err());
        assert!(shares.take(from("2001:db8:0:1::2"), Resource::Subscription, 1).is_ok());
        Ok(())
    }

    #[test]
    fn memory_is_bounded_for_a_caller_and_for_all() -> anyhow::Result<()> {
        let bounds = [("RAPPORT_MAX_ANSWER_BYTES", "1048576"), ("RAPPORT_MAX_ALL_ANSWERS_BYTES", "3145728")];
        let shares = shares(&bounds)?;
        let clock = Clock::standing();
        let [ann, ben] = [0, 1].map(|_| Payer::Caller(clock.uuid()));
        let mut hers = shares.take(ann, Resource::Memory, 1 << 20).expect("memory");
        assert!(hers.grow(1 << 20).is_ok());
        assert_eq!(hers.grow(1), Err(Exhausted::Caller));
        let his = shares.take(ben, Resource::Memory, 1 << 20).expect("memory");
        assert_eq!(shares.take(ben, Resource::Memory, 1).err(), Some(Exhausted::Everybody));
        drop(hers);
        assert_eq!(shares.memory(), his.amount());
        assert!(shares.take(ben, Resource::Memory, 1 << 20).is_ok());
        Ok(())
    }

    #[test]
    fn callers_that_race_never_have_more_places_than_there_are() -> anyhow::Result<()> {
        let shares = shares(&[("RAPPORT_MAX_SOCKETS_PER_CALLER", "8")])?;
        let ann = Payer::Caller(Clock::standing().uuid());
        let most = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let mine: Vec<_> = (0..3).filter_map(|_| shares.take(ann, Resource::Socket, 1).ok()).collect();
                        let taken = shares.taken.lock().map(|taken| taken.by_caller.values().sum::<usize>());
                        most.fetch_max(taken.unwrap_or(usize::MAX), std::sync::atomic::Ordering::Relaxed);
                        drop(mine);
                    }
                });
            }
        });
        // How close they come to it depends on how their turns fall.
        assert!((1..=8).contains(&most.into_inner()));
        let all: Vec<_> = (0..9).filter_map(|_| shares.take(ann, Resource::Socket, 1).ok()).collect();
        assert_eq!(all.len(), 8);
        drop(all);
        assert!(shares.taken.lock().is_ok_and(|taken| taken.by_caller.is_empty()));
        Ok(())
    }
}
