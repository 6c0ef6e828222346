//! Everything that was seen in one diagnosis.

use serde::{Deserialize, Serialize};

use super::{
    AppServer, ConfigSummary, EndpointEvidence, Exchange, FirewallAnswer, HostFacts, HostsEntry, KernelEvent,
    Limits, Listener, LogEvidence, NameEvidence, Observed, PackageChange, Process, ProxyProcess,
    ResolverConfiguration, Route, Unit,
};

/// The facts of one diagnosis. Every field has a default, so an old bundle reads in a new version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// `fix502.snapshot/v1`.
    pub format: String,
    /// What is being diagnosed.
    pub target: Target,
    /// The machine.
    pub host: HostFacts,
    /// The attempts at the front door.
    pub attempts: Vec<Attempt>,
    /// Who listens where the URL points, on this host.
    pub front_listener: Observed<Listener>,
    /// The running proxies.
    pub proxies: Observed<Vec<ProxyProcess>>,
    /// Which of `proxies` serves the URL.
    pub proxy: Option<ProxyProcess>,
    /// The configuration of that proxy.
    pub config: Observed<ConfigSummary>,
    /// What `nginx -t` printed, where it was run.
    pub config_test: Observed<ConfigTest>,
    /// The way through the configuration.
    pub route: Observed<Route>,
    /// The way through the configurations of further tiers on this host, front first.
    pub inner_routes: Vec<Route>,
    /// The endpoints of the route (of the innermost tier on this host).
    pub endpoints: Vec<EndpointEvidence>,
    /// Listeners that may be the service under another address, where an endpoint has none.
    pub other_listeners: Vec<super::OtherListener>,
    /// The route leads back to a location that it has passed already: where.
    pub loop_at: Option<super::Place>,
    /// The logs.
    pub log: LogEvidence,
    /// Every listening socket in the proxy's network namespace.
    pub listeners: Observed<Vec<Listener>>,
    /// Every listening socket in our own network namespace, when that is another one.
    pub listeners_outside: Observed<Vec<Listener>>,
    /// Every process.
    pub processes: Observed<Vec<Process>>,
    /// Units that may be the upstream, and the proxy's own.
    pub units: Observed<Vec<Unit>>,
    /// Kernel log lines that bear on a 502.
    pub kernel: Observed<Vec<KernelEvent>>,
    /// Packet filters.
    pub firewall: Observed<FirewallAnswer>,
    /// Kernel limits.
    pub limits: Limits,
    /// Names.
    pub names: Vec<NameEvidence>,
    /// The system's resolver configuration.
    pub resolver: Observed<ResolverConfiguration>,
    /// Application servers found on this host.
    pub applications: Vec<AppServer>,
    /// The same request by other ways.
    pub other_routes: Vec<OtherRoute>,
    /// How this host reaches the front door, where that is another host and a VPN may be on the way.
    pub front_route: Observed<super::KernelRoute>,
    /// The socket files of all unix upstreams of the configuration, as the proxy sees them, by path.
    pub upstream_sockets: std::collections::BTreeMap<String, Observed<super::SocketFile>>,
    /// Lines of `/etc/hosts`.
    pub hosts_file: Observed<Vec<HostsEntry>>,
    /// Changes of packages that matter to a proxy, oldest first.
    pub package_changes: Observed<Vec<PackageChange>>,
    /// Changes of the configuration that the host keeps in git, newest first.
    pub config_history: Observed<Vec<super::ConfigCommit>>,
    /// Environment of the proxy process that names an outgoing proxy.
    pub proxy_environment: Vec<(String, String)>,
    /// Who waits how long for whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<super::Timeline>,
    /// What was sent, when this is no diagnosis of a host but of files and pasted text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pieces: Option<super::Pieces>,
}

/// What is being diagnosed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Target {
    /// The URL as given, without user information; `None`: check the host.
    pub url: Option<String>,
    /// `http` or `https`.
    pub scheme: String,
    /// Host, lower case, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path and query.
    pub path: String,
    /// The forward proxy on the way, without user information.
    pub via: Option<String>,
}

/// One attempt at the front door.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attempt {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// Where it went.
    pub address: String,
    /// The bytes.
    pub exchange: Observed<Exchange>,
    /// The status, when an HTTP answer came.
    pub status: Option<u16>,
    /// Response headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Start of the body, as text.
    pub body: String,
    /// The answer ended before its length, or broke off.
    pub truncated: bool,
}

impl Attempt {
    /// A response header by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What a configuration test printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigTest {
    /// argv.
    pub command: Vec<String>,
    /// It passed.
    pub passed: bool,
    /// What it printed, cut at 4,000 bytes.
    pub output: String,
}

/// The same request by another way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherRoute {
    /// `direct`, or the proxy without its user information.
    pub way: String,
    /// Status, when one came from the target.
    pub status: Option<u16>,
    /// Who answered, by the `Server` header.
    pub server: Option<String>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The proxy itself answered with this status (407, 403, 502 for CONNECT).
    pub proxy_status: Option<u16>,
    /// How long it took.
    pub took_us: u64,
    /// What the user calls this proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How long name and connection of the proxy took, when it took the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// Headers that tell who answered (`Via`, `X-Squid-Error`, …), names in lower case.
    pub markers: Vec<(String, String)>,
    /// How far the request came, when no answer of the target came.
    pub failed_at: Option<RouteStage>,
    /// The proxy wants user and password, or refused those it got.
    pub wants_credentials: bool,
}

impl OtherRoute {
    /// The value of a marker by its lower-case name.
    pub fn marker(&self, name: &str) -> Option<&str> {
        self.markers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// True when the first hop took the connection.
    pub fn connected(&self) -> bool {
        self.failed_at
            .map_or(self.status.or(self.proxy_status).is_some(), |stage| {
                stage > RouteStage::Connect
            })
    }
}

/// How far a request came on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteStage {
    /// The name of the first hop does not resolve.
    Name,
    /// The first hop does not take the connection.
    Connect,
    /// TLS with the proxy.
    ProxyTls,
    /// The proxy gave no connection to the target.
    Tunnel,
    /// TLS with the target.
    TargetTls,
    /// The request was sent, and no answer came.
    Answer,
}
