//! Squid: configuration reader, routes, lint, logs and error pages.
//!
//! [`read`] takes the main file and a way to get bytes, and gives a [`Config`]: all statements with their
//! places, every error found on the way (Squid stops at the first, this does not), lists, ports and peers.
//! [`Config::route`] follows one request through it; what only the running Squid knows (a login, the time, a
//! look-up, which parent is alive) is listed in `Route::undetermined`, not guessed.
//!
//! This room opens no file and asks no clock. To teach it a new directive: a row in `directives.tsv`; a setting
//! goes to `settings`, a type of list to `acl` and `matching`, a rule to `lint`.

mod access;
pub mod access_log;
mod acl;
mod address;
mod build;
pub mod cache_log;
mod checks;
mod directives;
pub mod error_page;
mod glob;
mod lines;
pub mod lint;
mod matching;
mod model;
mod pattern;
mod peers;
mod ports;
mod route;
mod select;
mod settings;
mod source;
mod words;

use foldhash::{HashMap, HashSet};

pub use build::Build;

use super::{Files, RouteRequest};
use crate::evidence::{
    ConfigFile, ConfigProblem, ConfigSummary, Listen, Place, ProblemLevel, Route, Snapshot,
};
use source::{Source, Statement};

/// What the reader must know about the program that reads this configuration.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The version, when it is known; otherwise 5.7 is taken.
    pub version: Option<(u32, u32, u32)>,
    /// Where relative paths of `include` and of files of values start: the directory Squid was started in.
    pub working_directory: String,
    /// `-n NAME`.
    pub service_name: String,
    /// `${process_name}`: `squid-1` for the one that serves, `squid` for `squid -N`.
    pub process_name: String,
    /// `${process_number}`: 1 for the one that serves, 0 for `squid -N`.
    pub process_number: u32,
    /// Where logs are by default.
    pub log_directory: String,
    /// The pid file by default.
    pub pid_file: String,
    /// The user by default.
    pub user: String,
    /// The machine's name, which Squid calls itself by without `visible_hostname`.
    pub hostname: String,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            version: None,
            working_directory: "/".to_owned(),
            service_name: "squid".to_owned(),
            process_name: "squid-1".to_owned(),
            process_number: 1,
            log_directory: "/var/log/squid".to_owned(),
            pid_file: "/run/squid.pid".to_owned(),
            user: "proxy".to_owned(),
            hostname: String::new(),
        }
    }
}

impl Environment {
    /// The major number of the version.
    fn major(&self) -> u32 {
        self.version.map_or(5, |version| version.0)
    }
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Config {
    source: Source,
    environment: Environment,
    errors: Vec<ConfigProblem>,
    acls: acl::Acls,
    /// `allow` and `deny` lines by directive.
    lists: HashMap<&'static str, Vec<access::AccessLine>>,
    ports: Vec<ports::Port>,
    peers: Vec<peers::Peer>,
    /// `cache_peer_access` lines of which the peer does not exist.
    lost_access: Vec<usize>,
    /// The statements of each directive.
    numbers: HashMap<&'static str, Vec<u32>>,
}

/// Reads a configuration with everything it includes.
pub fn read(main_file: &str, files: &dyn Files, environment: &Environment) -> Config {
    let source = source::read_all(main_file, files, environment);
    model::build(source, files, environment)
}

impl Config {
    /// What there is to know without asking for one URL: files, errors, lint, names, addresses.
    pub fn summary(&self) -> ConfigSummary {
        let mut known: HashSet<String> = HashSet::default();
        let names = self.site_names().filter(|name| known.insert(name.clone()));
        let server_names: Vec<String> = names.take(1000).collect();
        let mut upstream_addresses: Vec<String> = Vec::new();
        let mut known: HashSet<(&str, u16)> = HashSet::default();
        for peer in &self.peers {
            if !known.insert((&peer.host, peer.port)) {
                continue;
            }
            upstream_addresses.push(if peer.host.contains(':') {
                format!("[{}]:{}", peer.host, peer.port)
            } else {
                format!("{}:{}", peer.host, peer.port)
            });
        }
        let found = super::lint::run(self, lint::CHECKS, &Snapshot::default());
        ConfigSummary {
            main_file: self
                .source
                .files
                .first()
                .map(|file| file.path.clone())
                .unwrap_or_default(),
            files: self.config_files(),
            errors: self.errors.clone(),
            lint: found.problems,
            suppressed: found.suppressed,
            server_names,
            listeners: self.ports.iter().map(|port| self.listen(port)).collect(),
            upstream_addresses,
        }
    }

    /// The way of a request. `None`: nothing listens on that address and port.
    pub fn route(&self, request: &RouteRequest) -> Option<Route> {
        route::route(self, request)
    }

    /// The names that accelerated sites are known by: `defaultsite=` and exact domains of lists.
    fn site_names(&self) -> impl Iterator<Item = String> {
        let sites = self.ports.iter().filter_map(|port| port.default_site.clone());
        let accelerates = self.ports.iter().any(|port| port.mode == ports::Mode::Accelerator);
        let domains = self
            .acls
            .iter()
            .filter(move |acl| accelerates && acl.kind() == "dstdomain")
            .flat_map(acl::Acl::values)
            .filter(|value| !value.starts_with('.'))
            .map(str::to_ascii_lowercase);
        sites.chain(domains)
    }

    /// True when it opens a port: a part of a configuration does not.
    pub fn listens(&self) -> bool {
        !self.ports.is_empty()
    }

    fn listen(&self, port: &ports::Port) -> Listen {
        Listen {
            address: port.shown(),
            tls: port.tls,
            proxy_protocol: port.require_proxy_header,
            place: self.place_of(Some(port.statement)),
        }
    }

    /// All files in the order in which they were read first.
    fn config_files(&self) -> Vec<ConfigFile> {
        self.source.config_files()
    }

    fn statement(&self, number: usize) -> Option<Statement> {
        self.source.statement(number)
    }

    /// The place of a statement; of nothing, the start of the main file with line 0.
    fn place_of(&self, number: Option<usize>) -> Place {
        match number.and_then(|number| self.statement(number)) {
            Some(statement) => self.source.place(&statement),
            None => Place {
                file: self
                    .source
                    .files
                    .first()
                    .map(|file| file.path.clone())
                    .unwrap_or_default(),
                ..Place::default()
            },
        }
    }

    fn problem(&self, rule: &str, level: ProblemLevel, place: Place, message: String) -> ConfigProblem {
        self.source.problem(rule, level, place, message)
    }

    fn list(&self, directive: &str) -> &[access::AccessLine] {
        self.lists.get(directive).map(Vec::as_slice).unwrap_or_default()
    }
}
