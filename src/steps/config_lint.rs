//! Step 3, configuration: find what the running proxy reads, read it as it does, follow the URL through it.

use super::plan::Plan;
use super::retry;
use super::summary::Line;
use crate::evidence::{
    ConfigTest, Endpoint, Handler, Observed, Obstacle, PeerAddress, Place, ProblemLevel, Protocol,
    ProxyProcess, Route, Snapshot, Target,
};
use crate::host::{Host, ListDirectory, ReadFile, RunCommand, SystemLookup};
use crate::proxy::nginx::{self, Config, Environment};
use crate::proxy::{Configuration, FileBytes, Files, RouteRequest};
use crate::report::StepStatus;
use crate::system::sockets;

/// The largest configuration file that is read.
const FILE_CAP_BYTES: u64 = 8 << 20;

/// Files of the host, as the reader wants them.
pub(super) struct HostFiles<'a> {
    host: &'a Host,
    /// What the proxy's own root looks like from here.
    below: String,
}

impl<'a> HostFiles<'a> {
    /// The files as this program sees them.
    pub(super) fn of(host: &'a Host) -> Self {
        Self {
            host,
            below: String::new(),
        }
    }
}

impl Files for HostFiles<'_> {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        match self
            .host
            .ask(&ReadFile::start(format!("{}{path}", self.below), FILE_CAP_BYTES))
        {
            Observed::Seen(content) => Ok(FileBytes {
                bytes: content.bytes.0,
                modified_ms: content.modified_ms,
                truncated: content.truncated,
            }),
            Observed::Absent => Err("no such file".to_owned()),
            Observed::Unavailable(obstacle) => Err(obstacle.to_string()),
        }
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.host
            .ask(&ListDirectory {
                path: format!("{}{directory}", self.below),
            })
            .into_seen()
            .unwrap_or_default()
    }
}

/// Reads the configuration of the proxy that serves the target, and the target's way through it. What was
/// read is given back for [`judge`].
pub(super) fn ask(host: &Host, plan: &Plan, snapshot: &mut Snapshot) -> Option<Configuration> {
    let banner = host.ask(&RunCommand::new(["nginx", "-V"]));
    let banner = banner
        .seen()
        .map(|output| output.stderr.text().into_owned())
        .unwrap_or_default();
    let build = Build::read(&banner);
    let (main_file, below) = main_file(plan, snapshot, &build);
    let prefix = snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.prefix.clone())
        .filter(|prefix| !prefix.is_empty());
    let environment = Environment {
        prefix: prefix.unwrap_or_else(|| build.prefix.clone()),
        version: build.version_numbers(),
        hostname: snapshot.host.name.clone(),
        build_error_log: build.error_log.clone(),
        build_access_log: build.access_log.clone(),
        ..Environment::default()
    };
    if let Some(proxy) = &mut snapshot.proxy {
        proxy.version.clone_from(&build.version);
    }
    let files = HostFiles { host, below };
    match files.read(&main_file) {
        Ok(_) => {}
        Err(reason) => {
            let nothing =
                snapshot.proxy.is_none() && plan.config_files.is_empty() && reason == "no such file";
            snapshot.config = if nothing {
                Observed::Absent
            } else {
                Observed::Unavailable(Obstacle::Failed(format!("{main_file}: {reason}")))
            };
            snapshot.route = Observed::Unavailable(Obstacle::Failed("no configuration to follow".to_owned()));
            // The test still says in the server's own words what is wrong with it.
            if !nothing {
                test(host, plan, snapshot, &main_file);
            }
            return None;
        }
    }
    let config = nginx::read(&main_file, &files, &environment);
    snapshot.config = Observed::Seen(config.summary());
    test(host, plan, snapshot, &main_file);
    follow(snapshot, &config);
    if !plan.files_only {
        further_tiers(host, snapshot, &build, &config);
    }
    Some(Configuration::Nginx(Box::new(config)))
}

/// Runs the lint rules again with all that was seen of the host: some need it, and they were silent when the
/// configuration was read.
pub(super) fn judge(configuration: Option<&Configuration>, snapshot: &mut Snapshot) {
    let Some(found) = configuration.map(|configuration| configuration.lint(snapshot)) else {
        return;
    };
    if let Observed::Seen(summary) = &mut snapshot.config {
        summary.lint = found;
    }
}

/// What `nginx -V` tells about the build.
struct Build {
    version: Option<String>,
    prefix: String,
    conf_path: String,
    error_log: Option<String>,
    access_log: Option<String>,
}

impl Build {
    fn read(banner: &str) -> Self {
        let value = |name: &str| {
            banner
                .split_whitespace()
                .find_map(|word| word.strip_prefix(name))
                .map(str::to_owned)
        };
        let prefix = value("--prefix=").unwrap_or_else(|| "/usr/share/nginx".to_owned());
        let absolute = |path: String| {
            if path.starts_with('/') {
                path
            } else {
                format!("{prefix}/{path}")
            }
        };
        Self {
            version: banner
                .lines()
                .find_map(|line| line.split("nginx/").nth(1))
                .and_then(|rest| rest.split_whitespace().next())
                .map(str::to_owned),
            conf_path: value("--conf-path=").map_or_else(|| "/etc/nginx/nginx.conf".to_owned(), absolute),
            error_log: value("--error-log-path=").map(absolute),
            access_log: value("--http-log-path=").map(absolute),
            prefix,
        }
    }

    fn version_numbers(&self) -> Option<(u32, u32, u32)> {
        let mut parts = self.version.as_deref()?.split('.').map(str::parse::<u32>);
        Some((parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?))
    }
}

/// The main file of the running proxy, and where its root lies for us.
fn main_file(plan: &Plan, snapshot: &mut Snapshot, build: &Build) -> (String, String) {
    if let Some(file) = plan.config_files.first() {
        return (file.clone(), String::new());
    }
    let root = snapshot.host.root;
    let Some(proxy) = &mut snapshot.proxy else {
        return (build.conf_path.clone(), String::new());
    };
    set_paths(proxy, build);
    let below = if proxy.other_mounts && root && !plan.other_root {
        format!("/proc/{}/root", proxy.master.pid)
    } else {
        String::new()
    };
    (proxy.config.clone(), below)
}

/// `-c` and `-p` from the title of the master.
fn set_paths(proxy: &mut ProxyProcess, build: &Build) {
    let title = proxy.master.arguments.join(" ");
    let command = title.strip_prefix("nginx: master process ").unwrap_or(&title);
    let words: Vec<&str> = command.split_whitespace().collect();
    let after = |flag: &str| {
        words.iter().enumerate().find_map(|(index, word)| {
            if *word == flag {
                words.get(index + 1).map(|value| (*value).to_owned())
            } else {
                word.strip_prefix(flag)
                    .filter(|rest| rest.starts_with('/'))
                    .map(str::to_owned)
            }
        })
    };
    proxy.prefix = after("-p").unwrap_or_else(|| build.prefix.clone());
    proxy.config = match after("-c") {
        Some(path) if path.starts_with('/') => path,
        Some(path) => format!("{}/{path}", proxy.prefix.trim_end_matches('/')),
        None => build.conf_path.clone(),
    };
}

/// `nginx -t`, only as root: as another user it complains about what it may not open.
fn test(host: &Host, plan: &Plan, snapshot: &mut Snapshot, main_file: &str) {
    if plan.inside.is_some() {
        // The host inside this program has no such program.
        snapshot.config_test = Observed::Absent;
        return;
    }
    if plan.files_only {
        return;
    }
    if plan.other_root {
        snapshot.config_test =
            Observed::Unavailable(Obstacle::Failed("the files lie below another root".to_owned()));
        return;
    }
    if !snapshot.host.root {
        snapshot.config_test = Observed::Unavailable(Obstacle::Denied);
        return;
    }
    let other_mounts = snapshot.proxy.as_ref().is_some_and(|proxy| proxy.other_mounts);
    if other_mounts {
        // Inside the container or sandbox the paths mean something else.
        snapshot.config_test = Observed::Unavailable(Obstacle::Failed(
            "the proxy lives in a mount namespace of its own".to_owned(),
        ));
        return;
    }
    let argv: Vec<String> = ["nginx", "-t", "-c", main_file].map(str::to_owned).to_vec();
    let command = RunCommand::new(argv.clone()).within(super::machine::network_of(snapshot));
    snapshot.config_test = host.ask(&command).map(|output| ConfigTest {
        command: argv,
        passed: output.status == Some(0),
        output: output.stderr.text().chars().take(4_000).collect(),
    });
}

/// The way of the target through the configuration.
fn follow(snapshot: &mut Snapshot, config: &Config) {
    if snapshot.target.url.is_none() {
        return;
    }
    snapshot.route = config.route(&request(&snapshot.target)).into();
}

/// The request that a client makes for a target.
pub(super) fn request(target: &Target) -> RouteRequest {
    RouteRequest {
        local_address: target.host.parse().ok(),
        port: target.port,
        unix_socket: None,
        tls: target.scheme == "https",
        host: retry::host_header(target),
        method: "GET".to_owned(),
        target: target.path.clone(),
        ..RouteRequest::default()
    }
}

/// Tiers of nginx behind the first one on this host: the route goes on through their configurations, which
/// may be the same one again.
fn further_tiers(host: &Host, snapshot: &mut Snapshot, build: &Build, config: &Config) {
    let proxies = snapshot.proxies.seen().cloned().unwrap_or_default();
    let Some(mut proxy) = snapshot.proxy.clone() else {
        return;
    };
    let mut config = config.clone();
    let mut route = snapshot.route.seen().cloned();
    let mut passed: Vec<(u32, Place)> = Vec::new();
    for _ in 0..6 {
        let listeners = snapshot.listeners.seen().map_or(&[][..], Vec::as_slice);
        let Some((current, endpoint)) = route
            .as_ref()
            .and_then(|route| single_endpoint(host, snapshot, route))
        else {
            return;
        };
        let here = current
            .location
            .as_ref()
            .or(current.server.as_ref())
            .map(|named| named.place.clone())
            .unwrap_or_default();
        if passed.contains(&(proxy.master.pid, here.clone())) {
            snapshot.loop_at = Some(here);
            return;
        }
        passed.push((proxy.master.pid, here));
        let Some(listener) = listeners.iter().find(|listener| sockets::takes(listener, &endpoint)) else {
            return;
        };
        let next = proxies.iter().find(|proxy| {
            listener.processes.iter().any(|owner| {
                owner.pid == proxy.master.pid || proxy.workers.iter().any(|worker| worker.pid == owner.pid)
            })
        });
        let Some(next) = next else { return };
        if next.master.pid != proxy.master.pid {
            let mut next = next.clone();
            set_paths(&mut next, build);
            let files = HostFiles {
                host,
                below: String::new(),
            };
            let environment = Environment {
                prefix: next.prefix.clone(),
                version: build.version_numbers(),
                hostname: snapshot.host.name.clone(),
                ..Environment::default()
            };
            config = nginx::read(&next.config, &files, &environment);
            proxy = next;
        }
        let host_header = match &current.handler {
            Handler::Pass(pass) => crate::proxy::request::host_header(current, pass),
            Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => String::new(),
        };
        let inner = config.route(&RouteRequest {
            local_address: endpoint.tcp().map(|address| address.ip()),
            port: endpoint.tcp().map_or(0, |address| address.port()),
            unix_socket: endpoint.unix().map(str::to_owned),
            tls: false,
            host: host_header,
            method: "GET".to_owned(),
            target: current.request_target.clone().unwrap_or_else(|| "/".to_owned()),
            ..RouteRequest::default()
        });
        // Plain HTTP to a TLS listener goes no further than that listener.
        let Some(inner) = inner.filter(|inner| !inner.listener.as_ref().is_some_and(|listen| listen.tls))
        else {
            return;
        };
        snapshot.inner_routes.push(inner.clone());
        route = Some(inner);
    }
}

/// The only endpoint of a plain HTTP route, where it is known.
fn single_endpoint<'a>(host: &Host, snapshot: &Snapshot, route: &'a Route) -> Option<(&'a Route, Endpoint)> {
    let Handler::Pass(pass) = &route.handler else {
        return None;
    };
    let ([peer], Protocol::Http, false) = (pass.peers.as_slice(), pass.protocol, pass.tls) else {
        return None;
    };
    let endpoint = match &peer.address {
        PeerAddress::Ip(address) => Endpoint::Tcp(*address),
        PeerAddress::Unix(path) => Endpoint::Unix(path.clone()),
        // Only where a proxy of this host listens on that port is the name worth a question.
        PeerAddress::Name(name) if proxy_listens(snapshot, name.port) => {
            let addresses = host
                .ask(&SystemLookup {
                    name: name.name.clone(),
                    limit_ms: 1_000,
                    identity: super::machine::network_of(snapshot),
                })
                .into_seen()?;
            Endpoint::Tcp(std::net::SocketAddr::new(*addresses.first()?, name.port))
        }
        PeerAddress::Name(_) => return None,
    };
    Some((route, endpoint))
}

/// True when one of the proxies of this host listens on a TCP port.
fn proxy_listens(snapshot: &Snapshot, port: u16) -> bool {
    let proxies = snapshot.proxies.seen().map_or(&[][..], Vec::as_slice);
    let listeners = snapshot.listeners.seen().map_or(&[][..], Vec::as_slice);
    listeners.iter().any(|listener| {
        listener.endpoint.tcp().is_some_and(|address| address.port() == port)
            && listener.processes.iter().any(|owner| {
                proxies.iter().any(|proxy| {
                    owner.pid == proxy.master.pid
                        || proxy.workers.iter().any(|worker| worker.pid == owner.pid)
                })
            })
    })
}

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let summary = match &snapshot.config {
        Observed::Seen(summary) => summary,
        Observed::Absent => {
            return (
                StepStatus::CouldNotCheck,
                "no proxy configuration found".to_owned(),
                Vec::new(),
            );
        }
        Observed::Unavailable(obstacle) => {
            return (
                StepStatus::CouldNotCheck,
                format!("the configuration could not be read: {obstacle}"),
                Vec::new(),
            );
        }
    };
    let files = summary.files.len();
    let mut details: Vec<String> = snapshot.route.seen().map(way).unwrap_or_default();
    for problem in summary
        .errors
        .iter()
        .chain(&summary.lint)
        .filter(|problem| problem.level != ProblemLevel::Info)
    {
        details.push(format!("{}: {}", problem.place, problem.message));
        if !problem.excerpt.is_empty() {
            details.push(format!("    {}", problem.excerpt.trim()));
        }
    }
    let warnings = summary
        .lint
        .iter()
        .filter(|problem| problem.level == ProblemLevel::Warning)
        .count();
    let test = match &snapshot.config_test {
        Observed::Seen(test) if test.passed => ", nginx -t passes".to_owned(),
        Observed::Seen(test) => {
            details.extend(test.output.lines().take(6).map(str::to_owned));
            ", nginx -t fails".to_owned()
        }
        Observed::Absent => ", no nginx to test them with".to_owned(),
        Observed::Unavailable(Obstacle::Denied) => ", nginx -t not run (it needs root)".to_owned(),
        Observed::Unavailable(Obstacle::NotAsked) => String::new(),
        Observed::Unavailable(obstacle) => format!(", nginx -t not run ({obstacle})"),
    };
    let failing_test = snapshot.config_test.seen().is_some_and(|test| !test.passed);
    let count = if files == 1 {
        "1 file".to_owned()
    } else {
        format!("{files} files")
    };
    let noted = if warnings == 0 {
        String::new()
    } else {
        format!(", {warnings} warnings")
    };
    if let Some(error) = summary
        .errors
        .iter()
        .find(|problem| problem.level == ProblemLevel::Error)
    {
        return (
            StepStatus::Problem,
            format!("{}: {}{test}", error.place, error.message),
            details,
        );
    }
    let status = if failing_test {
        StepStatus::Problem
    } else if warnings > 0 {
        StepStatus::Warning
    } else {
        StepStatus::Ok
    };
    (status, format!("{count}{test}{noted}"), details)
}

/// The way of the target through the configuration, a line a hop.
fn way(route: &Route) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(listen) = &route.listener {
        lines.push(format!("listen {} ({})", listen.address, listen.place));
    }
    for (word, hop) in [("server", &route.server), ("location", &route.location)] {
        if let Some(hop) = hop {
            lines.push(format!("{word} {} ({})", hop.name, hop.place));
        }
    }
    match &route.handler {
        Handler::Pass(pass) => {
            lines.push(format!("{} ({})", pass.written, pass.place));
            for peer in &pass.peers {
                let address = match &peer.address {
                    PeerAddress::Ip(address) => address.to_string(),
                    PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
                    PeerAddress::Unix(path) => format!("unix:{path}"),
                };
                let down = if peer.down { ", down" } else { "" };
                lines.push(format!("upstream {address}{down} ({})", peer.place));
            }
        }
        Handler::Return { status, place } => lines.push(format!("answers {status} by itself ({place})")),
        Handler::Local(what) => lines.push(format!("serves {what}")),
        Handler::Unknown => {}
    }
    lines.extend(
        route
            .undetermined
            .iter()
            .map(|open| format!("only the running server knows: {open}")),
    );
    lines
}
