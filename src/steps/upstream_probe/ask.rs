//! The questions to each endpoint: what the proxy would send, and the kernel's view of the way.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::time::Duration;

use super::super::plan::Plan;
use super::super::pool;
use super::super::turn::{Party, Turn};
use super::super::{dns_flush, machine, systems};
use super::further::further;
use super::nearby::other_listeners;
use super::socket_file::socket_file;
use crate::evidence::{
    Bytes, Endpoint, EndpointEvidence, Exchange, Handler, KernelRoute, Listener, NameOutcome, Observed, Pass,
    Peer, PeerAddress, Place, Probe, ProbeKind, Protocol, Route, Snapshot,
};
use crate::host::{DescriptorUse, ExchangeQuery, Framing, Host, RunCommand, Secret, TlsOptions, TlsVersions};
use crate::proxy::request;
use crate::system::{network, sockets};

/// A neighbour that does not answer shows after three tries, one second apart.
const CONNECT_LIMIT_MS: u64 = 3_200;
/// An endpoint that has not taken a connection by then is in no state to be slowed down.
const TAKEN_WITHIN: Duration = Duration::from_millis(300);
/// How many endpoints are asked.
pub(super) const MOST: usize = 256;
/// How many of them at a time. A server learns of a close a little later, so it is below 64 by some way.
const MOST_IN_FLIGHT: usize = 48;
/// So many endpoints are looked at from every side; of further ones only the answer is kept.
const MOST_CLOSELY: usize = 8;

/// Finds the endpoints of the route and asks each.
pub(in crate::steps) fn endpoints(host: &Host, plan: &Plan, snapshot: &mut Snapshot, turn: &Turn) {
    let Some((route, pass)) = innermost(snapshot) else {
        return;
    };
    let mut found = resolved(snapshot, &pass);
    found.truncate(MOST);
    snapshot.endpoints = examine_all(host, plan, snapshot, (&route, &pass), found, turn);
}

/// The last tier on this host that hands the request on.
fn innermost(snapshot: &Snapshot) -> Option<(Route, Box<Pass>)> {
    let routes = snapshot.inner_routes.iter().rev().chain(snapshot.route.seen());
    routes.into_iter().find_map(|route| match &route.handler {
        Handler::Pass(pass) => Some((route.clone(), pass.clone())),
        Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => None,
    })
}

/// An endpoint with the line that names it and the name it came from.
type Found = (Endpoint, Place, Option<String>);

fn resolved(snapshot: &Snapshot, pass: &Pass) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut add = |endpoint: Endpoint, place: &Place, name: Option<String>| {
        if !found.iter().any(|(known, ..)| *known == endpoint) {
            found.push((endpoint, place.clone(), name));
        }
    };
    for Peer { address, place, .. } in &pass.peers {
        match address {
            PeerAddress::Ip(address) => add(Endpoint::Tcp(*address), place, None),
            PeerAddress::Unix(path) => add(Endpoint::Unix(path.clone()), place, None),
            PeerAddress::Name(name) => {
                for address in addresses_of(snapshot, &name.name, "upstream") {
                    add(
                        Endpoint::Tcp(SocketAddr::new(address, name.port)),
                        place,
                        Some(name.name.clone()),
                    );
                }
            }
        }
    }
    if let Some(name) = &pass.runtime_name {
        for address in addresses_of(snapshot, &name.name, "upstream-at-run-time") {
            add(
                Endpoint::Tcp(SocketAddr::new(address, name.port)),
                &pass.place,
                Some(name.name.clone()),
            );
        }
    }
    found
}

fn addresses_of(snapshot: &Snapshot, name: &str, role: &str) -> Vec<std::net::IpAddr> {
    let Some(evidence) = snapshot
        .names
        .iter()
        .find(|evidence| evidence.name == name && evidence.role == role)
    else {
        return Vec::new();
    };
    // At run time nginx asks its own nameservers and nobody else.
    if role == "upstream-at-run-time" {
        return evidence
            .servers
            .iter()
            .filter(|answer| answer.used_by == "nginx")
            .find_map(|answer| match &answer.outcome {
                NameOutcome::Addresses(addresses) => {
                    Some(addresses.iter().map(|(address, _)| *address).collect())
                }
                _ => None,
            })
            .unwrap_or_default();
    }
    evidence.system.seen().cloned().unwrap_or_default()
}

fn examine_all(
    host: &Host,
    plan: &Plan,
    snapshot: &Snapshot,
    way: (&Route, &Pass),
    found: Vec<Found>,
    turn: &Turn,
) -> Vec<EndpointEvidence> {
    let found: Vec<(usize, Found)> = found.into_iter().enumerate().collect();
    pool::each(found, MOST_IN_FLIGHT, |(index, found)| {
        examine(host, plan, snapshot, way, found, turn, index < MOST_CLOSELY)
    })
}

fn examine(
    host: &Host,
    plan: &Plan,
    snapshot: &Snapshot,
    way: (&Route, &Pass),
    (endpoint, place, name): Found,
    turn: &Turn,
    closely: bool,
) -> EndpointEvidence {
    let mut evidence = EndpointEvidence {
        endpoint: endpoint.clone(),
        place,
        name,
        probes: Vec::new(),
        listener: listener(&snapshot.listeners, &endpoint),
        listener_outside: listener(&snapshot.listeners_outside, &endpoint),
        socket_file: Observed::Absent,
        socket_file_outside: Observed::Absent,
        kernel_route: Observed::Absent,
        neighbour: Observed::Absent,
        on_this_host: endpoint.unix().is_some(),
        descriptors: Observed::Absent,
    };
    if let Some(owner) = evidence
        .listener
        .seen()
        .and_then(|listener| listener.processes.first())
        .filter(|_| closely && snapshot.host.platform.is_linux())
    {
        evidence.descriptors = host.ask(&DescriptorUse { pid: owner.pid });
    }
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask_as_proxy(host, plan, snapshot, way, &endpoint, turn));
        match &endpoint {
            Endpoint::Unix(path) => {
                let worker = machine::worker(snapshot);
                evidence.socket_file = socket_file(host, snapshot, path, worker.mounts_of);
                evidence.socket_file_outside = if worker.mounts_of.is_some() {
                    socket_file(host, snapshot, path, None)
                } else {
                    evidence.socket_file.clone()
                };
            }
            Endpoint::Tcp(address) => {
                evidence.on_this_host = address.ip().is_loopback()
                    || snapshot.limits.addresses.iter().any(|(own, _)| *own == address.ip());
                if closely {
                    evidence.kernel_route = kernel_route(host, snapshot, address);
                }
            }
        }
        evidence.probes.extend(asked.join().ok());
    });
    let unreached = evidence.as_proxy().is_none_or(|exchange| !exchange.connected());
    if let (Some(address), false, true) = (endpoint.tcp(), closely, unreached) {
        evidence.kernel_route = kernel_route(host, snapshot, &address);
    }
    // The neighbour entry shows whether anybody answered, so it is read afterwards.
    let asked = snapshot.host.platform.is_linux() && (closely || unreached);
    if let (Some(address), false, true) = (endpoint.tcp(), evidence.on_this_host, asked) {
        let hop = evidence
            .kernel_route
            .seen()
            .and_then(|route| route.gateway.clone())
            .unwrap_or_else(|| address.ip().to_string());
        evidence.neighbour = host
            .ask(
                &RunCommand::new(["ip", "neigh", "show", hop.as_str()]).within(machine::network_of(snapshot)),
            )
            .into_seen()
            .and_then(|output| network::neighbour(&output.stdout.0))
            .into();
    }
    evidence
}

/// The way that the kernel would send packets of the worker.
fn kernel_route(host: &Host, snapshot: &Snapshot, address: &SocketAddr) -> Observed<KernelRoute> {
    if !snapshot.host.platform.is_linux() {
        return systems::kernel_route(host, snapshot.host.platform, address.ip());
    }
    let text = address.ip().to_string();
    let mut argv = vec!["ip", "route", "get", text.as_str()];
    let uid = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.workers.first())
        .map(|worker| worker.uid.to_string());
    if let Some(uid) = &uid {
        argv.extend(["uid", uid.as_str()]);
    }
    host.ask(&RunCommand::new(argv).within(machine::network_of(snapshot)))
        .map(|output| network::kernel_route(&output.stdout.0, &output.stderr.0))
}

fn listener(listeners: &Observed<Vec<Listener>>, endpoint: &Endpoint) -> Observed<Listener> {
    match listeners {
        Observed::Seen(all) => all
            .iter()
            .find(|listener| sockets::takes(listener, endpoint))
            .cloned()
            .into(),
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle.clone()),
    }
}

/// The limits of the exchanges with one endpoint: connecting, and answering.
pub(super) fn limits(plan: &Plan, route: &Route) -> (u64, u64) {
    let value = |setting: &Option<crate::evidence::Setting<u64>>| {
        setting.as_ref().map_or(60_000, |setting| setting.value)
    };
    let connect = value(&route.settings.connect_timeout).clamp(200, CONNECT_LIMIT_MS);
    // Long enough to tell slow from silent where the proxy is impatient, never longer than the run allows.
    let answer = value(&route.settings.read_timeout)
        .saturating_mul(3)
        .clamp(1_000, 10_000)
        .min(plan.patience_ms());
    (connect, answer)
}

fn ask_as_proxy(
    host: &Host,
    plan: &Plan,
    snapshot: &Snapshot,
    (route, pass): (&Route, &Pass),
    endpoint: &Endpoint,
    turn: &Turn,
) -> Probe {
    let (connect_limit_ms, answer_limit_ms) = limits(plan, route);
    let query = ExchangeQuery {
        endpoint: endpoint.to_string(),
        tls: pass.tls.then(|| tls_of(route, pass)),
        request: Bytes(request::as_proxy(route, pass)),
        framing: if pass.protocol == Protocol::Http {
            Framing::Http
        } else {
            Framing::Raw
        },
        connect_limit_ms,
        answer_limit_ms,
        keep_bytes: 64 * 1024,
        identity: machine::worker(snapshot),
        authorization: authorization(plan, route, pass),
        ..ExchangeQuery::default()
    };
    // First only a connection, which costs the application nothing: where none is taken, that is the answer,
    // and nobody has to take turns.
    let reach = ExchangeQuery {
        tls: None,
        request: Bytes::default(),
        answer_limit_ms: 0,
        ..query.clone()
    };
    let reached = std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        scope.spawn(move || {
            let _ = sender.send(host.ask(&reach));
        });
        receiver.recv_timeout(TAKEN_WITHIN).or_else(|_| {
            turn.open();
            receiver.recv()
        })
    })
    .unwrap_or_default();
    let connected = reached.seen().is_some_and(Exchange::connected);
    let exchange = if connected || host.is_replay() && reached.seen().is_none() {
        let _held = turn.take(host, Party::Probe);
        host.ask(&query)
    } else {
        turn.open();
        reached
    };
    Probe {
        kind: ProbeKind::AsProxy,
        command: by_hand(route, pass, endpoint),
        exchange,
    }
}

/// User and password of the URL, where the proxy would hand them on as the client sent them.
pub(super) fn authorization(plan: &Plan, route: &Route, pass: &Pass) -> Option<Secret> {
    let own = route
        .settings
        .request_headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    if pass.protocol != Protocol::Http || own {
        return None;
    }
    plan.authorization.clone()
}

/// TLS as the configuration wants it.
pub(super) fn tls_of(route: &Route, pass: &Pass) -> TlsOptions {
    let settings = &route.settings;
    let name = settings.tls_name.as_ref().map_or_else(
        || without_port(&pass.proxy_host),
        |setting| without_port(&setting.value),
    );
    let on = |setting: &Option<crate::evidence::Setting<bool>>| {
        setting.as_ref().is_some_and(|setting| setting.value)
    };
    let versions: &[String] = settings.tls_protocols.as_ref().map_or(&[], |setting| &setting.value);
    let has = |version: &str| versions.iter().any(|name| name == version);
    TlsOptions {
        server_name: (on(&settings.tls_server_name) && is_name(&name)).then(|| name.clone()),
        versions: match (has("TLSv1.2"), has("TLSv1.3")) {
            (true, false) => TlsVersions::Only12,
            (false, true) => TlsVersions::Only13,
            _ => TlsVersions::Both,
        },
        alpn: if pass.protocol == Protocol::Grpc {
            vec!["h2".to_owned()]
        } else {
            Vec::new()
        },
        roots: on(&settings.tls_verify).then(|| {
            settings
                .tls_trusted_certificate
                .as_ref()
                .map(|setting| setting.value.clone())
                .unwrap_or_default()
        }),
        verify_name: on(&settings.tls_verify).then_some(name),
    }
}

pub(super) fn without_port(host: &str) -> String {
    if host.starts_with('[') {
        return host
            .split(']')
            .next()
            .unwrap_or(host)
            .trim_start_matches('[')
            .to_owned();
    }
    host.split(':').next().unwrap_or(host).to_owned()
}

/// An address or a variable is never sent as a server name.
pub(super) fn is_name(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_err() && !name.contains('$') && name.contains('.')
}

/// The command that asks the same by hand.
fn by_hand(route: &Route, pass: &Pass, endpoint: &Endpoint) -> String {
    let target = route.request_target.as_deref().unwrap_or("/");
    let host = request::host_header(route, pass);
    let scheme = if pass.tls { "https" } else { "http" };
    let words: Vec<String> = match (pass.protocol, endpoint) {
        (Protocol::Http, Endpoint::Tcp(address)) => [
            "curl",
            "-skv",
            "--http1.1",
            "-H",
            &format!("Host: {host}"),
            &format!("{scheme}://{address}{target}"),
        ]
        .map(str::to_owned)
        .to_vec(),
        (Protocol::Http, Endpoint::Unix(path)) => [
            "curl",
            "-sv",
            "--unix-socket",
            path,
            "-H",
            &format!("Host: {host}"),
            &format!("http://localhost{target}"),
        ]
        .map(str::to_owned)
        .to_vec(),
        (Protocol::FastCgi, endpoint) => {
            let connect = match endpoint {
                Endpoint::Tcp(address) => address.to_string(),
                Endpoint::Unix(path) => path.clone(),
            };
            return format!(
                "SCRIPT_NAME=/ SCRIPT_FILENAME=/ REQUEST_METHOD=GET cgi-fcgi -bind -connect {}",
                crate::finding::quoted(&connect)
            );
        }
        (_, Endpoint::Tcp(address)) => [
            "nc",
            "-vz",
            &address.ip().to_string(),
            &address.port().to_string(),
        ]
        .map(str::to_owned)
        .to_vec(),
        (_, Endpoint::Unix(path)) => ["nc", "-vzU", path].map(str::to_owned).to_vec(),
    };
    crate::finding::command_line(&words)
}

/// Further questions that the attempts and the logs call for.
pub(in crate::steps) fn after_the_attempts(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let Some((route, pass)) = innermost(snapshot) else {
        return;
    };
    stale_endpoints(host, plan, snapshot, &route, &pass);
    other_listeners(host, plan, snapshot);
    let mut questions: Vec<(usize, Vec<_>)> = snapshot
        .endpoints
        .iter()
        .enumerate()
        .map(|(index, evidence)| (index, further(plan, snapshot, &route, &pass, evidence)))
        .filter(|(_, questions)| !questions.is_empty())
        .collect();
    // Those that fail come first, and a ninth adds nothing that the eight before did not say.
    questions.sort_by_key(|(index, _)| {
        snapshot
            .endpoints
            .get(*index)
            .and_then(EndpointEvidence::as_proxy)
            .is_some_and(|exchange| exchange.received_bytes > 0)
    });
    let questions: Vec<(usize, ProbeKind, ExchangeQuery, String)> = questions
        .into_iter()
        .take(MOST_CLOSELY)
        .flat_map(|(index, questions)| {
            questions
                .into_iter()
                .map(move |(kind, query, command)| (index, kind, query, command))
        })
        .collect();
    let answers = pool::each(questions, MOST_IN_FLIGHT, |(index, kind, query, command)| {
        let exchange = host.ask(&query);
        (
            index,
            Probe {
                kind,
                command,
                exchange,
            },
        )
    });
    for (index, probe) in answers {
        if let Some(evidence) = snapshot.endpoints.get_mut(index) {
            evidence.probes.push(probe);
        }
    }
}

/// Addresses that the running proxy still dials although the name or the file says otherwise now.
fn stale_endpoints(host: &Host, plan: &Plan, snapshot: &mut Snapshot, route: &Route, pass: &Pass) {
    let mut stale: Vec<Found> = Vec::new();
    for entry in snapshot.log.during.iter().rev().take(10) {
        let Some(address) = entry.upstream.as_deref().and_then(dns_flush::socket_in) else {
            continue;
        };
        let endpoint = Endpoint::Tcp(address);
        let known = snapshot
            .endpoints
            .iter()
            .any(|evidence| evidence.endpoint == endpoint);
        let outer = snapshot.inner_routes.is_empty();
        if !known && outer && !stale.iter().any(|(other, ..)| *other == endpoint) {
            stale.push((endpoint, pass.place.clone(), None));
        }
    }
    stale.truncate(4);
    let mut found = examine_all(host, plan, snapshot, (route, pass), stale, &Turn::default());
    snapshot.endpoints.append(&mut found);
}
