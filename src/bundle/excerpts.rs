//! `logs/`: the lines around the errors, each under the name of the file it came from.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Part;
use crate::evidence::{LogEvidence, Snapshot};
use crate::report::history::utc as time;

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
    let mut taken = BTreeMap::new();
    files
        .into_iter()
        .map(|(origin, text)| {
            let mut name = format!("logs/{}", plain(&origin));
            let count: &mut u32 = taken.entry(name.clone()).or_default();
            *count += 1;
            if *count > 1 {
                let _ = write!(name, ".{count}");
            }
            Part {
                name,
                origin,
                content: text.into_bytes(),
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

/// A path as one plain file name.
fn plain(origin: &str) -> String {
    let name: String = origin
        .trim_start_matches('/')
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "._".contains(character) {
                character
            } else {
                '-'
            }
        })
        .take(70)
        .collect();
    name.trim_matches(['.', '-']).to_owned()
}
