//! Names: what the system answers, and what one nameserver answers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use serde::Serialize;

use super::{Identity, Live, Query, microseconds};
use crate::evidence::{NameOutcome, Observed, Obstacle};

/// What getaddrinfo answers: /etc/hosts, the caches and the nameservers in the system's order.
#[derive(Clone, Debug, Serialize)]
pub struct SystemLookup {
    /// The name.
    pub name: String,
    /// Limit in milliseconds.
    pub limit_ms: u64,
    /// In whose network.
    #[serde(skip_serializing_if = "Identity::is_own")]
    pub identity: Identity,
}

impl Query for SystemLookup {
    type Answer = Vec<IpAddr>;
    const NAME: &'static str = "system_lookup";

    fn perform(&self, live: &Live) -> Observed<Vec<IpAddr>> {
        let (name, identity) = (self.name.clone(), self.identity.network_only());
        let (sender, receiver) = mpsc::channel();
        // getaddrinfo cannot be given a limit, so its thread is left behind when it takes too long.
        std::thread::spawn(move || {
            let answer = identity.act(move || {
                (name.as_str(), 0_u16).to_socket_addrs().map(|addresses| {
                    let mut unique: Vec<IpAddr> = Vec::new();
                    for address in addresses {
                        if !unique.contains(&address.ip()) {
                            unique.push(address.ip());
                        }
                    }
                    unique
                })
            });
            let _ = sender.send(answer);
        });
        match receiver.recv_timeout(live.within(self.limit_ms)) {
            Ok(Ok(Ok(addresses))) => Observed::Seen(addresses),
            Ok(Ok(Err(error))) => {
                let text = error.to_string();
                // EAI_NONAME and EAI_NODATA: the question was answered, there is no such name.
                if text.contains("Name or service not known") || text.contains("No address associated") {
                    Observed::Absent
                } else {
                    let words = text.rsplit(": ").next().unwrap_or(&text).to_ascii_lowercase();
                    Observed::Unavailable(Obstacle::Failed(words))
                }
            }
            Ok(Err(obstacle)) => Observed::Unavailable(obstacle),
            Err(_) => Observed::Unavailable(Obstacle::TimedOut),
        }
    }
}

/// What one nameserver answers for A and AAAA, over UDP.
#[derive(Clone, Debug, Serialize)]
pub struct NameserverLookup {
    /// The name, taken as fully qualified.
    pub name: String,
    /// `127.0.0.53:53`.
    pub server: String,
    /// Limit in milliseconds.
    pub limit_ms: u64,
    /// In whose network.
    #[serde(skip_serializing_if = "Identity::is_own")]
    pub identity: Identity,
}

impl Query for NameserverLookup {
    type Answer = (NameOutcome, u64);
    const NAME: &'static str = "nameserver_lookup";

    fn perform(&self, live: &Live) -> Observed<(NameOutcome, u64)> {
        let Ok(server) = self.server.parse::<SocketAddr>() else {
            return Observed::Unavailable(Obstacle::Failed(format!("{:?} is no address", self.server)));
        };
        let (name, limit) = (self.name.clone(), live.within(self.limit_ms));
        self.identity
            .network_only()
            .act(move || {
                let began = Instant::now();
                let outcome = lookup(&name, server, limit);
                (outcome, microseconds(began.elapsed()))
            })
            .map_or_else(Observed::Unavailable, Observed::Seen)
    }
}

fn lookup(name: &str, server: SocketAddr, limit: Duration) -> NameOutcome {
    // A refused UDP port answers at once by ICMP; the resolver library would take it for silence.
    if port_is_closed(server) {
        return NameOutcome::NotListening;
    }
    let Ok(mut question) = Name::from_utf8(name) else {
        return NameOutcome::Failed("not a host name".to_owned());
    };
    question.set_fqdn(true);
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return NameOutcome::Failed("no runtime for the question".to_owned());
    };
    let mut connection = ConnectionConfig::udp();
    connection.port = server.port();
    let config =
        ResolverConfig::from_name_servers(vec![NameServerConfig::new(server.ip(), true, vec![connection])]);
    let mut options = ResolverOpts::default();
    options.timeout = limit;
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    runtime.block_on(async {
        let resolver =
            hickory_resolver::Resolver::builder_with_config(config, TokioRuntimeProvider::default())
                .with_options(options)
                .build();
        let resolver = match resolver {
            Ok(resolver) => resolver,
            Err(error) => return NameOutcome::Failed(error.to_string()),
        };
        let ask = |kind| tokio::time::timeout(limit, resolver.lookup(question.clone(), kind));
        let (four, six) = tokio::join!(ask(RecordType::A), ask(RecordType::AAAA));
        let mut addresses = Vec::new();
        let mut failure = None;
        for answer in [four, six] {
            match answer {
                Ok(Ok(lookup)) => {
                    for record in lookup.answers() {
                        match &record.data {
                            RData::A(address) => addresses.push((IpAddr::V4(address.0), record.ttl)),
                            RData::AAAA(address) => addresses.push((IpAddr::V6(address.0), record.ttl)),
                            _ => {}
                        }
                    }
                }
                Ok(Err(error)) => failure = failure.or(Some(outcome(&error))),
                Err(_) => failure = failure.or(Some(NameOutcome::TimedOut)),
            }
        }
        if addresses.is_empty() {
            failure.unwrap_or(NameOutcome::NoAddress)
        } else {
            NameOutcome::Addresses(addresses)
        }
    })
}

/// A socket of the server's family, bound to no address and a free port.
pub(super) fn socket_for(server: SocketAddr) -> std::io::Result<UdpSocket> {
    if server.is_ipv4() {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
    } else {
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))
    }
}

fn port_is_closed(server: SocketAddr) -> bool {
    let Ok(socket) = socket_for(server) else {
        return false;
    };
    let _ = socket.set_read_timeout(Some(Duration::from_millis(30)));
    // A query for the root's nameservers: every server answers it somehow.
    let query = [0x50, 0x2f, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
    let asked = socket.connect(server).and_then(|()| socket.send(&query));
    let mut buffer = [0_u8; 64];
    let heard = asked.and_then(|_| socket.recv(&mut buffer));
    heard.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

fn outcome(error: &NetError) -> NameOutcome {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => by_code(none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => by_code(*code),
        NetError::Timeout | NetError::NoConnections => NameOutcome::TimedOut,
        NetError::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            NameOutcome::NotListening
        }
        NetError::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => NameOutcome::TimedOut,
        other => NameOutcome::Failed(other.to_string()),
    }
}

fn by_code(code: ResponseCode) -> NameOutcome {
    match code {
        ResponseCode::NoError => NameOutcome::NoAddress,
        ResponseCode::NXDomain => NameOutcome::NxDomain,
        ResponseCode::Refused => NameOutcome::Refused,
        ResponseCode::ServFail => NameOutcome::ServerFailure,
        other => NameOutcome::Failed(other.to_string()),
    }
}
