//! Prefix and exact locations in a location given by a regular expression are never chosen.

use super::super::Config;
use super::super::location_select::{self, Kind};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N005-dead-nested-prefix",
        proxy: ProxyKind::Nginx,
        title: "a prefix or exact location inside a regular expression location is never chosen",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    for id in tree.every("location") {
        let parent = tree.parent(id);
        if tree.name(parent) != "location" || !tree.in_http(id) {
            continue;
        }
        let (kind, name) = location_select::kind(tree, id);
        let (outer, _) = location_select::kind(tree, parent);
        if matches!(outer, Kind::Regex | Kind::RegexCaseless)
            && !matches!(kind, Kind::Regex | Kind::RegexCaseless)
        {
            let message = format!(
                "location \"{name}\" is never used: nginx finds only regular expressions inside location \"{}\"",
                location_select::shown(tree, parent)
            );
            problems.push(problem(config, &CHECK.rule, id, message));
        }
    }
}
