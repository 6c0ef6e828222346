//! Step 2, upstream: ask each endpoint as the proxy would, and in other ways where that fails.

use std::net::SocketAddr;

use super::plan::Plan;
use super::turn::Turn;
use super::{dns_flush, machine};
use crate::evidence::{
    Barrier, Bytes, Connect, End, Endpoint, EndpointEvidence, Exchange, Handler, Listener, NameOutcome,
    Observed, OtherListener, Pass, Peer, PeerAddress, Place, Probe, ProbeKind, Protocol, Route, Snapshot,
    SocketFile, Speaks, Symptom,
};
use crate::host::{
    DescriptorUse, ExchangeQuery, Framing, Host, Metadata, ReadFile, RunCommand, StatPath, TlsOptions,
    TlsVersions,
};
use crate::proxy::request;
use crate::system::{http, network, sockets};

/// A neighbour that does not answer shows after three tries, one second apart.
const CONNECT_LIMIT_MS: u64 = 3_200;
/// How many endpoints are asked.
const MOST: usize = 8;

/// Finds the endpoints of the route and asks each.
pub(super) fn endpoints(host: &Host, plan: &Plan, snapshot: &mut Snapshot, turn: &Turn) {
    let Some((route, pass)) = innermost(snapshot) else {
        return;
    };
    let mut found = resolved(snapshot, &pass);
    found.truncate(MOST);
    let _held = turn.take(host);
    snapshot.endpoints = examine_all(host, plan, snapshot, &route, &pass, found);
}

/// The last tier on this host that hands the request on.
pub(super) fn innermost(snapshot: &Snapshot) -> Option<(Route, Box<Pass>)> {
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
    route: &Route,
    pass: &Pass,
    found: Vec<Found>,
) -> Vec<EndpointEvidence> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = found
            .into_iter()
            .map(|(endpoint, place, name)| {
                scope.spawn(move || examine(host, plan, snapshot, route, pass, (endpoint, place, name)))
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    })
}

fn examine(
    host: &Host,
    plan: &Plan,
    snapshot: &Snapshot,
    route: &Route,
    pass: &Pass,
    (endpoint, place, name): Found,
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
    {
        evidence.descriptors = host.ask(&DescriptorUse { pid: owner.pid });
    }
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask_as_proxy(host, plan, snapshot, route, pass, &endpoint));
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
                let identity = machine::network_of(snapshot);
                let text = address.ip().to_string();
                evidence.on_this_host = address.ip().is_loopback()
                    || snapshot.limits.addresses.iter().any(|(own, _)| *own == address.ip());
                let mut argv = vec!["ip", "route", "get", text.as_str()];
                let uid = snapshot
                    .proxy
                    .as_ref()
                    .and_then(|proxy| proxy.workers.first())
                    .map(|worker| worker.uid.to_string());
                if let Some(uid) = &uid {
                    argv.extend(["uid", uid.as_str()]);
                }
                evidence.kernel_route = host
                    .ask(&RunCommand::new(argv).within(identity))
                    .map(|output| network::kernel_route(&output.stdout.0, &output.stderr.0));
            }
        }
        evidence.probes.extend(asked.join().ok());
    });
    // The neighbour entry shows whether anybody answered, so it is read afterwards.
    if let (Some(address), false) = (endpoint.tcp(), evidence.on_this_host) {
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
fn limits(plan: &Plan, route: &Route) -> (u64, u64) {
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
    route: &Route,
    pass: &Pass,
    endpoint: &Endpoint,
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
        ..ExchangeQuery::default()
    };
    Probe {
        kind: ProbeKind::AsProxy,
        command: by_hand(route, pass, endpoint),
        exchange: host.ask(&query),
    }
}

/// TLS as the configuration wants it.
fn tls_of(route: &Route, pass: &Pass) -> TlsOptions {
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

fn without_port(host: &str) -> String {
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
fn is_name(name: &str) -> bool {
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

/// The socket file with what keeps the worker from it, as a process sees it (`None`: we ourselves).
fn socket_file(host: &Host, snapshot: &Snapshot, path: &str, seen_by: Option<u32>) -> Observed<SocketFile> {
    let below = seen_by.map_or_else(String::new, |pid| format!("/proc/{pid}/root"));
    let metadata = match host.ask(&StatPath {
        path: format!("{below}{path}"),
    }) {
        Observed::Seen(metadata) => metadata,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    Observed::Seen(SocketFile {
        barrier: barrier(host, snapshot, path, &below),
        kind: metadata.kind,
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        modified_ms: metadata.modified_ms.unwrap_or_default(),
    })
}

/// The first directory without search permission for the worker, or the socket without write permission.
fn barrier(host: &Host, snapshot: &Snapshot, path: &str, below: &str) -> Option<Barrier> {
    let (user, uid, gid, groups) = worker_account(host, snapshot)?;
    if uid == 0 {
        return None;
    }
    let allowed = |metadata: &Metadata, bit: u32| {
        let shift = if metadata.uid == uid {
            6
        } else if metadata.gid == gid || groups.contains(&metadata.gid) {
            3
        } else {
            0
        };
        metadata.mode >> shift & bit != 0
    };
    let mut parts: Vec<&str> = path
        .match_indices('/')
        .skip(1)
        .filter_map(|(position, _)| path.get(..position))
        .collect();
    parts.insert(0, "/");
    parts.push(path);
    for part in parts {
        let metadata = host
            .ask(&StatPath {
                path: format!("{below}{part}"),
            })
            .into_seen()?;
        let bit = if part == path { 0o2 } else { 0o1 };
        if !allowed(&metadata, bit) {
            let name = |file: &str, id: u32| {
                host.ask(&ReadFile::start(file, 4 << 20)).seen().map_or_else(
                    || id.to_string(),
                    |content| network::account_name(&content.bytes.0, id),
                )
            };
            return Some(Barrier {
                path: part.to_owned(),
                mode: metadata.mode,
                owner: name("/etc/passwd", metadata.uid),
                group: name("/etc/group", metadata.gid),
                user,
            });
        }
    }
    None
}

/// Name, user, group and further groups of the workers: from a running one, or from the configuration.
fn worker_account(host: &Host, snapshot: &Snapshot) -> Option<(String, u32, u32, Vec<u32>)> {
    let passwd = host
        .ask(&ReadFile::start("/etc/passwd", 4 << 20))
        .into_seen()?
        .bytes
        .0;
    if let Some(worker) = snapshot.proxy.as_ref().and_then(|proxy| proxy.workers.first()) {
        return Some((
            network::account_name(&passwd, worker.uid),
            worker.uid,
            worker.gid,
            worker.groups.clone(),
        ));
    }
    let user = snapshot.route.seen()?.settings.user.as_ref()?.value.clone();
    let (uid, gid) = network::account(&passwd, &user)?;
    Some((user, uid, gid, Vec::new()))
}

/// Further questions that the attempts and the logs call for.
pub(super) fn after_the_attempts(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let Some((route, pass)) = innermost(snapshot) else {
        return;
    };
    stale_endpoints(host, plan, snapshot, &route, &pass);
    other_listeners(host, plan, snapshot);
    let questions: Vec<(usize, ProbeKind, ExchangeQuery, String)> = snapshot
        .endpoints
        .iter()
        .enumerate()
        .flat_map(|(index, evidence)| {
            further(plan, snapshot, &route, &pass, evidence)
                .into_iter()
                .map(move |(kind, query, command)| (index, kind, query, command))
        })
        .collect();
    let answers: Vec<(usize, Probe)> = std::thread::scope(|scope| {
        let threads: Vec<_> = questions
            .into_iter()
            .map(|(index, kind, query, command)| {
                scope.spawn(move || {
                    (
                        index,
                        Probe {
                            kind,
                            command,
                            exchange: host.ask(&query),
                        },
                    )
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    for (index, probe) in answers {
        if let Some(evidence) = snapshot.endpoints.get_mut(index) {
            evidence.probes.push(probe);
        }
    }
}

/// Programs that are never the upstream of a web proxy.
const NEVER_UPSTREAM: [&str; 22] = [
    "sshd",
    "nginx",
    "dnsmasq",
    "systemd",
    "systemd-resolve",
    "named",
    "unbound",
    "mysqld",
    "mariadbd",
    "postgres",
    "redis-server",
    "memcached",
    "chronyd",
    "ntpd",
    "master",
    "exim4",
    "cupsd",
    "rpcbind",
    "dovecot",
    "fix502",
    "containerd",
    "dockerd",
];

/// Where an endpoint of this host has no listener: who else listens and could be the service.
fn other_listeners(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let missing = snapshot.endpoints.iter().any(|evidence| {
        evidence.on_this_host && evidence.listener.is_absent() && evidence.endpoint.tcp().is_some()
    });
    let Some(listeners) = snapshot.listeners.seen().filter(|_| missing) else {
        return;
    };
    let configured: Vec<String> = snapshot
        .config
        .seen()
        .map(|config| config.upstream_addresses.clone())
        .unwrap_or_default();
    let used = |address: &SocketAddr| {
        let text = address.to_string();
        let port = format!(":{}", address.port());
        configured
            .iter()
            .any(|known| *known == text || (known.starts_with("localhost") && known.ends_with(&port)))
    };
    let mut candidates: Vec<Listener> = listeners
        .iter()
        .filter(|listener| {
            let Some(address) = listener.endpoint.tcp() else {
                return false;
            };
            let owner = listener.processes.first().map_or("", |owner| owner.name.as_str());
            // What the host inside this program offers, this program offers; its front door is no upstream.
            let never = if plan.inside.is_some() {
                address.port() == snapshot.target.port
            } else {
                NEVER_UPSTREAM.contains(&owner)
            };
            !never && !used(&address) && address.port() != 53
        })
        .cloned()
        .collect();
    candidates.truncate(6);
    let identity = machine::network_of(snapshot);
    snapshot.other_listeners = std::thread::scope(|scope| {
        let threads: Vec<_> = candidates
            .into_iter()
            .map(|listener| {
                let identity = identity.clone();
                scope.spawn(move || {
                    let mut address = listener.endpoint.tcp();
                    if let Some(address) = address.as_mut().filter(|address| address.ip().is_unspecified()) {
                        address.set_ip(if address.is_ipv4() {
                            std::net::Ipv4Addr::LOCALHOST.into()
                        } else {
                            std::net::Ipv6Addr::LOCALHOST.into()
                        });
                    }
                    let exchange = address.map_or(Observed::Absent, |address| {
                        host.ask(&ExchangeQuery {
                            endpoint: address.to_string(),
                            request: Bytes(
                                b"GET / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: fix502\r\n\r\n".to_vec(),
                            ),
                            connect_limit_ms: 500,
                            answer_limit_ms: 700,
                            keep_bytes: 1_024,
                            identity,
                            moment: 50,
                            ..ExchangeQuery::default()
                        })
                    });
                    OtherListener { listener, exchange }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
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
    let mut found = examine_all(host, plan, snapshot, route, pass, stale);
    snapshot.endpoints.append(&mut found);
}

fn further(
    plan: &Plan,
    snapshot: &Snapshot,
    route: &Route,
    pass: &Pass,
    evidence: &EndpointEvidence,
) -> Vec<(ProbeKind, ExchangeQuery, String)> {
    let Some(first) = evidence.as_proxy() else {
        return Vec::new();
    };
    if first.connect != Connect::Connected {
        return Vec::new();
    }
    let (connect_limit_ms, _) = limits(plan, route);
    let base = ExchangeQuery {
        endpoint: evidence.endpoint.to_string(),
        connect_limit_ms,
        answer_limit_ms: 1_500,
        keep_bytes: 16 * 1024,
        identity: machine::worker(snapshot),
        ..ExchangeQuery::default()
    };
    let mut questions = Vec::new();
    let plain = || request::http_with(route, pass, "");
    let address = match &evidence.endpoint {
        Endpoint::Tcp(address) => address.to_string(),
        Endpoint::Unix(path) => path.clone(),
    };
    let healthy = answers_well(first, pass);
    if pass.tls && !healthy {
        let s_client = |extra: &str| format!("openssl s_client -connect {address} {extra} </dev/null");
        questions.push((
            ProbeKind::PlainHttp,
            ExchangeQuery {
                request: Bytes(plain()),
                ..base.clone()
            },
            format!("curl -sv http://{address}/"),
        ));
        let tls = |options: TlsOptions| ExchangeQuery {
            tls: Some(options),
            request: Bytes(plain()),
            ..base.clone()
        };
        questions.push((
            ProbeKind::TlsWithoutName,
            tls(TlsOptions::default()),
            s_client("-noservername"),
        ));
        for name in server_names(snapshot, route, pass) {
            let options = TlsOptions {
                server_name: Some(name.clone()),
                ..TlsOptions::default()
            };
            questions.push((
                ProbeKind::TlsWithName,
                tls(options),
                s_client(&format!("-servername {name}")),
            ));
        }
        for (kind, versions, flag) in [
            (ProbeKind::Tls12, TlsVersions::Only12, "-tls1_2"),
            (ProbeKind::Tls13, TlsVersions::Only13, "-tls1_3"),
        ] {
            let name = tls_of(route, pass).server_name;
            questions.push((
                kind,
                tls(TlsOptions {
                    versions,
                    server_name: name,
                    ..TlsOptions::default()
                }),
                s_client(flag),
            ));
        }
    }
    if !pass.tls && !healthy {
        let garbled = first.received_bytes > 0 || matches!(first.end, End::Closed | End::Reset);
        if pass.protocol != Protocol::Http {
            questions.push((
                ProbeKind::PlainHttp,
                ExchangeQuery {
                    request: Bytes(plain()),
                    ..base.clone()
                },
                format!("curl -sv http://{address}/"),
            ));
        }
        if garbled && pass.protocol == Protocol::Http {
            questions.push((
                ProbeKind::TlsWithoutName,
                ExchangeQuery {
                    tls: Some(TlsOptions::default()),
                    request: Bytes(plain()),
                    ..base.clone()
                },
                format!("openssl s_client -connect {address} </dev/null"),
            ));
            let raw = |bytes: Vec<u8>| ExchangeQuery {
                request: Bytes(bytes),
                framing: Framing::Raw,
                ..base.clone()
            };
            questions.push((
                ProbeKind::FastCgi,
                raw(request::fastcgi(&[])),
                format!("SCRIPT_NAME=/ REQUEST_METHOD=GET cgi-fcgi -bind -connect {address}"),
            ));
            questions.push((
                ProbeKind::Uwsgi,
                raw(request::uwsgi(&[])),
                format!("uwsgi_curl {address} /"),
            ));
            questions.push((
                ProbeKind::Http2Preface,
                raw(request::http2_preface()),
                format!("curl -sv --http2-prior-knowledge http://{address}/"),
            ));
            let mut line = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n".to_vec();
            line.extend(plain());
            questions.push((
                ProbeKind::ProxyProtocol,
                ExchangeQuery {
                    request: Bytes(line),
                    ..base.clone()
                },
                format!("curl -sv --haproxy-protocol http://{address}/"),
            ));
        }
    }
    if healthy && pass.protocol == Protocol::Http && !pass.tls {
        let seen = |symptoms: &[Symptom]| {
            snapshot
                .log
                .errors()
                .any(|entry| entry.symptom.is_some_and(|symptom| symptoms.contains(&symptom)))
        };
        if seen(&[
            Symptom::ClosedBeforeHeader,
            Symptom::ResetBeforeHeader,
            Symptom::SendFailed,
        ]) {
            questions.push((
                ProbeKind::KeptConnection,
                ExchangeQuery {
                    request: Bytes(request::http_kept(route, pass)),
                    again_after_ms: Some(3_000),
                    answer_limit_ms: 4_000,
                    ..base.clone()
                },
                format!("curl -sv http://{address}/ --next http://{address}/"),
            ));
        }
        if seen(&[Symptom::HeaderTimeout, Symptom::SendTimeout]) {
            let cookie = format!("Cookie: fix502={}\r\n", "x".repeat(3_000));
            questions.push((
                ProbeKind::LargeHeader,
                ExchangeQuery {
                    request: Bytes(request::http_with(route, pass, &cookie)),
                    ..base.clone()
                },
                format!(
                    "curl -sv -H \"Cookie: fix502=$(head -c 3000 /dev/zero | tr '\\0' x)\" http://{address}/"
                ),
            ));
        }
    }
    questions
}

/// True when the endpoint gave a whole answer in the protocol that the proxy speaks.
fn answers_well(exchange: &Exchange, pass: &Pass) -> bool {
    match pass.protocol {
        Protocol::Http => http::head(&exchange.bytes.0).is_some_and(|head| {
            let refused_plain = head.status == Some(400);
            head.status.is_some() && head.length_bytes.is_some() && !refused_plain
        }),
        Protocol::FastCgi => http::speaks(&exchange.bytes.0) == Speaks::FastCgi,
        Protocol::Uwsgi | Protocol::Scgi => http::speaks(&exchange.bytes.0) == Speaks::Http,
        Protocol::Grpc => http::speaks(&exchange.bytes.0) == Speaks::Http2,
        Protocol::Memcached => exchange.received_bytes > 0,
    }
}

/// Names worth trying as SNI: those that the configuration and the URL hold.
fn server_names(snapshot: &Snapshot, route: &Route, pass: &Pass) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let configured = route
        .settings
        .tls_name
        .as_ref()
        .map(|setting| without_port(&setting.value));
    let candidates = configured
        .into_iter()
        .chain([
            without_port(&request::host_header(route, pass)),
            without_port(&pass.proxy_host),
            snapshot.target.host.clone(),
        ])
        .chain(
            snapshot
                .config
                .seen()
                .map(|config| config.server_names.clone())
                .unwrap_or_default(),
        );
    for name in candidates {
        if is_name(&name) && !name.contains(['*', '~']) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(4);
    names
}
