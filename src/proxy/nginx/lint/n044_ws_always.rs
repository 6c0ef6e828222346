//! `Connection: upgrade` on every request, where it is meant for WebSocket alone.

use foldhash::HashSet;

use super::super::Config;
use super::super::tree::NodeId;
use super::upstreams::{self, Hop};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N044-ws-always",
        proxy: ProxyKind::Nginx,
        title: "every request asks to upgrade the connection",
        level: ProblemLevel::Warning,
        cause: Some("upgrade-mismatch"),
        needs: None,
    },
    find,
};

/// Words in the name of a location that is for WebSocket.
const SOCKET_WORDS: [&str; 14] = [
    "ws",
    "wss",
    "socket",
    "websocket",
    "sockjs",
    "cable",
    "hub",
    "signalr",
    "stream",
    "live",
    "hmr",
    "terminal",
    "console",
    "vnc",
];

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let connection = maps_of_upgrade(config);
    let mut told = HashSet::default();
    for hop in upstreams::hops(config) {
        let Some(group) = hop.group.filter(|_| hop.protocol == Protocol::Http) else {
            continue;
        };
        if tree.first(group, "keepalive").is_none() || is_for_sockets(config, hop) {
            continue;
        }
        let header = tree.nearest_all(hop.block, "proxy_set_header").find(|node| {
            tree.argument(*node, 0).eq_ignore_ascii_case("connection")
                && tree.argument(*node, 1).eq_ignore_ascii_case("upgrade")
        });
        let Some(header) = header.filter(|header| told.insert(*header)) else {
            continue;
        };
        let name = tree.argument(group, 0);
        let message = format!(
            "every request to upstream \"{name}\" says Connection: upgrade, also those that are no WebSocket"
        );
        let mut found = problem(config, &CHECK.rule, header, message);
        "400 or 502 sometimes, from backends that take each of them for an upgrade; kept connections are not used again"
            .clone_into(&mut found.effect);
        if let Some(variable) = &connection {
            found.repair = Some(format!("proxy_set_header Connection {variable};"));
            found.edit = edits::replace_argument(config, header, 1, variable);
        } else {
            found.repair = Some(
                "map $http_upgrade $connection_upgrade { default upgrade; '' ''; } proxy_set_header Connection $connection_upgrade;"
                    .to_owned(),
            );
        }
        problems.push(found);
    }
}

/// The variable of a `map` that is made for this header.
fn maps_of_upgrade(config: &Config) -> Option<String> {
    let tree = &config.tree;
    tree.http_blocks().find_map(|http| {
        tree.named(http, "map")
            .find(|map| {
                tree.argument(*map, 0).eq_ignore_ascii_case("$http_upgrade")
                    && tree
                        .children(*map)
                        .any(|entry| tree.argument(entry, 0).eq_ignore_ascii_case("upgrade"))
            })
            .map(|map| tree.argument(map, 1).to_owned())
    })
}

/// The location's name says that it is for WebSocket, or an `if` looks at the header.
fn is_for_sockets(config: &Config, hop: &Hop) -> bool {
    let tree = &config.tree;
    let says = |level: NodeId| {
        tree.name(level) == "location"
            && tree.arguments(level).any(|word| {
                word.split(|c: char| !c.is_ascii_alphanumeric())
                    .any(|word| SOCKET_WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
            })
    };
    tree.around(hop.block).any(|level| {
        says(level)
            || (tree.name(level) == "if"
                && tree
                    .arguments(level)
                    .any(|word| word.to_ascii_lowercase().contains("$http_upgrade")))
    })
}
