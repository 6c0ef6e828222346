//! One configuration, whichever server reads it: what `steps` and commands hold, so that they name no
//! proxy type.

use std::net::IpAddr;

use super::{apache, lint, nginx, squid};
use crate::evidence::{ConfigProblem, ConfigSummary, ProxyKind, Route, Snapshot};

/// The request whose way is asked for.
#[derive(Clone, Debug, Default)]
pub struct RouteRequest {
    /// The address that accepts the connection; `None`: not known, any listener on the port will do.
    pub local_address: Option<IpAddr>,
    /// The port that accepts the connection.
    pub port: u16,
    /// The unix socket that accepts the connection; then address and port do not count.
    pub unix_socket: Option<String>,
    /// The client speaks TLS.
    pub tls: bool,
    /// The Host header as sent, with its port when it has one; empty when there is none.
    pub host: String,
    /// The method.
    pub method: String,
    /// Path and query as sent; for a forward proxy the whole URL.
    pub target: String,
    /// The address of the client, when it is known: access lists and `geo` look at it.
    pub client_address: Option<IpAddr>,
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub enum Configuration {
    /// Apache httpd.
    Apache(Box<apache::Config>),
    /// nginx.
    Nginx(Box<nginx::Config>),
    /// Squid.
    Squid(Box<squid::Config>),
}

impl Configuration {
    /// Whose configuration this is.
    pub fn kind(&self) -> ProxyKind {
        match self {
            Self::Apache(_) => ProxyKind::Apache,
            Self::Nginx(_) => ProxyKind::Nginx,
            Self::Squid(_) => ProxyKind::Squid,
        }
    }

    /// What there is to know without asking for one URL. Rules that need the host are silent.
    pub fn summary(&self) -> ConfigSummary {
        match self {
            Self::Apache(config) => config.summary(),
            Self::Nginx(config) => config.summary(),
            Self::Squid(config) => config.summary(),
        }
    }

    /// All findings of the lint rules, with what is known of the host in `around`
    /// (`&Snapshot::default()`: nothing), suppressed ones left out.
    pub fn lint(&self, around: &Snapshot) -> Vec<ConfigProblem> {
        match self {
            Self::Apache(config) => lint::run(config.as_ref(), apache::lint::CHECKS, around),
            Self::Nginx(config) => lint::run(config.as_ref(), nginx::lint::CHECKS, around),
            Self::Squid(config) => lint::run(config.as_ref(), squid::lint::CHECKS, around),
        }
    }

    /// The way of a request. `None`: nothing serves it.
    pub fn route(&self, request: &RouteRequest) -> Option<Route> {
        match self {
            Self::Apache(config) => config.route(request),
            Self::Nginx(config) => config.route(request),
            Self::Squid(config) => config.route(request),
        }
    }
}
