//! Every server of a group is marked `down`.

use super::super::{Config, pass};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N030-all-down",
        proxy: ProxyKind::Nginx,
        title: "every server of an upstream group is marked down",
        level: ProblemLevel::Error,
        cause: Some("upstreams-all-disabled"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for http in tree.http_blocks() {
        for upstream in tree.named(http, "upstream").filter(|node| tree.is_block(*node)) {
            let name = tree.argument(upstream, 0);
            let servers = || pass::group_servers(tree, upstream);
            let some = servers().next().is_some();
            if some && servers().all(|server| pass::has_option(tree, server, "down")) {
                let message =
                    format!("all servers of upstream \"{name}\" are marked down: every request gets 502");
                let mut found = problem(config, &CHECK.rule, upstream, message);
                "502 always: no live upstreams".clone_into(&mut found.effect);
                let server = tree.named(upstream, "server").find(|server| {
                    // To take a lone server back is the only thing that can be meant; of several nobody knows.
                    servers().count() == 1 && tree.arguments(*server).any(|word| word == "down")
                });
                found.repair = server.map(|server| {
                    let words: Vec<&str> = tree.arguments(server).filter(|word| *word != "down").collect();
                    format!("server {};", words.join(" "))
                });
                problems.push(found);
            }
        }
    }
}
