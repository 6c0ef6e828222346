//! The buffers of the buffering modules do not fit together: nginx refuses to start or to reload.
//!
//! nginx itself says so, and so the reader does, among its errors.

use std::collections::BTreeSet;

use super::super::tree::NodeId;
use super::super::{Config, units};
use super::Rule;
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind};

pub(super) const RULE: Rule = Rule {
    id: "N062-buffers-emerg",
    proxy: ProxyKind::Nginx,
    title: "the buffers for responses do not fit together, and nginx refuses them",
    level: ProblemLevel::Error,
    cause: None,
    needs: None,
};

/// The buffers of the buffering modules must fit together in every server and location.
pub(in super::super) fn find(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let mut told: BTreeSet<NodeId> = BTreeSet::new();
    let names = ["proxy", "fastcgi", "uwsgi", "scgi"].map(|prefix| {
        ["buffer_size", "buffers", "busy_buffers_size"].map(|suffix| format!("{prefix}_{suffix}"))
    });
    let all_set = tree.every_of(|name| names.as_flattened().iter().any(|wanted| wanted == name));
    for names in names {
        // What is in force in a block without a word of its own is in force around it; of servers that only
        // inherit, the first speaks for all.
        let is_meant = |node: &&NodeId| names.iter().any(|name| tree.name(**node) == name);
        let set = all_set.iter().filter(is_meant);
        let mut blocks: BTreeSet<NodeId> = set.map(|node| tree.parent(*node)).collect();
        if blocks.is_empty() {
            continue;
        }
        let servers = |http| tree.named(http, "server").find(|server| tree.is_block(*server));
        blocks.extend(tree.http_blocks().filter_map(servers));
        for block in blocks {
            let is_level = tree.is_block(block) && matches!(tree.name(block), "server" | "location");
            if is_level && tree.in_http(block) {
                buffers_of(config, block, &names, &mut told, problems);
            }
        }
    }
}

fn buffers_of(
    config: &Config,
    block: NodeId,
    names: &[String; 3],
    told: &mut BTreeSet<NodeId>,
    problems: &mut Vec<ConfigProblem>,
) {
    let tree = &config.tree;
    let page = config.environment.page_size;
    let [size_name, buffers_name, busy_name] = names;
    let size_node = tree.nearest(block, size_name);
    let buffers_node = tree.nearest(block, buffers_name);
    let busy_node = tree.nearest(block, busy_name);
    let bytes = |node: NodeId, index| units::bytes(tree.argument(node, index), false);
    let (Some(size), Some(count), Some(one)) = (
        size_node.map_or(Some(page), |node| bytes(node, 0)),
        buffers_node.map_or(Some(8), |node| units::number(tree.argument(node, 0))),
        buffers_node.map_or(Some(page), |node| bytes(node, 1)),
    ) else {
        return;
    };
    let Some(place) = size_node.or(buffers_node).or(busy_node) else {
        return;
    };
    let largest = size.max(one);
    let Some(busy) = busy_node.map_or(Some(largest.saturating_mul(2)), |node| bytes(node, 0)) else {
        return;
    };
    let most = count.saturating_sub(1).saturating_mul(one);
    let message = if count < 2 {
        format!("there must be at least 2 \"{buffers_name}\"")
    } else if busy < largest {
        format!(
            "\"{busy_name}\" must be at least as large as \"{size_name}\" and one of the \"{buffers_name}\""
        )
    } else if busy > most {
        format!(
            "\"{busy_name}\" ({busy} bytes) must be less than all \"{buffers_name}\" minus one buffer ({most} bytes)"
        )
    } else {
        return;
    };
    if !told.insert(place) {
        return;
    }
    let alone = size_node.is_some() && buffers_node.is_none() && busy_node.is_none();
    let message = if alone {
        format!("\"{size_name}\" is raised alone: {message}")
    } else {
        message
    };
    let mut problem = config.problem(RULE.id, RULE.level, place, message);
    if busy_node.is_none() {
        let kilobytes = largest.div_ceil(1024);
        problem.repair = Some(format!("{buffers_name} 8 {kilobytes}k;"));
    }
    problems.push(problem);
}
