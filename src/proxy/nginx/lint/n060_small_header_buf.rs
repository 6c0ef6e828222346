//! The buffer for a response header is one memory page, and what is proxied is known to send more.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, location_select, pass, units};
use super::upstreams::{self, Hop};
use super::{Check, Rule, inserted, problem};
use crate::evidence::{
    ConfigProblem, ErrorEntry, Peer, PeerAddress, ProblemLevel, Protocol, ProxyKind, Snapshot, Symptom,
};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N060-small-header-buf",
        proxy: ProxyKind::Nginx,
        title: "the buffer for response headers is one memory page, and headers are known to be larger",
        level: ProblemLevel::Warning,
        cause: Some("response-header-too-big"),
        needs: None,
    },
    find,
};

/// Words in a pass or its location that tell of single sign-on, whose cookies and tokens outgrow a page.
const SIGN_ON: [&str; 6] = ["oauth2", "oidc", "openid", "keycloak", "saml", "authelia"];

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let too_big: HashSet<String> = around
        .log
        .errors()
        .filter(|entry| entry.symptom == Some(Symptom::HeaderTooBig))
        .filter_map(authority)
        .collect();
    for hop in upstreams::hops(config) {
        let (node, block, protocol) = (hop.node, hop.block, hop.protocol);
        if matches!(protocol, Protocol::Grpc | Protocol::Memcached) {
            continue;
        }
        let word = sign_on(config, hop);
        if word.is_none() && too_big.is_empty() {
            continue;
        }
        let prefix = protocol.directive_prefix();
        let size = tree
            .nearest(block, &format!("{prefix}_buffer_size"))
            .map_or(Some(config.environment.page_size), |size| {
                units::bytes(tree.argument(size, 0), false)
            });
        let Some(size) = size.filter(|size| *size <= config.environment.page_size) else {
            continue;
        };
        let written = tree.argument(node, 0);
        let seen = !too_big.is_empty() && peers(config, node).iter().any(|peer| logged(peer, &too_big));
        let mut found = if seen {
            let message = format!(
                "{written} sends response headers longer than {prefix}_buffer_size ({size} bytes), says the error log"
            );
            problem(config, &CHECK.rule, node, message)
        } else if let Some(word) = word {
            let message = format!(
                "\"{word}\" speaks of single sign-on, whose response headers often exceed {prefix}_buffer_size ({size} bytes)"
            );
            config.problem(CHECK.rule.id, ProblemLevel::Info, node, message)
        } else {
            continue;
        };
        found.effect = format!("502 for every response with headers longer than {size} bytes");
        let lines = [
            format!("{prefix}_buffer_size 16k;"),
            format!("{prefix}_buffers 8 16k;"),
        ];
        let untouched = ["buffer_size", "buffers", "busy_buffers_size"]
            .iter()
            .all(|suffix| tree.nearest(block, &format!("{prefix}_{suffix}")).is_none());
        if untouched && tree.name(block) == "location" {
            found.edit = Some(inserted(config, node, &lines));
        }
        found.repair = Some(lines.join(" "));
        problems.push(found);
    }
}

/// Where an error line says that it was: `127.0.0.1:9000`, `unix:/run/app.sock`.
fn authority(entry: &ErrorEntry) -> Option<String> {
    let url = entry.upstream.as_deref()?;
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = match rest.strip_prefix("unix:") {
        Some(path) => path.find(':').map_or(rest.len(), |colon| colon.saturating_add(5)),
        None => rest.find('/').unwrap_or(rest.len()),
    };
    rest.get(..end).map(str::to_owned)
}

fn peers(config: &Config, node: NodeId) -> Vec<Peer> {
    let tree = &config.tree;
    let protocol = pass::protocol(tree.name(node));
    let destination = pass::destination(protocol, tree.argument(node, 0));
    match tree.upstream(pass::host_and_port(destination.authority).0) {
        Some(group) => pass::group_peers(config, group),
        None => vec![Peer {
            address: pass::address(destination.authority, if destination.tls { 443 } else { 80 }),
            ..Peer::default()
        }],
    }
}

/// A name is known by its port alone: the log has the address that it had.
fn logged(peer: &Peer, authorities: &HashSet<String>) -> bool {
    match &peer.address {
        PeerAddress::Ip(address) => authorities.contains(&address.to_string()),
        PeerAddress::Unix(path) => authorities.contains(&format!("unix:{path}")),
        PeerAddress::Name(name) => {
            let ending = format!(":{}", name.port);
            authorities.iter().any(|authority| authority.ends_with(&ending))
        }
    }
}

/// The word in a pass, or in the location around it, that tells of single sign-on.
fn sign_on(config: &Config, hop: &Hop) -> Option<String> {
    let tree = &config.tree;
    let authority = hop.destination().authority;
    if tells_of_sign_on(authority) {
        return Some(authority.to_owned());
    }
    let location = tree.around(hop.block).find(|block| tree.name(*block) == "location")?;
    tree.arguments(location)
        .any(tells_of_sign_on)
        .then(|| location_select::shown(tree, location))
}

fn tells_of_sign_on(text: &str) -> bool {
    let starts = |rest: &[u8], word: &str| {
        rest.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    };
    // Every word begins with one of these letters, and most texts have none of them.
    let mut rests = (0..text.len()).filter_map(|at| text.as_bytes().get(at..));
    rests.any(|rest| {
        matches!(
            rest.first(),
            Some(b'o' | b'O' | b'k' | b'K' | b's' | b'S' | b'a' | b'A')
        ) && SIGN_ON.iter().any(|word| starts(rest, word))
    })
}
