//! Files as formats for a repository name them: relative to the directory the program was started in, where
//! they lie below it.

use std::fmt::Write as _;

use super::Report;
use crate::evidence::Place;
use crate::finding::{Finding, Severity};

/// A file as this machine knows it: below the root that was given.
fn located(report: &Report, file: &str) -> String {
    format!("{}{file}", report.root.trim_end_matches('/'))
}

/// The path relative to the working directory, or the absolute one; true: it is relative.
pub(super) fn path(report: &Report, file: &str) -> (String, bool) {
    let file = located(report, file);
    let below = file
        .strip_prefix(&report.base)
        .filter(|_| !report.base.is_empty())
        .and_then(|rest| rest.strip_prefix('/'));
    match below {
        Some(relative) if !relative.is_empty() => (relative.to_owned(), true),
        _ => (file, false),
    }
}

/// A path as a reference in a URI: every byte that is not plain is written as `%XX`.
pub(super) fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// The column in characters, from 1, of a column in bytes of this line.
pub(super) fn column(line: &str, column_bytes: u32) -> u32 {
    let before = usize::try_from(column_bytes).unwrap_or(usize::MAX).saturating_sub(1);
    match line.get(..before) {
        Some(text) => u32::try_from(text.chars().count())
            .unwrap_or(u32::MAX)
            .saturating_add(1),
        None => column_bytes,
    }
}

/// Where a finding is, when a line is known.
pub(super) fn at(finding: &Finding) -> Option<&Place> {
    finding.at.as_ref().filter(|place| !place.file.is_empty())
}

/// The name under which a finding is counted: its rule, or its cause.
pub(super) fn name(finding: &Finding) -> &str {
    finding.rule.as_deref().unwrap_or(&finding.cause)
}

/// All findings, the worst first, otherwise in their order.
pub(super) fn worst_first(report: &Report) -> Vec<&Finding> {
    let mut findings: Vec<&Finding> = report.findings.iter().collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// `error`, `warning`, `note`.
pub(super) fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// What happens to users, and the repair, as lines of plain text.
pub(super) fn advice(finding: &Finding) -> Vec<String> {
    let mut lines = Vec::new();
    if !finding.effect.is_empty() {
        lines.push(format!("users: {}", finding.effect));
    }
    for remedy in &finding.remedies {
        let command = remedy
            .command()
            .map(|command| format!(": {command}"))
            .unwrap_or_default();
        lines.push(format!("fix: {}{command}", remedy.summary.trim()));
    }
    lines
}
