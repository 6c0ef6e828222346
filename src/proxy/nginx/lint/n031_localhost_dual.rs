//! `localhost` is two peers where it has two addresses; a service often listens on one.

use std::net::IpAddr;

use foldhash::{HashMap, HashSet};

use super::super::Config;
use super::upstreams::{self, Around};
use super::{Check, Need, Rule, edits, problem};
use crate::evidence::{ConfigProblem, Listener, PeerAddress, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N031-localhost-dual",
        proxy: ProxyKind::Nginx,
        title: "localhost is two addresses, and the service listens on one of them",
        level: ProblemLevel::Warning,
        cause: Some("ipv6-unreachable"),
        needs: Some(Need::Listeners),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let Some(listeners) = around.listeners.seen() else {
        return;
    };
    let answers = Around::new(around);
    let both = answers.name("localhost").iter().any(|name| {
        let has = |six: bool| {
            let listed = name.hosts_file.iter().chain(name.system.seen().into_iter().flatten());
            listed.into_iter().any(|address| address.is_ipv6() == six)
        };
        has(true) && has(false)
    });
    if !both {
        return;
    }
    let mut by_port: HashMap<u16, Vec<&Listener>> = HashMap::default();
    for listener in listeners {
        if let Some(address) = listener.endpoint.tcp() {
            by_port.entry(address.port()).or_default().push(listener);
        }
    }
    let mut told = HashSet::default();
    for line in upstreams::lines(config) {
        let PeerAddress::Name(name) = line.address else {
            continue;
        };
        if !name.name.eq_ignore_ascii_case("localhost") || !told.insert(line.node) {
            continue;
        }
        let there = by_port.get(&name.port).map_or(&[][..], Vec::as_slice);
        let (four, six) = (
            there.iter().any(|one| takes(one, false)),
            there.iter().any(|one| takes(one, true)),
        );
        let (on, off) = match (four, six) {
            (true, false) => ("127.0.0.1", "[::1]"),
            (false, true) => ("[::1]", "127.0.0.1"),
            _ => continue,
        };
        let message = format!(
            "localhost is 127.0.0.1 and ::1, but port {} is only served on {on}: every second try goes to {off}",
            name.port
        );
        let mut found = problem(config, &CHECK.rule, line.node, message);
        "a refused try before the answer and a line in the error log; 502 (no live upstreams) while both addresses count as failed"
            .clone_into(&mut found.effect);
        let written = config.tree.argument(line.node, 0);
        let at = written.to_ascii_lowercase().find("localhost");
        if let Some((before, after)) =
            at.and_then(|at| Some((written.get(..at)?, written.get(at.checked_add(9)?..)?)))
        {
            let wanted = format!("{before}{on}{after}");
            let mut words = vec![wanted.clone()];
            words.extend(config.tree.arguments(line.node).skip(1).map(edits::word));
            found.repair = Some(format!("{} {};", config.tree.name(line.node), words.join(" ")));
            found.edit = edits::replace_argument(config, line.node, 0, &wanted);
        }
        problems.push(found);
    }
}

/// True when connections to the loopback address of a family arrive there.
fn takes(listener: &Listener, six: bool) -> bool {
    listener.endpoint.tcp().is_some_and(|address| match address.ip() {
        IpAddr::V4(ip) => !six && (ip.is_unspecified() || ip == std::net::Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) => {
            (ip.is_unspecified() && (six || listener.dual_stack))
                || (six && ip == std::net::Ipv6Addr::LOCALHOST)
        }
    })
}
