//! A 502 that nginx is told to send.

use super::super::Config;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N080-fixed-502",
        proxy: ProxyKind::Nginx,
        title: "nginx is told to answer 502 itself",
        level: ProblemLevel::Info,
        cause: Some("configured-502"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let returns = tree.every("return").filter(|id| tree.argument(*id, 0) == "502");
    let pages = tree
        .every("error_page")
        .filter(|id| tree.arguments(*id).any(|word| word == "=502"));
    for id in returns.chain(pages).filter(|id| tree.in_http(*id)) {
        let message = format!("\"{}\" makes nginx itself answer 502", tree.written(id));
        problems.push(problem(config, &CHECK.rule, id, message));
    }
}
