//! A name in a variable needs a `resolver`, or nginx answers 502 "no resolver defined".

use super::super::Config;
use super::run_time_names::unresolvable;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N020-no-resolver",
        proxy: ProxyKind::Nginx,
        title: "a name is resolved at run time and no resolver is set",
        level: ProblemLevel::Error,
        cause: Some("dns-no-resolver"),
        needs_host: false,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    for name in unresolvable(config).into_iter().filter(|name| !name.shadowed_group) {
        let written = config.tree.argument(name.node, 0);
        let message = format!(
            "{written} holds a variable, so {} is resolved at run time, and no resolver is set: every request gets 502",
            name.host
        );
        let mut found = problem(config, &CHECK.rule, name.node, message);
        "502 always".clone_into(&mut found.effect);
        found.repair = Some("resolver 127.0.0.53;".to_owned());
        problems.push(found);
    }
}
