//! One configuration, whichever server reads it: what `steps` and commands hold, so that they name no
//! proxy type.

use std::net::IpAddr;

use super::lint::Linted;
use super::{Files, apache, lint, nginx, squid};
use crate::evidence::{ConfigFile, ConfigProblem, ConfigSummary, ProxyKind, Route, Snapshot};

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

/// What may be known about the server that a configuration is for; everything has a default.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Its version.
    pub version: Option<(u32, u32, u32)>,
    /// The machine's name.
    pub hostname: String,
    /// Modules compiled into Apache httpd (`mod_so.c`, as `apache2 -l` lists them); empty: those of Debian.
    pub modules: Vec<String>,
}

/// How much of a configuration the named files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The first file is a main file: it is read with everything it includes.
    Whole,
    /// Each is a part that some main file includes.
    Parts,
    /// Whatever the first file turns out to be.
    Unknown,
}

/// Reads the configuration of a server from files. `None`: there is no reader for this kind of server.
pub fn read(
    kind: ProxyKind,
    paths: &[String],
    extent: Extent,
    files: &dyn Files,
    around: &Around,
) -> Option<Configuration> {
    let main_file = paths.first().map_or("", String::as_str);
    match kind {
        ProxyKind::Nginx => {
            let environment = nginx::Environment {
                version: around.version,
                hostname: around.hostname.clone(),
                ..nginx::Environment::default()
            };
            let config = match extent {
                Extent::Whole => nginx::read(main_file, files, &environment),
                Extent::Parts => nginx::read_parts(paths, files, &environment),
                Extent::Unknown => nginx::read_any(main_file, files, &environment),
            };
            Some(Configuration::Nginx(Box::new(config)))
        }
        ProxyKind::Squid => {
            let environment = squid::Environment {
                version: around.version,
                ..squid::Environment::default()
            };
            let config = squid::read(main_file, files, &environment);
            Some(Configuration::Squid(Box::new(config)))
        }
        ProxyKind::Apache => {
            let directory = main_file.rsplit_once('/').map_or("", |(directory, _)| directory);
            let environment = apache::Environment {
                version: around.version,
                hostname: around.hostname.clone(),
                // RHEL keeps the main file one level below the server's root.
                server_root: directory.strip_suffix("/conf").unwrap_or(directory).to_owned(),
                variables: around_variables(directory, files),
                modules: around.modules.clone(),
                ..apache::Environment::default()
            };
            let config = match extent {
                Extent::Whole => apache::read(main_file, files, &environment),
                Extent::Parts | Extent::Unknown => apache::read_any(main_file, files, environment),
            };
            Some(Configuration::Apache(Box::new(config)))
        }
        ProxyKind::Haproxy => None,
    }
}

/// The environment that Debian and RHEL start Apache httpd with.
fn around_variables(directory: &str, files: &dyn Files) -> std::collections::BTreeMap<String, String> {
    let beside = format!("{directory}/envvars");
    [beside.as_str(), "/etc/sysconfig/httpd"]
        .into_iter()
        .find_map(|path| files.read(path).ok())
        .map(|found| apache::envvars(&found.bytes))
        .unwrap_or_default()
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

    /// What reading alone gave: all files, and the errors of the reader.
    pub fn reading(&self) -> (Vec<ConfigFile>, Vec<ConfigProblem>) {
        if let Self::Nginx(config) = self {
            return config.reading();
        }
        let summary = self.summary();
        (summary.files, summary.errors)
    }

    /// All findings of the lint rules, with what is known of the host in `around`
    /// (`&Snapshot::default()`: nothing), suppressed ones set apart.
    pub fn lint(&self, around: &Snapshot) -> Linted {
        match self {
            Self::Apache(config) => lint::run(config.as_ref(), apache::lint::CHECKS, around),
            Self::Nginx(config) => config.lint(around),
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
