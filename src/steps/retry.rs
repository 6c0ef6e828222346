//! Step 1, retry: knock several times, and keep what came back byte by byte.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::time::Duration;

use super::plan::Plan;
use super::turn::Turn;
use crate::evidence::{Attempt, Bytes, Endpoint, Observed, Obstacle, Target};
use crate::finding::StepId;
use crate::host::{Clock, ExchangeQuery, Framing, Host, Identity, SystemLookup, TlsOptions, pause};
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
                let held = turn.take(host);
                let answer = attempt(host, plan, addresses, number);
                drop(held);
                let _ = sender.send((number, answer));
            });
            started += 1;
            let wait = if host.is_replay() {
                Duration::from_secs(60)
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
    let (request_target, tls) = match (&target.via, target.scheme.as_str()) {
        (Some(_), "http") => (format!("http://{header}{}", target.path), None),
        (Some(_), _) => (String::new(), None),
        (None, "https") => (target.path.clone(), Some(server_name(&target.host))),
        (None, _) => (target.path.clone(), None),
    };
    let request = if request_target.is_empty() {
        format!(
            "CONNECT {0}:{1} HTTP/1.1\r\nHost: {0}:{1}\r\n\r\n",
            target.host, target.port
        )
    } else {
        format!(
            "GET {request_target} HTTP/1.1\r\nHost: {header}\r\nUser-Agent: fix502/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
    };
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

fn server_name(host: &str) -> TlsOptions {
    TlsOptions {
        // An address is never sent as SNI.
        server_name: host.parse::<IpAddr>().is_err().then(|| host.to_owned()),
        alpn: vec!["http/1.1".to_owned()],
        ..TlsOptions::default()
    }
}
