//! Which addresses and ports a crawler has no business at.
//!
//! Owns the tables of addresses that are not public (IANA's special-purpose registries, RFC 6890 and its
//! successors) and of ports that speak something else than HTTP or belong behind a wall. Looks at addresses that are about to be
//! connected to, never at names: a name is only as good as what it resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dragline_model::{Failure, FailureKind};

use crate::Net;

/// Judges addresses before they are connected to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guard {
    allowed: Vec<Net>,
}

impl Guard {
    /// A guard that is lifted for some ranges.
    pub(crate) fn new(allowed: Vec<Net>) -> Self {
        Self { allowed }
    }

    /// Lets a public or an allowed address pass; the failure says why not and what would lift the guard.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), Failure> {
        // An allowed range means the hosts in it, by whatever address they are reached; of two hosts in one address
        // both have to be.
        let stands = |objection: &Objection| !self.allows(objection.culprit);
        if self.allows(address) {
            return Ok(());
        }
        let Some(objection) = objections(address).into_iter().flatten().find(stands) else { return Ok(()) };
        let Objection { culprit, range, what } = objection;
        let leads = if culprit == address { String::new() } else { format!(" leads to {culprit}, which") };
        Err(Failure::new(
            FailureKind::Refused,
            format!("{address}{leads} is {what}; --allow-net {range} lifts the guard"),
        ))
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allowed.iter().any(|net| net.contains(address))
    }
}

/// Lets a port pass that is neither another protocol's nor a store's that pages have no business with.
pub(crate) fn admit_port(host: &str, port: u16) -> Result<(), Failure> {
    let whose = if BAD_PORTS.binary_search(&port).is_ok() {
        "another protocol than HTTP".to_owned()
    } else if let Ok(found) = INNER_PORTS.binary_search_by_key(&port, |(port, _)| *port) {
        format!("{}, which is no web site", INNER_PORTS[found].1)
    } else {
        return Ok(());
    };
    Err(Failure::new(
        FailureKind::Refused,
        format!("port {port} belongs to {whose}; --resolve {host}=IP:{port} asks it all the same"),
    ))
}

/// What speaks against an address.
#[derive(Debug, PartialEq, Eq)]
struct Objection {
    /// The address meant: the one asked about, or the IPv4 address packed in it.
    culprit: IpAddr,
    /// The range it is in.
    range: Net,
    /// What that range is, with its article.
    what: &'static str,
}

/// True for an address of the public net.
pub(crate) fn is_public(address: IpAddr) -> bool {
    objections(address).iter().all(Option::is_none)
}

fn objections(address: IpAddr) -> [Option<Objection>; 2] {
    match address {
        IpAddr::V4(v4) => [objection_v4(v4), None],
        IpAddr::V6(v6) => match packed(v6) {
            [None, None] => [objection_v6(v6), None],
            inner => inner.map(|v4| v4.and_then(objection_v4)),
        },
    }
}

fn objection_v4(v4: Ipv4Addr) -> Option<Objection> {
    let culprit = IpAddr::V4(v4);
    SPECIAL_V4
        .iter()
        .map(|(base, prefix, what)| (Net::new(IpAddr::V4(*base), *prefix), *what))
        .find_map(|(range, what)| range.contains(culprit).then_some(Objection { culprit, range, what }))
}

fn objection_v6(v6: Ipv6Addr) -> Option<Objection> {
    let culprit = IpAddr::V6(v6);
    let special = SPECIAL_V6
        .iter()
        .map(|(base, prefix, what)| (Net::new(IpAddr::V6(*base), *prefix), *what))
        .find(|(range, _)| range.contains(culprit));
    match special {
        Some((range, what)) => Some(Objection { culprit, range, what }),
        // All that is handed out to the public lies here (RFC 4291 §2.4, IANA's registry).
        None if Net::new(IpAddr::V6(v6_of(0x2000, 0, 0)), 3).contains(culprit) => None,
        None => Some(Objection { culprit, range: Net::new(culprit, 128), what: "not a public address" }),
    }
}

/// The IPv4 addresses that an IPv6 address carries to a translator or tunnel, at most two.
fn packed(v6: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let octets = v6.octets();
    let at = |i: usize| Ipv4Addr::new(octets[i], octets[i + 1], octets[i + 2], octets[i + 3]);
    match v6.segments() {
        // :: and ::1 look like the deprecated IPv4-compatible form and are not.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None, None],
        // IPv4-compatible (RFC 4291 §2.5.5.1), IPv4-mapped (§2.5.5.2), IPv4-translated (RFC 2765 §2.1).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => [Some(at(12)), None],
        // NAT64's well-known prefix (RFC 6052 §2.1).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => [Some(at(12)), None],
        // 6to4 (RFC 3056 §2).
        [0x2002, ..] => [Some(at(2)), None],
        // Teredo (RFC 4380 §4): the server's address, and the client's with every bit flipped.
        [0x2001, 0, ..] => [Some(at(4)), Some(Ipv4Addr::from_bits(!at(12).to_bits()))],
        _ => [None, None],
    }
}

const fn v6_of(a: u16, b: u16, c: u16) -> Ipv6Addr {
    Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)
}

const SPECIAL_V4: [(Ipv4Addr, u8, &str); 15] = [
    (Ipv4Addr::new(127, 0, 0, 0), 8, "a loopback address"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private address"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private address"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private address"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "a link-local address"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's shared address"),
    (Ipv4Addr::new(0, 0, 0, 0), 8, "an address of this network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a protocol's own address"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a documentation address"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "a documentation address"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a documentation address"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay's address"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a benchmarking address"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast address"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved address"),
];

const SPECIAL_V6: [(Ipv6Addr, u8, &str); 14] = [
    (Ipv6Addr::LOCALHOST, 128, "a loopback address"),
    (Ipv6Addr::UNSPECIFIED, 128, "an unspecified address"),
    (v6_of(0xfc00, 0, 0), 7, "a private address"),
    (v6_of(0xfe80, 0, 0), 10, "a link-local address"),
    (v6_of(0xfec0, 0, 0), 10, "a site-local address"),
    (v6_of(0xff00, 0, 0), 8, "a multicast address"),
    (v6_of(0x64, 0xff9b, 1), 48, "a local translator's address"),
    (v6_of(0x100, 0, 0), 64, "a discard address"),
    (v6_of(0x2001, 2, 0), 48, "a benchmarking address"),
    (v6_of(0x2001, 0x10, 0), 28, "an identifier that is not routed"),
    (v6_of(0x2001, 0x20, 0), 28, "an identifier that is not routed"),
    (v6_of(0x2001, 0xdb8, 0), 32, "a documentation address"),
    (v6_of(0x3fff, 0, 0), 20, "a documentation address"),
    (v6_of(0x5f00, 0, 0), 16, "a segment-routing address"),
];

/// The "bad ports" of the Fetch Standard §2.9, in order: a request to one of them is more likely an attempt
/// to make us speak SMTP, IRC or SIP.
const BAD_PORTS: [u16; 83] = [
    0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103,
    104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514,
    515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723,
    2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
];

/// Ports of ours beside the standard's, in order: databases, caches, queues and the doors of a cluster. Some do
/// speak HTTP, which makes it worse: a link can then give orders.
const INNER_PORTS: [(u16, &str); 30] = [
    (445, "SMB"),
    (873, "rsync"),
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (2181, "ZooKeeper"),
    (2375, "Docker"),
    (2376, "Docker"),
    (2379, "etcd"),
    (2380, "etcd"),
    (3306, "MySQL"),
    (3389, "Remote Desktop"),
    (4369, "Erlang's port mapper"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (5900, "VNC"),
    (5984, "CouchDB"),
    (6379, "Redis"),
    (6443, "Kubernetes"),
    (8086, "InfluxDB"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (9200, "Elasticsearch"),
    (9300, "Elasticsearch"),
    (10250, "Kubernetes"),
    (11211, "memcached"),
    (26257, "CockroachDB"),
    (27017, "MongoDB"),
    (27018, "MongoDB"),
    (27019, "MongoDB"),
    (50070, "HDFS"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn says(guard: &Guard, address: &str) -> String {
        guard.admit(address.parse().unwrap()).map_or_else(|failure| failure.detail, |()| "ok".to_owned())
    }

    #[test]
    fn addresses() {
        let guard = Guard::default();
        for (address, want) in [
            ("8.8.8.8", "ok"),
            ("1.1.1.1", "ok"),
            ("100.63.255.255", "ok"),
            ("100.128.0.0", "ok"),
            ("172.15.255.255", "ok"),
            ("172.32.0.0", "ok"),
            ("223.255.255.255", "ok"),
            ("2606:4700::1111", "ok"),
            ("2a00:1450:4001::1", "ok"),
            ("::ffff:8.8.8.8", "ok"),
            ("64:ff9b::808:808", "ok"),
            ("2002:808:808::1", "ok"),
            ("127.0.0.1", "127.0.0.1 is a loopback address; --allow-net 127.0.0.0/8 lifts the guard"),
            ("10.1.2.3", "10.1.2.3 is a private address; --allow-net 10.0.0.0/8 lifts the guard"),
            (
                "169.254.169.254",
                "169.254.169.254 is a link-local address; --allow-net 169.254.0.0/16 lifts the guard",
            ),
            ("::1", "::1 is a loopback address; --allow-net ::1/128 lifts the guard"),
            ("fd00:ec2::254", "fd00:ec2::254 is a private address; --allow-net fc00::/7 lifts the guard"),
            (
                "::ffff:127.0.0.1",
                "::ffff:127.0.0.1 leads to 127.0.0.1, which is a loopback address; --allow-net 127.0.0.0/8 lifts the guard",
            ),
            ("4000::1", "4000::1 is not a public address; --allow-net 4000::1/128 lifts the guard"),
        ] {
            assert_eq!(says(&guard, address), want, "{address}");
        }
    }

    #[test]
    fn every_range_is_refused_at_both_ends() {
        let guard = Guard::default();
        for address in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.0",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.255.255",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.0",
            "192.0.0.255",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::10.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:0:192.168.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "100::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:c0a8:1::5",
            "3fff::1",
            "5f00::1",
            "fc00::",
            "fdff:ffff::",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            // Teredo: a private server; a private client behind a public server.
            "2001:0:a00:1:0:0:f7f7:f7f7",
            "2001:0:808:808:0:0:f5ff:fffe",
        ] {
            assert_ne!(says(&guard, address), "ok", "{address}");
        }
        assert_eq!(says(&guard, "2001:0:808:808:0:0:f7f7:f7f7"), "ok", "public at both ends");
    }

    #[test]
    fn an_allowed_range_lifts_the_guard_for_itself_only() {
        let guard = Guard::new(vec!["127.0.0.0/16".parse().unwrap(), "::1".parse().unwrap()]);
        assert_eq!(says(&guard, "127.0.1.2"), "ok");
        assert_eq!(says(&guard, "::ffff:127.0.1.2"), "ok");
        assert_eq!(says(&guard, "::1"), "ok");
        assert_ne!(says(&guard, "127.1.0.1"), "ok");
        assert_ne!(says(&guard, "10.0.0.1"), "ok");
        assert_ne!(says(&guard, "::2"), "ok");
    }

    #[test]
    fn ports_of_other_protocols() {
        assert!(BAD_PORTS.is_sorted() && INNER_PORTS.is_sorted());
        assert!(INNER_PORTS.iter().all(|(port, _)| BAD_PORTS.binary_search(port).is_err()));
        for port in [22, 25, 6667, 5060, 2049, 6379, 11211, 9200, 27017, 5432, 3306] {
            let failure = admit_port("a.test", port).unwrap_err();
            assert_eq!(failure.kind, FailureKind::Refused);
            assert!(failure.detail.contains(&format!("--resolve a.test=IP:{port}")), "{failure}");
        }
        let redis = admit_port("a.test", 6379).unwrap_err().detail;
        assert!(redis.starts_with("port 6379 belongs to Redis, which is no web site;"), "{redis}");
        for port in [80, 443, 8080, 8443, 3000, 65535] {
            assert_eq!(admit_port("a.test", port), Ok(()), "{port}");
        }
    }
}
