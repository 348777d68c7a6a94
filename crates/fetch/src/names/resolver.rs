//! One question to the name servers.
//!
//! Owns what is asked of whom: the hosts file first, then the name servers of the settings or of
//! `/etc/resolv.conf`, for the name as it stands. Search domains are not applied: a crawler's names are complete.
//! Keeps nothing: the library's own cache is off, because it knows no trouble and no single flight over both
//! families.

use std::{io, net::SocketAddr, time::Duration};

use hickory_resolver::{
    Hosts, TokioResolver,
    config::{
        ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    },
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, RecordType},
    },
    system_conf::parse_resolv_conf,
};
use tokio::{sync::Semaphore, time::timeout};

use super::{Family, Outcome};
use crate::dial::{is_ours, seconds};

/// Where the system's name servers stand (resolv.conf(5)).
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// The name server where none is named (resolv.conf(5)).
const NAME_SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 53);

/// Times that a question without an answer is put, each for an equal part of the limit. Within each of them the
/// library sends up to three datagrams.
const TRIES: u32 = 2;

/// Longest wait before it is put again (resolv.conf(5), `timeout`).
const TRY_MAX: Duration = Duration::from_secs(5);

/// Questions at once to a name server over TCP. They share a connection.
const TCP_QUESTIONS_MAX: usize = 1024;

/// Addresses of one answer that are looked at; an answer over TCP could have four thousand.
const ADDRESSES_MAX: usize = 16;

/// Asks name servers. Lives in the runtime it was made in.
pub(super) struct Resolver {
    dns: TokioResolver,
    hosts: Hosts,
    turns: Semaphore,
    limit: Duration,
}

impl Resolver {
    /// Reads the system's files. No name servers: the system's. `at_once`: questions at the same time, each of
    /// which takes a socket or some.
    pub(super) fn new(name_servers: &[SocketAddr], limit: Duration, at_once: usize) -> Result<Self, String> {
        let (servers, mut options) = match name_servers {
            [] => system(std::fs::read(RESOLV_CONF).ok()),
            given => (given.iter().map(server).collect(), plain_options()),
        };
        options.timeout = (limit / TRIES).min(TRY_MAX);
        options.attempts = TRIES as usize - 1;
        options.cache_size = 0;
        options.max_active_requests = TCP_QUESTIONS_MAX;
        options.use_hosts_file = ResolveHosts::Never;
        // With the links of a chain kept, the shortest time to live among them is known.
        options.preserve_intermediates = true;
        let config = ResolverConfig::from_name_servers(servers);
        let mut builder =
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options);
        builder.options_mut().ndots = 0;
        Ok(Self {
            dns: builder.build().map_err(|error| error.to_string())?,
            // glibc does without a hosts file too.
            hosts: Hosts::from_system().unwrap_or_default(),
            turns: Semaphore::new(at_once.max(1)),
            limit,
        })
    }

    /// The addresses of a name in one family, and how long they hold by their own account.
    pub(super) async fn answer(&self, name: &str, family: Family) -> (Outcome, Option<Duration>) {
        let Some(fqdn) = fully_qualified(name) else {
            return (Outcome::Trouble("this is no name that a name server could know".into()), None);
        };
        if let Some(outcome) = self.in_hosts_file(&fqdn, family) {
            return (outcome, Some(Duration::MAX));
        }
        // Nobody closes the semaphore; an error would only mean that there is no bound.
        let _turn = self.turns.acquire().await;
        let asked = self.dns.lookup(fqdn, family.record_type());
        let lookup = match timeout(self.limit, asked).await {
            Ok(Ok(lookup)) => lookup,
            Ok(Err(error)) => return self.none(error),
            Err(_) => return (self.silence(), None),
        };
        let records = lookup.answers();
        let ttl = records
            .iter()
            .filter(|it| [family.record_type(), RecordType::CNAME].contains(&it.record_type()))
            .map(|it| it.ttl)
            .min()
            .unwrap_or(0);
        let found: Vec<_> = records
            .iter()
            .filter(|it| it.record_type() == family.record_type())
            .filter_map(|it| it.data.ip_addr())
            .take(ADDRESSES_MAX)
            .collect();
        let outcome = if found.is_empty() { Outcome::NoAddress } else { Outcome::Found(found.into()) };
        (outcome, Some(Duration::from_secs(ttl.into())))
    }

    /// What the hosts file says. A name that is in it is not looked up elsewhere, in neither family (hosts(5) and
    /// the customary `hosts: files dns` of nsswitch.conf(5)).
    fn in_hosts_file(&self, name: &Name, family: Family) -> Option<Outcome> {
        let of = |family: Family| {
            self.hosts
                .lookup_static_host(&Query::query(name.clone(), family.record_type()))
                .map(|lookup| lookup.answers().iter().filter_map(|it| it.data.ip_addr()).collect::<Vec<_>>())
        };
        let other = if family == Family::V6 { Family::V4 } else { Family::V6 };
        match of(family) {
            Some(found) if !found.is_empty() => Some(Outcome::Found(found.into())),
            _ => of(other).map(|_| Outcome::NoAddress),
        }
    }

    fn none(&self, error: NetError) -> (Outcome, Option<Duration>) {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => {
                let ttl = none.negative_ttl.map(|secs| Duration::from_secs(secs.into()));
                let outcome = match none.response_code {
                    ResponseCode::NXDomain => Outcome::NoName,
                    ResponseCode::NoError => Outcome::NoAddress,
                    code => Outcome::Trouble(refusal(code).into()),
                };
                (outcome, ttl)
            }
            NetError::Dns(DnsError::ResponseCode(code)) => (Outcome::Trouble(refusal(code).into()), None),
            NetError::Timeout | NetError::NoConnections | NetError::Busy => (self.silence(), None),
            NetError::Io(error) if is_ours(&error) => (Outcome::Wanting(error.to_string().into()), None),
            NetError::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                (Outcome::Trouble("nobody listens at the name server's address".into()), None)
            }
            other => (Outcome::Trouble(format!("the name server gave no good answer: {other}").into()), None),
        }
    }

    fn silence(&self) -> Outcome {
        Outcome::Trouble(format!("no answer from the name server within {}", seconds(self.limit)).into())
    }
}

impl Family {
    fn record_type(self) -> RecordType {
        match self {
            Family::V6 => RecordType::AAAA,
            Family::V4 => RecordType::A,
        }
    }
}

/// A name with all that it has to have (RFC 1035 §2.3.4). Any byte may stand in a label: underscores and leading
/// hyphens are in use.
fn fully_qualified(name: &str) -> Option<Name> {
    let labels = name.split('.');
    if labels.clone().any(str::is_empty) {
        return None;
    }
    Name::from_labels(labels.map(str::as_bytes)).ok()
}

/// The name servers and options of a `resolv.conf`; of its other lines, `search` and `domain` among them, none.
fn system(resolv_conf: Option<Vec<u8>>) -> (Vec<NameServerConfig>, ResolverOpts) {
    // The library takes a file without a name server for an error. For resolv.conf(5) it means our own machine.
    match resolv_conf.and_then(|text| parse_resolv_conf(text).ok()) {
        Some((config, options)) => (config.name_servers, options),
        None => (vec![server(&NAME_SERVER)], plain_options()),
    }
}

/// As an empty `resolv.conf` has it: no EDNS, which some middle boxes drop and which addresses do not need.
fn plain_options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.edns0 = false;
    options
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let connections = [ProtocolConfig::Udp, ProtocolConfig::Tcp].map(|protocol| {
        let mut connection = ConnectionConfig::new(protocol);
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// An error code of RFC 1035 §4.1.1 in words.
fn refusal(code: ResponseCode) -> String {
    match code {
        ResponseCode::ServFail => "the name server failed (SERVFAIL)".to_owned(),
        ResponseCode::Refused => "the name server refused to answer (REFUSED)".to_owned(),
        ResponseCode::FormErr => "the name server did not understand the question (FORMERR)".to_owned(),
        ResponseCode::NotImp => "the name server does not answer such questions (NOTIMP)".to_owned(),
        other => format!("the name server answered with an error ({other})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_resolv_conf_only_the_name_servers_and_options_count() {
        let text = b"# ours\nsearch corp.example\ndomain corp.example\nnameserver 192.0.2.1\nnameserver 2001:db8::53\noptions ndots:5 edns0 timeout:1\n";
        let (servers, options) = system(Some(text.to_vec()));
        let at: Vec<_> = servers.iter().map(|it| (it.ip.to_string(), it.connections[0].port)).collect();
        assert_eq!(at, [("192.0.2.1".to_owned(), 53), ("2001:db8::53".to_owned(), 53)]);
        assert!(options.edns0);
    }

    #[test]
    fn without_name_servers_it_is_our_own_machine() {
        for text in [None, Some(&b""[..]), Some(b"search corp.example\n"), Some(b"\xff\xfe")] {
            let (servers, options) = system(text.map(<[u8]>::to_vec));
            assert_eq!(servers.len(), 1, "{text:?}");
            assert_eq!(servers[0].ip, NAME_SERVER.ip());
            assert!(!options.edns0);
        }
    }

    #[test]
    fn names_are_asked_for_as_they_stand() {
        for (name, want) in [
            ("a.test", Some("a.test")),
            ("test", Some("test")),
            ("_a.-b.test", Some("_a.-b.test")),
            ("", None),
            ("a..test", None),
            (".test", None),
        ] {
            let spelled = fully_qualified(name).map(|name| {
                assert!(name.is_fqdn(), "or search domains would be tried");
                let labels: Vec<_> = name.iter().map(String::from_utf8_lossy).collect();
                labels.join(".")
            });
            assert_eq!(spelled.as_deref(), want, "{name:?}");
        }
        assert!(fully_qualified(&"a".repeat(64)).is_none());
        assert!(fully_qualified(&vec!["abcdefg"; 40].join(".")).is_none());
    }

    #[test]
    fn the_hosts_file_comes_first_and_is_enough() {
        let mut resolver = Resolver::new(&[NAME_SERVER], Duration::from_secs(1), 1).unwrap();
        resolver.hosts = Hosts::default();
        let text = "192.0.2.1 both.test Four.test # alone.test\n2001:db8::1 both.test six.test\n192.0.2.2 both.test\n";
        resolver.hosts.read_hosts_conf(text.as_bytes()).unwrap();
        let says = |name: &str, family| match resolver.in_hosts_file(&fully_qualified(name).unwrap(), family)
        {
            Some(Outcome::Found(addresses)) => format!("{addresses:?}"),
            other => format!("{other:?}"),
        };
        for (name, v6, v4) in [
            ("both.test", "[2001:db8::1]", "[192.0.2.1, 192.0.2.2]"),
            ("four.test", "Some(NoAddress)", "[192.0.2.1]"),
            ("six.test", "[2001:db8::1]", "Some(NoAddress)"),
            ("alone.test", "None", "None"),
            ("x.both.test", "None", "None"),
        ] {
            assert_eq!(
                (says(name, Family::V6).as_str(), says(name, Family::V4).as_str()),
                (v6, v4),
                "{name}"
            );
        }
    }
}
