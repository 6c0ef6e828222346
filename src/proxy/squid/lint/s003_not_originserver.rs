//! A site's own server behind an accelerator port that is asked as if it were a proxy.

use super::super::Config;
use super::super::peers::{Kind, Peer};
use super::super::ports::Mode;
use super::{Check, Rule, problem, replace_word};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "S003-not-originserver",
        proxy: ProxyKind::Squid,
        title: "the server of an accelerated site is asked as if it were a proxy",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

/// Ports on which proxies listen, seldom anything else.
const PROXY_PORTS: [u16; 4] = [3128, 3129, 1080, 8118];

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    // With a port for clients that know a proxy, a parent may well be a proxy.
    let accelerates_only =
        !config.ports.is_empty() && config.ports.iter().all(|port| port.mode == Mode::Accelerator);
    if !accelerates_only {
        return;
    }
    for peer in config.peers.iter().filter(|peer| !may_be_a_proxy(peer)).take(500) {
        let Some(statement) = config.statement(peer.statement) else {
            continue;
        };
        let message = format!(
            "{}:{} is sent whole URLs (GET http://site/path), as a proxy is: originserver is not among its options",
            peer.host, peer.port
        );
        let mut found = problem(config, &CHECK.rule, peer.statement, message);
        "an application that does not understand whole URLs answers 400 or 404, or hangs up, which makes a 502"
            .clone_into(&mut found.effect);
        found.repair = Some(format!("cache_peer {} originserver", statement.rest().trim()));
        let last = statement.count().saturating_sub(1);
        let with = format!("{} originserver", statement.word(last));
        found.edit = replace_word(config, &statement, last, with);
        problems.push(found);
    }
}

/// It is one for certain, or speaks what only proxies speak.
fn may_be_a_proxy(peer: &Peer) -> bool {
    peer.origin_server
        || peer.kind != Kind::Parent
        || peer.icp_port != 0
        || peer.picked.carp
        || PROXY_PORTS.contains(&peer.port)
}
