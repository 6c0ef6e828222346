//! A regular expression that an earlier one on the same level always forestalls.

use std::collections::BTreeMap;

use foldhash::HashMap;

use super::super::Config;
use super::super::location_select::{self, Kind};
use super::super::tree::NodeId;
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

/// So many simple expressions are compared with each later one.
const MOST_COMPARED: usize = 50;

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N006-dead-regex",
        proxy: ProxyKind::Nginx,
        title: "a regular expression location never gets a request",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    // Most blocks have no two regular expressions, of which one could forestall the other.
    let is_regex = |node: &NodeId| {
        let (kind, _) = location_select::kind(tree, *node);
        matches!(kind, Kind::Regex | Kind::RegexCaseless)
    };
    let mut counts: BTreeMap<NodeId, u32> = BTreeMap::new();
    for node in tree.every("location").filter(is_regex) {
        let count = counts.entry(tree.parent(node)).or_default();
        *count = count.saturating_add(1);
    }
    let blocks = counts.into_iter().filter(|(_, count)| *count > 1);
    for (block, _) in blocks {
        if !matches!(tree.name(block), "server" | "location") || !tree.in_http(block) {
            continue;
        }
        let mut known: HashMap<&str, (bool, NodeId)> = HashMap::default();
        let mut simple: Vec<(&str, bool, NodeId)> = Vec::new();
        for node in tree.named(block, "location") {
            let (kind, text) = location_select::kind(tree, node);
            let caseless = match kind {
                Kind::Regex => false,
                Kind::RegexCaseless => true,
                _ => continue,
            };
            if let Some((earlier_caseless, earlier)) = known.get(text)
                && (*earlier_caseless || !caseless)
            {
                problems.push(dead(config, node, *earlier, ProblemLevel::Warning));
                continue;
            }
            let wider = simple.iter().find(|(earlier, earlier_caseless, _)| {
                (*earlier_caseless || !caseless) && contains(earlier, text)
            });
            if let Some((_, _, earlier)) = wider {
                problems.push(dead(config, node, *earlier, ProblemLevel::Info));
            }
            if simple.len() < MOST_COMPARED && is_simple(text) {
                simple.push((text, caseless, node));
            }
            known.entry(text).or_insert((caseless, node));
        }
    }
}

fn dead(config: &Config, node: NodeId, earlier: NodeId, level: ProblemLevel) -> ConfigProblem {
    let message = format!(
        "location \"{}\" is never used: \"{}\" at {} matches first",
        location_select::shown(&config.tree, node),
        location_select::shown(&config.tree, earlier),
        config.place(earlier)
    );
    let mut found = problem(config, &CHECK.rule, node, message);
    found.level = level;
    "requests go to the upstream of the earlier location".clone_into(&mut found.effect);
    found
}

/// Literal text, perhaps with an anchor at one end.
fn is_simple(pattern: &str) -> bool {
    let text = pattern.strip_prefix('^').unwrap_or(pattern);
    let text = text.strip_suffix('$').unwrap_or(text).replace("\\.", "");
    pattern.len() > 1 && (pattern.starts_with('^') != pattern.ends_with('$')) && !text.contains(is_syntax)
}

fn is_syntax(character: char) -> bool {
    ".^$|?*+()[]{}\\".contains(character)
}

/// Everything that `later` matches is matched by `earlier`, which is simple.
fn contains(earlier: &str, later: &str) -> bool {
    // Alternatives may lead past the common part.
    if later.contains('|') {
        return false;
    }
    if earlier.starts_with('^') {
        return later
            .strip_prefix(earlier)
            .is_some_and(|rest| !rest.starts_with(['?', '*', '+', '{']));
    }
    later.strip_suffix(earlier).is_some_and(|rest| !rest.ends_with('\\'))
}
