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
    for id in 0..tree.len() {
        let is_return = tree.name(id) == "return" && tree.argument(id, 0) == "502";
        let is_page = tree.name(id) == "error_page" && tree.arguments(id).any(|word| word == "=502");
        if (is_return || is_page) && tree.in_http(id) {
            let message = format!("\"{}\" makes nginx itself answer 502", tree.written(id));
            problems.push(problem(config, &CHECK.rule, id, message));
        }
    }
}
