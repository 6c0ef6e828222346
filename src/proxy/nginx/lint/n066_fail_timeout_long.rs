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
            let servers = || {
                let all = pass::group_servers(tree, upstream);
                all.filter(|server| !pass::has_option(tree, *server, "down"))
            };
            let count = servers().take(FEW + 1).count();
            let each = servers().all(|server| pass::max_fails(tree, server) == 1);
            if !each || !(2..=FEW).contains(&count) {
                continue;
            }
            let soonest = servers().map(|server| pass::fail_timeout_ms(tree, server)).min();
            let (Some(first), Some(soonest)) =
                (servers().next(), soonest.filter(|soonest| *soonest > LONG_MS))
            else {
                continue;
            };
            let seconds = soonest / 1000;
            let message = format!(
                "one failure takes a server of upstream \"{}\" out for {seconds} s, and all {} may be out at once",
                tree.argument(upstream, 0),
                count
            );
            let mut found = problem(config, &CHECK.rule, first, message);
            found.effect = if config.environment.at_least(1, 11, 5) {
                format!("502 \"no live upstreams\" for up to {seconds} s after all servers are well again")
            } else {
                "502 for one request each time all servers were marked".to_owned()
            };
            found.repair = Some(format!(
                "server {} max_fails=3 fail_timeout=10s;",
                tree.argument(first, 0)
            ));
            problems.push(found);
        }
    }
}
