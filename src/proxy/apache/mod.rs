//! Apache httpd 2.4: configuration reader, virtual hosts, routes, lint.
//!
//! [`read`] takes the main file, a way to get bytes and what is known of the program, and gives a [`Config`]:
//! all statements after conditions, macros and includes were followed, with their places; every error found
//! on the way; virtual hosts, proxied paths, workers and balancers. [`Config::route`] follows one request as
//! httpd's hooks would; what only the running server knows is listed in `Route::undetermined`, not guessed.
//!
//! This room opens no file and asks no clock. For a lint rule there are [`Config::statements`] (all in order,
//! each with its sections through [`Config::sections`]), [`Config::servers`], [`Config::passes`],
//! [`Config::workers`], [`Config::balancers`], [`Config::modules`], [`Config::undefined_variables`] and
//! [`Config::skipped_sections`]. To teach a new directive: a setting goes to `settings`; the reader itself
//! needs no table of directives.

pub mod access_log;
mod aliases;
mod build;
mod checks;
mod conditions;
mod directives;
pub mod error_log;
mod handed_on;
mod layers;
mod lexer;
pub mod lint;
mod logs;
mod modules;
mod passes;
mod paths;
mod reader;
mod rewrite;
mod route;
mod servers;
mod settings;
mod target;
mod tree;
mod uri;
mod workers;

use std::collections::BTreeMap;

use crate::evidence::{ConfigFile, ConfigProblem, ConfigSummary, Place, ProblemLevel, Route, Snapshot};
use crate::proxy::{Files, RouteRequest};

pub use build::{Build, envvars, static_modules};
pub use modules::{Modules, meant_by};
pub use passes::ProxyPass;
pub use servers::{Address, Host, Listener, Server};
pub use tree::{Arguments, ROOT, Statement, StatementId, Word};
pub use workers::{Backend, Balancer, Worker};

use tree::Tree;

/// The static modules of Debian's build; RHEL's has fewer, and loads the others.
const STATIC: &[&str] = &[
    "core.c",
    "mod_so.c",
    "mod_watchdog.c",
    "http_core.c",
    "mod_log_config.c",
    "mod_logio.c",
    "mod_version.c",
    "mod_unixd.c",
];

/// What the reader must know about the program that reads this configuration.
#[derive(Clone, Debug)]
pub struct Environment {
    /// `HTTPD_ROOT`: what `ServerRoot` is until it is set (`/etc/apache2`, `/etc/httpd`).
    pub server_root: String,
    /// The version, when it is known.
    pub version: Option<(u32, u32, u32)>,
    /// The environment of the process, for `${NAME}`: see [`envvars`].
    pub variables: BTreeMap<String, String>,
    /// `-D NAME` of the command line.
    pub defines: Vec<String>,
    /// Static modules (`mod_so.c`, as `apache2 -l` lists them); empty: those of Debian's build.
    pub modules: Vec<String>,
    /// The machine's name.
    pub hostname: String,
    /// What is read is a part of a configuration: which modules there are stands in a file that includes it, so
    /// every module counts as there, and an `<IfModule>` as true.
    pub part: bool,
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            server_root: "/etc/apache2".to_owned(),
            version: None,
            variables: BTreeMap::new(),
            defines: Vec::new(),
            modules: Vec::new(),
            hostname: String::new(),
            part: false,
        }
    }
}

impl Environment {
    /// An unknown version counts as 2.4.58.
    fn version_or_default(&self) -> (u32, u32, u32) {
        self.version.unwrap_or((2, 4, 58))
    }

    fn static_modules(&self) -> impl Iterator<Item = &str> {
        let given = self.modules.iter().map(String::as_str);
        let usual = STATIC.iter().copied().filter(|_| self.modules.is_empty());
        given.chain(usual)
    }
}

/// A configuration that was read.
#[derive(Clone, Debug)]
pub struct Config {
    tree: Tree,
    environment: Environment,
    errors: Vec<ConfigProblem>,
    modules: Modules,
    loaded: Vec<(String, String, Place)>,
    server_root: String,
    undefined: Vec<(String, Place)>,
    skipped: Vec<(String, String, Place)>,
    servers: Vec<Server>,
    listeners: Vec<Listener>,
    passes: Vec<ProxyPass>,
    workers: Vec<Worker>,
    balancers: Vec<Balancer>,
}

/// Reads a configuration with everything it includes.
pub fn read(main_file: &str, files: &dyn Files, environment: &Environment) -> Config {
    let reading = reader::read_all(main_file, files, environment);
    let mut config = Config {
        tree: reading.tree,
        environment: environment.clone(),
        errors: reading.errors,
        modules: reading.modules,
        loaded: reading.loaded,
        server_root: reading.server_root,
        undefined: reading.undefined,
        skipped: reading.skipped,
        servers: Vec::new(),
        listeners: Vec::new(),
        passes: Vec::new(),
        workers: Vec::new(),
        balancers: Vec::new(),
    };
    config.servers = servers::servers(&config);
    config.listeners = servers::listeners(&config);
    config.passes = passes::passes(&config);
    (config.workers, config.balancers) = workers::workers(&config);
    if !reading.full {
        let found = checks::check(&config);
        config.errors.extend(found);
    }
    config
}

/// Reads a configuration, or a part of one: without a single `LoadModule` it is a part.
pub fn read_any(main_file: &str, files: &dyn Files, mut environment: Environment) -> Config {
    let text = files.read(main_file).map(|file| file.bytes).unwrap_or_default();
    let names = |name: &str| {
        let name = name.as_bytes();
        text.windows(name.len()).any(|bytes| bytes.eq_ignore_ascii_case(name))
    };
    // What loads no module and includes nothing needs no reading to be known as a part.
    environment.part = !names("LoadModule") && !names("Include");
    drop(text);
    let config = read(main_file, files, &environment);
    if environment.part || !config.loaded_modules().is_empty() {
        return config;
    }
    environment.part = true;
    drop(config);
    read(main_file, files, &environment)
}

impl Config {
    /// True when this was read as a part of a configuration.
    pub fn is_part(&self) -> bool {
        self.environment.part
    }

    /// What there is to know without asking for one URL: files, errors, lint, names, addresses.
    pub fn summary(&self) -> ConfigSummary {
        let mut server_names = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        for server in &self.servers {
            for name in server.names() {
                if known.insert(name.to_owned()) {
                    server_names.push(name.to_owned());
                }
            }
        }
        let found = crate::proxy::lint::run(self, lint::CHECKS, &Snapshot::default());
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
            listeners: servers::shown_listeners(self),
            upstream_addresses: workers::addresses(self),
        }
    }

    /// The way of a request. `None`: nothing listens on that address and port.
    pub fn route(&self, request: &RouteRequest) -> Option<Route> {
        route::route(self, request)
    }

    /// All statements in the order in which the server takes them in, without the root.
    pub fn statements(&self) -> impl Iterator<Item = (StatementId, Statement<'_>)> {
        (1..self.tree.len()).map(|id| (id, self.tree.get(id)))
    }

    /// One statement.
    pub fn statement(&self, id: StatementId) -> Statement<'_> {
        self.tree.get(id)
    }

    /// The statements directly in a section ([`ROOT`]: in the main server).
    pub fn children(&self, section: StatementId) -> impl Iterator<Item = StatementId> + '_ {
        self.tree.children(section)
    }

    /// The sections around a statement, innermost first.
    pub fn sections(&self, id: StatementId) -> impl Iterator<Item = StatementId> + '_ {
        self.tree.around(id).skip(1)
    }

    /// The index in [`Config::servers`] of the server that a statement belongs to.
    pub fn server_of(&self, id: StatementId) -> usize {
        let host = self
            .tree
            .around(id)
            .find(|section| self.tree.get(*section).is("VirtualHost"));
        let found =
            host.and_then(|host| self.servers.binary_search_by_key(&host, |server| server.section).ok());
        found.unwrap_or(0)
    }

    /// The main server, then all virtual hosts in order.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// Every `Listen`.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Every `ProxyPass` and `ProxyPassMatch`, in order, with the section it stands in.
    pub fn passes(&self) -> &[ProxyPass] {
        &self.passes
    }

    /// Every worker that `ProxyPass`, `ProxyPassMatch` and `<Proxy>` make, with those that share it.
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Every balancer with its members.
    pub fn balancers(&self) -> &[Balancer] {
        &self.balancers
    }

    /// The modules there are when all was read.
    pub fn modules(&self) -> &Modules {
        &self.modules
    }

    /// Every `LoadModule`: identifier, file, place.
    pub fn loaded_modules(&self) -> &[(String, String, Place)] {
        &self.loaded
    }

    /// `${NAME}`s that stay as they are written, because nothing defines them.
    pub fn undefined_variables(&self) -> &[(String, Place)] {
        &self.undefined
    }

    /// Conditions that did not hold: the section's name, what it asked, and where.
    pub fn skipped_sections(&self) -> &[(String, String, Place)] {
        &self.skipped
    }

    /// The version, when it is known.
    pub fn version(&self) -> Option<(u32, u32, u32)> {
        self.environment.version
    }

    /// `ServerRoot`.
    pub fn server_root(&self) -> &str {
        &self.server_root
    }

    /// Where a statement is written.
    pub fn place(&self, id: StatementId) -> Place {
        self.tree.place(id)
    }

    /// Where a word of a statement is written.
    pub fn place_of(&self, id: StatementId, word: &Word<'_>) -> Place {
        self.tree.place_at(self.tree.get(id).file(), word.at)
    }

    /// A problem at a statement, with its excerpt.
    pub fn problem(
        &self,
        rule: &str,
        level: ProblemLevel,
        id: StatementId,
        message: String,
    ) -> ConfigProblem {
        let place = self.place(id);
        ConfigProblem {
            rule: rule.to_owned(),
            level,
            message,
            excerpt: self.tree.excerpt(&place),
            place,
            ..ConfigProblem::default()
        }
    }

    /// The statement that sets a directive of one server: the last in the virtual host, else in the main
    /// server.
    pub fn server_setting(&self, server: usize, name: &str) -> Option<StatementId> {
        let section = self.servers.get(server).map_or(ROOT, |server| server.section);
        let own = (section != ROOT).then(|| self.tree.last(section, name)).flatten();
        own.or_else(|| self.tree.last(ROOT, name))
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
}
