//! nginx: configuration reader, routes, lint, logs.
//!
//! [`read`] takes the main file and a way to get bytes, and gives a [`Config`]: the tree of all directives
//! with their places, every error found on the way (never a stop at the first one), and the servers.
//! [`Config::route`] follows one request through it as nginx would; what only the running server knows is
//! listed in `Route::undetermined`, not guessed.
//!
//! This room opens no file and asks no clock. To teach it a new directive: a setting goes to `settings`, a
//! variable to `variables`, a rule to `lint`; the parser itself needs no table of directives.

mod access;
pub mod access_log;
mod checks;
mod defaults;
mod directives;
pub mod error_log;
mod fragment;
mod include;
mod lexer;
pub mod lint;
mod location_select;
mod map;
mod pass;
pub(super) mod pattern;
mod rewrite;
mod route;
mod server_select;
mod settings;
mod source_file;
mod tree;
mod units;
pub(super) mod uri;
mod variables;

use crate::evidence::{
    ConfigFile, ConfigProblem, ConfigSummary, Listen, PeerAddress, Place, ProblemLevel, Route, Snapshot,
};

use super::lint::Linted;
use super::{Files, RouteRequest};
use server_select::Server;
use tree::{NodeId, Tree};

/// What the reader must know about the program that reads this configuration.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The directory that relative log and resource paths start from (`--prefix`, `-p`).
    pub prefix: String,
    /// The version, when it is known.
    pub version: Option<(u32, u32, u32)>,
    /// The machine's name (`$hostname`).
    pub hostname: String,
    /// The memory page, in bytes: the default size of most buffers.
    pub page_size: u64,
    /// The error log compiled in.
    pub build_error_log: Option<String>,
    /// The access log compiled in.
    pub build_access_log: Option<String>,
    /// The master runs as root, so that a server without `listen` gets port 80, not 8000.
    pub master_is_root: bool,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            prefix: "/etc/nginx".to_owned(),
            version: None,
            hostname: String::new(),
            page_size: 4096,
            build_error_log: None,
            build_access_log: None,
            master_is_root: true,
        }
    }
}

impl Environment {
    /// True when the version is known to be at least this one; an unknown version counts as 1.24.0.
    fn at_least(&self, major: u32, minor: u32, patch: u32) -> bool {
        self.version.unwrap_or((1, 24, 0)) >= (major, minor, patch)
    }
}

/// A configuration that was read: all files, the tree, the servers, the errors.
#[derive(Clone, Debug)]
pub struct Config {
    tree: Tree,
    environment: Environment,
    errors: Vec<ConfigProblem>,
    servers: Vec<Server>,
    /// Only parts of a configuration were read.
    parts: bool,
    /// What many rules ask.
    facts: lint::upstreams::Facts,
}

/// Reads a configuration with everything it includes.
pub fn read(main_file: &str, files: &dyn Files, environment: &Environment) -> Config {
    checked(include::read_all(main_file, files), environment, false)
}

/// Reads files that are only parts of a configuration, such as one `server {}`: each as if it were included
/// where its directives are allowed. What the rest of the configuration may settle is no error.
pub fn read_parts(paths: &[String], files: &dyn Files, environment: &Environment) -> Config {
    checked(fragment::read_all(paths, files), environment, true)
}

/// Reads a file that may be a main file (it has an `events`, `http`, `stream` or `mail` block) or a part.
pub fn read_any(file: &str, files: &dyn Files, environment: &Environment) -> Config {
    let read = include::read_all(file, files);
    if fragment::is_main(&read.0) {
        checked(read, environment, false)
    } else {
        // It is read again, and a large one would be held twice.
        drop(read);
        read_parts(&[file.to_owned()], files, environment)
    }
}

fn checked((tree, errors): (Tree, Vec<ConfigProblem>), environment: &Environment, parts: bool) -> Config {
    let mut config = Config {
        tree,
        environment: environment.clone(),
        errors,
        servers: Vec::new(),
        parts,
        facts: lint::upstreams::Facts::default(),
    };
    let (servers, found) = checks::with_directives(&config, || server_select::servers(&config));
    config.servers = servers;
    let found = checks::check(&config, found);
    config.errors.extend(found);
    if parts {
        fragment::fair(&mut config.errors);
    }
    config
}

impl Config {
    /// What there is to know without asking for one URL: files, errors, lint, names, addresses.
    pub fn summary(&self) -> ConfigSummary {
        let mut server_names = Vec::new();
        let mut known_names = std::collections::BTreeSet::new();
        let mut listeners: Vec<Listen> = Vec::new();
        let mut known_listeners = foldhash::HashMap::default();
        for server in &self.servers {
            for name in &server.names {
                if !name.text.is_empty() && known_names.insert(name.text.as_str()) {
                    server_names.push(name.text.clone());
                }
            }
            for listen in &server.listens {
                let shown = listen.shown();
                let known = known_listeners.get(&shown).copied();
                if let Some(known) = known.and_then(|index: usize| listeners.get_mut(index)) {
                    known.tls |= listen.tls;
                    known.proxy_protocol |= listen.proxy_protocol;
                } else {
                    known_listeners.insert(shown.clone(), listeners.len());
                    listeners.push(Listen {
                        address: shown,
                        tls: listen.tls,
                        proxy_protocol: listen.proxy_protocol,
                        place: listen.place(self),
                    });
                }
            }
        }
        let mut upstream_addresses = Vec::new();
        let mut known_addresses = std::collections::BTreeSet::new();
        for peer in pass::all_peers(self) {
            let shown = match &peer.address {
                PeerAddress::Ip(address) => address.to_string(),
                PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
                PeerAddress::Unix(path) => format!("unix:{path}"),
            };
            if known_addresses.insert(shown.clone()) {
                upstream_addresses.push(shown);
            }
        }
        let found = self.lint(&Snapshot::default());
        ConfigSummary {
            main_file: self
                .tree
                .files
                .first()
                .map(|file| file.path.clone())
                .unwrap_or_default(),
            files: self.config_files(),
            errors: self.errors.clone(),
            lint: found.problems,
            suppressed: found.suppressed,
            server_names,
            listeners,
            upstream_addresses,
        }
    }

    /// All files, and the errors of the reader; no rule is run.
    pub fn reading(&self) -> (Vec<ConfigFile>, Vec<ConfigProblem>) {
        (self.config_files(), self.errors.clone())
    }

    /// All findings of the rules, with what is known of the host.
    pub fn lint(&self, around: &Snapshot) -> Linted {
        let mut found = crate::proxy::lint::run(self, lint::CHECKS, around);
        if self.parts {
            fragment::fair(&mut found.problems);
        }
        found
    }

    /// The way of a request. `None`: nothing listens on that address and port.
    pub fn route(&self, request: &RouteRequest) -> Option<Route> {
        route::route(self, request)
    }

    /// All files in the order in which they were read first.
    fn config_files(&self) -> Vec<ConfigFile> {
        self.tree
            .files
            .iter()
            .map(|file| ConfigFile {
                path: file.path.clone(),
                bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
                modified_ms: file.modified_ms,
            })
            .collect()
    }

    fn place(&self, node: NodeId) -> Place {
        self.tree.place(node)
    }

    fn problem(&self, rule: &str, level: ProblemLevel, node: NodeId, message: String) -> ConfigProblem {
        let place = self.place(node);
        ConfigProblem {
            rule: rule.to_owned(),
            level,
            message,
            excerpt: self.tree.excerpt(&place),
            place,
            ..ConfigProblem::default()
        }
    }
}
