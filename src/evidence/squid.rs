//! What a Squid configuration says about a route beyond what all proxies have in common.

use serde::{Deserialize, Serialize};

use super::{Place, Setting};

/// Settings that only Squid has. Times in milliseconds, sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SquidSettings {
    /// What the port takes requests for: `forward`, `accel`, `intercept`, `tproxy`.
    pub mode: String,
    /// The URL that Squid makes of the request.
    pub url: String,
    /// Where the request may go, in the order in which Squid tries it.
    pub ways: Vec<SquidWay>,
    /// Parents that Squid would use, if their `cache_peer_access` did not keep this request from them.
    pub refused_peers: Vec<SquidRefusal>,
    /// `connect_timeout`.
    pub connect_timeout_ms: Setting<u64>,
    /// `peer_connect_timeout`.
    pub peer_connect_timeout_ms: Setting<u64>,
    /// `request_timeout`.
    pub request_timeout_ms: Setting<u64>,
    /// `forward_timeout`: no further way is tried after it.
    pub forward_timeout_ms: Setting<u64>,
    /// `forward_max_tries`.
    pub forward_max_tries: Setting<u64>,
    /// `dead_peer_timeout`.
    pub dead_peer_timeout_ms: Setting<u64>,
    /// `server_idle_pconn_timeout`; `pconn_timeout` before Squid 3.2.
    pub server_idle_timeout_ms: Setting<u64>,
    /// `retry_on_error`.
    pub retry_on_error: Setting<bool>,
    /// `connect_retries`.
    pub connect_retries: Setting<u64>,
    /// `negative_dns_ttl`.
    pub negative_dns_ttl_ms: Setting<u64>,
    /// `positive_dns_ttl`.
    pub positive_dns_ttl_ms: Setting<u64>,
    /// `visible_hostname`; empty: the machine's own name.
    pub visible_hostname: Setting<String>,
    /// `via`.
    pub via: Setting<bool>,
    /// `forwarded_for`.
    pub forwarded_for: Setting<String>,
    /// `pid_filename`.
    pub pid_file: Setting<String>,
    /// `tls_outgoing_options` as written; empty: not set.
    pub tls_outgoing_options: Setting<String>,
    /// `dns_v4_first` (before Squid 5).
    pub dns_v4_first: Setting<bool>,
}

/// One way that Squid may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SquidWay {
    /// The peer's name; `None`: straight to the server of the URL.
    pub peer: Option<String>,
    /// Its place in the list of peers of the route.
    pub place: Place,
    /// Host and port.
    pub authority: String,
    /// `parent`, `sibling`; empty for the direct way.
    pub kind: String,
    /// How it is picked, in the words of the access log (`FIRSTUP_PARENT`, `HIER_DIRECT`).
    pub picked_as: String,
    /// `originserver`: the peer is a web server, not a proxy.
    pub origin_server: bool,
    /// The request target that goes this way.
    pub request_target: String,
    /// The Host header that goes this way.
    pub host_header: String,
    /// TLS on this way.
    pub tls: bool,
    /// The name that TLS is spoken with.
    pub tls_name: Option<String>,
    /// The certificate is checked.
    pub tls_verify: bool,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// `login=`, without what it holds: `PASS`, `PASSTHRU`, `NEGOTIATE`, `set`.
    pub login: Option<String>,
    /// It depends on something that only the running Squid knows whether this way is open.
    pub uncertain: bool,
}

/// A peer that its access lines keep a request from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SquidRefusal {
    /// The peer's name.
    pub peer: String,
    /// The line that decides; the peer's own line when none matches.
    pub place: Place,
}
