//! A `${NAME}` that nothing defines stays in the address as it is written.

use super::super::Config;
use super::{Check, Need, Rule, backends, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A013-undefined-var",
        proxy: ProxyKind::Apache,
        title: "a variable in the address of a backend is not defined",
        level: ProblemLevel::Error,
        cause: None,
        needs: Some(Need::Whole),
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let undefined: std::collections::HashSet<&str> = config
        .undefined_variables()
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    if undefined.is_empty() {
        return;
    }
    for target in backends::targets(config) {
        let mut rest = target.url;
        while let Some((_, after)) = rest.split_once("${") {
            let (name, tail) = after.split_once('}').unwrap_or((after, ""));
            rest = tail;
            if !undefined.contains(name) {
                continue;
            }
            let message =
                format!("${{{name}}} is not defined, so the server takes it for a part of the address");
            let mut found = problem(config, &CHECK.rule, target.statement, message);
            found.effect = if target
                .url
                .split('/')
                .nth(2)
                .is_some_and(|authority| authority.contains("${"))
            {
                format!(
                    "{} for every request that goes this way",
                    super::status_of_unknown_host(config)
                )
            } else {
                "every request that goes this way asks the backend for a wrong path".to_owned()
            };
            found.repair = Some(format!("Define {name} VALUE"));
            problems.push(found);
            break;
        }
    }
}
