//! `logs/`: the lines around the errors, each under the name of the file it came from.

use std::collections::BTreeMap;

use super::{Content, Part, lines, plain_name};
use crate::evidence::{LogEvidence, Snapshot};
use crate::report::history::utc as time;

/// One file, at the most: the newest lines stay.
const CAP_BYTES: usize = 1 << 20;

/// The excerpts of a redacted snapshot.
pub(super) fn parts(snapshot: &Snapshot) -> Vec<Part> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    let mut add = |origin: &str, line: &str| {
        let text = files.entry(origin.to_owned()).or_default();
        text.push_str(line);
        text.push('\n');
    };
    let log = &snapshot.log;
    for entry in log.general.iter().chain(log.errors()) {
        add(
            if entry.file.is_empty() {
                "error.log"
            } else {
                &entry.file
            },
            &entry.text,
        );
    }
    let access = access_file(log);
    for entry in log.access_before.iter().chain(&log.access_during) {
        add(access, &entry.text);
    }
    for application in &snapshot.applications {
        for line in &application.log {
            add(&line.file, &line.text);
        }
    }
    for unit in snapshot.units.seen().into_iter().flatten() {
        for line in &unit.journal {
            let time = time(line.at_ms);
            add(
                &format!("journal of {}", unit.name),
                &format!("{time} {}: {}", line.from, line.message),
            );
        }
    }
    for event in snapshot.kernel.seen().into_iter().flatten() {
        add("kernel log", &event.text);
    }
    files
        .into_iter()
        .map(|(origin, text)| {
            let (content, _) = lines::last(text.as_bytes(), CAP_BYTES);
            Part {
                name: format!("logs/{}", plain_name(&origin)),
                origin,
                content: Content::Bytes(content.to_vec()),
                truncated: true,
            }
        })
        .collect()
}

/// Access lines do not say which file they stand in; where only one was read it is that one.
fn access_file(log: &LogEvidence) -> &str {
    let mut files = log.files.iter().filter(|file| file.kind == "access");
    match (files.next(), files.next()) {
        (Some(file), None) => &file.path,
        _ => "access.log",
    }
}
