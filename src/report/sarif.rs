//! SARIF 2.1.0, for code scanning: one run, one result for each finding.
//!
//! Within the limits that GitHub documents: at most 25,000 results (the worst are kept, and a notification
//! says how many were left out), at most 10 tags for each rule. Columns count characters.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::place::{advice, at, column, encoded, name, path, word, worst_first};
use super::sanitize::escaped;
use super::{Report, RuleNote};
use crate::causes::CAUSES;
use crate::evidence::{ProblemLevel, TextEdit};
use crate::finding::{Finding, Severity};

/// Code scanning takes no more results of one run.
const MOST_RESULTS: usize = 25_000;

/// The name of the directory that relative paths start from.
const BASE: &str = "SRCROOT";

/// Writes the report as a SARIF log and a line end.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &log(report)).map_err(io::Error::from)?;
    writeln!(out)
}

fn log(report: &Report) -> Value {
    let findings = worst_first(report);
    let rules = rules(report, &findings);
    let index: BTreeMap<&str, usize> = rules
        .iter()
        .enumerate()
        .map(|(index, rule)| (rule.id.as_str(), index))
        .collect();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut results: Vec<Value> = findings
        .iter()
        .take(MOST_RESULTS)
        .map(|finding| result(report, finding, &index, &mut seen))
        .collect();
    let suppressed = report.lint.iter().flat_map(|lint| &lint.suppressed);
    let room = MOST_RESULTS.saturating_sub(results.len());
    for suppressed in suppressed.take(room) {
        let mut value = result(report, &suppressed.finding, &index, &mut seen);
        if let Value::Object(fields) = &mut value {
            let suppression = json!({
                "kind": "inSource",
                "status": "accepted",
                "justification": message(&suppressed.reason),
                "location": {"physicalLocation": {
                    "artifactLocation": artifact(report, &suppressed.comment.file),
                    "region": {"startLine": suppressed.comment.line.max(1)},
                }},
            });
            fields.insert("suppressions".to_owned(), json!([suppression]));
        }
        results.push(value);
    }
    let mut notifications: Vec<Value> = report
        .incomplete
        .iter()
        .map(|open| {
            notification(
                "warning",
                &format!("{}: {}; {}", open.what, open.why, open.settle_with),
            )
        })
        .collect();
    if let Some(left_out) = findings.len().checked_sub(MOST_RESULTS).filter(|count| *count > 0) {
        let text = format!("{left_out} findings are left out, as code scanning takes {MOST_RESULTS}");
        notifications.push(notification("warning", &text));
    }
    let lint = report.lint.iter().flat_map(|lint| &lint.rules);
    for (rule, lacks) in lint.filter_map(|rule| Some((rule, rule.lacks.as_deref()?))) {
        notifications.push(notification(
            "note",
            &format!("{} was not checked: it needs {lacks}", rule.id),
        ));
    }
    let mut run = json!({
        "tool": {"driver": {
            "name": "fix502",
            "version": env!("CARGO_PKG_VERSION"),
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules.iter().map(descriptor).collect::<Vec<_>>(),
        }},
        "invocations": [{
            "executionSuccessful": true,
            "toolExecutionNotifications": notifications,
        }],
        "columnKind": "unicodeCodePoints",
        "results": results,
    });
    if let (false, Value::Object(fields)) = (report.base.is_empty(), &mut run) {
        let uri = format!("file://{}/", encoded(&report.base));
        fields.insert("originalUriBaseIds".to_owned(), json!({BASE: {"uri": uri}}));
    }
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    })
}

fn notification(level: &str, text: &str) -> Value {
    json!({"level": level, "message": {"text": message(text)}})
}

/// The rules that were run, then what else was found: errors of the reader, and causes.
fn rules(report: &Report, findings: &[&Finding]) -> Vec<RuleNote> {
    let mut rules = report.lint.clone().unwrap_or_default().rules;
    for finding in findings {
        let id = name(finding);
        if rules.iter().any(|rule| rule.id == id) {
            continue;
        }
        let cause = CAUSES.iter().find(|cause| cause.id == id);
        rules.push(RuleNote {
            id: id.to_owned(),
            title: cause.map_or_else(
                || {
                    format!(
                        "the server cannot use the configuration: {}",
                        id.replace('-', " ")
                    )
                },
                |cause| cause.title.to_owned(),
            ),
            level: match finding.severity {
                Severity::Error => ProblemLevel::Error,
                Severity::Warning => ProblemLevel::Warning,
                Severity::Info => ProblemLevel::Info,
            },
            cause: (!finding.cause.is_empty()).then(|| finding.cause.clone()),
            lacks: None,
            lacks_host: false,
        });
    }
    rules
}

fn descriptor(rule: &RuleNote) -> Value {
    let level = match rule.level {
        ProblemLevel::Error => "error",
        ProblemLevel::Warning => "warning",
        ProblemLevel::Info => "note",
    };
    let (text, markdown) = match &rule.cause {
        Some(cause) => (
            format!("{}. It can lead to {cause}: fix502 explain {cause}", rule.title),
            format!(
                "{}. It can lead to `{cause}`: `fix502 explain {cause}`",
                rule.title
            ),
        ),
        None => (format!("{}.", rule.title), format!("{}.", rule.title)),
    };
    let mut tags = vec!["502".to_owned(), "configuration".to_owned()];
    tags.extend(rule.cause.clone());
    json!({
        "id": rule.id,
        "shortDescription": {"text": message(&rule.title)},
        "fullDescription": {"text": message(&rule.title)},
        "help": {"text": message(&text), "markdown": markdown},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": tags, "precision": "high", "problem.severity": if level == "note" { "recommendation" } else { level }},
    })
}

fn result(
    report: &Report,
    finding: &Finding,
    rules: &BTreeMap<&str, usize>,
    seen: &mut BTreeMap<String, u32>,
) -> Value {
    let id = name(finding);
    let mut text = finding.message.clone();
    for line in advice(finding) {
        text.push('\n');
        text.push_str(&line);
    }
    let text: Vec<String> = text.lines().map(message).collect();
    let mut value = json!({
        "ruleId": id,
        "level": word(finding.severity),
        "message": {"text": text.join("\n")},
        "locations": location(report, finding).into_iter().collect::<Vec<_>>(),
        "partialFingerprints": fingerprints(report, finding, seen),
        "properties": {"step": finding.step, "confidence": finding.confidence},
    });
    if let Value::Object(fields) = &mut value {
        if let Some(index) = rules.get(id) {
            fields.insert("ruleIndex".to_owned(), json!(index));
        }
        let fixes: Vec<Value> = finding
            .remedies
            .iter()
            .filter_map(|remedy| Some(fix(report, finding, &remedy.summary, remedy.text_edit.as_ref()?)))
            .collect();
        if !fixes.is_empty() {
            fields.insert("fixes".to_owned(), Value::Array(fixes));
        }
    }
    value
}

fn artifact(report: &Report, file: &str) -> Value {
    let (path, relative) = path(report, file);
    if relative {
        json!({"uri": encoded(&path), "uriBaseId": BASE})
    } else {
        json!({"uri": format!("file://{}", encoded(&path))})
    }
}

fn location(report: &Report, finding: &Finding) -> Option<Value> {
    let place = at(finding)?;
    let mut physical = json!({"artifactLocation": artifact(report, &place.file)});
    if place.line > 0
        && let Value::Object(fields) = &mut physical
    {
        let mut region = json!({"startLine": place.line});
        if let Value::Object(region) = &mut region {
            if place.column > 0 {
                let start = column(&finding.excerpt, place.column);
                region.insert("startColumn".to_owned(), json!(start));
                let length = finding.excerpt.trim_end().chars().count();
                let end = u32::try_from(length).unwrap_or(u32::MAX).saturating_add(1);
                if end > start {
                    region.insert("endColumn".to_owned(), json!(end));
                }
            }
            if !finding.excerpt.is_empty() {
                region.insert("snippet".to_owned(), json!({"text": finding.excerpt}));
            }
        }
        fields.insert("region".to_owned(), region);
    }
    Some(json!({"physicalLocation": physical}))
}

/// The same finding has the same fingerprint after lines above it changed: it is made of the line itself, and
/// of how many equal ones stand before it in the file.
fn fingerprints(report: &Report, finding: &Finding, seen: &mut BTreeMap<String, u32>) -> Value {
    let line = if finding.excerpt.is_empty() {
        &finding.message
    } else {
        &finding.excerpt
    };
    let digest = Sha256::digest(line.trim().as_bytes());
    let mut hash = String::new();
    for byte in digest.iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    let file = at(finding).map_or_else(String::new, |place| path(report, &place.file).0);
    let count = seen.entry(format!("{}\0{file}\0{hash}", name(finding))).or_default();
    *count = count.saturating_add(1);
    json!({"primaryLocationLineHash": format!("{hash}:{count}")})
}

fn fix(report: &Report, finding: &Finding, summary: &str, edit: &TextEdit) -> Value {
    let in_characters = |(line, bytes): (u32, u32)| {
        let here = at(finding).is_some_and(|place| place.file == edit.file && place.line == line);
        if here {
            column(&finding.excerpt, bytes)
        } else {
            bytes
        }
    };
    json!({
        "description": {"text": message(summary)},
        "artifactChanges": [{
            "artifactLocation": artifact(report, &edit.file),
            "replacements": [{
                "deletedRegion": {
                    "startLine": edit.start.0.max(1),
                    "startColumn": in_characters(edit.start).max(1),
                    "endLine": edit.end.0.max(1),
                    "endColumn": in_characters(edit.end).max(1),
                },
                "insertedContent": {"text": edit.replacement},
            }],
        }],
    })
}

/// A text as SARIF reads messages: `{0}` is a placeholder there and `[a](b)` a link, so both are written so
/// that they stay text.
fn message(text: &str) -> String {
    let clean = escaped(text);
    let mut written = String::with_capacity(clean.len());
    let mut rest = clean.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '{' if rest.peek().is_some_and(char::is_ascii_digit) => written.push_str("{{"),
            ']' if rest.peek() == Some(&'(') => written.push_str("\\]"),
            other => written.push(other),
        }
    }
    written
}
