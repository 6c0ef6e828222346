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
