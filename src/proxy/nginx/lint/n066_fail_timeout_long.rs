//! One failure takes a server out for long, and so every server of a small group at once.

use super::super::{Config, pass};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N066-fail-timeout-long",
        proxy: ProxyKind::Nginx,
        title: "one failure takes each server of a small group out for more than a minute",
        level: ProblemLevel::Warning,
        cause: Some("upstreams-marked-down"),
        needs: None,
    },
    find,
};

/// A longer `fail_timeout` than this keeps users waiting for nothing.
const LONG_MS: u64 = 60_000;

/// In a larger group it takes many failures until no server is left.
const FEW: usize = 4;

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for http in tree.http_blocks() {
        for upstream in tree.named(http, "upstream").filter(|node| tree.is_block(*node)) {
            let servers: Vec<_> = tree
                .named(upstream, "server")
                .zip(pass::group_peers(config, upstream))
                .filter(|(_, peer)| !peer.down)
                .collect();
            let soonest = servers.iter().map(|(_, peer)| peer.fail_timeout_ms).min();
            let each = servers.iter().all(|(_, peer)| peer.max_fails == 1);
            let (Some((first, _)), Some(soonest)) =
                (servers.first(), soonest.filter(|soonest| *soonest > LONG_MS))
            else {
                continue;
            };
            if !each || servers.len() < 2 || servers.len() > FEW {
                continue;
            }
            let seconds = soonest / 1000;
            let message = format!(
                "one failure takes a server of upstream \"{}\" out for {seconds} s, and all {} may be out at once",
                tree.argument(upstream, 0),
                servers.len()
            );
            let mut found = problem(config, &CHECK.rule, *first, message);
            found.effect = if config.environment.at_least(1, 11, 5) {
                format!("502 \"no live upstreams\" for up to {seconds} s after all servers are well again")
            } else {
                "502 for one request each time all servers were marked".to_owned()
            };
            found.repair = Some(format!(
                "server {} max_fails=3 fail_timeout=10s;",
                tree.argument(*first, 0)
            ));
            problems.push(found);
        }
    }
}
