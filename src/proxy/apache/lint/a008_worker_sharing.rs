//! A pass whose URL begins with that of an earlier one shares its worker, and its own parameters do not count.

use super::super::Config;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A008-worker-sharing",
        proxy: ProxyKind::Apache,
        title: "parameters of a pass are ignored, because it shares an earlier worker",
        level: ProblemLevel::Warning,
        cause: Some("proxy-worker-sharing"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let passes: std::collections::HashMap<_, _> =
        config.passes().iter().map(|pass| (pass.statement, pass)).collect();
    for worker in config.workers() {
        for pass in worker.shared_by.iter().filter_map(|id| passes.get(id)) {
            let ignored: Vec<String> = pass
                .parameters
                .iter()
                .filter(|(key, value)| {
                    worker
                        .backend
                        .parameter(key)
                        .is_none_or(|(counts, _)| !counts.eq_ignore_ascii_case(value))
                })
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            if ignored.is_empty() {
                continue;
            }
            let place = config.place(worker.backend.statement);
            let message = format!(
                "{} is ignored: this pass shares the worker {} of {place}",
                ignored.join(" "),
                worker.backend.url
            );
            let mut found = problem(config, &CHECK.rule, pass.statement, message);
            "timeouts and other limits are those of the earlier line".clone_into(&mut found.effect);
            found.repair = Some(if pass.url == worker.backend.url {
                format!("write {} in line {} instead", ignored.join(" "), place.line)
            } else if pass.location.is_some() {
                // Which of the sections comes last decides about the path, so they stay where they are.
                format!(
                    "<Proxy {}> with ProxySet {} above line {}",
                    pass.url,
                    ignored.join(" "),
                    place.line
                )
            } else {
                format!("move this line above line {}", place.line)
            });
            problems.push(found);
        }
    }
}
