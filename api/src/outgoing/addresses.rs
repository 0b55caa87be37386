//! The addresses that outgoing requests may reach. An address counts by what it connects to: IPv4 inside IPv6 is
//! decoded first, and everything that the registries of IANA keep for special purposes is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::Url;

/// Blocks of the IANA IPv4 Special-Purpose Address Registry, and the blocks for multicast and for future use.
const SPECIAL_V4: [Ipv4Net; 16] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
    v4([255, 255, 255, 255], 32),
];

/// The block of global unicast addresses (RFC 4291). All other IPv6 addresses are special.
const GLOBAL_V6: Ipv6Net = v6([0x2000, 0], 3);

/// Blocks of the IANA IPv6 Special-Purpose Address Registry among the global unicast addresses: protocol assignments
/// with Teredo and ORCHID, and two blocks for documentation.
const SPECIAL_V6: [Ipv6Net; 3] = [v6([0x2001, 0], 23), v6([0x2001, 0xdb8], 32), v6([0x3fff, 0], 20)];

/// IPv6 addresses that a translator turns into IPv4: mapped (RFC 4291) and NAT64 (RFC 6052). The IPv4 address is at
/// the end.
const TRANSLATED: [Ipv6Net; 2] =
    [Ipv6Net::new_assert(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), v6([0x64, 0xff9b], 96)];

/// IPv6 addresses that a router tunnels to the IPv4 address after the first 16 bits (6to4, RFC 3056).
const TUNNELED: Ipv6Net = v6([0x2002, 0], 16);

/// Ports from 1024 on that are refused as not for the web ("bad ports" of the Fetch standard).
const NOT_FOR_THE_WEB: [u16; 19] =
    [1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(start: [u16; 2], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(start[0], start[1], 0, 0, 0, 0, 0, 0), prefix)
}

/// The addresses that outgoing requests may reach: all public ones, and the networks that the operator allows.
#[derive(Clone, Debug, Default)]
pub struct Reachable {
    allowed: Vec<IpNet>,
}

impl Reachable {
    /// Allows public addresses and the given networks.
    #[must_use]
    pub fn new(allowed: Vec<IpNet>) -> Self {
        Self { allowed }
    }

    /// Returns true when a connection to the address is permitted.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        is_public(address) || self.is_allowed(address)
    }

    /// Returns true when the operator allows the network of the address. Only there requests may be unencrypted.
    #[must_use]
    pub fn is_allowed(&self, address: IpAddr) -> bool {
        let address = connected(address);
        self.allowed.iter().any(|network| network.contains(&address))
    }
}

/// Returns the address that a connection to `address` ends at: IPv4 for an IPv6 address that stands for one.
fn connected(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let bits = v6.to_bits();
    if TRANSLATED.iter().any(|network| network.contains(&v6)) {
        return IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits & 0xffff_ffff).unwrap_or_default()));
    }
    if TUNNELED.contains(&v6) {
        return IpAddr::V4(Ipv4Addr::from_bits(u32::try_from((bits >> 80) & 0xffff_ffff).unwrap_or_default()));
    }
    address
}

/// Returns true for an address of the public Internet.
fn is_public(address: IpAddr) -> bool {
    match connected(address) {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|network| network.contains(&v4)),
        IpAddr::V6(v6) => GLOBAL_V6.contains(&v6) && !SPECIAL_V6.iter().any(|network| network.contains(&v6)),
    }
}

/// Returns true when the port of an address is one that web servers have: 80, 443, or one from 1024 on that no other
/// protocol has.
#[must_use]
pub fn has_web_port(url: &Url) -> bool {
    match url.port_or_known_default() {
        Some(80 | 443) => true,
        Some(port) => port >= 1024 && !NOT_FOR_THE_WEB.contains(&port),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Reachable, has_web_port, is_public};

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn special_addresses_are_not_public_in_any_form() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            // IPv4-compatible, NAT64, local NAT64, 6to4 and Teredo.
            "::127.0.0.1",
            "::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:c0a8:1::1",
            "2001::1",
            "2001:0:53aa:64c:0:0:80ff:fffe",
            // Discard, benchmarking, ORCHID, documentation, segment routing, unique local, link local, site local.
            "100::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(address(text)), "{text}");
        }
    }

    #[test]
    fn an_allowed_network_is_reachable_in_every_form_and_no_other() {
        let reachable = Reachable::new(vec!["10.1.0.0/16".parse().expect("a network")]);
        for text in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "8.8.8.8"] {
            assert!(reachable.permits(address(text)), "{text}");
        }
        assert!(!reachable.permits(address("10.2.0.1")) && !reachable.permits(address("127.0.0.1")));
        assert!(!reachable.is_allowed(address("8.8.8.8")));
    }

    #[test]
    fn ports_of_other_protocols_are_refused() {
        let web = |text: &str| has_web_port(&text.parse().expect("an address"));
        for text in ["https://a", "http://a", "https://a:8443", "http://a:3000"] {
            assert!(web(text), "{text}");
        }
        for text in ["https://a:25", "http://a:22", "https://a:6000", "http://a:2049", "http://a:1023"] {
            assert!(!web(text), "{text}");
        }
    }
}
