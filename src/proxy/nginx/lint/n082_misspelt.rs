//! A directive that is not nginx's own but nearly has the name of one. It may be a third-party module's, so
//! this is no error.

use super::super::{Config, checks, directives};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N082-misspelt",
        proxy: ProxyKind::Nginx,
        title: "an unknown directive nearly has the name of a known one",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in tree.every_other() {
        let name = tree.name(id);
        if name.len() < 5 || checks::is_list_entry(config, id) {
            continue;
        }
        let near =
            checks::context(config, tree.parent(id)).and_then(|context| directives::nearly(name, context));
        if let Some(near) = near {
            let message = format!("unknown directive \"{name}\", perhaps \"{near}\" is meant");
            let mut found = problem(config, &CHECK.rule, id, message);
            let rest: Vec<&str> = tree.arguments(id).collect();
            found.repair = (!tree.is_block(id)).then(|| format!("{near} {};", rest.join(" ")));
            problems.push(found);
        }
        if problems.len() > 500 {
            return;
        }
    }
}
