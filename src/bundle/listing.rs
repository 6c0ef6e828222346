//! What was asked of a host, for a person who wants to know before anything is packed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Redactor;
use crate::host::{Entry, Transcript};
use crate::report::sanitize::escaped;

/// Every file that was read, every command that was run, every conversation and every other question: a head
/// for each kind, and its lines indented.
pub fn listing(transcript: &Transcript) -> Vec<String> {
    let redacted = Redactor::new().transcript(transcript.clone());
    let mut kinds: BTreeMap<(u8, &str), BTreeMap<String, String>> = BTreeMap::new();
    for entry in redacted.entries() {
        let Some((order, kind, what)) = described(entry) else {
            continue;
        };
        let outcome = outcome(entry);
        let lines = kinds.entry((order, kind)).or_default();
        // Of several readings of the same thing the first that gave something is shown.
        let shown = lines.entry(what).or_insert_with(|| outcome.clone());
        if shown.starts_with("not ") {
            *shown = outcome;
        }
    }
    let mut out = Vec::new();
    for ((_, kind), lines) in kinds {
        out.push(format!("{kind} ({})", lines.len()));
        out.extend(
            lines
                .into_iter()
                .map(|(what, outcome)| format!("  {}  {}", escaped(&what), escaped(&outcome))),
        );
    }
    out
}

/// The kind of a question, with its place in the list, and what was asked.
fn described(entry: &Entry) -> Option<(u8, &'static str, String)> {
    let text = |name: &str| {
        entry
            .question
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    Some(match entry.query.as_str() {
        "read_file" => (0, "files read", text("path")),
        "run_command" => {
            let words: Vec<&str> = entry
                .question
                .get("argv")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            (1, "commands run", words.join(" "))
        }
        "exchange" => (2, "connections made", text("endpoint")),
        "fetch" => {
            let way = entry.question.get("proxy").and_then(Value::as_str);
            let by = way.map_or_else(|| "directly".to_owned(), |proxy| format!("through {proxy}"));
            (3, "requests sent", format!("{} {by}", text("url")))
        }
        "system_lookup" => (
            4,
            "names looked up",
            format!("{} as the system does", text("name")),
        ),
        "nameserver_lookup" => (
            4,
            "names looked up",
            format!("{} at {}", text("name"), text("server")),
        ),
        "authority_lookup" => (
            4,
            "names looked up",
            format!("{} at a nameserver of its zone", text("name")),
        ),
        "list_directory" => (5, "directories listed", text("path")),
        "stat" | "read_link" => (6, "files looked at, not read", text("path")),
        "environment_variable" => (7, "own environment variables read", text("name")),
        "process_table" => (8, "other questions", "the table of processes".to_owned()),
        "socket_owners" => (8, "other questions", "the owners of sockets".to_owned()),
        "descriptor_use" => (8, "other questions", "open descriptors of the proxy".to_owned()),
        // The clock and the plan of the run are no questions about anybody.
        "clock" | "plan" => return None,
        other => (8, "other questions", other.to_owned()),
    })
}

/// What came of a question, in a word or two.
fn outcome(entry: &Entry) -> String {
    let number = |path: &str| entry.answer.pointer(path).and_then(Value::as_u64);
    match &entry.answer {
        Value::String(word) if word == "absent" => "not there".to_owned(),
        Value::Object(fields) if fields.contains_key("unavailable") => {
            let why = fields.get("unavailable").unwrap_or(&Value::Null);
            let why = match why {
                Value::String(word) => word.replace('_', " "),
                Value::Object(fields) => fields
                    .values()
                    .next()
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned(),
                _ => String::new(),
            };
            format!("not answered: {why}")
        }
        _ => match entry.query.as_str() {
            "read_file" => {
                let length = number("/seen/length_bytes").unwrap_or(0);
                let part = entry.answer.pointer("/seen/truncated") == Some(&Value::Bool(true));
                if part {
                    let cap = entry.question.get("cap_bytes").and_then(Value::as_u64).unwrap_or(0);
                    format!("{cap} of {length} bytes")
                } else if length == 0 {
                    String::new()
                } else {
                    format!("{length} bytes")
                }
            }
            "run_command" => entry
                .answer
                .pointer("/seen/status")
                .and_then(Value::as_i64)
                .map_or_else(String::new, |status| format!("exit code {status}")),
            _ => String::new(),
        },
    }
}
