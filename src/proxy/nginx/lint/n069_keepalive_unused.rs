//! Before 1.29.7 `keepalive` of a group has no effect without HTTP/1.1 and an empty Connection header, and none
//! before the method that chooses a server.

use foldhash::HashSet;

use super::super::Config;
use super::super::tree::NodeId;
use super::{Check, Rule, inserted, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, Protocol, ProxyKind, Snapshot, TextEdit};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N069-keepalive-unused",
        proxy: ProxyKind::Nginx,
        title: "kept connections of a group are never used",
        level: ProblemLevel::Warning,
        cause: Some("ephemeral-ports-exhausted"),
        needs: None,
    },
    find,
};

/// Methods of choosing a server. They must stand before `keepalive`, which wraps the one before it.
const BALANCERS: [&str; 5] = ["hash", "ip_hash", "least_conn", "least_time", "random"];

fn find(config: &Config, _: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    if config.environment.at_least(1, 29, 7) {
        return;
    }
    let tree = &config.tree;
    let mut told: HashSet<NodeId> = HashSet::default();
    for (hop, group) in super::passes_to_groups(config) {
        let node = hop.node;
        let Some(keepalive) = tree.first(group, "keepalive") else {
            continue;
        };
        if !told.insert(group) {
            continue;
        }
        let name = tree.argument(group, 0);
        let balancer = tree
            .children(group)
            .skip_while(|child| *child != keepalive)
            .find(|child| BALANCERS.contains(&tree.name(*child)));
        let mut found = if let Some(balancer) = balancer {
            let message = format!(
                "keepalive of upstream \"{name}\" has no effect: {} in line {} comes after it and takes its place",
                tree.name(balancer),
                config.place(balancer).line
            );
            let mut found = problem(config, &CHECK.rule, keepalive, message);
            found.repair = Some(format!(
                "{}; {};",
                tree.written(balancer),
                tree.written(keepalive)
            ));
            found
        } else if hop.protocol == Protocol::Http && !super::keeps_connections(config, hop.block) {
            let message = format!(
                "keepalive of upstream \"{name}\" has no effect: it needs proxy_http_version 1.1 and an empty \
                 Connection header at {}",
                config.place(node)
            );
            let mut found = problem(config, &CHECK.rule, keepalive, message);
            found.repair = Some("proxy_http_version 1.1; proxy_set_header Connection \"\";".to_owned());
            found.edit = edit(config, node);
            found
        } else {
            told.remove(&group);
            continue;
        };
        "502 sometimes under load, when local ports run out".clone_into(&mut found.effect);
        problems.push(found);
    }
}

/// The two lines before the pass, where they take nothing away: a `proxy_set_header` here drops all that stand
/// further out.
fn edit(config: &Config, node: NodeId) -> Option<TextEdit> {
    let tree = &config.tree;
    let block = tree.parent(node);
    let mut headers = tree.nearest_all(block, "proxy_set_header");
    let safe = tree.name(block) == "location"
        && tree.nearest(block, "proxy_http_version").is_none()
        && headers.all(|header| {
            tree.parent(header) == block && !tree.argument(header, 0).eq_ignore_ascii_case("connection")
        });
    let lines = ["proxy_http_version 1.1;", "proxy_set_header Connection \"\";"].map(str::to_owned);
    safe.then(|| inserted(config, node, &lines))
}
