//! One endpoint of the route: what every question put to it gave.

use serde::{Deserialize, Serialize};

use super::{Endpoint, Exchange, Observed, Place};

/// Everything asked about one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointEvidence {
    /// Where.
    pub endpoint: Endpoint,
    /// The configuration line that names it.
    #[serde(default)]
    pub place: Place,
    /// The host name it was resolved from, when the configuration has a name.
    #[serde(default)]
    pub name: Option<String>,
    /// The exchanges, each with what was asked.
    #[serde(default)]
    pub probes: Vec<Probe>,
    /// Who listens on exactly this endpoint in the proxy's network namespace.
    #[serde(default)]
    pub listener: Observed<super::Listener>,
    /// Who listens on it in the namespace of this shell, when that is another one than the proxy's.
    #[serde(default)]
    pub listener_outside: Observed<super::Listener>,
    /// The socket file as the proxy's worker sees it (unix endpoints only).
    #[serde(default)]
    pub socket_file: Observed<SocketFile>,
    /// The socket file as this shell sees it.
    #[serde(default)]
    pub socket_file_outside: Observed<SocketFile>,
    /// `ip route get` in the proxy's namespace.
    #[serde(default)]
    pub kernel_route: Observed<KernelRoute>,
    /// State of the neighbour entry on the way (`REACHABLE`, `FAILED`, …).
    #[serde(default)]
    pub neighbour: Observed<String>,
    /// The endpoint's address belongs to this host.
    #[serde(default)]
    pub on_this_host: bool,
    /// Open descriptors of the process that listens there, and its limit.
    #[serde(default)]
    pub descriptors: Observed<super::Descriptors>,
}

/// A listener that no endpoint of the route is, and what it answers: the service may have moved there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherListener {
    /// Who listens where.
    pub listener: super::Listener,
    /// What it answers to a plain request.
    #[serde(default)]
    pub exchange: Observed<Exchange>,
}

/// One exchange with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What was asked, and as whom.
    pub kind: ProbeKind,
    /// The command that does the same by hand.
    pub command: String,
    /// What it gave.
    pub exchange: Observed<Exchange>,
}

/// What was asked of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProbeKind {
    /// What the proxy would send, as the worker's user, in the proxy's namespace.
    AsProxy,
    /// Plain HTTP where the configuration says something else.
    PlainHttp,
    /// TLS without a server name.
    TlsWithoutName,
    /// TLS with a server name.
    TlsWithName,
    /// TLS limited to version 1.2.
    Tls12,
    /// TLS limited to version 1.3.
    Tls13,
    /// The HTTP/2 preface in clear text.
    Http2Preface,
    /// A `FastCGI` request.
    FastCgi,
    /// A uwsgi request.
    Uwsgi,
    /// A PROXY protocol line before the request.
    ProxyProtocol,
    /// The request twice on one connection.
    KeptConnection,
    /// The request with a header of 3,000 bytes.
    LargeHeader,
    /// What the proxy's own health check asks.
    HealthCheck,
    /// The request again, long after the first, with a long limit: does it ever answer?
    Patient,
}

impl EndpointEvidence {
    /// The exchange of this kind, when it was seen.
    pub fn probe(&self, kind: ProbeKind) -> Option<&Exchange> {
        self.probes
            .iter()
            .find(|probe| probe.kind == kind)
            .and_then(|probe| probe.exchange.seen())
    }

    /// The exchange that imitates the proxy.
    pub fn as_proxy(&self) -> Option<&Exchange> {
        self.probe(ProbeKind::AsProxy)
    }
}

/// A unix socket file and what stands between it and the worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SocketFile {
    /// `socket`, `file`, `directory`, `symlink`.
    pub kind: String,
    /// Permission bits (octal 0o660 = 432).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Modification time, milliseconds since 1970.
    pub modified_ms: i64,
    /// The first part of the path that keeps the worker out: the path and its mode (`/home/app`, 0700).
    pub barrier: Option<Barrier>,
}

/// What keeps a user from a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// The directory without search permission, or the socket without write permission.
    pub path: String,
    /// Its permission bits.
    pub mode: u32,
    /// Its owner's name or number.
    pub owner: String,
    /// Its group's name or number.
    pub group: String,
    /// The user that is kept out.
    pub user: String,
}

/// What the kernel's routing says about an address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelRoute {
    /// The output of `ip route get`, first line.
    pub text: String,
    /// `prohibit`, `blackhole`, `unreachable` or `throw`, when a policy route says so.
    pub refused_by: Option<String>,
    /// There is no route at all.
    pub no_route: bool,
    /// Outgoing interface.
    pub device: Option<String>,
    /// The gateway, when it goes over one.
    pub gateway: Option<String>,
    /// Source address the kernel picks.
    pub source: Option<String>,
    /// The outgoing interface is down.
    pub device_down: bool,
}
