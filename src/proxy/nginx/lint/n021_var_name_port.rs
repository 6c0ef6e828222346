//! `name:80` is not the upstream `name`: nginx looks for a resolver and answers 502.

use super::super::Config;
use super::run_time_names::unresolvable;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N021-var-name-port",
        proxy: ProxyKind::Nginx,
        title: "a variable holds the name of an upstream group with a port",
        level: ProblemLevel::Error,
        cause: Some("dns-no-resolver"),
        needs_host: false,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for name in unresolvable(config).into_iter().filter(|name| name.shadowed_group) {
        let written = config.tree.argument(name.node, 0);
        let message = format!(
            "{written} gives {0} with a port, which is not the upstream \"{0}\", and no resolver is set: every request gets 502",
            name.host
        );
        let mut found = problem(config, &CHECK.rule, name.node, message);
        "502 always".clone_into(&mut found.effect);
        problems.push(found);
    }
}
