//! A group of several servers, and a failed request is not given to the next of them.

use foldhash::HashSet;

use super::super::tree::NodeId;
use super::super::{Config, pass, units};
use super::{Check, Rule, problem, replaced};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N063-next-off",
        proxy: ProxyKind::Nginx,
        title: "a failed request is not tried on the next server of the group",
        level: ProblemLevel::Warning,
        cause: Some("upstream-not-running"),
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let mut told: HashSet<NodeId> = HashSet::default();
    for (hop, group) in super::passes_to_groups(config) {
        let prefix = hop.protocol.directive_prefix();
        let Some((place, why)) = without_next(config, hop.block, prefix) else {
            continue;
        };
        let usable = pass::group_servers(tree, group)
            .filter(|server| !pass::has_option(tree, *server, "down"))
            .count();
        if usable < 2 || !told.insert(place) {
            continue;
        }
        let message = format!(
            "{why}, so a request that meets a dead server of upstream \"{}\" is not tried on the {}",
            tree.argument(group, 0),
            if usable == 2 { "other" } else { "others" }
        );
        let mut found = problem(config, &CHECK.rule, place, message);
        "502 for every request that meets a dead server, though another is well"
            .clone_into(&mut found.effect);
        if tree.name(place).ends_with("_tries") {
            let repair = format!("{prefix}_next_upstream_tries 2;");
            found.edit = replaced(config, place, repair.trim_end_matches(';'));
            found.repair = Some(repair);
        } else {
            let mut words = vec!["error", "timeout"];
            for word in tree.arguments(place) {
                if word != "off" && !words.contains(&word) {
                    words.push(word);
                }
            }
            let repair = format!("{prefix}_next_upstream {}", words.join(" "));
            found.edit = replaced(config, place, &repair);
            found.repair = Some(format!("{repair};"));
        }
        problems.push(found);
    }
}

/// The directive that keeps a refused connection from the next server, and why.
fn without_next(config: &Config, block: NodeId, prefix: &str) -> Option<(NodeId, String)> {
    let tree = &config.tree;
    let name = format!("{prefix}_next_upstream");
    if let Some(node) = tree.nearest(block, &name) {
        let words: Vec<&str> = tree.arguments(node).collect();
        if words.contains(&"off") {
            return Some((node, format!("{name} is off")));
        }
        if !words.contains(&"error") {
            return Some((node, format!("{name} has no \"error\"")));
        }
    }
    let name = format!("{prefix}_next_upstream_tries");
    let node = tree.nearest(block, &name)?;
    (units::number(tree.argument(node, 0)) == Some(1)).then(|| (node, format!("{name} is 1")))
}
