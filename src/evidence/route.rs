//! The way of one URL through one proxy's configuration.

use serde::{Deserialize, Serialize};

use super::Place;

/// Which server software a configuration, a log or a process belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProxyKind {
    /// Apache httpd.
    Apache,
    /// `HAProxy`.
    Haproxy,
    /// nginx and its forks.
    #[default]
    Nginx,
    /// Squid.
    Squid,
}

impl ProxyKind {
    /// The name used in messages and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apache => "apache",
            Self::Haproxy => "haproxy",
            Self::Nginx => "nginx",
            Self::Squid => "squid",
        }
    }

    /// The unit that distributions give it.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Apache => "apache2.service",
            Self::Haproxy => "haproxy.service",
            Self::Nginx => "nginx.service",
            Self::Squid => "squid.service",
        }
    }

    /// The command with which this server tests its configuration.
    pub fn test_command(self) -> &'static str {
        match self {
            Self::Apache => "apachectl -t",
            Self::Haproxy => "haproxy -c -f /etc/haproxy/haproxy.cfg",
            Self::Nginx => "nginx -t",
            Self::Squid => "squid -k parse",
        }
    }

    /// The command that lets this server read its configuration again.
    pub fn reload_command(self) -> &'static str {
        match self {
            Self::Apache => "apachectl graceful",
            Self::Haproxy => "systemctl reload haproxy",
            Self::Nginx => "nginx -s reload",
            Self::Squid => "squid -k reconfigure",
        }
    }
}

/// What a configuration does with the request, as far as the files say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// Whose configuration this is.
    pub proxy: ProxyKind,
    /// The listener that takes the connection.
    #[serde(default)]
    pub listener: Option<Listen>,
    /// The chosen server (virtual host): its first name, or empty.
    #[serde(default)]
    pub server: Option<Named>,
    /// The chosen location, as written (`~ \.php$`).
    #[serde(default)]
    pub location: Option<Named>,
    /// What happens there.
    #[serde(default)]
    pub handler: Handler,
    /// The request target that goes upstream, when it is known. A byte that is no UTF-8 is the character
    /// U+10FF00 plus its value.
    #[serde(default)]
    pub request_target: Option<String>,
    /// The status an `error_page` on the way puts in place of the one the handler gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_status: Option<Setting<u16>>,
    /// Effective settings of this route.
    #[serde(default)]
    pub settings: RouteSettings,
    /// What only the running server knows ("$`upstream_host` is set by Lua"); empty when all is known.
    #[serde(default)]
    pub undetermined: Vec<String>,
    /// Answers that the configuration makes by itself if a condition holds that only the running server
    /// knows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub possible_returns: Vec<PossibleReturn>,
}

/// A `return` behind a condition that cannot be told from the files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PossibleReturn {
    /// The status sent.
    pub status: u16,
    /// What the condition depends on.
    pub depends_on: String,
    /// Where the `return` is written.
    pub place: Place,
}

/// Something with a name and a place in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// As written.
    pub name: String,
    /// Where.
    pub place: Place,
}

/// One `listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// `127.0.0.1:80`, `*:80`, `[::]:443`, `unix:/run/x.sock`.
    pub address: String,
    /// TLS is on for this address and port.
    #[serde(default)]
    pub tls: bool,
    /// The PROXY protocol is expected here.
    #[serde(default)]
    pub proxy_protocol: bool,
    /// Where; line 0 when the listener is a default.
    pub place: Place,
}

/// What a location does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handler {
    /// Hands the request to an upstream.
    Pass(Box<Pass>),
    /// Answers by itself (`return`, `error_page` to a fixed status).
    Return {
        /// The status sent.
        status: u16,
        /// Where it is written.
        place: Place,
    },
    /// Serves files, or another built-in handler of this name.
    Local(String),
    /// Not known from the files.
    #[default]
    Unknown,
}

/// Protocol spoken to the upstream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// AJP, spoken by Tomcat and its like.
    Ajp,
    /// `FastCGI`.
    FastCgi,
    /// gRPC (HTTP/2).
    Grpc,
    /// HTTP/1.x.
    #[default]
    Http,
    /// memcached text protocol.
    Memcached,
    /// SCGI.
    Scgi,
    /// uwsgi.
    Uwsgi,
}

impl Protocol {
    /// The prefix of nginx's directives for it (`fastcgi` in `fastcgi_read_timeout`).
    pub fn directive_prefix(self) -> &'static str {
        match self {
            // nginx has none for it.
            Self::Ajp => "ajp",
            Self::FastCgi => "fastcgi",
            Self::Grpc => "grpc",
            Self::Http => "proxy",
            Self::Memcached => "memcached",
            Self::Scgi => "scgi",
            Self::Uwsgi => "uwsgi",
        }
    }
}

/// A `*_pass`, resolved as far as the files allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Spoken to the upstream.
    pub protocol: Protocol,
    /// TLS to the upstream (`https://`, `grpcs://`).
    #[serde(default)]
    pub tls: bool,
    /// The argument as written (`http://$app:9000/x`).
    pub written: String,
    /// The `*_pass` directive.
    pub place: Place,
    /// The named group it goes to, when there is one.
    #[serde(default)]
    pub group: Option<Group>,
    /// The peers, in configuration order; empty when they are only known at run time.
    #[serde(default)]
    pub peers: Vec<Peer>,
    /// The value holds a variable, so names in it are resolved at run time.
    #[serde(default)]
    pub has_variables: bool,
    /// The name that has to be resolved at run time, with its port (`app.test`, 9000), when static
    /// evaluation got that far.
    #[serde(default)]
    pub runtime_name: Option<NameAndPort>,
    /// Default Host header value and TLS name: the text after `://` (nginx `$proxy_host`).
    #[serde(default)]
    pub proxy_host: String,
}

/// A host name and a port.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameAndPort {
    /// The name.
    pub name: String,
    /// The port.
    pub port: u16,
}

/// A named group of peers (nginx `upstream`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub place: Place,
    /// `keepalive N`, when set (or on by default in this version).
    #[serde(default)]
    pub keepalive: Option<u32>,
    /// Idle timeout of kept connections.
    #[serde(default)]
    pub keepalive_timeout_ms: Option<u64>,
    /// Requests on one kept connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_requests: Option<u64>,
    /// Age of a kept connection after which it is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keepalive_time_ms: Option<u64>,
    /// A shared memory `zone` is set.
    #[serde(default)]
    pub zone: bool,
}

/// One peer of an upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Where it is.
    pub address: PeerAddress,
    /// The `server` line, or the `*_pass` itself.
    pub place: Place,
    /// Marked `down`.
    #[serde(default)]
    pub down: bool,
    /// Marked `backup`.
    #[serde(default)]
    pub backup: bool,
    /// Failures before it is marked (0: never).
    #[serde(default)]
    pub max_fails: u32,
    /// How long it stays marked.
    #[serde(default)]
    pub fail_timeout_ms: u64,
    /// Connection limit (0: none).
    #[serde(default)]
    pub max_conns: u32,
    /// `resolve`: the name is resolved again at run time.
    #[serde(default)]
    pub resolve: bool,
}

/// The address of a peer as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerAddress {
    /// `127.0.0.1:9000`, `[::1]:9000`.
    Ip(std::net::SocketAddr),
    /// A host name, resolved when the configuration is loaded.
    Name(NameAndPort),
    /// A unix socket.
    Unix(String),
}

impl Default for PeerAddress {
    fn default() -> Self {
        Self::Unix(String::new())
    }
}

/// The effective settings of a route that matter to a 502. `None`: not applicable or not known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RouteSettings {
    /// `*_connect_timeout`.
    pub connect_timeout: Option<Setting<u64>>,
    /// `*_send_timeout`, in milliseconds.
    pub send_timeout: Option<Setting<u64>>,
    /// `*_read_timeout`, in milliseconds.
    pub read_timeout: Option<Setting<u64>>,
    /// `*_buffer_size`, in bytes: the limit of the response header block.
    pub buffer_size: Option<Setting<u64>>,
    /// `*_buffers`: how many, and the size of one in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffers: Option<Setting<(u64, u64)>>,
    /// `*_busy_buffers_size`, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub busy_buffers_size: Option<Setting<u64>>,
    /// `*_buffering`: the answer is read ahead of the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffering: Option<Setting<bool>>,
    /// `*_request_buffering`: the body is read whole before the upstream is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_buffering: Option<Setting<bool>>,
    /// `*_ignore_client_abort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_client_abort: Option<Setting<bool>>,
    /// `*_next_upstream_tries` (0: no limit).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_upstream_tries: Option<Setting<u64>>,
    /// `*_next_upstream_timeout`, in milliseconds (0: no limit).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_upstream_timeout: Option<Setting<u64>>,
    /// `*_socket_keepalive`: TCP keepalive towards the upstream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub socket_keepalive: Option<Setting<bool>>,
    /// `fastcgi_keep_conn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_connection: Option<Setting<bool>>,
    /// `*_ssl_session_reuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_session_reuse: Option<Setting<bool>>,
    /// `proxy_http_version`: `1.0`, `1.1` or `2`.
    pub http_version: Option<Setting<String>>,
    /// Request headers set for the upstream, values after static evaluation where that is possible.
    pub request_headers: Vec<(String, String)>,
    /// `fastcgi_param` and its relatives, evaluated where possible.
    pub parameters: Vec<(String, String)>,
    /// `*_ssl_server_name`: SNI is sent.
    pub tls_server_name: Option<Setting<bool>>,
    /// `*_ssl_name`: the name used for SNI and verification.
    pub tls_name: Option<Setting<String>>,
    /// `*_ssl_verify`.
    pub tls_verify: Option<Setting<bool>>,
    /// `*_ssl_trusted_certificate`.
    pub tls_trusted_certificate: Option<Setting<String>>,
    /// `*_ssl_verify_depth`.
    pub tls_verify_depth: Option<Setting<u64>>,
    /// `*_ssl_certificate`: a client certificate is sent.
    pub tls_certificate: Option<Setting<String>>,
    /// `*_ssl_protocols`.
    pub tls_protocols: Option<Setting<Vec<String>>>,
    /// `*_ssl_ciphers`.
    pub tls_ciphers: Option<Setting<String>>,
    /// `*_next_upstream`.
    pub next_upstream: Option<Setting<Vec<String>>>,
    /// `*_bind`: the local address for connections to the upstream.
    pub bind: Option<Setting<String>>,
    /// `resolver` addresses with port (`127.0.0.53:53`).
    pub resolver: Option<Setting<Vec<String>>>,
    /// `resolver ... ipv6=off`.
    pub resolver_ipv6_off: bool,
    /// `resolver_timeout`, in milliseconds.
    pub resolver_timeout: Option<Setting<u64>>,
    /// `proxy_intercept_errors` and relatives.
    pub intercept_errors: Option<Setting<bool>>,
    /// `error_page` that applies to 502 on this route, as written.
    pub error_page_502: Option<Setting<String>>,
    /// `proxy_cache` zone in use.
    pub cache: Option<Setting<String>>,
    /// Milliseconds for which a 502 is cached (`proxy_cache_valid any 1m`, `... 502 1m`).
    pub cache_valid_502: Option<Setting<u64>>,
    /// `error_log` files in force here, with their level.
    pub error_logs: Vec<LogTarget>,
    /// `access_log` files in force here, with their format's text.
    pub access_logs: Vec<LogTarget>,
    /// `worker_connections`.
    pub worker_connections: Option<Setting<u64>>,
    /// `worker_rlimit_nofile`.
    pub worker_rlimit_nofile: Option<Setting<u64>>,
    /// `user`, first word.
    pub user: Option<Setting<String>>,
    /// `client_max_body_size`, in bytes (0: no limit).
    pub client_max_body_size: Option<Setting<u64>>,
    /// What only Apache httpd has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apache: Option<Box<super::ApacheSettings>>,
    /// What only Squid has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub squid: Option<Box<super::SquidSettings>>,
}

/// A value and where it was set; `place` is `None` for the server's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting<T> {
    /// The effective value.
    pub value: T,
    /// Where it is written.
    pub place: Option<Place>,
}

/// Where a log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTarget {
    /// Absolute path, or `syslog:…`, `stderr`, `off`.
    pub target: String,
    /// `error_log` level, or the text of the `log_format`.
    pub format: String,
    /// Where it is set; `None` for the default.
    #[serde(default)]
    pub place: Option<Place>,
}
