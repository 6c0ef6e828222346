//! Step 6, DNS: every name on the route, and who answers what for it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::plan::Plan;
use super::summary::Line;
use super::systems;
use crate::evidence::{
    Handler, HeldConnection, NameAndPort, NameEvidence, NameOutcome, Observed, PeerAddress, Place, ProxyKind,
    ResolverConfiguration, ServerAnswer, Snapshot,
};
use crate::finding::StepId;
use crate::host::{Host, Identity, NameserverLookup, ReadFile, SystemLookup};
use crate::report::StepStatus;
use crate::system::sockets::{self, Tables};
use crate::system::{commands, network};

/// Limit for one question to a nameserver.
const LIMIT_MS: u64 = 2_000;

/// The name of the URL, as the client resolves it.
pub(super) fn url_name(host: &Host, plan: &Plan) -> Option<NameEvidence> {
    let name = plan.target.host.clone();
    if plan.target.url.is_none()
        || name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || !plan.wants(StepId::Dns)
    {
        return None;
    }
    Some(NameEvidence {
        system: host.ask(&SystemLookup {
            name: name.clone(),
            limit_ms: 5_000,
            identity: Identity::default(),
        }),
        hosts_file: hosts_file(host, &name),
        name,
        role: "url".to_owned(),
        ..NameEvidence::default()
    })
}

fn hosts_file(host: &Host, name: &str) -> Vec<IpAddr> {
    let platform = systems::elsewhere(host).unwrap_or_default();
    host.ask(&ReadFile::start(commands::hosts_file(platform), 1 << 20))
        .seen()
        .map(|content| network::hosts_entries(&content.bytes.0, name))
        .unwrap_or_default()
}

/// The names of the route, asked everywhere at the same time.
pub(super) fn ask(host: &Host, plan: &Plan, snapshot: &mut Snapshot, url_name: Option<NameEvidence>) {
    let elsewhere = systems::elsewhere(host);
    let configuration = match elsewhere {
        Some(platform) => systems::resolver(host, platform),
        None => host
            .ask(&ReadFile::start("/etc/resolv.conf", 64 * 1024))
            .map(|content| {
                let mut configuration = network::resolver(&content.bytes.0);
                let (cache, flush) = cache(snapshot, &configuration);
                configuration.cache = cache;
                configuration.flush = flush;
                configuration.order = host
                    .ask(&ReadFile::start("/etc/nsswitch.conf", 64 * 1024))
                    .seen()
                    .map(|content| network::name_order(&content.bytes.0))
                    .unwrap_or_default();
                configuration
            }),
    };
    let wanted = names(snapshot);
    let identity = super::machine::network_of(snapshot);
    let own_servers: Vec<String> = snapshot
        .route
        .seen()
        .and_then(|route| route.settings.resolver.as_ref())
        .map(|setting| setting.value.clone())
        .unwrap_or_default();
    // Squid asks the nameservers of its own for every name, nginx for those of variables only.
    let is_squid = snapshot
        .route
        .seen()
        .is_some_and(|route| route.proxy == ProxyKind::Squid);
    let own = if is_squid { "squid" } else { "nginx" };
    let system_servers: Vec<String> = configuration
        .seen()
        .map(|configuration| {
            configuration
                .nameservers
                .iter()
                .take(3)
                .map(|address| std::net::SocketAddr::new(*address, 53).to_string())
                .collect()
        })
        .unwrap_or_default();
    let settings = configuration.seen().cloned().unwrap_or_default();
    let mut found: Vec<NameEvidence> = url_name.into_iter().collect();
    if plan.wants(StepId::Dns) || !wanted.is_empty() {
        std::thread::scope(|scope| {
            let threads: Vec<_> = wanted
                .iter()
                .map(|(name, role, place)| {
                    let (identity, system_servers, own_servers, settings) =
                        (&identity, &system_servers, &own_servers, &settings);
                    scope.spawn(move || {
                        one_name(
                            host,
                            name,
                            role,
                            place,
                            identity,
                            (system_servers.as_slice(), own_servers.as_slice(), own),
                            settings,
                        )
                    })
                })
                .collect();
            found.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
        });
    }
    snapshot.names = found;
    snapshot.resolver = configuration;
}

fn one_name(
    host: &Host,
    name: &str,
    role: &str,
    place: &Place,
    identity: &Identity,
    (system_servers, own_servers, own): (&[String], &[String], &'static str),
    settings: &ResolverConfiguration,
) -> NameEvidence {
    let at_run_time = role == "upstream-at-run-time";
    let in_hosts = hosts_file(host, name);
    let cached = systems::elsewhere(host)
        .map(|platform| systems::cached(host, platform, name))
        .unwrap_or_default();
    let mut evidence = NameEvidence {
        name: name.to_owned(),
        role: role.to_owned(),
        place: place.clone(),
        hosts_file: in_hosts,
        cached,
        ..NameEvidence::default()
    };
    std::thread::scope(|scope| {
        let system = scope.spawn(|| {
            host.ask(&SystemLookup {
                name: name.to_owned(),
                limit_ms: 5_000,
                identity: identity.clone(),
            })
        });
        let mut asked: Vec<(String, &str)> = Vec::new();
        // Also where /etc/hosts answers first: the two may disagree.
        if name != "localhost" {
            asked.extend(system_servers.iter().map(|server| (server.clone(), "system")));
        }
        asked.extend(
            own_servers
                .iter()
                .filter(|_| at_run_time || own == "squid")
                .map(|server| (server.clone(), own)),
        );
        let threads: Vec<_> = asked
            .into_iter()
            .map(|(server, used_by)| {
                scope.spawn(move || {
                    // nginx's own resolver completes no name.
                    let asked = if used_by == "system" {
                        network::asked_names(name, settings)
                    } else {
                        vec![name.to_owned()]
                    };
                    one_server(host, &asked, &server, used_by, identity)
                })
            })
            .collect();
        for (answer, completed) in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            evidence.servers.push(answer);
            evidence.completed = evidence.completed.take().or(completed.filter(|asked| asked != name));
        }
        evidence.system = system.join().unwrap_or_default();
    });
    evidence
}

/// What one nameserver answers: for the first of the names that has an address, else for the name itself, which
/// is among them. Also the name that had one.
fn one_server(
    host: &Host,
    asked: &[String],
    server: &str,
    used_by: &str,
    identity: &Identity,
) -> (ServerAnswer, Option<String>) {
    let mut kept: Option<(NameOutcome, u64)> = None;
    let mut completed = None;
    for (index, name) in asked.iter().take(7).enumerate() {
        let answer = host.ask(&NameserverLookup {
            name: name.clone(),
            server: server.to_owned(),
            limit_ms: LIMIT_MS,
            identity: identity.clone(),
        });
        let answer = match answer {
            Observed::Seen(answer) => answer,
            Observed::Absent => (NameOutcome::NoAddress, 0),
            Observed::Unavailable(obstacle) => (NameOutcome::Failed(obstacle.to_string()), 0),
        };
        let found = matches!(answer.0, NameOutcome::Addresses(_));
        // "No such name" of one completion says nothing of the next; a server that fails ends the search.
        let next = matches!(answer.0, NameOutcome::NxDomain | NameOutcome::NoAddress);
        if found {
            completed = Some(name.clone());
        }
        let better = kept.is_none() || !next || index.checked_add(1) == Some(asked.len());
        if better && !(kept.as_ref().is_some_and(|(kept, _)| *kept == NameOutcome::NoAddress) && next) {
            kept = Some(answer);
        }
        if !next {
            break;
        }
    }
    let (outcome, took_us) = kept.unwrap_or((NameOutcome::NoAddress, 0));
    let answer = ServerAnswer {
        server: server.to_owned(),
        used_by: used_by.to_owned(),
        outcome,
        took_us,
    };
    (answer, completed)
}

/// The proxy's processes, and the names that it dials with their ports.
fn workers_and_ports(snapshot: &Snapshot) -> (Vec<u32>, Vec<(String, u16)>) {
    let workers: Vec<u32> = snapshot
        .proxy
        .iter()
        .flat_map(|proxy| proxy.workers.iter().chain(std::iter::once(&proxy.master)))
        .map(|process| process.pid)
        .collect();
    let mut ports: Vec<(String, u16)> = Vec::new();
    for route in snapshot.route.seen().into_iter().chain(&snapshot.inner_routes) {
        if let Handler::Pass(pass) = &route.handler {
            let peers = pass.peers.iter().filter_map(|peer| match &peer.address {
                PeerAddress::Name(name) => Some(name),
                _ => None,
            });
            ports.extend(
                peers
                    .chain(&pass.runtime_name)
                    .map(|name| (name.name.clone(), name.port)),
            );
        }
    }
    (workers, ports)
}

/// The same on macOS and Windows.
pub(super) fn held_elsewhere(host: &Host, snapshot: &mut Snapshot) {
    let (workers, ports) = workers_and_ports(snapshot);
    if ports.is_empty() || workers.is_empty() {
        return;
    }
    let connections = systems::connections(host, snapshot.host.platform, &workers);
    keep_held(snapshot, &ports, &connections);
}

/// The connections that workers of the proxy have to the port of each name.
pub(super) fn held(snapshot: &mut Snapshot, tables: &Tables<'_>, owners: &BTreeMap<u64, Vec<u32>>) {
    let (workers, ports) = workers_and_ports(snapshot);
    if ports.is_empty() || workers.is_empty() {
        return;
    }
    let mut connections: Vec<HeldConnection> = Vec::new();
    for socket in sockets::tcp_table(tables.tcp)
        .into_iter()
        .chain(sockets::tcp_table(tables.tcp6))
    {
        let pid = owners
            .get(&socket.inode)
            .and_then(|pids| pids.iter().copied().find(|pid| workers.contains(pid)));
        if let (Some(pid), sockets::ESTABLISHED | sockets::SYN_SENT) = (pid, socket.state) {
            connections.push(HeldConnection {
                remote: socket.remote,
                pid,
                established: socket.state == sockets::ESTABLISHED,
            });
        }
    }
    keep_held(snapshot, &ports, &connections);
}

/// Gives each name the connections to its port.
fn keep_held(snapshot: &mut Snapshot, ports: &[(String, u16)], connections: &[HeldConnection]) {
    for name in snapshot.names.iter_mut().filter(|name| name.role != "url") {
        let own = |port: u16| ports.iter().any(|(other, at)| *other == name.name && *at == port);
        name.held = connections
            .iter()
            .filter(|held| own(held.remote.port()))
            .take(50)
            .cloned()
            .collect();
    }
}

/// Names that the route depends on.
fn names(snapshot: &Snapshot) -> Vec<(String, &'static str, Place)> {
    let mut wanted: Vec<(String, &'static str, Place)> = Vec::new();
    for route in snapshot.route.seen().into_iter().chain(&snapshot.inner_routes) {
        let Handler::Pass(pass) = &route.handler else {
            continue;
        };
        for peer in &pass.peers {
            if let PeerAddress::Name(NameAndPort { name, .. }) = &peer.address {
                wanted.push((name.clone(), "upstream", peer.place.clone()));
            }
        }
        if let Some(NameAndPort { name, .. }) = &pass.runtime_name {
            wanted.push((name.clone(), "upstream-at-run-time", pass.place.clone()));
        }
    }
    wanted.dedup_by(|one, other| one.0 == other.0);
    wanted.truncate(8);
    wanted
}

/// The cache between programs and nameservers, and how to empty it.
fn cache(
    snapshot: &Snapshot,
    configuration: &ResolverConfiguration,
) -> (Option<String>, Option<Vec<String>>) {
    let runs = |name: &str| {
        snapshot
            .processes
            .seen()
            .is_some_and(|processes| processes.iter().any(|process| process.name.starts_with(name)))
    };
    let local = configuration.nameservers.iter().any(IpAddr::is_loopback);
    let cache = if runs("systemd-resolve") && (local || configuration.nameservers.is_empty()) {
        "systemd-resolved"
    } else if runs("nscd") {
        "nscd"
    } else if runs("dnsmasq") && local {
        "dnsmasq"
    } else if runs("unbound") && local {
        "unbound"
    } else {
        return (None, None);
    };
    let flush = commands::flushes(snapshot.host.platform)
        .iter()
        .find(|flush| flush.cache == cache);
    let argv = flush.and_then(|flush| flush.argv.first());
    (
        Some(cache.to_owned()),
        argv.map(|argv| argv.iter().map(|word| (*word).to_owned()).collect()),
    )
}

/// The addresses that the proxy really dials for each name, by its own log.
pub(super) fn dialled(snapshot: &mut Snapshot) {
    let mut dialled: Vec<IpAddr> = Vec::new();
    for entry in snapshot.log.before.iter().chain(&snapshot.log.during).rev().take(20) {
        if let Some(address) = entry.upstream.as_deref().and_then(address_in)
            && !dialled.contains(&address)
        {
            dialled.push(address);
        }
    }
    for name in &mut snapshot.names {
        if name.role == "upstream" {
            name.dialled.clone_from(&dialled);
        }
    }
}

/// The address in `http://127.0.0.2:9000/path`.
pub(super) fn address_in(upstream: &str) -> Option<IpAddr> {
    socket_in(upstream).map(|address| address.ip())
}

/// Address and port in `http://127.0.0.2:9000/path`, or in `127.0.0.2:9000`, as Apache writes it.
pub(super) fn socket_in(upstream: &str) -> Option<std::net::SocketAddr> {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    rest.split(['/', '?']).next()?.parse().ok()
}

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let mut details = Vec::new();
    let upstream: Vec<_> = snapshot.names.iter().filter(|name| name.role != "url").collect();
    for name in &snapshot.names {
        let system = match &name.system {
            Observed::Seen(addresses) => addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            Observed::Absent => "no such name".to_owned(),
            Observed::Unavailable(obstacle) => obstacle.to_string(),
        };
        details.push(format!("{}: the system answers {system}", name.name));
        for cached in &name.cached {
            let seconds = cached
                .ttl_s
                .map_or_else(String::new, |seconds| format!(", for {seconds} s more"));
            details.push(format!("    its cache holds {}{seconds}", cached.address));
        }
        for server in &name.servers {
            details.push(format!(
                "    {} ({}): {} in {} ms",
                server.server,
                server.used_by,
                outcome_words(&server.outcome),
                server.took_us / 1_000
            ));
        }
        details.extend(super::name_authority::show(name));
        if let Some(completed) = &name.completed {
            details.push(format!("    completed by the search list to {completed}"));
        }
        for held in &name.held {
            let now = if held.established {
                "holds a connection to"
            } else {
                "waits for an answer of"
            };
            details.push(format!("    worker {} {now} {}", held.pid, held.remote));
        }
        if !name.dialled.is_empty() {
            let dialled = name
                .dialled
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            details.push(format!("    the proxy dials {dialled}"));
        }
    }
    let linux = snapshot.host.platform.is_linux();
    if let Some(flush) = snapshot
        .resolver
        .seen()
        .filter(|_| linux)
        .and_then(|resolver| resolver.flush.as_ref())
    {
        details.push(format!("cache: {}", crate::finding::command_line(flush)));
    }
    if snapshot.names.iter().any(|name| name.role == "url") {
        details.push("when only some clients fail, empty their caches: ipconfig /flushdns (Windows), sudo dscacheutil -flushcache; sudo killall -HUP mDNSResponder (macOS), resolvectl flush-caches (systemd-resolved)".to_owned());
    }
    if upstream.is_empty() {
        return (
            StepStatus::Ok,
            "no name between the proxy and the upstream".to_owned(),
            details,
        );
    }
    let bad = upstream.iter().find(|name| {
        let nginx = name
            .servers
            .iter()
            .filter(|server| server.used_by == "nginx")
            .collect::<Vec<_>>();
        if name.role == "upstream-at-run-time" {
            !nginx
                .iter()
                .any(|server| matches!(server.outcome, NameOutcome::Addresses(_)))
        } else {
            name.system.seen().is_none_or(Vec::is_empty)
        }
    });
    match bad {
        Some(name) => (
            StepStatus::Problem,
            format!("{} has no address for the proxy", name.name),
            details,
        ),
        None => (
            StepStatus::Ok,
            format!(
                "{} resolves",
                upstream
                    .iter()
                    .map(|name| name.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            details,
        ),
    }
}

pub(super) fn outcome_words(outcome: &NameOutcome) -> String {
    match outcome {
        NameOutcome::Addresses(addresses) => addresses
            .iter()
            .map(|(address, ttl)| format!("{address} (TTL {ttl} s)"))
            .collect::<Vec<_>>()
            .join(", "),
        NameOutcome::NxDomain => "no such name (NXDOMAIN)".to_owned(),
        NameOutcome::NoAddress => "the name has no address".to_owned(),
        NameOutcome::ServerFailure => "SERVFAIL".to_owned(),
        NameOutcome::Refused => "REFUSED".to_owned(),
        NameOutcome::NotListening => "nothing listens there".to_owned(),
        NameOutcome::TimedOut => "no answer".to_owned(),
        NameOutcome::Failed(why) => why.clone(),
    }
}
