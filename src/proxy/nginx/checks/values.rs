//! Numbers, times, sizes, and the buffers that must fit together.

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

/// True for directives whose value is judged here.
pub(super) fn is_judged(name: &str) -> bool {
    form(name).is_some() || matches!(name, "worker_processes" | "proxy_http_version")
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
