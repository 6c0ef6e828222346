//! Step 3, configuration: find what the running proxy reads, read it as it does, follow the URL through it.

mod software;

use super::plan::Plan;
use super::summary::Line;
use super::{proxies, retry};
use crate::evidence::{
    ConfigTest, Endpoint, Handler, NameAndPort, Observed, Obstacle, Pass, Peer, PeerAddress, Place,
    ProblemLevel, Protocol, ProxyKind, Route, Setting, Snapshot, Target,
};
use crate::host::{Host, ListDirectory, ReadFile, RunCommand, SystemLookup};
use crate::proxy::{Configuration, FileBytes, Files, RouteRequest};
use crate::report::StepStatus;
use crate::system::sockets;
use software::Software;

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
    let software = software_of(host, plan, snapshot);
    let (main_file, below) = main_file(plan, snapshot, &software);
    let files = HostFiles { host, below };
    let configuration = match files.read(&main_file) {
        Ok(_) => software.configuration(&files, &main_file, snapshot.proxy.as_ref()),
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
                test(host, plan, snapshot, &software, &main_file);
            }
            return None;
        }
    };
    let Some(configuration) = configuration else {
        let why = format!("no reader for the configuration of {}", software.kind.name());
        snapshot.config = Observed::Unavailable(Obstacle::Failed(why.clone()));
        snapshot.route = Observed::Unavailable(Obstacle::Failed(why));
        return None;
    };
    snapshot.config = Observed::Seen(configuration.summary());
    test(host, plan, snapshot, &software, &main_file);
    follow(snapshot, &configuration);
    if !plan.files_only {
        further_tiers(host, snapshot, &configuration);
    }
    Some(configuration)
}

/// Runs the lint rules again with all that was seen of the host: some need it, and they were silent when the
/// configuration was read.
pub(super) fn judge(configuration: Option<&Configuration>, snapshot: &mut Snapshot) {
    let Some(found) = configuration.map(|configuration| configuration.lint(snapshot)) else {
        return;
    };
    if let Observed::Seen(summary) = &mut snapshot.config {
        (summary.lint, summary.suppressed) = (found.problems, found.suppressed);
    }
}

/// The software whose configuration is read: that of the running proxy; where none runs, the one that is
/// meant to listen where the URL points, else the first that is installed.
fn software_of(host: &Host, plan: &Plan, snapshot: &Snapshot) -> Software {
    let ask = |kind: ProxyKind| Software::ask(host, kind, snapshot.proxy.as_ref(), &snapshot.host);
    if let Some(proxy) = &snapshot.proxy {
        return ask(proxy.kind);
    }
    if let Some(file) = plan.config_files.first() {
        return ask(software::kind_by_name(file).unwrap_or_default());
    }
    let files = HostFiles {
        host,
        below: String::new(),
    };
    let port = snapshot
        .target
        .via
        .as_deref()
        .and_then(retry::host_and_port)
        .map_or(snapshot.target.port, |(_, port)| port);
    let mut first: Option<Software> = None;
    for kind in [ProxyKind::Nginx, ProxyKind::Apache, ProxyKind::Squid] {
        let software = ask(kind);
        if !software::installed(&files, &software) {
            continue;
        }
        let meant = software
            .configuration(&files, &software.main_file, None)
            .is_some_and(|configuration| {
                let listens = configuration.summary().listeners;
                listens.iter().any(|listen| {
                    let end = listen.address.rsplit(':').next();
                    end.and_then(|digits| digits.parse::<u16>().ok()) == Some(port)
                })
            });
        if meant {
            return software;
        }
        first.get_or_insert(software);
    }
    first.unwrap_or_else(|| ask(ProxyKind::Nginx))
}

/// The main file of the running proxy, and where its root lies for us.
fn main_file(plan: &Plan, snapshot: &mut Snapshot, software: &Software) -> (String, String) {
    let root = snapshot.host.root;
    if let Some(proxy) = &mut snapshot.proxy {
        software.set_paths(proxy);
    }
    if let Some(file) = plan.config_files.first() {
        return (file.clone(), String::new());
    }
    let Some(proxy) = &snapshot.proxy else {
        return (software.main_file.clone(), String::new());
    };
    let below = if proxy.other_mounts && root && !plan.other_root {
        format!("/proc/{}/root", proxy.master.pid)
    } else {
        String::new()
    };
    (proxy.config.clone(), below)
}

/// The server's own test of its configuration, only as root: as another user it complains about what it may
/// not open.
fn test(host: &Host, plan: &Plan, snapshot: &mut Snapshot, software: &Software, main_file: &str) {
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
    let argv = software.test(main_file, snapshot.proxy.as_ref());
    let command = RunCommand::new(argv.clone()).within(super::machine::network_of(snapshot));
    snapshot.config_test = host.ask(&command).map(|output| ConfigTest {
        command: argv,
        passed: output.status == Some(0),
        output: output.stderr.text().chars().take(4_000).collect(),
    });
}

/// The way of the target through the configuration.
fn follow(snapshot: &mut Snapshot, configuration: &Configuration) {
    if snapshot.target.url.is_none() {
        return;
    }
    let configured = route_of(configuration, &snapshot.target);
    snapshot.route = configured.into();
}

/// The request that a client makes for a target; of a forward proxy it is asked as that wants it.
pub(super) fn request(target: &Target) -> RouteRequest {
    let header = retry::host_header(target);
    let mut request = RouteRequest {
        local_address: target.host.parse().ok(),
        port: target.port,
        tls: target.scheme == "https",
        host: header.clone(),
        method: "GET".to_owned(),
        target: target.path.clone(),
        ..RouteRequest::default()
    };
    if let Some((name, port)) = target.via.as_deref().and_then(retry::host_and_port) {
        request.local_address = name.parse().ok();
        request.port = port;
        request.tls = target.via.as_deref().is_some_and(|via| via.starts_with("https://"));
        request.target = if target.scheme == "https" {
            "CONNECT".clone_into(&mut request.method);
            // The authority of a tunnel always has its port.
            if !header.ends_with(&format!(":{}", target.port)) {
                request.host = format!("{header}:{}", target.port);
            }
            request.host.clone()
        } else {
            format!("http://{header}{}", target.path)
        };
    }
    // From this host to one of its own addresses the kernel takes that same address.
    request.client_address = request.local_address;
    request
}

/// The way of a target, with what the steps after this one take from it.
fn route_of(configuration: &Configuration, target: &Target) -> Option<Route> {
    let mut request = request(target);
    let tunnel = request.method == "CONNECT";
    if tunnel && configuration.kind() == ProxyKind::Apache {
        // Its tunnels go where an absolute URL would.
        "GET".clone_into(&mut request.method);
        request.target = format!("https://{}{}", retry::host_header(target), target.path);
    }
    let mut route = configuration.route(&request)?;
    if target.via.is_some() && matches!(route.handler, Handler::Local(_)) && route.proxy == ProxyKind::Apache
    {
        straight(&mut route, target);
    }
    if tunnel {
        through_tunnel(&mut route, target);
    }
    let http2 = route
        .settings
        .http_version
        .as_ref()
        .is_some_and(|version| version.value == "2");
    let own_nameservers = route.settings.resolver.is_some();
    if let Handler::Pass(pass) = &mut route.handler {
        // `h2://` and `h2c://`: the proxy speaks HTTP/2, as it does for gRPC.
        if route.proxy == ProxyKind::Apache && http2 {
            pass.protocol = Protocol::Grpc;
        }
        // Squid resolves by itself, with the hosts file first: as the system does, unless it has nameservers
        // of its own.
        if route.proxy == ProxyKind::Squid && !own_nameservers {
            pass.runtime_name = None;
        }
    }
    Some(route)
}

/// Apache as a forward proxy goes to what the client names.
fn straight(route: &mut Route, target: &Target) {
    let place = route
        .listener
        .as_ref()
        .map(|listen| listen.place.clone())
        .unwrap_or_default();
    let address = match target.host.parse() {
        Ok(address) => PeerAddress::Ip(std::net::SocketAddr::new(address, target.port)),
        Err(_) => PeerAddress::Name(NameAndPort {
            name: target.host.clone(),
            port: target.port,
        }),
    };
    route.request_target = Some(target.path.clone());
    route.settings.http_version = Some(Setting {
        value: "1.1".to_owned(),
        place: None,
    });
    route.handler = Handler::Pass(Box::new(Pass {
        written: "what the client names".to_owned(),
        place: place.clone(),
        proxy_host: retry::host_header(target),
        peers: vec![Peer {
            address,
            place,
            ..Peer::default()
        }],
        ..Pass::default()
    }));
}

/// In a tunnel the client speaks TLS with the origin, and asks for the path.
fn through_tunnel(route: &mut Route, target: &Target) {
    let name = target.host.clone();
    if let Handler::Pass(pass) = &mut route.handler {
        pass.tls = true;
        pass.proxy_host = retry::host_header(target);
    }
    route.request_target = Some(target.path.clone());
    route.settings.tls_server_name = Some(Setting {
        value: true,
        place: None,
    });
    route.settings.tls_name = Some(Setting {
        value: name,
        place: None,
    });
}

/// Tiers of proxies behind the first one on this host: the route goes on through their configurations, which
/// may be the same one again.
fn further_tiers(host: &Host, snapshot: &mut Snapshot, configuration: &Configuration) {
    let proxies = snapshot.proxies.seen().cloned().unwrap_or_default();
    let Some(mut proxy) = snapshot.proxy.clone() else {
        return;
    };
    let mut configuration = configuration.clone();
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
        let Some(next) = proxies.iter().find(|proxy| proxies::owns(proxy, listener)) else {
            return;
        };
        if next.master.pid != proxy.master.pid {
            let mut next = next.clone();
            let software = Software::ask(host, next.kind, Some(&next), &snapshot.host);
            software.set_paths(&mut next);
            let files = HostFiles {
                host,
                below: String::new(),
            };
            let Some(read) = software.configuration(&files, &next.config, Some(&next)) else {
                return;
            };
            configuration = read;
            proxy = next;
        }
        let host_header = match &current.handler {
            Handler::Pass(pass) => crate::proxy::request::host_header(current, pass),
            Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => String::new(),
        };
        let inner = configuration.route(&RouteRequest {
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
            && proxies.iter().any(|proxy| proxies::owns(proxy, listener))
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
    let kind = crate::causes::proxy_kind(snapshot);
    let command = kind.test_command();
    let test = match &snapshot.config_test {
        Observed::Seen(test) if test.passed => format!(", {command} passes"),
        Observed::Seen(test) => {
            details.extend(test.output.lines().take(6).map(str::to_owned));
            format!(", {command} fails")
        }
        Observed::Absent => format!(", no {} to test them with", kind.name()),
        Observed::Unavailable(Obstacle::Denied) => format!(", {command} not run (it needs root)"),
        Observed::Unavailable(Obstacle::NotAsked) => String::new(),
        Observed::Unavailable(obstacle) => format!(", {command} not run ({obstacle})"),
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
