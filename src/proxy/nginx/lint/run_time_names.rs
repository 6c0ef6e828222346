//! Names in a `*_pass` that are only resolved at run time, as far as the files tell what they can be.

use std::net::IpAddr;

use super::super::tree::NodeId;
use super::super::variables::{Part, has_variables, parts};
use super::super::{Config, location_select, pass};
use crate::evidence::{Peer, PeerAddress};

/// A name that a `*_pass` with a variable yields where no `resolver` is in force.
pub(super) struct Unresolvable {
    /// The `*_pass`.
    pub(super) node: NodeId,
    /// The name.
    pub(super) host: String,
    /// An `upstream` has that name, but the value also holds a port, so it is not meant.
    pub(super) shadowed_group: bool,
}

/// The first such name of each `*_pass`. An address, a name that is the name of a group, a name that another
/// `*_pass` has resolved at load, and a variable whose values are not all known are none.
pub(super) fn unresolvable(config: &Config) -> Vec<Unresolvable> {
    let peers = pass::all_peers(config);
    pass::all_passes(config)
        .filter_map(|node| without_resolver(config, &peers, node))
        .collect()
}

fn without_resolver(config: &Config, peers: &[Peer], node: NodeId) -> Option<Unresolvable> {
    let tree = &config.tree;
    let block = tree.node(node).parent;
    let written = tree.argument(node, 0);
    let script = location_select::script(tree, block).is_some();
    if !has_variables(written) || script || tree.nearest(block, "resolver").is_some() {
        return None;
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
        return Some(Unresolvable {
            node,
            host: host.to_owned(),
            shadowed_group: group.is_some(),
        });
    }
    None
}

/// The values a text can have, as far as `set` in the same block or around it and the values of a `map`
/// tell. A variable of unknown value stays in the text.
pub(super) fn possible_values(config: &Config, block: NodeId, text: &str, depth: usize) -> Vec<String> {
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
