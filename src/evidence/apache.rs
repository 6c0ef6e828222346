//! Settings of a route that only Apache httpd has.

use serde::{Deserialize, Serialize};

use super::{Place, Setting};

/// What is in force for one request through httpd's reverse proxy. What has the same meaning as with other
/// servers stands in [`super::RouteSettings`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApacheSettings {
    /// `Timeout`, in milliseconds: of the client's connection, and of the backend's where nothing else is
    /// set.
    pub timeout_ms: Setting<u64>,
    /// `ProxyTimeout`, in milliseconds.
    pub proxy_timeout_ms: Option<Setting<u64>>,
    /// The URL of the worker; `None`: the generic one, which keeps no connections.
    pub worker: Option<String>,
    /// Directives whose parameters are ignored, because they share the worker of an earlier one.
    pub ignored_parameters: Vec<Place>,
    /// `retry=`, in milliseconds: how long a failed member is left alone.
    pub retry_ms: Setting<u64>,
    /// `ttl=`, in milliseconds: idle connections older than this are not used again; `None`: no limit.
    pub ttl_ms: Option<Setting<u64>>,
    /// `keepalive=`: TCP keep-alive probes to the backend.
    pub keepalive: Setting<bool>,
    /// Connections to the backend are used again (`enablereuse`, `disablereuse`).
    pub reuse: Setting<bool>,
    /// `iobuffersize=` or `ProxyIOBufferSize`, in bytes.
    pub io_buffer_bytes: Setting<u64>,
    /// `max=`: connections of one child process to the backend; `None`: as many as it has threads.
    pub max_connections: Option<Setting<u64>>,
    /// `acquire=`, in milliseconds: how long to wait for a free connection.
    pub acquire_ms: Option<Setting<u64>>,
    /// `ping=`, in milliseconds: the backend must answer a probe in this time before the request is sent.
    pub ping_ms: Option<Setting<u64>>,
    /// `flushpackets=`: `off`, `on` or `auto`.
    pub flush_packets: Setting<String>,
    /// `upgrade=`: protocols a client may switch to (`websocket`).
    pub upgrade: Option<Setting<String>>,
    /// `ProxyPreserveHost`.
    pub preserve_host: Setting<bool>,
    /// `ProxyErrorOverride`.
    pub error_override: Setting<bool>,
    /// `ProxyBadHeader`: `IsError`, `Ignore` or `StartBody`.
    pub bad_header: Setting<String>,
    /// `SSLProxyEngine`.
    pub tls_engine: Setting<bool>,
    /// `SSLProxyCheckPeerName`; checked even without `SSLProxyVerify`.
    pub tls_check_name: Setting<bool>,
    /// `SSLProxyCheckPeerCN`; looked at only when `SSLProxyCheckPeerName` is off.
    pub tls_check_common_name: Setting<bool>,
    /// `SSLProxyCheckPeerExpire`.
    pub tls_check_expiry: Setting<bool>,
    /// `RequestHeader` directives for `Host` and `Connection`, as written.
    pub request_header_changes: Vec<Setting<String>>,
    /// Variables that change how the backend is spoken to (`proxy-initial-not-pooled`, …), as written.
    pub proxy_variables: Vec<Setting<String>>,
    /// `BalancerMember` groups: how one is chosen (`byrequests`).
    pub balancer_method: Option<Setting<String>>,
    /// `failonstatus=` of the balancer: answers that put a member into the error state, as written (`500,503`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fail_on_status: Option<Setting<String>>,
    /// `ProxyRemote` or `ProxyRemoteMatch` that takes this route's URL: the proxy that Apache asks instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_proxy: Option<Setting<String>>,
    /// Health checks of the balancer's members (`hcmethod=`, `hcuri=`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheck>,
    /// Modules that this route needs and that are not loaded (`proxy_http_module`).
    pub missing_modules: Vec<String>,
}

/// How `mod_proxy_hcheck` asks one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// The member as written (`http://127.0.0.1:9000`).
    pub member: String,
    /// `hcmethod=` in upper case: `TCP`, `OPTIONS`, `HEAD`, `GET`, `CPING`, each of the HTTP ones also with `11`.
    pub method: String,
    /// `hcuri=`, put behind the member's path.
    pub uri: String,
    /// `hcexpr=`: the name of an expression that decides, so the status alone does not.
    pub expression: Option<String>,
    /// Where it is set.
    pub place: Place,
}
