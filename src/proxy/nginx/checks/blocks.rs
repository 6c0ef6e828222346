//! Locations, upstreams, passes and listens that nginx refuses.

use std::collections::BTreeSet;

use foldhash::HashSet;

use super::super::location_select::{self, Kind};
use super::super::server_select::Socket;
use super::super::tree::NodeId;
use super::super::variables::has_variables;
use super::super::{Config, pass, units};
use super::error;
use crate::evidence::ConfigProblem;

/// True for directives that are judged here.
pub(super) fn is_judged(name: &str) -> bool {
    matches!(name, "server" | "location" | "upstream" | "listen") || location_select::PASSES.contains(&name)
}

pub(super) fn check(config: &Config, id: NodeId, context: char, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    // The contexts of `http`; those of `stream` and `mail` have other letters.
    if !matches!(context, 'H' | 'S' | 'U' | 'L' | 's' | 'l' | 't') {
        return;
    }
    let name = tree.name(id);
    match name {
        "server" if tree.is_block(id) => locations(config, id, problems),
        "location" => locations(config, id, problems),
        "upstream" => upstream(config, id, problems),
        "listen" => listen(config, id, problems),
        _ if location_select::PASSES.contains(&name) => passes(config, id, problems),
        _ => {}
    }
}

/// The locations directly in a block.
fn locations(config: &Config, block: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    if tree.first(block, "location").is_none() {
        return;
    }
    let mut seen: BTreeSet<(bool, &str)> = BTreeSet::new();
    let outer = (tree.name(block) == "location").then(|| location_select::kind(tree, block));
    for id in tree.named(block, "location").filter(|id| tree.is_block(*id)) {
        let (kind, name) = location_select::kind(tree, id);
        let is_regex = matches!(kind, Kind::Regex | Kind::RegexCaseless);
        if !is_regex && !seen.insert((kind == Kind::Exact, name)) {
            problems.push(error(
                config,
                "duplicate-location",
                id,
                format!("duplicate location \"{name}\""),
            ));
        }
        let Some((outer_kind, outer_name)) = &outer else {
            continue;
        };
        let message = match outer_kind {
            Kind::Exact => {
                format!("location \"{name}\" cannot be inside the exact location \"{outer_name}\"")
            }
            Kind::Named => {
                format!("location \"{name}\" cannot be inside the named location \"{outer_name}\"")
            }
            _ if kind == Kind::Named => format!("named location \"{name}\" can be on the server level only"),
            _ if !is_regex && !name.starts_with(*outer_name) => {
                format!("location \"{name}\" is outside location \"{outer_name}\"")
            }
            _ => continue,
        };
        problems.push(error(config, "location-nesting", id, message));
    }
}

fn upstream(config: &Config, id: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let name = tree.argument(id, 0);
    if tree.upstream(name).is_some_and(|first| first != id) {
        problems.push(error(
            config,
            "duplicate-upstream",
            id,
            format!("duplicate upstream \"{name}\""),
        ));
    }
    if tree.first(id, "server").is_none() {
        let message = format!("no servers are inside upstream \"{name}\"");
        problems.push(error(config, "upstream-empty", id, message));
        return;
    }
    for server in tree.named(id, "server") {
        for option in tree
            .arguments(server)
            .skip(1)
            .filter(|option| !is_server_option(option))
        {
            problems.push(error(
                config,
                "invalid-value",
                server,
                format!("invalid parameter \"{option}\""),
            ));
        }
    }
    let mut servers = tree
        .named(id, "server")
        .filter(|server| tree.argument_count(*server) > 0)
        .peekable();
    let is_backup = |server| tree.arguments(server).skip(1).any(|option| option == "backup");
    if servers.peek().is_some() && servers.all(is_backup) {
        let message = format!("no servers in upstream \"{name}\": all are marked backup");
        problems.push(error(config, "upstream-only-backup", id, message));
    }
}

/// The address and the options of a `listen`.
fn listen(config: &Config, id: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let wrong = tree.arguments(id).skip(1).find(|option| {
        let named = option.split_once('=').map(|(name, _)| name);
        match named {
            None => !LISTEN_FLAGS.contains(option),
            Some(name) => !LISTEN_OPTIONS.contains(&name),
        }
    });
    if let Some(option) = wrong {
        let message = format!("invalid parameter \"{option}\" in \"listen\" directive");
        problems.push(error(config, "invalid-value", id, message));
    }
}

const LISTEN_FLAGS: [&str; 11] = [
    "bind",
    "default",
    "default_server",
    "deferred",
    "http2",
    "multipath",
    "proxy_protocol",
    "quic",
    "reuseport",
    "spdy",
    "ssl",
];
const LISTEN_OPTIONS: [&str; 8] = [
    "accept_filter",
    "backlog",
    "fastopen",
    "ipv6only",
    "rcvbuf",
    "setfib",
    "sndbuf",
    "so_keepalive",
];

/// True for a parameter of an upstream's `server`, also of the commercial version.
fn is_server_option(option: &str) -> bool {
    match option.split_once('=') {
        None => matches!(option, "backup" | "down" | "resolve" | "drain"),
        Some(("weight", value)) => units::number(value).is_some_and(|weight| weight > 0),
        Some(("max_conns" | "max_fails", value)) => units::number(value).is_some(),
        Some(("fail_timeout", value)) => units::seconds_as_milliseconds(value).is_some(),
        Some(("slow_start" | "route" | "service" | "id", _)) => true,
        Some(_) => false,
    }
}

fn passes(config: &Config, id: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let directive = tree.name(id);
    let protocol = pass::protocol(directive);
    let written = tree.argument(id, 0);
    if has_variables(written) {
        return;
    }
    let destination = pass::destination(protocol, written);
    if !destination.scheme_ok {
        let mut problem = error(
            config,
            "pass-without-scheme",
            id,
            format!("invalid URL prefix in \"{directive} {written}\""),
        );
        problem.repair = Some(format!("{directive} http://{written};"));
        problems.push(problem);
        return;
    }
    let parent = tree.parent(id);
    let no_uri = match tree.name(parent) {
        "if" | "limit_except" => true,
        "location" => matches!(
            location_select::kind(tree, parent).0,
            Kind::Regex | Kind::RegexCaseless | Kind::Named
        ),
        _ => false,
    };
    if no_uri && !destination.uri.is_empty() {
        let message = format!(
            "\"{directive}\" cannot have the URI part \"{}\" in a location given by a regular expression, in a named \
             location, in \"if\" or in \"limit_except\"",
            destination.uri
        );
        problems.push(error(config, "pass-uri-not-allowed", id, message));
    }
    let (host, port) = pass::host_and_port(destination.authority);
    let group = tree.upstream(host).is_some();
    let is_unix = destination.authority.starts_with("unix:");
    if let (true, Some(port)) = (group, port) {
        let message = format!("upstream \"{host}\" may not have port {port}");
        problems.push(error(config, "upstream-with-port", id, message));
    }
    let written_port = destination.authority.get(host.len()..).unwrap_or_default();
    if !is_unix && !written_port.is_empty() && port.is_none_or(|port| port == 0) {
        let message = format!("invalid port in upstream \"{written}\"");
        problems.push(error(config, "invalid-value", id, message));
        return;
    }
    if !destination.has_default_port && !group && !is_unix && port.is_none() && !host.is_empty() {
        problems.push(error(
            config,
            "pass-without-port",
            id,
            format!("no port in upstream \"{written}\""),
        ));
    }
}

/// The same address twice in one server, or two default servers for one address.
pub(super) fn listens(config: &Config, problems: &mut Vec<ConfigProblem>) {
    // `quic` listens by UDP, beside a listener for TCP at the same address.
    let mut defaults: HashSet<(&Socket, bool)> = HashSet::default();
    for server in &config.servers {
        let mut own: HashSet<(&Socket, bool)> = HashSet::default();
        for listen in &server.listens {
            let Some(node) = listen.node else { continue };
            let quic = config.tree.arguments(node).skip(1).any(|flag| flag == "quic");
            if !own.insert((&listen.socket, quic)) {
                let message = format!("a duplicate listen {}", listen.shown());
                problems.push(error(config, "duplicate-listen", node, message));
                continue;
            }
            if listen.default_server && !defaults.insert((&listen.socket, quic)) {
                let message = format!("a duplicate default server for {}", listen.shown());
                problems.push(error(config, "duplicate-default-server", node, message));
            }
        }
    }
}
