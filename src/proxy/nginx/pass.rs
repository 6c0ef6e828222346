//! `*_pass`: which upstream a request goes to, and with which request target.

use std::net::{IpAddr, SocketAddr};

use super::location_select::{self, PASSES};
use super::rewrite::unknown_variables;
use super::tree::{NodeId, Tree};
use super::variables::{State, has_variables};
use super::{Config, defaults, units, uri};
use crate::evidence::{Group, NameAndPort, Pass, Peer, PeerAddress, Protocol};

/// The protocol of a `*_pass` directive.
pub(super) fn protocol(directive: &str) -> Protocol {
    match directive {
        "fastcgi_pass" => Protocol::FastCgi,
        "uwsgi_pass" => Protocol::Uwsgi,
        "scgi_pass" => Protocol::Scgi,
        "grpc_pass" => Protocol::Grpc,
        "memcached_pass" => Protocol::Memcached,
        _ => Protocol::Http,
    }
}

/// The `*_pass` in force in a block: its own, or for `if` and `limit_except` that of the location around.
pub(super) fn in_force(tree: &Tree, block: NodeId) -> Option<NodeId> {
    let mut current = block;
    loop {
        // Each one sets the location's handler: the last wins.
        if let Some(pass) = tree
            .children(current)
            .filter(|node| PASSES.contains(&tree.name(*node)))
            .last()
        {
            return Some(pass);
        }
        if !matches!(tree.name(current), "if" | "limit_except") {
            return None;
        }
        current = tree.parent(current);
    }
}

/// The parts of a pass's argument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Destination<'t> {
    pub(super) tls: bool,
    /// The scheme is there, or none is needed.
    pub(super) scheme_ok: bool,
    /// Without a port nginx knows one.
    pub(super) has_default_port: bool,
    /// Host with its port, group name, or `unix:path`.
    pub(super) authority: &'t str,
    /// URI part, with its `/` or `?`; empty when there is none.
    pub(super) uri: &'t str,
}

/// Takes the argument of a `*_pass` apart.
pub(super) fn destination(protocol: Protocol, text: &str) -> Destination<'_> {
    let schemes: &[(&str, bool)] = match protocol {
        Protocol::Http => &[("http://", false), ("https://", true)],
        Protocol::Grpc => &[("grpc://", false), ("grpcs://", true)],
        Protocol::Uwsgi => &[("uwsgi://", false), ("suwsgi://", true)],
        Protocol::Ajp | Protocol::FastCgi | Protocol::Scgi | Protocol::Memcached => &[],
    };
    let scheme = schemes.iter().find(|(scheme, _)| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let rest = scheme
        .and_then(|(scheme, _)| text.get(scheme.len()..))
        .unwrap_or(text);
    let (authority, uri) = if protocol == Protocol::Http {
        if let Some(path) = rest.strip_prefix("unix:") {
            let (path, uri) = path.split_once(':').unwrap_or((path, ""));
            let end = "unix:".len().saturating_add(path.len());
            (rest.get(..end).unwrap_or(rest), uri)
        } else {
            // Behind an IPv6 address only a slash begins the URI.
            let may_be_query = !rest.starts_with('[');
            let ends = |byte| byte == b'/' || (may_be_query && byte == b'?');
            let end = rest.bytes().position(ends).unwrap_or(rest.len());
            rest.split_at(end)
        }
    } else {
        (rest, "")
    };
    Destination {
        tls: scheme.is_some_and(|(_, tls)| *tls),
        scheme_ok: scheme.is_some() || protocol != Protocol::Http,
        has_default_port: scheme.is_some() && matches!(protocol, Protocol::Http | Protocol::Grpc),
        authority,
        uri,
    }
}

/// Host and port of an authority, the port when it is written.
pub(super) fn host_and_port(authority: &str) -> (&str, Option<u16>) {
    if let Some(end) = authority.strip_prefix('[').and_then(|_| authority.find(']')) {
        let (host, rest) = authority.split_at(end.saturating_add(1));
        return (host, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    // A search for a character costs more than a look at these few bytes.
    let colon = authority.bytes().rposition(|byte| byte == b':');
    match colon.and_then(|colon| authority.split_at_checked(colon)) {
        Some((host, port)) => (host, port.get(1..).and_then(|port| port.parse().ok())),
        None => (authority, None),
    }
}

pub(super) fn default_port(protocol: Protocol, tls: bool) -> u16 {
    match protocol {
        Protocol::Http | Protocol::Grpc if tls => 443,
        _ => 80,
    }
}

/// The address an authority names.
pub(super) fn address(authority: &str, default_port: u16) -> PeerAddress {
    if let Some(path) = authority.strip_prefix("unix:") {
        return PeerAddress::Unix(path.to_owned());
    }
    let (host, port) = host_and_port(authority);
    let port = port.unwrap_or(default_port);
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => PeerAddress::Ip(SocketAddr::new(ip, port)),
        Err(_) => PeerAddress::Name(NameAndPort {
            name: host.to_owned(),
            port,
        }),
    }
}

/// What an `upstream` block says.
pub(super) fn group(config: &Config, node: NodeId) -> Group {
    let tree = &config.tree;
    let value = |name: &str| {
        let written = tree.first(node, name).map(|node| tree.argument(node, 0).to_owned());
        written.or_else(|| defaults::of(&config.environment, "upstream", name))
    };
    let keepalive = value("keepalive")
        .and_then(|text| text.parse().ok())
        .filter(|count| *count > 0);
    // Without a pool the settings of kept connections mean nothing.
    let kept = |name: &str| keepalive.and_then(|_| value(name));
    Group {
        name: tree.argument(node, 0).to_owned(),
        place: config.place(node),
        keepalive,
        keepalive_timeout_ms: kept("keepalive_timeout").and_then(|text| units::milliseconds(&text)),
        keepalive_requests: kept("keepalive_requests").and_then(|text| units::number(&text)),
        keepalive_time_ms: kept("keepalive_time").and_then(|text| units::milliseconds(&text)),
        zone: tree.first(node, "zone").is_some(),
    }
}

/// The peers of an `upstream` block. Without a port a server is on port 80, also under `https://`.
pub(super) fn group_peers(config: &Config, node: NodeId) -> Vec<Peer> {
    group_servers(&config.tree, node)
        .map(|server| peer(config, server))
        .collect()
}

/// The `server` directives of an `upstream` block.
pub(super) fn group_servers(tree: &Tree, group: NodeId) -> impl Iterator<Item = NodeId> + '_ {
    tree.named(group, "server")
        .filter(|server| tree.argument_count(*server) > 0)
}

/// True for a `server` of a group that has this option.
pub(super) fn has_option(tree: &Tree, server: NodeId, name: &str) -> bool {
    tree.arguments(server).skip(1).any(|option| option == name)
}

/// The value of an option (`max_fails=`) of a `server` of a group.
fn option<'t>(tree: &'t Tree, server: NodeId, name: &str) -> Option<&'t str> {
    let mut options = tree.arguments(server).skip(1);
    options.find_map(|option| option.strip_prefix(name))
}

/// After how many failures a `server` of a group is left out.
pub(super) fn max_fails(tree: &Tree, server: NodeId) -> u32 {
    let written = option(tree, server, "max_fails=").and_then(|value| value.parse().ok());
    written.unwrap_or(1)
}

/// For how long a `server` of a group is left out.
pub(super) fn fail_timeout_ms(tree: &Tree, server: NodeId) -> u64 {
    let written = option(tree, server, "fail_timeout=").and_then(units::seconds_as_milliseconds);
    written.unwrap_or(10_000)
}

fn peer(config: &Config, server: NodeId) -> Peer {
    let tree = &config.tree;
    Peer {
        address: address(tree.argument(server, 0), 80),
        place: config.place(server),
        down: has_option(tree, server, "down"),
        backup: has_option(tree, server, "backup"),
        max_fails: max_fails(tree, server),
        fail_timeout_ms: fail_timeout_ms(tree, server),
        max_conns: option(tree, server, "max_conns=")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0),
        resolve: has_option(tree, server, "resolve"),
    }
}

fn lone_peer(config: &Config, node: NodeId, address: PeerAddress) -> Peer {
    Peer {
        address,
        place: config.place(node),
        max_fails: 1,
        fail_timeout_ms: 10_000,
        ..Peer::default()
    }
}

/// All `*_pass` directives of `http`.
pub(super) fn all_passes(config: &Config) -> impl Iterator<Item = NodeId> + '_ {
    config.tree.passes().iter().copied()
}

/// Every peer the configuration can dial, as far as the files say.
pub(super) fn all_peers(config: &Config) -> Vec<Peer> {
    let tree = &config.tree;
    let mut peers = Vec::new();
    for http in tree.http_blocks() {
        for upstream in tree.named(http, "upstream").filter(|node| tree.is_block(*node)) {
            peers.extend(group_peers(config, upstream));
        }
    }
    for pass in all_passes(config) {
        let written = tree.argument(pass, 0);
        let protocol = protocol(tree.name(pass));
        let destination = destination(protocol, written);
        let (host, _) = host_and_port(destination.authority);
        if !has_variables(written)
            && destination.scheme_ok
            && !host.is_empty()
            && tree.upstream(host).is_none()
        {
            let port = default_port(protocol, destination.tls);
            peers.push(lone_peer(config, pass, address(destination.authority, port)));
        }
    }
    peers
}

/// True when some literal pass or `server` makes nginx resolve this name and port when it loads.
fn is_implicit(config: &Config, host: &str, port: u16) -> bool {
    let tree = &config.tree;
    all_passes(config).any(|pass| {
        let written = tree.argument(pass, 0);
        let protocol = protocol(tree.name(pass));
        let destination = destination(protocol, written);
        let (other, other_port) = host_and_port(destination.authority);
        !has_variables(written)
            && other.eq_ignore_ascii_case(host)
            && other_port.unwrap_or(default_port(protocol, destination.tls)) == port
    })
}

/// A pass as far as it is known, and the request target for it. Also gives the state its `$proxy_host`.
///
/// `None` when the value is known and no destination: nginx answers 500 then.
pub(super) fn resolve(state: &mut State<'_>, node: NodeId) -> Option<(Pass, Option<String>)> {
    let config = state.config;
    let tree = &config.tree;
    let protocol = protocol(tree.name(node));
    let written = tree.argument(node, 0).to_owned();
    let has_variables = has_variables(&written);
    let mut pass = Pass {
        protocol,
        written: written.clone(),
        place: config.place(node),
        has_variables,
        ..Pass::default()
    };
    let Ok(text) = state.evaluate(&written) else {
        for variable in unknown_variables(state, &written) {
            state.unknown(format!(
                "{variable} in {} {written} is only known at run time",
                tree.name(node)
            ));
        }
        // The scheme is often literal, and then it is known.
        pass.tls = destination(protocol, &written).tls;
        return Some((pass, None));
    };
    let destination = destination(protocol, &text);
    pass.tls = destination.tls;
    if has_variables && (!destination.scheme_ok || destination.authority.is_empty()) {
        return None;
    }
    let (host, port) = host_and_port(destination.authority);
    let fallback = default_port(protocol, destination.tls);
    let is_unix = destination.authority.starts_with("unix:");
    let written_port = destination.authority.get(host.len()..).unwrap_or_default();
    if has_variables && !is_unix && !written_port.is_empty() && port.is_none_or(|port| port == 0) {
        // A port that is none: nginx answers 500.
        return None;
    }
    let other_port = port.filter(|port| *port != fallback);
    pass.proxy_host = if is_unix {
        "localhost".to_owned()
    } else {
        other_port.map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    };
    state.proxy_port = Some(if is_unix {
        String::new()
    } else {
        port.unwrap_or(fallback).to_string()
    });
    state.proxy_host = Some(pass.proxy_host.clone());
    let group_node = tree.upstream(host).filter(|_| !has_variables || port.is_none());
    if let Some(group_node) = group_node {
        pass.group = Some(group(config, group_node));
        let balancer = ["balancer_by_lua_block", "balancer_by_lua_file"];
        if let Some(balancer) = balancer.iter().find_map(|name| tree.first(group_node, name)) {
            let place = config.place(balancer);
            state.unknown(format!("{} at {place} chooses the peer", tree.name(balancer)));
        } else {
            pass.peers = group_peers(config, group_node);
        }
    } else if !destination.authority.is_empty() {
        let address = address(destination.authority, fallback);
        match &address {
            PeerAddress::Name(name) if has_variables && !is_implicit(config, &name.name, name.port) => {
                pass.runtime_name = Some(name.clone());
            }
            _ => pass.peers.push(lone_peer(config, node, address)),
        }
    }
    let target = request_target(state, node, &destination, has_variables);
    Some((pass, target))
}

/// The request target that goes upstream; only HTTP has one.
fn request_target(
    state: &State<'_>,
    node: NodeId,
    destination: &Destination<'_>,
    variables: bool,
) -> Option<String> {
    let tree = &state.config.tree;
    if tree.name(node) != "proxy_pass" {
        return matches!(tree.name(node), "grpc_pass").then(|| state.raw.clone());
    }
    let written_uri = destination.uri;
    if variables && !written_uri.is_empty() {
        let slash = if written_uri.starts_with('?') { "/" } else { "" };
        return Some(format!("{slash}{written_uri}"));
    }
    if written_uri.is_empty() && state.valid_raw {
        return Some(state.raw.clone());
    }
    // The location whose name is cut off; an `if` has that of the location around it.
    let location = tree
        .around(tree.parent(node))
        .find(|block| tree.name(*block) == "location");
    let (prefix, cut) = if state.valid_location && !written_uri.is_empty() {
        let length = location.map_or(0, |location| location_select::kind(tree, location).1.len());
        (written_uri, length)
    } else {
        ("", 0)
    };
    let rest = state.uri.get(cut.min(state.uri.len())..).unwrap_or_default();
    let rest = if state.quoted || state.internal || state.uri.contains(' ') {
        uri::escape(rest)
    } else {
        rest.to_owned()
    };
    let query = if state.arguments.is_empty() {
        String::new()
    } else {
        format!("?{}", state.arguments)
    };
    Some(format!("{prefix}{rest}{query}"))
}
