//! Where questions and actions may go: which addresses are refused, whatever name or URL leads to them.
//!
//! URLs come from users, and are asked from where the operator is, which is a better place than theirs. What is refused is
//! judged by the address that is dialed, not by the name: names can lead anywhere, and elsewhere a moment later.

use ipnet::IpNet;
use opstack_core::probe::Target;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// May be asked although they are refused by default or by `deny`.
    pub allow: Vec<IpNet>,
    /// Refused as targets of URLs. Services and pods of the cluster are not judged by it.
    pub deny: Vec<IpNet>,
    /// The operator's own addresses.
    pub own: Vec<IpAddr>,
}

/// An address that is not asked. Doesn't hold it: what a name leads to is not everybody's to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it leads to {what}, which the operator does not ask unless it runs with --probe-allow for that address")]
pub(crate) struct Refused {
    what: &'static str,
}

/// Ranges that no chain is behind, and what they are.
const REFUSED: [(&str, &str); 16] = [
    ("127.0.0.0/8", LOOPBACK),
    ("::1/128", LOOPBACK),
    ("0.0.0.0/8", UNSPECIFIED),
    ("::/128", UNSPECIFIED),
    // Where clouds serve credentials of the machine to whoever asks.
    ("169.254.0.0/16", LINK_LOCAL),
    ("fe80::/10", LINK_LOCAL),
    ("100.100.100.200/32", METADATA),
    ("168.63.129.16/32", METADATA),
    ("192.0.0.192/32", METADATA),
    ("fd00:ec2::/32", METADATA),
    ("fd20:ce::254/128", METADATA),
    ("224.0.0.0/4", MULTICAST),
    ("ff00::/8", MULTICAST),
    ("240.0.0.0/4", RESERVED),
    ("fec0::/10", RESERVED),
    ("100::/64", RESERVED),
];

const LOOPBACK: &str = "a loopback address";
const UNSPECIFIED: &str = "an unspecified address";
const LINK_LOCAL: &str = "a link-local address";
const METADATA: &str = "a metadata service";
const MULTICAST: &str = "a multicast address";
const RESERVED: &str = "a reserved address";
const OWN: &str = "the operator itself";
const DENIED: &str = "an address that --probe-deny names";

impl Reach {
    /// Whether a target may be asked at an address.
    pub(crate) fn check(&self, side: Side, address: IpAddr) -> Result<(), Refused> {
        let address = plain(address);
        let is_in = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        if is_in(&self.allow) {
            return Ok(());
        }
        if self.own.iter().any(|own| plain(*own) == address) {
            return Err(Refused { what: OWN });
        }
        let ranges = REFUSED.iter().filter_map(|(range, what)| Some((range.parse::<IpNet>().ok()?, *what)));
        if let Some((_, what)) = ranges.into_iter().find(|(range, _)| range.contains(&address)) {
            return Err(Refused { what });
        }
        match side {
            Side::Outside if is_in(&self.deny) => Err(Refused { what: DENIED }),
            _ => Ok(()),
        }
    }
}

/// What kind of target an address was found for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A Service or a pod of the cluster.
    Inside,
    /// A URL.
    Outside,
}

impl Side {
    pub(crate) fn of(target: &Target) -> Self {
        match target {
            Target::Service { .. } | Target::Pods { .. } => Self::Inside,
            Target::Url(_) | Target::SecretUrl(_) => Self::Outside,
        }
    }
}

/// The address that is reached in the end: the forms of IPv6 that carry one of IPv4 are other names for it.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let [a, b, c, ..] = v6.segments();
    let carried = |at: usize| {
        let bytes: Option<[u8; 4]> = v6.octets().get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)))
    };
    let v4 = match (a, b, c) {
        // Mapped, and compatible but for `::` and `::1`.
        (0, 0, 0) if v6.to_ipv4().is_some() && !matches!(v6, Ipv6Addr::UNSPECIFIED | Ipv6Addr::LOCALHOST) => {
            carried(12)
        }
        // NAT64, by the well-known prefix and by those for local use; and translated (SIIT).
        (0x64, 0xff9b, _) => carried(12),
        (0, 0, 0) if v6.segments().get(4..6) == Some([0xffff, 0].as_slice()) => carried(12),
        // 6to4.
        (0x2002, ..) => carried(2),
        // Teredo hides the client's address.
        (0x2001, 0, _) => carried(12).map(|address| match address {
            IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from_bits(!v4.to_bits())),
            other => other,
        }),
        _ => None,
    };
    v4.unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reach: &Reach, side: Side, address: &str) -> Result<(), &'static str> {
        reach.check(side, address.parse().unwrap()).map_err(|refused| refused.what)
    }

    #[test]
    fn what_no_chain_is_behind_is_refused_in_every_form() {
        for (address, what) in [
            ("127.0.0.1", LOOPBACK),
            ("127.8.9.10", LOOPBACK),
            ("::1", LOOPBACK),
            ("::ffff:127.0.0.1", LOOPBACK),
            ("::127.0.0.1", LOOPBACK),
            ("0.0.0.0", UNSPECIFIED),
            ("::", UNSPECIFIED),
            ("169.254.169.254", LINK_LOCAL),
            ("::ffff:169.254.169.254", LINK_LOCAL),
            ("::ffff:0:169.254.169.254", LINK_LOCAL),
            ("64:ff9b::169.254.169.254", LINK_LOCAL),
            ("64:ff9b:1::a9fe:a9fe", LINK_LOCAL),
            ("2002:a9fe:a9fe::1", LINK_LOCAL),
            ("2001:0:1:2:3:4:5601:5601", LINK_LOCAL),
            ("fe80::1", LINK_LOCAL),
            ("febf::1", LINK_LOCAL),
            ("fd00:ec2::254", METADATA),
            ("100.100.100.200", METADATA),
            ("168.63.129.16", METADATA),
            ("224.0.0.1", MULTICAST),
            ("ff02::1", MULTICAST),
            ("255.255.255.255", RESERVED),
            ("10.1.2.3", OWN),
            ("::ffff:10.1.2.3", OWN),
        ] {
            let reach = Reach { own: vec!["10.1.2.3".parse().unwrap()], ..Reach::default() };
            for side in [Side::Inside, Side::Outside] {
                assert_eq!(check(&reach, side, address), Err(what), "{address}");
            }
        }
        for address in ["10.0.0.7", "192.168.1.1", "fd00::7", "1.1.1.1", "2606:4700::1111", "64:ff9b::1.1.1.1"] {
            assert_eq!(check(&Reach::default(), Side::Outside, address), Ok(()), "{address}");
        }
    }

    #[test]
    fn the_administrator_decides_and_may_keep_urls_out_of_the_cluster() {
        let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>();
        let reach = Reach { allow: nets(&["127.0.0.0/8", "10.0.0.7/32"]), deny: nets(&["10.0.0.0/8"]), own: vec![] };
        assert_eq!(check(&reach, Side::Outside, "127.0.0.1"), Ok(()));
        assert_eq!(check(&reach, Side::Outside, "::ffff:127.0.0.1"), Ok(()));
        assert_eq!(check(&reach, Side::Outside, "::1"), Err(LOOPBACK));
        assert_eq!(check(&reach, Side::Outside, "10.0.0.8"), Err(DENIED));
        assert_eq!(check(&reach, Side::Outside, "10.0.0.7"), Ok(()));
        assert_eq!(check(&reach, Side::Inside, "10.0.0.8"), Ok(()), "a Service or a pod");
    }

    #[test]
    fn every_range_is_one() {
        assert!(REFUSED.iter().all(|(range, _)| range.parse::<IpNet>().is_ok()));
    }
}
