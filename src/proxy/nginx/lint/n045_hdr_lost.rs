//! One `proxy_set_header` at a lower level discards all of those around it, `Host` among them.

use foldhash::HashSet;

use super::super::Config;
use super::super::tree::{NodeId, ROOT};
use super::upstreams;
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N045-hdr-lost",
        proxy: ProxyKind::Nginx,
        title: "headers set further out are lost, the Host header among them",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if upstreams::some_unread(config) {
        // The headers may stand in the file that could not be read.
        return;
    }
    let tree = &config.tree;
    let mut told: HashSet<(NodeId, &str)> = HashSet::default();
    for hop in upstreams::hops(config) {
        let Some(directive) = hop.header_directive() else {
            continue;
        };
        let Some(level) = tree
            .around(hop.block)
            .find(|level| tree.first(*level, directive).is_some())
        else {
            continue;
        };
        if level == ROOT || !told.insert((level, directive)) {
            continue;
        }
        let outer = || tree.nearest_all(tree.parent(level), directive);
        let is_host = |node: &NodeId| tree.argument(*node, 0).eq_ignore_ascii_case("host");
        // The default is the same as this.
        let is_default = |node: &NodeId| tree.argument(*node, 1) == "$proxy_host";
        let host = outer().find(|node| is_host(node) && !is_default(node));
        let host = host.filter(|_| !tree.named(level, directive).any(|node| is_host(&node)));
        let (Some(host), Some(first)) = (host, tree.first(level, directive)) else {
            continue;
        };
        let own: HashSet<String> = tree
            .named(level, directive)
            .map(|node| tree.argument(node, 0).to_ascii_lowercase())
            .collect();
        let lost: Vec<NodeId> = outer()
            .filter(|node| !own.contains(&tree.argument(*node, 0).to_ascii_lowercase()))
            .collect();
        let names: Vec<&str> = lost.iter().map(|node| tree.argument(*node, 0)).collect();
        let message = format!(
            "this {directive} discards those of {}: {} {} not sent as set there",
            config.place(host),
            names.join(", "),
            if names.len() == 1 { "is" } else { "are" }
        );
        let mut found = problem(config, &CHECK.rule, first, message);
        found.effect = format!(
            "the Host header is {} instead of {}: 400 or 404 from backends that look at it, redirects to a wrong name",
            if hop.variables {
                "the one in the pass"
            } else {
                hop.destination().authority
            },
            tree.argument(host, 1)
        );
        let again: Vec<String> = lost
            .iter()
            .map(|node| {
                format!(
                    "{directive} {} {};",
                    edits::word(tree.argument(*node, 0)),
                    edits::word(tree.argument(*node, 1))
                )
            })
            .collect();
        found.repair = Some(again.join(" "));
        found.edit = edits::insert_before(config, first, &again);
        problems.push(found);
    }
}
