//! Host names on the route and who answers what for them.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Observed, Place};

/// One name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NameEvidence {
    /// The name.
    pub name: String,
    /// What it is on the route: `url`, `upstream`, `upstream-at-run-time`.
    pub role: String,
    /// The configuration line that names it.
    pub place: Place,
    /// What the system's resolver answers (getaddrinfo, as most programs see it).
    pub system: Observed<Vec<IpAddr>>,
    /// Addresses for it in /etc/hosts.
    pub hosts_file: Vec<IpAddr>,
    /// What each nameserver answers.
    pub servers: Vec<ServerAnswer>,
    /// Addresses that the running proxy dials for this name (from its log and its sockets).
    pub dialled: Vec<IpAddr>,
    /// What the system's cache of names holds for it, where that can be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cached: Vec<CachedAddress>,
    /// Connections of the proxy's workers to this name's port, from the table of sockets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldConnection>,
    /// The name that got the addresses, when the system's search list completed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<String>,
    /// What a nameserver of the name's own zone says; asked only where nobody takes a connection at the addresses
    /// that the others gave, or they gave none.
    #[serde(skip_serializing_if = "Observed::is_not_asked")]
    pub authority: Observed<AuthorityAnswer>,
}

/// The answer of a nameserver that is responsible for a name, and so has it from no cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityAnswer {
    /// The name that was asked: the end of the chain of aliases (CNAME), without a final dot.
    pub name: String,
    /// The zone that it belongs to.
    pub zone: String,
    /// The nameserver's name.
    pub nameserver: String,
    /// Its address and port.
    pub server: String,
    /// What it answers.
    pub outcome: NameOutcome,
}

/// An address in the system's cache of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedAddress {
    /// The address.
    pub address: IpAddr,
    /// Seconds for which it is kept, when the cache says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u32>,
}

/// A connection that a worker of the proxy has, or is trying to get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldConnection {
    /// The other end.
    pub remote: std::net::SocketAddr,
    /// The worker.
    pub pid: u32,
    /// The connection stands; `false`: the other end has not answered yet.
    pub established: bool,
}

/// What one nameserver answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAnswer {
    /// `127.0.0.53:53`.
    pub server: String,
    /// Who uses it: `system` (resolv.conf) or `nginx` (its `resolver`).
    pub used_by: String,
    /// The answer.
    pub outcome: NameOutcome,
    /// How long it took.
    pub took_us: u64,
}

/// The outcome of one DNS question (A and AAAA together).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameOutcome {
    /// Addresses with their time to live in seconds.
    Addresses(Vec<(IpAddr, u32)>),
    /// The name does not exist.
    NxDomain,
    /// The name exists, without an address.
    NoAddress,
    /// The server says it failed.
    ServerFailure,
    /// The server refuses to answer.
    Refused,
    /// Nothing listens there (ICMP port unreachable).
    NotListening,
    /// Silence.
    TimedOut,
    /// Anything else, in words.
    Failed(String),
}

/// The resolver configuration of the system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResolverConfiguration {
    /// `nameserver` lines.
    pub nameservers: Vec<IpAddr>,
    /// `search` list.
    pub search: Vec<String>,
    /// `options ndots:N`; `None`: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndots: Option<u32>,
    /// The sources of the `hosts` line of nsswitch.conf, in order (`files`, `dns`); empty when not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    /// The caching service found running (`systemd-resolved`, `nscd`, `dnsmasq`, `unbound`).
    pub cache: Option<String>,
    /// The command that empties its cache.
    pub flush: Option<Vec<String>>,
}

/// One line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostsEntry {
    /// The address.
    pub address: IpAddr,
    /// The names that have it, as written.
    pub names: Vec<String>,
}
