//! `return` and a `*_pass` in one location: the upstream is never asked.

use super::super::Config;
use super::super::location_select::PASSES;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N009-return-beats-pass",
        proxy: ProxyKind::Nginx,
        title: "return in a location keeps its upstream from being asked",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for block in tree.every("location") {
        let Some(given) = tree.first(block, "return") else {
            continue;
        };
        // A rewrite or an `if` before it may lead elsewhere.
        let before = tree.children(block).take_while(|child| *child != given);
        let certain = !before.into_iter().any(|child| {
            matches!(tree.name(child), "rewrite" | "break")
                || (tree.name(child) == "if" && tree.is_block(child))
        });
        let pass = PASSES.iter().find_map(|name| tree.first(block, name));
        let Some(pass) = pass.filter(|_| certain && tree.in_http(block)) else {
            continue;
        };
        let message = format!(
            "\"{}\" is never used: \"{}\" at {} answers first",
            tree.written(pass),
            tree.written(given),
            config.place(given)
        );
        let mut found = problem(config, &CHECK.rule, pass, message);
        found.effect = format!("{} always, the upstream is never asked", tree.argument(given, 0));
        problems.push(found);
    }
}
