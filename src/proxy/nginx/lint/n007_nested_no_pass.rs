//! A location inside a proxied one has no `*_pass` of its own: that is not inherited.

use super::super::location_select::{self, Kind, has_pass};
use super::super::{Config, directives};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

/// Directives that make an answer of their own, or say that files are meant.
const ANSWERS: [&str; 14] = [
    "alias",
    "api",
    "autoindex",
    "deny",
    "empty_gif",
    "flv",
    "if",
    "internal",
    "mp4",
    "perl",
    "return",
    "rewrite",
    "stub_status",
    "try_files",
];

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N007-nested-no-pass",
        proxy: ProxyKind::Nginx,
        title: "a location inside a proxied one serves files instead",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    if config.errors.iter().any(|error| error.rule.starts_with("include-")) {
        return;
    }
    for node in tree.every("location") {
        let outer = tree.parent(node);
        if tree.name(outer) != "location" || !has_pass(tree, outer) {
            continue;
        }
        let (outer_kind, _) = location_select::kind(tree, outer);
        let (kind, _) = location_select::kind(tree, node);
        let is_regex = |kind| matches!(kind, Kind::Regex | Kind::RegexCaseless);
        let answers = tree.children(node).any(|child| {
            let name = tree.name(child);
            ANSWERS.contains(&name)
                || name == "location"
                || name == "limit_except"
                || !directives::is_known(name)
        });
        if answers
            || has_pass(tree, node)
            || !tree.in_http(node)
            || tree.nearest(node, "root").is_some()
            || (is_regex(outer_kind) && !is_regex(kind))
        {
            continue;
        }
        let shown = location_select::shown(tree, node);
        let message =
            format!("location \"{shown}\" has no pass: that of the location around it is not inherited");
        let mut found = problem(config, &CHECK.rule, node, message);
        "404 for these requests, the upstream is never asked".clone_into(&mut found.effect);
        let pass = location_select::PASSES
            .iter()
            .find_map(|name| tree.first(outer, name));
        found.repair = pass.map(|pass| format!("{};", tree.written(pass)));
        problems.push(found);
    }
}
