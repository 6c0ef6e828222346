//! The way of the request: who hands it to whom, and where it breaks. Formats draw it each in their own way.

use super::Report;
use crate::evidence::{
    Connect, End, EndpointEvidence, Exchange, Handler, Observed, Peer, PeerAddress, Place, Protocol, Route,
    Snapshot, errno,
};
use crate::verdict::{Status, Where};

/// One stop on the way.
pub(super) struct Hop {
    /// Its name.
    pub(super) label: String,
    /// Where it is written, or what is wrong there.
    pub(super) under: String,
    /// The way breaks on the way to it.
    pub(super) broken: bool,
}

impl Hop {
    fn new(label: impl Into<String>, under: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            under: under.into(),
            broken: false,
        }
    }
}

/// All stops, the client first; fewer than two when nothing is known about the way.
pub(super) fn hops(report: &Report) -> Vec<Hop> {
    let snapshot = &report.snapshot;
    let mut hops = vec![Hop::new("client", "")];
    if let Some(via) = &snapshot.target.via {
        hops.push(Hop::new(via.clone(), "forward proxy"));
    }
    let mut in_front = false;
    if let Some(hop) = &report.verdict.made_by
        && hop.where_ == Where::InFront
    {
        hops.push(Hop::new(hop.product.clone(), "in front of this host"));
        in_front = true;
    }
    match &snapshot.route {
        Observed::Seen(route) => {
            push_route(&mut hops, route);
            for inner in &snapshot.inner_routes {
                push_route(&mut hops, inner);
            }
            push_endpoint(&mut hops, report);
        }
        Observed::Absent | Observed::Unavailable(_) => {
            if snapshot.target.url.is_some() {
                hops.push(front_door(snapshot));
            }
        }
    }
    let faulty = report.verdict.status == Status::Found;
    if faulty && !hops.iter().any(|hop| hop.broken) {
        // The break is between the hop in front and this host when that hop made the answer; otherwise it
        // is not claimed to be anywhere.
        if in_front && let Some(hop) = hops.get_mut(2) {
            hop.broken = true;
        }
    }
    hops
}

fn front_door(snapshot: &Snapshot) -> Hop {
    let target = &snapshot.target;
    let mut hop = Hop::new(format!("{}:{}", target.host, target.port), "");
    if let Some(exchange) = snapshot.attempts.iter().find_map(|attempt| attempt.exchange.seen()) {
        if exchange.connected() {
            hop.under = snapshot
                .attempts
                .iter()
                .find_map(|attempt| attempt.status)
                .map_or_else(String::new, |status| format!("answered {status}"));
        } else {
            hop.broken = true;
            hop.under = connect_words(&exchange.connect);
        }
    }
    hop
}

fn push_route(hops: &mut Vec<Hop>, route: &Route) {
    let name = route.proxy.name();
    match &route.listener {
        Some(listen) => hops.push(Hop::new(
            format!("{name} {}", port_of(&listen.address)),
            place_words(&listen.place),
        )),
        None => hops.push(Hop::new(name, "")),
    }
    if let Some(location) = &route.location {
        hops.push(Hop::new(
            format!("location {}", location.name),
            place_words(&location.place),
        ));
    }
    match &route.handler {
        Handler::Pass(pass) => {
            if let Some(group) = &pass.group {
                hops.push(Hop::new(
                    format!("upstream {}", group.name),
                    place_words(&group.place),
                ));
            }
        }
        Handler::Return { status, place } => {
            let mut hop = Hop::new(format!("return {status}"), place_words(place));
            hop.broken = *status >= 500;
            hops.push(hop);
        }
        Handler::Local(name) => hops.push(Hop::new(name.clone(), "")),
        Handler::Unknown => {}
    }
}

fn push_endpoint(hops: &mut Vec<Hop>, report: &Report) {
    let snapshot = &report.snapshot;
    let route = snapshot.inner_routes.last().or_else(|| snapshot.route.seen());
    let Some(Handler::Pass(pass)) = route.map(|route| &route.handler) else {
        return;
    };
    let troubled = report.verdict.status != Status::Healthy;
    let endpoints = &snapshot.endpoints;
    let broken = endpoints
        .iter()
        .find_map(|endpoint| {
            endpoint
                .as_proxy()
                .and_then(|exchange| trouble(exchange, pass.protocol))
                .map(|words| (endpoint, words))
        })
        .filter(|_| troubled);
    let chosen = broken
        .as_ref()
        .map(|(endpoint, _)| *endpoint)
        .or_else(|| endpoints.first());
    let mut hop = match (chosen, pass.peers.first()) {
        (Some(endpoint), _) => Hop::new(endpoint_words(endpoint), ""),
        (None, Some(peer)) => Hop::new(peer_words(peer), place_words(&peer.place)),
        (None, None) => match &pass.runtime_name {
            Some(name) => Hop::new(format!("{}:{}", name.name, name.port), "resolved at run time"),
            None => Hop::new(pass.written.clone(), place_words(&pass.place)),
        },
    };
    if let Some((_, words)) = broken {
        hop.broken = true;
        hop.under = words;
    } else if let Some(endpoint) = chosen {
        hop.under = answered(endpoint).unwrap_or_else(|| place_words(&endpoint.place));
    }
    let others = endpoints.len().max(pass.peers.len()).saturating_sub(1);
    if others > 0 {
        hop.label = format!("{} (+{others} more)", hop.label);
    }
    hops.push(hop);
}

fn endpoint_words(endpoint: &EndpointEvidence) -> String {
    match &endpoint.name {
        Some(name) => format!("{} ({name})", endpoint.endpoint),
        None => endpoint.endpoint.to_string(),
    }
}

fn peer_words(peer: &Peer) -> String {
    match &peer.address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
        PeerAddress::Unix(path) => format!("unix:{path}"),
    }
}

/// What is wrong with an exchange that imitates the proxy, in a word or two; `None`: nothing that shows.
fn trouble(exchange: &Exchange, protocol: Protocol) -> Option<String> {
    if !exchange.connected() {
        return Some(connect_words(&exchange.connect));
    }
    if let Some(tls) = &exchange.tls
        && !tls.done
    {
        return Some("TLS handshake failed".to_owned());
    }
    if exchange.received_bytes > 0 {
        let speaks_http = exchange.bytes.0.starts_with(b"HTTP/");
        return match protocol {
            Protocol::FastCgi if speaks_http => Some("speaks HTTP, not FastCGI".to_owned()),
            Protocol::Http if !speaks_http && !exchange.bytes.0.is_empty() => {
                Some("speaks no HTTP".to_owned())
            }
            _ => None,
        };
    }
    match exchange.end {
        End::Closed => Some("closed without an answer".to_owned()),
        End::Reset => Some("reset".to_owned()),
        End::TimedOut => Some("no answer in time".to_owned()),
        End::TlsFailed => Some("TLS failed".to_owned()),
        End::Complete | End::NotStarted | End::Capped => None,
    }
}

fn connect_words(connect: &Connect) -> String {
    match connect {
        Connect::Connected => "connected".to_owned(),
        Connect::TimedOut => "no answer".to_owned(),
        Connect::Failed(errno::ECONNREFUSED) => "refused".to_owned(),
        Connect::Failed(errno) => match errno::text(*errno) {
            "system error" => format!("errno {errno}"),
            text => text.to_lowercase(),
        },
    }
}

fn answered(endpoint: &EndpointEvidence) -> Option<String> {
    let exchange = endpoint.as_proxy()?;
    let text = exchange.bytes.text();
    let status = text
        .strip_prefix("HTTP/1.")
        .and_then(|rest| rest.split(' ').nth(1))
        .filter(|status| status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()))?;
    Some(format!("answers {status}"))
}

/// `:443` of `0.0.0.0:443`, the path of a unix socket.
fn port_of(address: &str) -> String {
    if address.starts_with("unix:") {
        return address.to_owned();
    }
    match address.rsplit_once(':') {
        Some((_, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!(":{port}")
        }
        _ => address.to_owned(),
    }
}

/// `shop.conf:14`; empty for a default that stands nowhere.
fn place_words(place: &Place) -> String {
    if place.line == 0 {
        return String::new();
    }
    let name = place.file.rsplit('/').next().unwrap_or(&place.file);
    format!("{name}:{}", place.line)
}
