//! The page for a failed upstream is asked of the same upstream, or of a location that does not exist.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::super::location_select::{self, Found};
use super::super::tree::NodeId;
use super::super::variables::has_variables;
use super::super::{Config, pass};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N072-errorpage-loop",
        proxy: ProxyKind::Nginx,
        title: "the page for a 502 comes from the upstream that failed",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let mut upstreams: HashMap<NodeId, BTreeSet<String>> = HashMap::default();
    let mut pages: HashMap<(NodeId, &str), Option<(NodeId, String)>> = HashMap::default();
    for node in tree.every("error_page") {
        let words: Vec<&str> = tree.arguments(node).collect();
        let Some((target, codes)) = words.split_last() else {
            continue;
        };
        let block = tree.parent(node);
        let server = tree.around(block).find(|level| tree.name(*level) == "server");
        let Some(server) = server.filter(|_| tree.in_http(node) && !has_variables(target)) else {
            continue;
        };
        let of_upstream = codes.iter().any(|code| matches!(*code, "502" | "503" | "504"));
        if let Some(name) = target.strip_prefix('@') {
            if !tree
                .named(server, "location")
                .any(|location| tree.argument(location, 0) == *target)
            {
                let message = format!("there is no location \"@{name}\" in this server");
                let mut found = problem(config, &CHECK.rule, node, message);
                "500 in place of the error that happened".clone_into(&mut found.effect);
                problems.push(found);
            }
            continue;
        }
        if !of_upstream || !target.starts_with('/') {
            continue;
        }
        let page = pages
            .entry((server, target))
            .or_insert_with(|| served_by(config, server, target));
        let Some((location, upstream)) = page else {
            continue;
        };
        let here = pass::in_force(tree, block).map(|pass| authority(config, pass));
        let same = match here {
            Some(here) => here == *upstream,
            None => upstreams
                .entry(server)
                .or_insert_with(|| all_upstreams(config, server))
                .contains(upstream.as_str()),
        };
        if !same {
            continue;
        }
        let message = format!(
            "\"{target}\" is asked of {upstream} too: location \"{}\" at {} passes it on",
            location_select::shown(tree, *location),
            config.place(*location)
        );
        let mut found = problem(config, &CHECK.rule, node, message);
        "502 with the page of nginx itself, after a second failed attempt".clone_into(&mut found.effect);
        found.repair = Some(format!(
            "location = {target} {{ root /var/www/errors; internal; }}"
        ));
        problems.push(found);
    }
}

/// The location that passes a page on, and to which upstream; `None` when it may do something else.
fn served_by(config: &Config, server: NodeId, target: &str) -> Option<(NodeId, String)> {
    let tree = &config.tree;
    let path = target.split('?').next().unwrap_or_default();
    let search = location_select::find(config, server, path);
    let Found::Location(location) = search.found else {
        return None;
    };
    let other = ["return", "rewrite", "if", "try_files", "set"];
    let plain = !other.iter().any(|name| tree.first(location, name).is_some());
    let pass = pass::in_force(tree, location).filter(|_| plain && search.undetermined.is_empty())?;
    (!has_variables(tree.argument(pass, 0))).then(|| (location, authority(config, pass)))
}

fn authority(config: &Config, node: NodeId) -> String {
    let tree = &config.tree;
    pass::destination(pass::protocol(tree.name(node)), tree.argument(node, 0))
        .authority
        .to_owned()
}

/// All upstreams that a server passes requests to.
fn all_upstreams(config: &Config, server: NodeId) -> BTreeSet<String> {
    let tree = &config.tree;
    let mut found = BTreeSet::new();
    let mut waiting = vec![server];
    while let Some(block) = waiting.pop() {
        for child in tree.children(block) {
            if location_select::PASSES.contains(&tree.name(child)) {
                found.insert(authority(config, child));
            }
            if tree.is_block(child) {
                waiting.push(child);
            }
        }
    }
    found
}
