//! `keepalive` of a group without HTTP/1.1 and an empty Connection header has no effect before 1.29.7.

use super::super::tree::NodeId;
use super::super::{Config, pass};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N069-keepalive-unused",
        proxy: ProxyKind::Nginx,
        title: "kept connections of a group are never used",
        level: ProblemLevel::Warning,
        cause: Some("ephemeral-ports-exhausted"),
        needs_host: false,
    },
    find,
};

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let mut told: std::collections::BTreeSet<NodeId> = std::collections::BTreeSet::new();
    for (node, _, group) in super::passes_to_groups(config) {
        let block = tree.node(node).parent;
        if pass::protocol(tree.name(node)) != Protocol::Http
            || told.contains(&group)
            || !keepalive_unused(config, block, group)
        {
            continue;
        }
        told.insert(group);
        let name = tree.argument(group, 0);
        let message = format!(
            "keepalive of upstream \"{name}\" has no effect: it needs proxy_http_version 1.1 and an empty \
             Connection header at {}",
            config.place(node)
        );
        let place = tree.first(group, "keepalive").unwrap_or(group);
        let mut found = problem(config, &CHECK.rule, place, message);
        "502 sometimes under load, when local ports run out".clone_into(&mut found.effect);
        found.repair = Some("proxy_http_version 1.1; proxy_set_header Connection \"\";".to_owned());
        problems.push(found);
    }
}

/// Before 1.29.7 `keepalive` needs HTTP/1.1 and a cleared Connection header. Quiet when the header is set to
/// anything (it may be a variable).
fn keepalive_unused(config: &Config, block: NodeId, group: NodeId) -> bool {
    let tree = &config.tree;
    if config.environment.at_least(1, 29, 7) || tree.first(group, "keepalive").is_none() {
        return false;
    }
    let version = tree
        .nearest(block, "proxy_http_version")
        .map_or("1.0", |node| tree.argument(node, 0));
    let connection = tree.nearest_all(block, "proxy_set_header").into_iter().any(|node| {
        tree.argument(node, 0).eq_ignore_ascii_case("connection")
            && !tree.argument(node, 1).eq_ignore_ascii_case("close")
    });
    version == "1.0" || !connection
}
