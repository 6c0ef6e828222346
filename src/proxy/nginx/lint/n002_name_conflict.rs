//! A name that an earlier server of the same address and port has already: ignored here.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, server_select};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N002-name-conflict",
        proxy: ProxyKind::Nginx,
        title: "a server name is taken by an earlier server on the same address and port",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    // What becomes of `.name` is told by N003.
    let mut told: HashSet<(NodeId, String)> = super::n003_dot_conflict::dropped(config).into_iter().collect();
    for conflicts in server_select::all_conflicts(config) {
        for conflict in conflicts {
            let Some(node) = conflict.node else { continue };
            // `server_name _` in several servers is a habit and harmless.
            if matches!(conflict.name.as_str(), "_" | "") || !told.insert((node, conflict.name.clone())) {
                continue;
            }
            let message = format!(
                "conflicting server name \"{}\": an earlier server has it, so it is ignored here",
                conflict.name
            );
            problems.push(problem(config, &CHECK.rule, node, message));
        }
    }
}
