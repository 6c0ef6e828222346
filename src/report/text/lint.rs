//! What `fix502 lint` found, for a person: every finding with the line it speaks of.

use std::collections::BTreeMap;

use super::layout::{Page, Tone};
use super::{excerpt, severity_tone};
use crate::finding::{Finding, Severity};
use crate::report::{Examined, Report, Suppressed};
use crate::verdict::Status;

/// All findings, then what was looked at.
pub(super) fn draw(page: &mut Page<'_>, report: &Report, scope: &Examined) {
    let tone = match report.verdict.status {
        Status::Found => Tone::Bad,
        Status::Healthy if report.findings.is_empty() => Tone::Good,
        Status::Healthy | Status::Undecided => Tone::Warning,
    };
    for finding in &report.findings {
        if page.style.detail > 0 || finding.severity == Severity::Error {
            one(page, finding);
        }
    }
    page.blank();
    let line = report.steps.first();
    if let Some(line) = line.filter(|line| line.summary != report.verdict.title && page.style.detail > 0) {
        page.prose(0, &line.summary, Tone::Plain);
        for detail in &line.details {
            if report.snapshot.route.seen().is_some() && !detail.starts_with(' ') {
                page.prose(2, detail, Tone::Faint);
            }
        }
        page.blank();
    }
    page.labelled(&[], 0, &report.verdict.title, tone);
    if page.style.detail > 0 {
        not_checked(page, report, scope);
        if !scope.suppressed.is_empty() {
            let one = |suppressed: &Suppressed| {
                let place = &suppressed.comment;
                let rule = suppressed.finding.rule.as_deref().unwrap_or_default();
                format!("{rule} in {}:{}", place.file, place.line)
            };
            let all: Vec<String> = scope.suppressed.iter().map(one).collect();
            page.prose(
                0,
                &format!("suppressed by comments: {}", all.join(", ")),
                Tone::Faint,
            );
        }
        if page.style.detail > 1 {
            for file in &scope.files {
                page.prose(2, file, Tone::Faint);
            }
        }
        let cause = report.findings.iter().find(|finding| !finding.cause.is_empty());
        if let Some(cause) = cause {
            page.blank();
            let command = format!("fix502 explain {}", cause.cause);
            page.labelled(&[("Next", Tone::Strong)], 7, &command, Tone::Command);
        }
    }
}

fn one(page: &mut Page<'_>, finding: &Finding) {
    page.blank();
    let word = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    };
    let tone = severity_tone(finding.severity);
    let mut right = finding.rule.clone().unwrap_or_default();
    if !finding.cause.is_empty() {
        let dot = if page.style.unicode { "·" } else { "-" };
        right = if right.is_empty() {
            finding.cause.clone()
        } else {
            format!("{right} {dot} {}", finding.cause)
        };
    }
    page.labelled(&[(word, tone)], 9, &finding.message, tone);
    page.prose(9, &right, Tone::Faint);
    if let Some(place) = &finding.at
        && !excerpt::draw(page, place, &finding.excerpt)
    {
        let words = if place.line > 0 {
            place.to_string()
        } else {
            place.file.clone()
        };
        page.prose(9, &words, Tone::Faint);
        if !finding.excerpt.is_empty() {
            page.verbatim(9, finding.excerpt.trim());
        }
    }
    if !finding.effect.is_empty() {
        page.labelled(&[("  users", Tone::Strong)], 9, &finding.effect, Tone::Plain);
    }
    let mut label = "  fix";
    for remedy in &finding.remedies {
        for line in remedy.summary.lines().filter(|line| !line.trim().is_empty()) {
            page.labelled(&[(label, Tone::Strong)], 9, line.trim_end(), Tone::Command);
            label = "";
        }
    }
}

/// The rules that lacked something: all that lacked facts of the host in one line where nobody looked at it, else
/// by what they lacked.
fn not_checked(page: &mut Page<'_>, report: &Report, scope: &Examined) {
    let mut lacking: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let looked_at = report.snapshot.processes.seen().is_some();
    for rule in &scope.rules {
        if let Some(lacks) = &rule.lacks {
            let what = if looked_at || !rule.lacks_host {
                lacks.as_str()
            } else {
                "the host"
            };
            lacking.entry(what).or_default().push(&rule.id);
        }
    }
    for (what, rules) in lacking {
        let words = format!("not checked without {what}: {}", rules.join(", "));
        page.prose(0, &words, Tone::Faint);
    }
}
