//! Grouping of IP addresses. An IPv6 customer owns a whole network, so the limits count its addresses as one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The first 96 bits of IPv6 addresses that stand for IPv4 addresses behind a translator (RFC 6052).
const TRANSLATED: u128 = 0x0064_ff9b << 96;

/// The length of the prefix that groups IPv6 addresses.
#[derive(Clone, Copy, Debug)]
pub struct Networks {
    prefix: u8,
}

impl Networks {
    /// Groups IPv6 addresses by their first `prefix` bits, at most 128.
    #[must_use]
    pub fn new(prefix: u8) -> Self {
        Self { prefix: prefix.min(128) }
    }

    /// Returns the address under which the limits count `address`. An IPv4 address counts as itself, also when it is
    /// written as IPv6. An IPv6 address counts as the first address of its network.
    #[must_use]
    pub fn counted(self, address: IpAddr) -> IpAddr {
        let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
        let bits = v6.to_bits();
        if bits >> 32 == TRANSLATED >> 32 {
            // The last 32 bits are the IPv4 address.
            return IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default()));
        }
        let kept = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or_default();
        IpAddr::V6(Ipv6Addr::from_bits(bits & kept))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Networks;

    fn same(prefix: u8, one: &str, other: &str) -> bool {
        let counted = |text: &str| text.parse::<IpAddr>().map(|address| Networks::new(prefix).counted(address));
        counted(one).expect("an address") == counted(other).expect("an address")
    }

    #[test]
    fn addresses_of_one_network_count_as_one() {
        assert!(same(64, "2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert!(!same(64, "2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(same(48, "2001:db8:1:2::1", "2001:db8:1:3::1"));
        assert!(!same(128, "2001:db8::1", "2001:db8::2"));
        assert!(same(0, "2001:db8::1", "fe80::2"));
        assert!(same(64, "fe80::1", "fe80::dead:beef"));
    }

    #[test]
    fn an_ipv4_address_counts_alone_however_it_is_written() {
        assert!(same(64, "203.0.113.9", "::ffff:203.0.113.9"));
        assert!(same(64, "203.0.113.9", "::ffff:cb00:7109"));
        assert!(same(64, "203.0.113.9", "64:ff9b::203.0.113.9"));
        assert!(!same(64, "::ffff:203.0.113.9", "::ffff:203.0.113.10"));
        assert!(!same(64, "203.0.113.9", "203.0.113.10"));
    }
}
