//! `ticket.md`: what the guide's step 8 tells a user to send, ready to paste.
//!
//! Made from the redacted report alone. It says nothing that the report does not say: no time where no
//! line has one, no frequency where nothing was counted.

use std::fmt::Write as _;

use crate::evidence::{AccessEntry, Snapshot};
use crate::report::history::{self, utc as time};
use crate::report::logbook;
use crate::report::sanitize::escaped;
use crate::report::{Report, StepStatus};

/// Lines of an excerpt.
const EXCERPT_LINES: usize = 20;

/// The ticket as Markdown.
pub(super) fn render(report: &Report, tool_version: &str) -> String {
    let snapshot = &report.snapshot;
    let mut out = String::new();
    let url = snapshot.target.url.as_deref();
    push(
        &mut out,
        &format!(
            "# 502 Bad Gateway: {}",
            inline(url.unwrap_or(&snapshot.host.name))
        ),
    );
    push(&mut out, "");
    push(&mut out, &inline(&report.verdict.title));
    push(&mut out, "");
    affected(&mut out, report);
    section(
        &mut out,
        "When and how often",
        &frequency(snapshot),
        "Nothing was counted: no attempt was made and no log line has a time.",
    );
    section(
        &mut out,
        "What was tried",
        &tried(report),
        "No step was carried out.",
    );
    section(
        &mut out,
        "Recent changes",
        &changes(snapshot),
        "No time of a change is known.",
    );
    section(
        &mut out,
        "Versions",
        &versions(report, tool_version),
        "No version is known.",
    );
    let incomplete: Vec<String> = report
        .incomplete
        .iter()
        .map(|gap| {
            format!(
                "{}: {}; settled by {}",
                inline(&gap.what),
                inline(&gap.why),
                inline(&gap.settle_with)
            )
        })
        .collect();
    if !incomplete.is_empty() {
        section(&mut out, "Not looked at", &incomplete, "");
    }
    excerpts(&mut out, snapshot);
    push(
        &mut out,
        "Secrets are replaced by markers; the same marker stands for the same secret.",
    );
    out
}

fn push(out: &mut String, line: &str) {
    out.push_str(line);
    out.push('\n');
}

/// Foreign text within a line: nothing hidden, no line breaks, and nothing that Markdown would act on.
fn inline(text: &str) -> String {
    escaped(text).chars().fold(String::new(), |mut out, character| {
        if "<`*[|".contains(character) {
            out.push('\\');
        }
        out.push(character);
        out
    })
}

fn section(out: &mut String, title: &str, lines: &[String], nothing: &str) {
    push(out, &format!("## {title}"));
    push(out, "");
    for line in lines {
        push(out, &format!("- {line}"));
    }
    if lines.is_empty() {
        push(out, nothing);
    }
    push(out, "");
}

fn affected(out: &mut String, report: &Report) {
    let snapshot = &report.snapshot;
    let mut lines = Vec::new();
    if let Some(url) = &snapshot.target.url {
        lines.push(format!("URL: {}", inline(url)));
    }
    if let Some(via) = &snapshot.target.via {
        lines.push(format!("through the proxy: {}", inline(via)));
    }
    if let Some(maker) = report.made_by_words() {
        lines.push(format!("the answer was made by {}", inline(&maker)));
    }
    for endpoint in &snapshot.endpoints {
        lines.push(format!("upstream: {}", inline(&endpoint.endpoint.to_string())));
    }
    if let (Some(cause), Some(confidence)) = (&report.verdict.cause, report.verdict.confidence) {
        lines.push(format!("root cause: {cause} ({})", confidence.word()));
    }
    section(
        out,
        "What is affected",
        &lines,
        "The host as a whole; no URL was given.",
    );
}

fn frequency(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let failed: Vec<_> = snapshot
        .attempts
        .iter()
        .filter(|attempt| attempt.status.is_none_or(|status| status >= 500))
        .collect();
    if let (Some(first), Some(last)) = (failed.first(), failed.last()) {
        lines.push(format!(
            "{} of {} attempts of our own failed, {}",
            failed.len(),
            snapshot.attempts.len(),
            span(first.at_ms, last.at_ms)
        ));
    } else if !snapshot.attempts.is_empty() {
        lines.push(format!(
            "none of {} attempts of our own failed",
            snapshot.attempts.len()
        ));
    }
    let errors: Vec<_> = snapshot
        .log
        .errors()
        .filter(|entry| entry.symptom.is_some())
        .collect();
    let times: Vec<i64> = errors.iter().filter_map(|entry| entry.at_ms).collect();
    if let Some(range) = range(&times) {
        lines.push(format!(
            "error log: {} lines about this route, {range}",
            errors.len()
        ));
    }
    let access: Vec<&AccessEntry> = snapshot
        .log
        .access_before
        .iter()
        .chain(&snapshot.log.access_during)
        .collect();
    let bad: Vec<_> = access
        .iter()
        .filter(|entry| entry.status.is_some_and(|status| matches!(status, 502..=504)))
        .collect();
    if !access.is_empty() {
        let times: Vec<i64> = bad.iter().filter_map(|entry| entry.at_ms).collect();
        let range = range(&times).map(|range| format!(", {range}")).unwrap_or_default();
        lines.push(format!(
            "access log: {} of the last {} requests got a 502, 503 or 504{range}",
            bad.len(),
            access.len()
        ));
    }
    lines.extend(
        logbook::sentences(snapshot)
            .iter()
            .map(|sentence| format!("all logs: {}", inline(sentence))),
    );
    lines
}

/// First and last of some times, and how often that is where it is more than once a minute.
fn range(times: &[i64]) -> Option<String> {
    let (first_ms, last_ms) = (*times.iter().min()?, *times.iter().max()?);
    let span_ms = u64::try_from(last_ms.saturating_sub(first_ms)).unwrap_or(0);
    let per_minute = (times.len() as u64).saturating_mul(60_000).checked_div(span_ms);
    let often = match per_minute {
        Some(count) if span_ms >= 60_000 && count > 0 => format!(", about {count} a minute"),
        _ => String::new(),
    };
    Some(span(first_ms, last_ms) + &often)
}

fn span(first_ms: i64, last_ms: i64) -> String {
    if first_ms == last_ms {
        format!("at {}", time(first_ms))
    } else {
        format!("first {}, last {}", time(first_ms), time(last_ms))
    }
}

fn tried(report: &Report) -> Vec<String> {
    report
        .steps
        .iter()
        .filter(|step| step.status != StepStatus::Skipped)
        .map(|step| {
            let status = match step.status {
                StepStatus::Ok => "ok",
                StepStatus::Problem => "problem",
                StepStatus::Warning => "warning",
                StepStatus::CouldNotCheck => "could not check",
                StepStatus::Skipped => "skipped",
            };
            format!(
                "step {}, {}: {status}. {}",
                step.number,
                step.id.title(),
                inline(&step.summary)
            )
        })
        .collect()
}

fn changes(snapshot: &Snapshot) -> Vec<String> {
    history::events(snapshot)
        .into_iter()
        .take(15)
        .map(|event| format!("{}: {}", time(event.at_ms), inline(&event.what)))
        .collect()
}

fn versions(report: &Report, tool_version: &str) -> Vec<String> {
    let snapshot = &report.snapshot;
    let mut lines = Vec::new();
    for proxy in snapshot.proxies.seen().into_iter().flatten() {
        let version = proxy.version.as_deref().unwrap_or("version not known");
        lines.push(format!("{} {}", proxy.kind.name(), inline(version)));
    }
    if !snapshot.host.system.is_empty() {
        lines.push(inline(&snapshot.host.system));
    }
    lines.extend(snapshot.host.distribution.as_deref().map(inline));
    lines.push(format!(
        "collected by fix502 {tool_version} at {}",
        time(snapshot.host.now_ms)
    ));
    lines
}

fn excerpts(out: &mut String, snapshot: &Snapshot) {
    push(out, "## Error log excerpts");
    push(out, "");
    let errors: Vec<_> = snapshot.log.errors().collect();
    let newest = errors
        .get(errors.len().saturating_sub(EXCERPT_LINES)..)
        .unwrap_or_default();
    if newest.is_empty() {
        push(out, "No error line about this route was found.");
    } else {
        // Four spaces make code of a line whatever is in it; a fence could be closed by a log line.
        for entry in newest {
            let line = escaped(&entry.text);
            let _ = writeln!(out, "    {line}");
        }
    }
    push(out, "");
}
