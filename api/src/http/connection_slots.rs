//! Limits of open connections, in total and for each address. A dropped permit always frees its slot.

use std::{collections::HashMap, net::IpAddr, sync::Arc};

use parking_lot::Mutex;

use crate::{config::Connections, ip_network::Networks};

/// The slots for connections of this process.
#[derive(Debug)]
pub struct ConnectionSlots {
    limits: Connections,
    networks: Networks,
    taken: Mutex<SlotCounts>,
}

#[derive(Debug, Default)]
struct SlotCounts {
    all: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A permit for one connection. Dropping it frees the slot.
#[derive(Debug)]
pub struct ConnectionPermit {
    slots: Arc<ConnectionSlots>,
    address: IpAddr,
}

impl ConnectionSlots {
    /// Creates the slots, all of them free.
    #[must_use]
    pub fn new(limits: Connections) -> Arc<Self> {
        let networks = Networks::new(limits.ipv6_prefix);
        Arc::new(Self { limits, networks, taken: Mutex::default() })
    }

    /// Takes a slot for a connection from an address. Returns none when no slot is free.
    pub fn take(slots: &Arc<Self>, address: IpAddr) -> Option<ConnectionPermit> {
        let address = slots.networks.counted(address);
        let mut taken = slots.taken.lock();
        let of_address = taken.by_address.get(&address).copied().unwrap_or_default();
        // Behind our own proxies all clients share the proxies' addresses.
        let shared = slots.limits.proxies > 0;
        if taken.all >= slots.limits.most || (of_address >= slots.limits.most_per_address && !shared) {
            return None;
        }
        taken.all += 1;
        *taken.by_address.entry(address).or_default() += 1;
        Some(ConnectionPermit { slots: Arc::clone(slots), address })
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        taken.all -= 1;
        if let Some(of_address) = taken.by_address.get_mut(&self.address) {
            *of_address -= 1;
            if *of_address == 0 {
                taken.by_address.remove(&self.address);
            }
        }
    }
}
