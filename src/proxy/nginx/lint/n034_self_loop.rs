//! A request that nginx passes to itself, and that never leaves it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::HashSet;

use super::super::location_select::{self, Kind};
use super::super::server_select::Socket;
use super::super::tree::NodeId;
use super::super::{Config, RouteRequest, pass};
use super::upstreams;
use super::{Check, Rule, problem};
use crate::evidence::{
    ConfigProblem, Handler, Pass, PeerAddress, Place, ProblemLevel, Protocol, ProxyKind, Route, Snapshot,
};
use crate::proxy::request;

/// A request is followed through so many passes.
const MOST_HOPS: usize = 10;

/// So many passes that lead back here are followed: each takes the time of a request.
const MOST_FOLLOWED: usize = 200;

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N034-self-loop",
        proxy: ProxyKind::Nginx,
        title: "requests come back to nginx itself without end",
        level: ProblemLevel::Error,
        cause: Some("proxy-loop"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let own: HashSet<&Socket> = config
        .servers
        .iter()
        .flat_map(|server| server.listens.iter().map(|listen| &listen.socket))
        .collect();
    let hops = upstreams::hops(config).iter();
    let leads_back = hops.filter(|hop| {
        let endpoint = match hop.named {
            _ if hop.protocol != Protocol::Http || hop.variables => None,
            Some(group) => {
                let mut servers = pass::group_servers(tree, group);
                // The only one.
                let server = servers.next().filter(|_| servers.next().is_none());
                server.and_then(|server| written_endpoint(tree.argument(server, 0), 80))
            }
            None => {
                let destination = hop.destination();
                let port = pass::default_port(Protocol::Http, destination.tls);
                written_endpoint(destination.authority, port)
            }
        };
        endpoint.is_some_and(|address| is_own(&own, address))
    });
    for node in leads_back.map(|hop| hop.node).take(MOST_FOLLOWED) {
        let Some(request) = sample(config, node) else {
            continue;
        };
        let Some(hops) = looped(config, &own, &request, &config.place(node)) else {
            continue;
        };
        let message = format!(
            "\"{}\" leads back to nginx itself, and from there {hops}: the request never ends",
            tree.written(node)
        );
        let mut found = problem(config, &CHECK.rule, node, message);
        let status = if config.environment.at_least(1, 31, 0) {
            502
        } else {
            500
        };
        found.effect = format!("{status} always, and no connections are left for other requests");
        problems.push(found);
    }
}

fn only<T>(items: &[T]) -> Option<&T> {
    match items {
        [one] => Some(one),
        _ => None,
    }
}

/// The endpoint of an authority. A name that is none needs no address made of it, and nearly all are such.
fn written_endpoint(authority: &str, default_port: u16) -> Option<SocketAddr> {
    let (host, _) = pass::host_and_port(authority);
    let may_be_one = upstreams::is_address(host)
        || host.eq_ignore_ascii_case("localhost") && !authority.starts_with("unix:");
    may_be_one
        .then(|| pass::address(authority, default_port))
        .as_ref()
        .and_then(endpoint)
}

fn endpoint(address: &PeerAddress) -> Option<SocketAddr> {
    match address {
        PeerAddress::Ip(address) => Some(*address),
        PeerAddress::Name(name) if name.name.eq_ignore_ascii_case("localhost") => {
            Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), name.port))
        }
        PeerAddress::Name(_) | PeerAddress::Unix(_) => None,
    }
}

/// nginx itself listens there. Of addresses that are not of the loopback it is only known when a `listen`
/// names them.
fn is_own(own: &HashSet<&Socket>, address: SocketAddr) -> bool {
    let everywhere = match address.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    own.contains(&Socket::Ip(address))
        || (address.ip().is_loopback()
            && own.contains(&Socket::Ip(SocketAddr::new(everywhere, address.port()))))
}

/// A request that the location of this pass would get.
fn sample(config: &Config, node: NodeId) -> Option<RouteRequest> {
    let tree = &config.tree;
    let around = || tree.around(tree.parent(node));
    let location = around().find(|level| tree.name(*level) == "location")?;
    let (kind, path) = location_select::kind(tree, location);
    if matches!(kind, Kind::Regex | Kind::RegexCaseless | Kind::Named) || !path.starts_with('/') {
        return None;
    }
    let node = around().find(|level| tree.name(*level) == "server")?;
    let at = config
        .servers
        .binary_search_by_key(&node, |server| server.node)
        .ok()?;
    let server = config.servers.get(at)?;
    let listen = server.listens.first()?;
    let Socket::Ip(address) = listen.socket else {
        return None;
    };
    let name = server.names.first().map_or("", |name| name.text.as_str());
    let host = match name.strip_prefix("*.") {
        Some(below) => format!("a.{below}"),
        None => name.trim_start_matches('.').to_owned(),
    };
    Some(RouteRequest {
        local_address: (!address.ip().is_unspecified()).then_some(address.ip()),
        port: address.port(),
        tls: listen.tls,
        host: if host.contains(['~', '*', '$']) {
            String::new()
        } else {
            host
        },
        method: "GET".to_owned(),
        target: crate::proxy::nginx::uri::escape(path),
        ..RouteRequest::default()
    })
}

/// Where a request comes back to, when it certainly does, in words.
fn looped(config: &Config, own: &HashSet<&Socket>, first: &RouteRequest, place: &Place) -> Option<String> {
    let mut request = first.clone();
    let mut seen: HashSet<(Place, String, String)> = HashSet::default();
    for hop in 0..=MOST_HOPS {
        let route = config.route(&request)?;
        let passed = certain_pass(&route)?;
        if hop == 0 && passed.place != *place {
            return None;
        }
        let listener_tls = route.listener.as_ref().is_some_and(|listener| listener.tls);
        if listener_tls != request.tls || (hop > 0 && route.listener.as_ref()?.proxy_protocol) {
            return None;
        }
        let known = (passed.place.clone(), request.host.clone(), request.target.clone());
        if !seen.insert(known) || hop == MOST_HOPS {
            return Some(format!("to {}", passed.place));
        }
        let peer = only(&passed.peers).filter(|peer| !peer.down)?;
        let address = endpoint(&peer.address).filter(|address| is_own(own, *address))?;
        request = RouteRequest {
            local_address: Some(address.ip()),
            port: address.port(),
            tls: passed.tls,
            host: request::host_header(&route, passed),
            target: route.request_target.clone()?,
            client_address: Some(address.ip()),
            ..request
        };
    }
    None
}

/// The pass of a route of which nothing is left open.
fn certain_pass(route: &Route) -> Option<&Pass> {
    if !route.undetermined.is_empty() || !route.possible_returns.is_empty() {
        return None;
    }
    match &route.handler {
        Handler::Pass(pass) if pass.protocol == Protocol::Http && pass.runtime_name.is_none() => Some(pass),
        Handler::Pass(_) | Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => None,
    }
}
