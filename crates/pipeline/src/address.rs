//! Which addresses count as one client: for limits, for places and in the audit trail.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address as far as one client has it: a single one of IPv4, of IPv6 the first 64 bits, because
/// a host may take any address behind them. All of loopback is one: each process of this machine
/// may take any of its 16 million addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    pub fn of(address: IpAddr) -> Network {
        Network(match address.to_canonical() {
            address if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 => v4,
        })
    }

    pub fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// `127.0.0.1` for all of loopback, `10.0.0.1`, `2001:db8::/64`.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(v4) => v4.fmt(f),
            IpAddr::V6(v6) => write!(f, "{v6}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(address: &str) -> String {
        Network::of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn loopback_is_one_address_and_a_network_of_ipv6_another() {
        for address in [
            "127.0.0.1",
            "127.0.0.2",
            "127.255.255.254",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:127.9.9.9",
        ] {
            assert_eq!(shown(address), "127.0.0.1", "{address}");
        }
        assert_eq!(shown("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(shown("10.0.0.2"), "10.0.0.2");
        assert_eq!(shown("2001:db8::1"), "2001:db8::/64");
        assert_eq!(shown("2001:db8::ffff:2"), "2001:db8::/64");
        assert_eq!(shown("2001:db8:0:1::1"), "2001:db8:0:1::/64");
    }
}
