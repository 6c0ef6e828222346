//! Step 1, retry: knock several times, and keep what came back byte by byte.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use super::plan::Plan;
use super::summary::Line;
use super::timeouts;
use super::turn::{Party, Turn};
use crate::evidence::{Attempt, Bytes, Connect, Endpoint, Observed, Obstacle, Snapshot, Target, errno};
use crate::finding::StepId;
use crate::host::{Clock, ExchangeQuery, Framing, Host, Identity, SystemLookup, TlsOptions, Tunnel, pause};
use crate::report::StepStatus;
use crate::system::http;

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// An attempt that takes longer than this no longer holds up the next one.
const SLOW: Duration = Duration::from_millis(400);

/// The attempts, and when the first began (milliseconds since 1970).
pub(super) fn attempts(host: &Host, plan: &Plan, turn: &Turn) -> (i64, Vec<Attempt>) {
    let began_ms = now_ms(host, 1);
    if plan.target.url.is_none() || !plan.wants(StepId::Retry) {
        return (began_ms, Vec::new());
    }
    let addresses = match front_addresses(host, &plan.target) {
        Observed::Seen(addresses) if !addresses.is_empty() => addresses,
        Observed::Seen(_) | Observed::Absent => {
            return (
                began_ms,
                vec![unreachable(began_ms, "the host name does not resolve")],
            );
        }
        Observed::Unavailable(obstacle) => {
            return (
                began_ms,
                vec![unreachable(
                    began_ms,
                    &format!("the host name could not be resolved: {obstacle}"),
                )],
            );
        }
    };
    let mut attempts: Vec<(u32, Attempt)> = Vec::new();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        let (mut started, mut finished) = (0_u32, 0_u32);
        while started < plan.attempts {
            let (sender, addresses, number) = (sender.clone(), &addresses, started);
            scope.spawn(move || {
                let held = turn.take(host, Party::Attempt);
                let answer = attempt(host, plan, addresses, number);
                drop(held);
                let _ = sender.send((number, answer));
            });
            started += 1;
            let wait = if host.is_replay() {
                Duration::from_mins(1)
            } else {
                SLOW
            };
            if let Ok(done) = receiver.recv_timeout(wait) {
                let slow = took_us(&done.1) > 1_000_000;
                attempts.push(done);
                finished += 1;
                // Slow failures repeat themselves; two of them say what five would, in less time and
                // with less load on an upstream that suffers.
                if slow && finished >= 2 && !plan.attempts_fixed {
                    break;
                }
            } else if !plan.attempts_fixed && started - finished >= 2 {
                // Two hang already: more would only queue up behind them.
                break;
            }
            if started < plan.attempts && !host.is_replay() {
                pause(PAUSE);
            }
        }
        drop(sender);
        attempts.extend(receiver);
    });
    attempts.sort_by_key(|(number, _)| *number);
    (
        began_ms,
        attempts.into_iter().map(|(_, attempt)| attempt).collect(),
    )
}

fn took_us(attempt: &Attempt) -> u64 {
    attempt.exchange.seen().map_or(0, |exchange| exchange.total_us)
}

fn unreachable(at_ms: i64, why: &str) -> Attempt {
    Attempt {
        at_ms,
        exchange: Observed::Unavailable(Obstacle::Failed(why.to_owned())),
        ..Attempt::default()
    }
}

pub(super) fn now_ms(host: &Host, moment: u32) -> i64 {
    host.ask(&Clock { moment }).into_seen().unwrap_or_default().now_ms
}

/// Where the first hop is: the forward proxy, or the host of the URL.
pub(super) fn front_addresses(host: &Host, target: &Target) -> Observed<Vec<SocketAddr>> {
    let (name, port) = match target.via.as_deref().and_then(host_and_port) {
        Some(via) => via,
        None => (target.host.clone(), target.port),
    };
    if let Ok(address) = name.parse::<IpAddr>() {
        return Observed::Seen(vec![SocketAddr::new(address, port)]);
    }
    host.ask(&SystemLookup {
        name,
        limit_ms: 5_000,
        identity: Identity::default(),
    })
    .map(|addresses| {
        addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect()
    })
}

/// `http://proxy.test:3128` → `proxy.test`, 3128.
pub(super) fn host_and_port(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?']).next()?;
    let default = if scheme == "https" {
        443
    } else if scheme.starts_with("socks") {
        1080
    } else {
        80
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        return Some((
            address.to_owned(),
            port.strip_prefix(':')
                .map_or(Some(default), |port| port.parse().ok())?,
        ));
    }
    match authority.rsplit_once(':') {
        Some((name, port)) => Some((name.to_owned(), port.parse().ok()?)),
        None => Some((authority.to_owned(), default)),
    }
}

/// The value of the Host header for a target.
pub(super) fn host_header(target: &Target) -> String {
    let host = if target.host.contains(':') {
        format!("[{}]", target.host)
    } else {
        target.host.clone()
    };
    let default = if target.scheme == "https" { 443 } else { 80 };
    if target.port == default {
        host
    } else {
        format!("{host}:{}", target.port)
    }
}

fn attempt(host: &Host, plan: &Plan, addresses: &[SocketAddr], number: u32) -> Attempt {
    let target = &plan.target;
    let header = host_header(target);
    let via = target.via.as_deref();
    // Through a tunnel it is the client that judges the certificate, and no proxy.
    let roots = via.map(|_| String::new());
    let tls = (target.scheme == "https").then(|| TlsOptions {
        verify_name: roots.as_ref().map(|_| target.host.clone()),
        roots,
        ..TlsOptions::of_client(&target.host)
    });
    let scheme = via
        .and_then(|via| via.split_once("://"))
        .map_or("http", |(scheme, _)| scheme);
    let tunnel = via.map(|_| Tunnel::through(scheme, &target.host, target.port));
    // A plain request is put to an HTTP proxy itself, everything else goes through a tunnel.
    let absolute = tls.is_none() && tunnel.as_ref().is_some_and(Tunnel::is_http);
    let request_target = if absolute {
        format!("http://{header}{}", target.path)
    } else {
        target.path.clone()
    };
    let request = format!(
        "GET {request_target} HTTP/1.1\r\nHost: {header}\r\nUser-Agent: fix502/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        env!("CARGO_PKG_VERSION")
    );
    let proxy_tls = via
        .filter(|_| scheme == "https")
        .and_then(host_and_port)
        .map(|(name, _)| TlsOptions::of_client(&name));
    let tunnel = tunnel.filter(|_| !absolute);
    // As a client does: the next address only where the one before could not be reached.
    let mut last = Attempt::default();
    for (index, address) in addresses.iter().take(4).enumerate() {
        let moment = number * 8 + u32::try_from(index).unwrap_or(7);
        let at_ms = now_ms(host, 100 + moment);
        let exchange = host.ask(&ExchangeQuery {
            endpoint: Endpoint::Tcp(*address).to_string(),
            tls: tls.clone(),
            request: Bytes(request.clone().into_bytes()),
            framing: Framing::Http,
            connect_limit_ms: plan.patience_ms().min(10_000),
            answer_limit_ms: plan.patience_ms(),
            keep_bytes: 64 * 1024,
            moment,
            proxy_tls: proxy_tls.clone(),
            tunnel: tunnel.clone(),
            authorization: plan.authorization.clone(),
            proxy_authorization: via.and_then(|via| plan.secret(via)),
            ..ExchangeQuery::default()
        });
        let connected = exchange.seen().is_some_and(crate::evidence::Exchange::connected);
        last = http::attempt(Attempt {
            at_ms,
            address: address.to_string(),
            exchange,
            ..Attempt::default()
        });
        if connected {
            break;
        }
    }
    last
}

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let attempts = &snapshot.attempts;
    if attempts.is_empty() {
        let why = if snapshot.target.url.is_none() {
            "no URL given, nothing to retry"
        } else {
            "left out"
        };
        return (StepStatus::Skipped, why.to_owned(), service(snapshot));
    }
    let failed = attempts
        .iter()
        .filter(|attempt| crate::causes::attempt_failed(attempt))
        .count();
    let all = attempts.len();
    let mut words: Vec<String> = Vec::new();
    for attempt in attempts {
        let word = match (attempt.status, attempt.exchange.seen()) {
            (Some(status), _) => status.to_string(),
            (None, Some(exchange)) => match exchange.connect {
                Connect::Failed(number) => errno::text(number).to_lowercase(),
                Connect::TimedOut => "no connection".to_owned(),
                Connect::Connected if exchange.received_bytes == 0 => exchange
                    .tunnel_error
                    .clone()
                    .unwrap_or_else(|| "no answer".to_owned()),
                Connect::Connected => "no HTTP".to_owned(),
            },
            (None, None) => match attempt.exchange.obstacle() {
                Some(obstacle) => obstacle.to_string(),
                None => "not reached".to_owned(),
            },
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let took = timeouts::attempt_range(snapshot).map_or_else(String::new, |(low, high)| {
        if low == high {
            format!(" in {low} ms")
        } else {
            format!(" in {low}-{high} ms")
        }
    });
    let what = words.join(", ");
    if attempts.iter().all(|attempt| attempt.exchange.obstacle().is_some()) {
        return (
            StepStatus::CouldNotCheck,
            format!("the URL could not be asked: {what}"),
            service(snapshot),
        );
    }
    let (status, ending) = match failed {
        0 => (StepStatus::Ok, ""),
        _ if failed == all => (StepStatus::Problem, ": not transient"),
        _ => (StepStatus::Problem, ": sometimes"),
    };
    let counted = if failed == 0 { all } else { failed };
    let mut details = service(snapshot);
    if let Some(status) = attempts.iter().find_map(|attempt| attempt.status) {
        details.insert(0, meaning(status).to_owned());
    }
    (
        status,
        format!("{counted} of {all} attempts got {what}{took}{ending}"),
        details,
    )
}

/// The state of the proxy service.
fn service(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    match (&snapshot.proxy, &snapshot.proxies) {
        (Some(proxy), _) => lines.push(format!(
            "{} {} runs as process {} with {} workers{}; configuration {}",
            proxy.kind.name(),
            proxy.version.as_deref().unwrap_or("(unknown version)"),
            proxy.master.pid,
            proxy.workers.len(),
            proxy
                .master
                .unit
                .as_ref()
                .map_or_else(String::new, |unit| format!(" ({unit})")),
            proxy.config,
        )),
        (None, Observed::Seen(_)) => lines.push("no proxy runs on this host".to_owned()),
        (None, _) => lines.push("the process table could not be read".to_owned()),
    }
    let unit = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.master.unit.clone())
        .unwrap_or_else(|| crate::causes::proxy_kind(snapshot).unit().to_owned());
    if let Some(unit) = snapshot
        .units
        .seen()
        .and_then(|units| units.iter().find(|other| other.name == unit))
    {
        lines.push(format!(
            "{} is {} ({}), result {}",
            unit.name, unit.active, unit.sub, unit.result
        ));
    }
    let earlier = snapshot
        .log
        .before
        .iter()
        .filter(|entry| entry.symptom.is_some())
        .count();
    if earlier > 0 {
        lines.push(format!("the log has {earlier} earlier errors of this route"));
    }
    lines
}

/// What a status says about who failed.
pub(crate) fn meaning(status: u16) -> &'static str {
    match status {
        500 => "500: the server that answered failed itself; 502 would mean that the one behind it did",
        502 => "502: a proxy got no valid answer from the server behind it",
        503 => "503: the server says it cannot serve now (overload, maintenance, or no backend left)",
        504 => "504: a proxy waited for the server behind it until its limit ran out",
        520 => "520 (Cloudflare): the origin answered with something that cannot be understood",
        521 => "521 (Cloudflare): the origin refused the connection",
        522 => "522 (Cloudflare): the connection to the origin timed out",
        523 => "523 (Cloudflare): there is no route to the origin",
        524 => "524 (Cloudflare): the origin took the connection and did not answer in time",
        525 | 526 => "525/526 (Cloudflare): TLS with the origin failed",
        200..=399 => "the request was answered",
        400..=499 => "the request was answered with a client error, so the way to the application works",
        _ => "an answer came",
    }
}
