//! `configs/`: the configuration files that the way of the request goes through, whole and redacted.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Content, Part, lines, plain_name};
use crate::evidence::{Bytes, Snapshot};
use crate::host::Transcript;

/// One file, at the most.
const CAP_BYTES: usize = 1 << 20;
/// Files, at the most: the parts of one way are few, and where no way is known all files are candidates.
const FILE_CAP: usize = 50;

/// The configuration files of a redacted snapshot, from the redacted transcript.
pub(super) fn parts(snapshot: &Snapshot, transcript: &Transcript) -> Vec<Part> {
    let wanted = wanted(snapshot);
    let mut done = BTreeSet::new();
    let mut parts = Vec::new();
    for entry in transcript.entries().filter(|entry| entry.query == "read_file") {
        let path = entry.question.get("path").and_then(Value::as_str).unwrap_or_default();
        // Behind /proc/PID/root lies the file system of a proxy in a container.
        let inside = path
            .strip_prefix("/proc/")
            .and_then(|rest| rest.split_once("/root/"))
            .map_or(path.to_owned(), |(_, rest)| format!("/{rest}"));
        if parts.len() >= FILE_CAP || !wanted.contains(&inside) || done.contains(&inside) {
            continue;
        }
        let Some(bytes) = entry
            .answer
            .pointer("/seen/bytes")
            .and_then(|bytes| serde_json::from_value::<Bytes>(bytes.clone()).ok())
        else {
            continue;
        };
        let (content, cut) = lines::first(&bytes.0, CAP_BYTES);
        let truncated = cut || entry.answer.pointer("/seen/truncated") == Some(&Value::Bool(true));
        parts.push(Part {
            name: format!("configs/{}", plain_name(&inside)),
            origin: inside.clone(),
            content: Content::Bytes(content.to_vec()),
            truncated,
        });
        done.insert(inside);
    }
    parts
}

/// The files that routes name and the main file; where there is no route, every file of the configuration.
fn wanted(snapshot: &Snapshot) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    let routes = snapshot.route.seen().into_iter().chain(&snapshot.inner_routes);
    for route in routes {
        collect(&serde_json::to_value(route).unwrap_or_default(), &mut files);
    }
    if files.is_empty() {
        let config = snapshot.config.seen();
        files.extend(
            config
                .iter()
                .flat_map(|config| config.files.iter().map(|file| file.path.clone())),
        );
    }
    files.extend(snapshot.proxy.iter().map(|proxy| proxy.config.clone()));
    files
}

/// Every place of a route names its file in a field of this name.
fn collect(value: &Value, files: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(file)) = fields.get("file") {
                files.insert(file.clone());
            }
            fields.values().for_each(|value| collect(value, files));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, files)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
