//! Numbers, times, sizes, and the buffers that must fit together.

use std::collections::BTreeSet;

use super::super::tree::NodeId;
use super::super::{Config, units};
use super::error;
use crate::evidence::ConfigProblem;

/// The directive prefixes of the upstream modules.
const PREFIXES: [&str; 6] = ["proxy", "fastcgi", "uwsgi", "scgi", "grpc", "memcached"];

/// What a value must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Milliseconds,
    Bytes,
    BytesOrGiga,
    Number,
    Buffers,
}

fn form(name: &str) -> Option<Form> {
    let form = match name {
        "client_header_timeout"
        | "client_body_timeout"
        | "send_timeout"
        | "resolver_timeout"
        | "lingering_timeout"
        | "lingering_time" => Form::Milliseconds,
        "client_body_buffer_size" | "client_header_buffer_size" => Form::Bytes,
        "client_max_body_size" => Form::BytesOrGiga,
        "gzip_comp_level"
        | "worker_rlimit_nofile"
        | "worker_connections"
        | "types_hash_max_size"
        | "types_hash_bucket_size"
        | "server_names_hash_max_size"
        | "server_names_hash_bucket_size"
        | "variables_hash_max_size"
        | "variables_hash_bucket_size"
        | "map_hash_max_size"
        | "map_hash_bucket_size" => Form::Number,
        "large_client_header_buffers" => Form::Buffers,
        _ => {
            let (prefix, rest) = name.split_once('_')?;
            if !PREFIXES.contains(&prefix) {
                return None;
            }
            match rest {
                "connect_timeout" | "send_timeout" | "read_timeout" | "next_upstream_timeout" => {
                    Form::Milliseconds
                }
                "buffer_size" | "busy_buffers_size" | "max_temp_file_size" | "temp_file_write_size" => {
                    Form::Bytes
                }
                "next_upstream_tries" | "ssl_verify_depth" => Form::Number,
                "buffers" => Form::Buffers,
                _ => return None,
            }
        }
    };
    Some(form)
}

/// True for directives of which a block may have only one.
pub(super) fn is_scalar(name: &str) -> bool {
    form(name).is_some()
}

pub(super) fn check(config: &Config, id: NodeId, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let name = tree.name(id);
    let value = tree.argument(id, 0);
    let fits = match form(name) {
        Some(Form::Milliseconds) => units::milliseconds(value).is_some(),
        Some(Form::Bytes) => units::bytes(value, false).is_some(),
        Some(Form::BytesOrGiga) => units::bytes(value, true).is_some(),
        Some(Form::Number) => units::number(value).is_some(),
        Some(Form::Buffers) => {
            units::number(value).is_some_and(|count| count > 0)
                && units::bytes(tree.argument(id, 1), false).is_some_and(|size| size > 0)
        }
        None => true,
    };
    let fits = fits
        && match name {
            "gzip_comp_level" => units::number(value).is_some_and(|level| (1..=9).contains(&level)),
            "worker_processes" => value == "auto" || units::number(value).is_some_and(|count| count > 0),
            "proxy_http_version" => {
                matches!(value, "1.0" | "1.1") || (value == "2" && config.environment.at_least(1, 29, 4))
            }
            _ => true,
        };
    if !fits {
        let what = match form(name) {
            Some(Form::Number) => "invalid number",
            _ => "invalid value",
        };
        let written = tree.arguments(id).collect::<Vec<_>>().join(" ");
        problems.push(error(
            config,
            "invalid-value",
            id,
            format!("{what} \"{written}\" in \"{name}\" directive"),
        ));
    }
}

/// The buffers of the buffering modules must fit together in every server and location.
pub(super) fn buffers(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let tree = &config.tree;
    let mut told: BTreeSet<NodeId> = BTreeSet::new();
    for prefix in ["proxy", "fastcgi", "uwsgi", "scgi"] {
        let names =
            ["buffer_size", "buffers", "busy_buffers_size"].map(|suffix| format!("{prefix}_{suffix}"));
        if !tree.nodes.iter().any(|node| names.contains(&node.name)) {
            continue;
        }
        for block in 1..tree.nodes.len() {
            let node = tree.node(block);
            if !node.is_block || !matches!(node.name.as_str(), "server" | "location") || !tree.in_http(block)
            {
                continue;
            }
            buffers_of(config, block, &names, &mut told, problems);
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
    let rule = if alone {
        format!("{}-alone", size_name.replace('_', "-"))
    } else {
        format!("{}-inconsistent", buffers_name.replace('_', "-"))
    };
    let message = if alone {
        format!("\"{size_name}\" is raised alone: {message}")
    } else {
        message
    };
    let mut problem = error(config, &rule, place, message);
    if busy_node.is_none() {
        let kilobytes = largest.div_ceil(1024);
        problem.repair = Some(format!("{buffers_name} 8 {kilobytes}k;"));
    }
    problems.push(problem);
}
