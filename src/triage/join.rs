//! The pieces as one snapshot.
//!
//! The line that is judged stands for the request that failed: what it says of the contact with the upstream
//! is kept as the proxy's own exchange with it, and everything that no piece shows stays not looked at.

use super::logs::Failure;
use super::{Sorted, answers, config, host, logs, subject};
use crate::evidence::{
    Connect, End, Endpoint, EndpointEvidence, ErrorEntry, Exchange, Handler, Handshake, LogAccount, LogFile,
    LogWindow, Observed, PeerAddress, Pieces, Probe, ProbeKind, ProxyKind, Snapshot, Symptom, UsedPiece,
    errno,
};

/// The most lines that are kept.
const KEEP: usize = 500;
/// Fewer lines than this are no course of errors.
const FEW_LINES: u64 = 10;

/// Joins the pieces.
pub fn snapshot(sorted: &Sorted) -> Snapshot {
    let mut snapshot = Snapshot {
        format: "fix502.snapshot/v1".to_owned(),
        ..Snapshot::default()
    };
    let pieces = &sorted.pieces;
    let zone = sorted.zone();
    let log_zone = zone.map(|(zone, _)| zone).unwrap_or_default();
    let mut logs = logs::read(pieces, log_zone);
    let (from_ms, newest_ms) = sorted.ends_of(&logs);
    if let Some(from_ms) = from_ms {
        logs.keep_since(pieces, log_zone, from_ms);
    }
    let saved = answers::saved(pieces);
    let from_answers = answers::failures(&saved);
    if logs.failures.iter().all(|failure| failure.entry.symptom.is_none()) {
        logs.failures.extend(from_answers);
    }
    snapshot.target = answers::target(&saved, &logs);
    let accounts: Vec<&LogAccount> = if sorted.accounts.is_empty() {
        vec![&logs.account]
    } else {
        sorted.accounts.iter().collect()
    };
    let failures = subject::failures(&logs.failures, &snapshot.target, &accounts);
    let judged = failures.first().and_then(|first| {
        logs.failures.iter().rev().find(|failure| {
            failure.entry.symptom == Some(first.symptom)
                && failure.entry.upstream.as_deref().map(subject::short) == first.upstream
        })
    });
    let entry = judged.map(|failure| failure.entry.clone());
    let product = judged.map(|failure| failure.product.to_owned()).or_else(|| {
        logs.requests
            .iter()
            .rev()
            .find(|(product, request)| {
                !product.is_empty() && request.status.is_some_and(|status| status >= 500)
            })
            .map(|(product, _)| (*product).to_owned())
    });
    answers::complete(&mut snapshot.target, entry.as_ref());
    snapshot.attempts = answers::attempts(&saved, &logs, entry.as_ref());
    let kind = product.as_deref().and_then(kind_of);
    if product.is_none() || kind.is_some() {
        config::join(pieces, kind, entry.as_ref(), &mut snapshot);
    } else {
        snapshot.config = Observed::Unavailable(host::not_sent());
        snapshot.route = Observed::Unavailable(host::not_sent());
    }
    snapshot.endpoints = endpoints(&snapshot, entry.as_ref());
    log(&mut snapshot, &logs, entry.as_ref());
    // Of a handful of lines there is no rhythm to tell.
    let counted = |account: &&&LogAccount| {
        let lines: u64 = account.symptoms.iter().map(|count| count.count).sum();
        lines >= FEW_LINES || account.requests.total >= FEW_LINES
    };
    snapshot.log.account = accounts.iter().find(counted).map(|account| (*account).clone());
    host::services(pieces, &logs, &mut snapshot);
    host::listeners(pieces, &mut snapshot);
    host::applications(&logs, &mut snapshot);
    host::firewall(pieces, &mut snapshot);
    snapshot.processes = Observed::Unavailable(host::not_sent());
    snapshot.host.now_ms = failures
        .first()
        .and_then(|failure| failure.last_ms)
        .unwrap_or_default();
    // Who made the answer, where no line says it.
    let product = product.or_else(|| {
        let by_answer = crate::causes::made_by(&snapshot).map(|made| made.product);
        by_answer.or_else(|| snapshot.route.seen().map(|route| route.proxy.name().to_owned()))
    });
    snapshot.pieces = Some(Pieces {
        used: pieces
            .iter()
            .map(|piece| UsedPiece {
                name: piece.name.clone(),
                kind: piece.kind.words().to_owned(),
                lines: accounts
                    .iter()
                    .flat_map(|account| &account.files)
                    .find(|file| file.path.ends_with(&piece.name))
                    .map_or(piece.text.lines().count() as u64, |file| file.lines),
            })
            .collect(),
        unused: sorted.unused.clone(),
        product,
        failures,
        window: sorted.window_ms.map(|_| LogWindow { from_ms, newest_ms }),
        zone: zone.map(|(_, known)| known),
    });
    snapshot
}

/// The kinds of proxies whose causes are judged; of others only their own lines speak.
fn kind_of(product: &str) -> Option<ProxyKind> {
    match product {
        "nginx" => Some(ProxyKind::Nginx),
        "apache" => Some(ProxyKind::Apache),
        "squid" => Some(ProxyKind::Squid),
        _ => None,
    }
}

/// The endpoints of the way, with what the line says about the contact.
fn endpoints(snapshot: &Snapshot, entry: Option<&ErrorEntry>) -> Vec<EndpointEvidence> {
    let mut endpoints: Vec<EndpointEvidence> = Vec::new();
    let mut add = |endpoint: Endpoint, place: crate::evidence::Place| {
        if endpoints.iter().all(|known| known.endpoint != endpoint) {
            endpoints.push(of_endpoint(endpoint, place));
        }
    };
    let named = entry
        .and_then(|entry| entry.upstream.as_deref())
        .and_then(|upstream| Endpoint::parse(&subject::short(upstream)));
    if let Some(Handler::Pass(pass)) = snapshot.route.seen().map(|route| &route.handler) {
        for peer in &pass.peers {
            match &peer.address {
                PeerAddress::Ip(address) => add(Endpoint::Tcp(*address), peer.place.clone()),
                PeerAddress::Unix(path) => add(Endpoint::Unix(path.clone()), peer.place.clone()),
                PeerAddress::Name(_) => {}
            }
        }
    }
    if let Some(endpoint) = &named {
        add(endpoint.clone(), crate::evidence::Place::default());
    }
    if let (Some(entry), Some(named)) = (entry, named)
        && let Some(exchange) = contact(entry)
        && let Some(evidence) = endpoints.iter_mut().find(|evidence| evidence.endpoint == named)
    {
        evidence.probes.push(Probe {
            kind: ProbeKind::AsProxy,
            command: match &named {
                Endpoint::Tcp(address) => format!("curl -sv http://{address}/"),
                Endpoint::Unix(path) => {
                    format!(
                        "curl -sv --unix-socket {} http://localhost/",
                        crate::finding::quoted(path)
                    )
                }
            },
            exchange: Observed::Seen(exchange),
        });
    }
    endpoints
}

fn of_endpoint(endpoint: Endpoint, place: crate::evidence::Place) -> EndpointEvidence {
    EndpointEvidence {
        endpoint,
        place,
        name: None,
        probes: Vec::new(),
        listener: Observed::default(),
        listener_outside: Observed::default(),
        socket_file: Observed::default(),
        socket_file_outside: Observed::default(),
        kernel_route: Observed::default(),
        neighbour: Observed::default(),
        on_this_host: false,
        descriptors: Observed::default(),
    }
}

/// The proxy's own contact with the upstream, as far as its line tells it.
fn contact(entry: &ErrorEntry) -> Option<Exchange> {
    let failed = |number| Exchange {
        connect: Connect::Failed(number),
        ..Exchange::default()
    };
    let ended = |end| Exchange {
        connect: Connect::Connected,
        end,
        ..Exchange::default()
    };
    Some(match entry.symptom? {
        Symptom::ConnectionRefused => failed(errno::ECONNREFUSED),
        Symptom::SocketMissing => failed(errno::ENOENT),
        Symptom::PermissionDenied => failed(errno::EACCES),
        Symptom::AcceptQueueFull => failed(errno::EAGAIN),
        Symptom::HostUnreachable => failed(errno::EHOSTUNREACH),
        Symptom::NetworkUnreachable => failed(errno::ENETUNREACH),
        Symptom::NoLocalAddress => failed(errno::EADDRNOTAVAIL),
        Symptom::ConnectTimeout => Exchange {
            connect: Connect::TimedOut,
            ..Exchange::default()
        },
        Symptom::ClosedBeforeHeader => ended(End::Closed),
        Symptom::ResetBeforeHeader => ended(End::Reset),
        Symptom::HeaderTimeout => ended(End::TimedOut),
        Symptom::TlsAborted | Symptom::TlsAlert | Symptom::TlsVersion | Symptom::TlsWrongVersion => {
            Exchange {
                tls: Some(Handshake {
                    error: Some(entry.message.clone()),
                    ..Handshake::default()
                }),
                ..ended(End::TlsFailed)
            }
        }
        _ => return None,
    })
}

/// The log as evidence: lines about the upstream that is judged are those of the failing requests.
fn log(snapshot: &mut Snapshot, logs: &logs::Logs, judged: Option<&ErrorEntry>) {
    let upstream = |entry: &ErrorEntry| entry.upstream.as_deref().map(subject::short);
    let subject = judged.map(upstream);
    let of_subject = |failure: &&Failure| {
        let entry = &failure.entry;
        entry.symptom.is_some()
            && (subject == Some(upstream(entry))
                || entry.upstream.is_none()
                || judged.is_some_and(|judged| judged.request.is_some() && judged.request == entry.request)
                || entry.symptom.is_some_and(logs::is_consequence))
    };
    let entries = |keep: &dyn Fn(&&Failure) -> bool| -> Vec<ErrorEntry> {
        let mut kept: Vec<ErrorEntry> = logs
            .failures
            .iter()
            .filter(|failure| keep(failure))
            .map(|failure| failure.entry.clone())
            .collect();
        kept.sort_by_key(|entry| entry.at_ms);
        kept.split_off(kept.len().saturating_sub(KEEP))
    };
    snapshot.log.during = entries(&of_subject);
    snapshot.log.before = entries(&|failure| failure.entry.symptom.is_some() && !of_subject(failure));
    snapshot.log.general = snapshot
        .log
        .during
        .iter()
        .filter(|entry| entry.request.is_none() && entry.client.is_none())
        .cloned()
        .collect();
    let failed = |request: &&(&'static str, crate::evidence::AccessEntry)| {
        request.1.status.is_some_and(|status| status >= 500)
    };
    snapshot.log.access_during = logs
        .requests
        .iter()
        .rev()
        .filter(failed)
        .take(100)
        .map(|(_, request)| request.clone())
        .collect();
    snapshot.log.access_before = logs
        .requests
        .iter()
        .rev()
        .take(KEEP)
        .map(|(_, request)| request.clone())
        .collect();
    snapshot.log.attempts_began_ms = snapshot
        .log
        .during
        .iter()
        .filter_map(|entry| entry.at_ms)
        .min()
        .unwrap_or_default();
    let mut files: Vec<&str> = logs
        .failures
        .iter()
        .map(|failure| failure.entry.file.as_str())
        .collect();
    files.dedup();
    snapshot.log.files = files
        .into_iter()
        .take(20)
        .map(|path| LogFile {
            path: path.to_owned(),
            kind: "error".to_owned(),
            read: Observed::Seen(0),
        })
        .collect();
}
