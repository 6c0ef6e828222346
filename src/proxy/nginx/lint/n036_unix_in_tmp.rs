//! `PrivateTmp` gives a unit a `/tmp` of its own: the sockets of others are not in it.

use foldhash::HashSet;

use super::super::Config;
use super::super::server_select::Socket;
use super::upstreams::{self, Around};
use super::{Check, Need, Rule, edits, problem, unix_sockets};
use crate::evidence::{ConfigProblem, PeerAddress, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N036-unix-in-tmp",
        proxy: ProxyKind::Nginx,
        title: "a unix socket in /tmp is hidden from the proxy by PrivateTmp",
        level: ProblemLevel::Error,
        cause: Some("unix-socket-private-namespace"),
        needs: Some(Need::Units),
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let Some(unit) = unix_sockets::private_tmp(around) else {
        return;
    };
    // What this nginx listens on itself is in its own /tmp.
    let own: HashSet<&str> = config
        .servers
        .iter()
        .flat_map(|server| &server.listens)
        .filter_map(|listen| match &listen.socket {
            Socket::Unix(path) => Some(path.as_str()),
            _ => None,
        })
        .collect();
    let seen = Around::new(around);
    let mut told = HashSet::default();
    for line in upstreams::lines(config) {
        let PeerAddress::Unix(path) = line.address else {
            continue;
        };
        if !unix_sockets::is_in_tmp(path) || own.contains(path.as_str()) || !told.insert(line.node) {
            continue;
        }
        let evidence = seen.endpoints(line.address);
        if evidence.iter().any(|evidence| evidence.socket_file.seen().is_some()) {
            continue;
        }
        let missing = evidence.iter().any(|evidence| evidence.socket_file.is_absent());
        let message = format!(
            "{path} is in /tmp, and {} has PrivateTmp: it sees another /tmp",
            unit.name
        );
        let mut found = problem(config, &CHECK.rule, line.node, message);
        if !missing || line.others {
            found.level = ProblemLevel::Warning;
        }
        "502 always: No such file or directory".clone_into(&mut found.effect);
        let file = path.rsplit('/').next().unwrap_or(path);
        let written =
            config
                .tree
                .argument(line.node, 0)
                .replacen(path.as_str(), &format!("/run/app/{file}"), 1);
        found.repair = Some(format!(
            "{} {};",
            config.tree.name(line.node),
            edits::word(&written)
        ));
        problems.push(found);
    }
}
