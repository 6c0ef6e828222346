//! Rules about `*_pass` and `upstream`.

use std::net::IpAddr;

use super::super::tree::NodeId;
use super::super::variables::{Part, has_variables, parts};
use super::super::{Config, location_select, pass, units};
use super::found;
use crate::evidence::{ConfigProblem, Peer, PeerAddress, ProblemLevel, Protocol};

/// Groups of peers by themselves.
pub(super) fn upstreams(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for http in tree.http_blocks() {
        for upstream in tree.named(http, "upstream").filter(|node| tree.node(*node).is_block) {
            let name = tree.argument(upstream, 0);
            let peers = pass::group_peers(config, upstream);
            if !peers.is_empty() && peers.iter().all(|peer| peer.down) {
                let message =
                    format!("all servers of upstream \"{name}\" are marked down: every request gets 502");
                problems.push(found(
                    config,
                    "upstream-all-down",
                    ProblemLevel::Error,
                    upstream,
                    message,
                ));
            }
        }
    }
}

/// Each `*_pass` with the settings in force where it stands.
pub(super) fn passes(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let mut told_groups: Vec<NodeId> = Vec::new();
    let peers = pass::all_peers(config);
    for node in pass::all_passes(config) {
        let tree = &config.tree;
        let block = tree.node(node).parent;
        let protocol = pass::protocol(tree.name(node));
        let written = tree.argument(node, 0);
        let destination = pass::destination(protocol, written);
        let group = (!has_variables(written))
            .then(|| tree.upstream(pass::host_and_port(&destination.authority).0))
            .flatten();
        without_resolver(config, &peers, node, block, problems);
        if let Some(group) = group {
            if destination.tls {
                tls_to_port_80(config, node, group, problems);
            }
            if protocol == Protocol::Http
                && !told_groups.contains(&group)
                && keepalive_unused(config, block, group)
            {
                told_groups.push(group);
                let name = tree.argument(group, 0);
                let message = format!(
                    "keepalive of upstream \"{name}\" has no effect: it needs proxy_http_version 1.1 and an empty \
                     Connection header at {}",
                    config.place(node)
                );
                let place = tree.first(group, "keepalive").unwrap_or(group);
                let mut problem = found(config, "keepalive-unused", ProblemLevel::Warning, place, message);
                problem.repair = Some("proxy_http_version 1.1; proxy_set_header Connection \"\";".to_owned());
                problems.push(problem);
            }
        }
        if protocol == Protocol::FastCgi {
            script_file_name(config, node, block, problems);
        }
        verify_without_certificate(config, node, block, protocol, destination.tls, problems);
    }
}

/// A name with a variable needs a `resolver`, or nginx answers 502 "no resolver defined". Quiet when the
/// host is an address, when it could be the name of an upstream group, and when a variable's values are not
/// all known.
fn without_resolver(
    config: &Config,
    peers: &[Peer],
    node: NodeId,
    block: NodeId,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    let written = tree.argument(node, 0);
    let script = location_select::script(tree, block).is_some();
    if !has_variables(written) || script || tree.nearest(block, "resolver").is_some() {
        return;
    }
    let protocol = pass::protocol(tree.name(node));
    for value in possible_values(config, block, written, 0) {
        let destination = pass::destination(protocol, &value);
        let (host, port) = pass::host_and_port(&destination.authority);
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty()
            || has_variables(host)
            || destination.authority.starts_with("unix:")
            || bare.parse::<IpAddr>().is_ok()
        {
            continue;
        }
        let group = tree.upstream(host);
        if group.is_some() && port.is_none() {
            continue;
        }
        let frozen = peers.iter().any(|peer| match &peer.address {
            PeerAddress::Name(name) => name.name.eq_ignore_ascii_case(host),
            PeerAddress::Ip(_) | PeerAddress::Unix(_) => false,
        });
        if frozen {
            continue;
        }
        let mut message = format!(
            "{written} holds a variable, so {host} is resolved at run time, and no resolver is set: every request \
             gets 502"
        );
        if group.is_some() {
            message = format!(
                "{written} gives {host} with a port, which is not the upstream \"{host}\", and no resolver is set: every request gets 502"
            );
        }
        let mut problem = found(config, "no-resolver", ProblemLevel::Error, node, message);
        problem.repair = Some("resolver 127.0.0.53;".to_owned());
        problems.push(problem);
        return;
    }
}

/// The values a text can have, as far as `set` in the same block or around it and the values of a `map`
/// tell. A variable of unknown value stays in the text.
fn possible_values(config: &Config, block: NodeId, text: &str, depth: usize) -> Vec<String> {
    let mut values = vec![String::new()];
    for part in parts(text) {
        let (piece, name) = match part {
            Part::Text(piece) => (piece, None),
            Part::Variable(name) => ("", Some(name)),
        };
        let choices = match name {
            None => vec![piece.to_owned()],
            Some(name) => {
                let known = if depth < 4 {
                    assigned(config, block, name)
                } else {
                    Vec::new()
                };
                let mut choices: Vec<String> = known
                    .iter()
                    .take(if depth == 0 { 50 } else { 5 })
                    .flat_map(|value| possible_values(config, block, value, depth.saturating_add(1)))
                    .collect();
                choices.truncate(50);
                if choices.is_empty() {
                    vec![format!("${{{name}}}")]
                } else {
                    choices
                }
            }
        };
        values = values
            .iter()
            .flat_map(|value| choices.iter().map(move |choice| format!("{value}{choice}")))
            .take(100)
            .collect();
    }
    values
}

fn assigned(config: &Config, block: NodeId, name: &str) -> Vec<String> {
    let tree = &config.tree;
    let is_it = |word: &str| {
        word.strip_prefix('$')
            .is_some_and(|target| target.eq_ignore_ascii_case(name))
    };
    let mut values = Vec::new();
    // Sets of the location itself and of its server; outer locations' are not run.
    let levels = tree
        .around(block)
        .filter(|level| *level == block || matches!(tree.name(*level), "server" | "if"));
    for level in levels {
        for set in tree.named(level, "set").filter(|set| is_it(tree.argument(*set, 0))) {
            values.push(tree.argument(set, 1).to_owned());
        }
    }
    if values.is_empty() {
        for http in tree.http_blocks() {
            for map in tree.named(http, "map").filter(|map| is_it(tree.argument(*map, 1))) {
                let entries = tree
                    .children(map)
                    .filter(|entry| tree.node(*entry).arguments.len() == 1 && tree.name(*entry) != "include");
                values.extend(entries.map(|entry| tree.argument(entry, 0).to_owned()));
            }
        }
    }
    values
}

/// A server without a port is on port 80, also under `https://`.
fn tls_to_port_80(config: &Config, node: NodeId, group: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for server in tree.named(group, "server") {
        let address = tree.argument(server, 0);
        if address.starts_with("unix:") || pass::host_and_port(address).1.is_some() {
            continue;
        }
        let message = format!(
            "{address} has no port, so it is port 80, but {} at {} speaks TLS to it",
            tree.argument(node, 0),
            config.place(node)
        );
        let mut problem = found(config, "tls-to-port-80", ProblemLevel::Error, server, message);
        let rest: Vec<&str> = tree.arguments(server).skip(1).collect();
        let tail = if rest.is_empty() {
            String::new()
        } else {
            format!(" {}", rest.join(" "))
        };
        problem.repair = Some(format!("server {address}:443{tail};"));
        if !problems
            .iter()
            .any(|known| known.rule == problem.rule && known.place == problem.place)
        {
            problems.push(problem);
        }
    }
}

/// Before 1.29.7 `keepalive` needs HTTP/1.1 and a cleared Connection header. Quiet when the header is set to
/// anything (it may be a variable).
fn keepalive_unused(config: &Config, block: NodeId, group: NodeId) -> bool {
    let tree = &config.tree;
    if config.environment.at_least(1, 29, 7) || tree.first(group, "keepalive").is_none() {
        return false;
    }
    let version = tree
        .nearest(block, "proxy_http_version")
        .map_or("1.0", |node| tree.argument(node, 0));
    let connection = tree.nearest_all(block, "proxy_set_header").into_iter().any(|node| {
        tree.argument(node, 0).eq_ignore_ascii_case("connection")
            && !tree.argument(node, 1).eq_ignore_ascii_case("close")
    });
    version == "1.0" || !connection
}

/// PHP needs `SCRIPT_FILENAME`. Quiet when any parameter list is read from a file that could not be read,
/// and for applications that are not PHP (no `.php` in sight).
fn script_file_name(config: &Config, node: NodeId, block: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let parameters = tree.nearest_all(block, "fastcgi_param");
    if parameters
        .iter()
        .any(|parameter| tree.argument(*parameter, 0) == "SCRIPT_FILENAME")
    {
        return;
    }
    let unread = config.errors.iter().any(|error| error.rule.starts_with("include-"));
    let looks_like_php = tree.argument(node, 0).contains("php")
        || tree.around(block).any(|level| {
            tree.name(level) == "location" && tree.arguments(level).any(|word| word.contains("php"))
        });
    if unread || !looks_like_php {
        return;
    }
    let message = if parameters.is_empty() {
        "fastcgi_pass without fastcgi_param SCRIPT_FILENAME: PHP finds no script".to_owned()
    } else {
        let place = parameters
            .first()
            .map(|first| config.place(*first).to_string())
            .unwrap_or_default();
        format!("the fastcgi_param list in force (from {place}) has no SCRIPT_FILENAME: PHP finds no script")
    };
    let mut problem = found(
        config,
        "fastcgi-script-filename",
        ProblemLevel::Warning,
        node,
        message,
    );
    problem.repair = Some("fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;".to_owned());
    problems.push(problem);
}

/// Verification without a list of trusted certificates; nginx refuses it for a literal `https://`.
fn verify_without_certificate(
    config: &Config,
    node: NodeId,
    block: NodeId,
    protocol: Protocol,
    tls: bool,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    let prefix = protocol.directive_prefix();
    let verify = tree.nearest(block, &format!("{prefix}_ssl_verify"));
    let Some(verify) = verify.filter(|verify| units::flag(tree.argument(*verify, 0)) == Some(true)) else {
        return;
    };
    let name = format!("{prefix}_ssl_trusted_certificate");
    if !tls || tree.nearest(block, &name).is_some() {
        return;
    }
    let message = format!(
        "{prefix}_ssl_verify is on, but no {name} is set for {}",
        tree.argument(node, 0)
    );
    let mut problem = found(
        config,
        "ssl-verify-without-certificate",
        ProblemLevel::Error,
        verify,
        message,
    );
    problem.repair = Some(format!("{name} /etc/ssl/certs/ca-certificates.crt;"));
    if !problems
        .iter()
        .any(|known| known.rule == problem.rule && known.place == problem.place)
    {
        problems.push(problem);
    }
}
