//! Rules about configurations that nginx accepts, and that then make or hide a 502.
//!
//! A rule is one function that pushes problems; it must stay silent on a sound configuration, so each one
//! says in its comment what keeps it quiet. To add a rule: a function here (or a new file below), one line
//! in [`lint`].

mod pass_rules;
mod server_rules;

use super::Config;
use super::tree::NodeId;
use crate::evidence::{ConfigProblem, ProblemLevel};

/// Everything the rules find, in the order of the files.
pub(super) fn lint(config: &Config) -> Vec<ConfigProblem> {
    let mut problems = Vec::new();
    pass_rules::upstreams(config, &mut problems);
    pass_rules::passes(config, &mut problems);
    server_rules::fixed_502(config, &mut problems);
    server_rules::cached_errors(config, &mut problems);
    server_rules::name_conflicts(config, &mut problems);
    server_rules::names_with_port(config, &mut problems);
    server_rules::dead_locations(config, &mut problems);
    server_rules::misspelt(config, &mut problems);
    let order = |place: &crate::evidence::Place| {
        config
            .tree
            .files
            .iter()
            .position(|file| file.path == place.file)
            .unwrap_or(usize::MAX)
    };
    problems.sort_by_key(|problem| (order(&problem.place), problem.place.line, problem.place.column));
    problems
}

fn found(config: &Config, rule: &str, level: ProblemLevel, node: NodeId, message: String) -> ConfigProblem {
    config.problem(rule, level, node, message)
}
