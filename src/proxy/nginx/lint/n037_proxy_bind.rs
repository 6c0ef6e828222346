//! An address in `proxy_bind` that no interface has: nginx cannot bind to it and answers 500.

use std::net::{IpAddr, SocketAddr};

use foldhash::HashSet;

use super::super::Config;
use super::upstreams;
use super::{Check, Need, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N037-proxy-bind",
        proxy: ProxyKind::Nginx,
        title: "connections to the upstream are bound to an address that is not of this host",
        level: ProblemLevel::Error,
        cause: Some("proxy-source-bind-failed"),
        needs: Some(Need::Machine),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let limits = &around.limits;
    if limits.addresses.is_empty() {
        return;
    }
    let own: HashSet<IpAddr> = limits.addresses.iter().map(|(address, _)| *address).collect();
    let tree = &config.tree;
    let mut told = HashSet::default();
    for hop in upstreams::hops(config) {
        let Some(node) = hop.directive(config, "bind") else {
            continue;
        };
        let written = tree.argument(node, 0);
        let transparent = tree.arguments(node).any(|word| word == "transparent");
        let Some(address) = address(written).filter(|_| !transparent) else {
            continue;
        };
        let nonlocal_allowed = limits.nonlocal_bind == Some(true);
        let local = address.is_loopback() || address.is_unspecified() || own.contains(&address);
        if local || nonlocal_allowed || !told.insert(node) {
            continue;
        }
        let message = format!("{address} is no address of this host, so nginx cannot connect from it");
        let mut found = problem(config, &CHECK.rule, node, message);
        "500 always".clone_into(&mut found.effect);
        let same = |other: &&IpAddr| other.is_ipv4() == address.is_ipv4() && !other.is_loopback();
        let mut others: Vec<&IpAddr> = own.iter().filter(same).collect();
        others.sort();
        if let [only] = others.as_slice() {
            found.repair = Some(format!("{} {only};", tree.name(node)));
        }
        problems.push(found);
    }
}

/// The address of `proxy_bind`, with or without a port.
fn address(written: &str) -> Option<IpAddr> {
    upstreams::bare(written)
        .parse::<IpAddr>()
        .ok()
        .or_else(|| written.parse::<SocketAddr>().ok().map(|address| address.ip()))
}
