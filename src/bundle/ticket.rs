//! `ticket.md`: what the guide's step 8 tells a user to send, ready to paste, for whoever answers tickets at
//! the hosting provider.
//!
//! Made from the redacted report alone. It says nothing that the report does not say: no time where no
//! line has one, no frequency where nothing was counted. To add a section: a line in [`render`].

mod times;

use std::fmt::Write as _;

use crate::evidence::{Endpoint, ErrorEntry, Handler, Snapshot};
use crate::finding::{Remedy, Severity};
use crate::report::history::{self, utc as time};
use crate::report::sanitize::escaped;
use crate::report::{Report, StepStatus};
use crate::verdict::Status;

/// Lines of an excerpt.
const EXCERPT_LINES: usize = 20;
/// Changes that are listed.
const MOST_CHANGES: usize = 25;
/// Pieces of evidence that are listed.
const MOST_EXHIBITS: usize = 8;

/// The ticket as Markdown.
pub(super) fn render(report: &Report, tool_version: &str) -> String {
    let snapshot = &report.snapshot;
    let mut out = String::new();
    let what = snapshot.target.url.as_deref().unwrap_or(&snapshot.host.name);
    push(&mut out, &format!("# 502 Bad Gateway: {}", inline(what)));
    push(&mut out, "");
    let reader = snapshot.host.cloud.as_ref().map_or_else(
        || "hosting provider".to_owned(),
        |cloud| format!("{} support", cloud.name),
    );
    push(&mut out, &format!("To: {}", inline(&reader)));
    push(&mut out, "");
    push(&mut out, &in_short(report));
    push(&mut out, "");
    section(
        &mut out,
        "What is affected",
        &affected(report),
        "The host as a whole; no URL was given.",
    );
    section(
        &mut out,
        "When and how often",
        &times::frequency(snapshot),
        "Nothing was counted: no attempt was made and no log line has a time.",
    );
    section(&mut out, "What was found", &found(report), "No cause was proved.");
    excerpts(&mut out, snapshot);
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
    section(&mut out, "What we ask you", &asked(report), "");
    push(
        &mut out,
        "Times are UTC; log lines stand as they were written, in the host's own time. Secrets are replaced by markers; the same marker stands for the same secret. The bundle that this text is from \
         holds the configuration, the log lines and all raw answers.",
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

/// Two sentences for whoever reads no further.
fn in_short(report: &Report) -> String {
    let snapshot = &report.snapshot;
    let url = snapshot
        .target
        .url
        .as_deref()
        .map_or_else(|| "this host".to_owned(), inline);
    let status = snapshot.attempts.iter().rev().find_map(|attempt| attempt.status);
    let maker = report
        .made_by_words()
        .map(|maker| format!(", made by {}", inline(&maker)))
        .unwrap_or_default();
    let now = match (status, snapshot.attempts.is_empty()) {
        (Some(status), _) => format!("{url} answers {status}{maker}."),
        (None, false) => format!("{url} gives no HTTP answer."),
        (None, true) => format!("{url} was not asked; this is from what the host says."),
    };
    let since = times::first_error_ms(snapshot)
        .map(|first_ms| format!(" The first error in the logs is of {}.", time(first_ms)))
        .unwrap_or_default();
    let title = inline(&report.verdict.title);
    let cause = match (
        report.verdict.status,
        &report.verdict.cause,
        report.verdict.confidence,
    ) {
        (Status::Found, Some(cause), Some(confidence)) => {
            format!(" Cause: {title} ({cause}, {}).", confidence.word())
        }
        _ if title.is_empty() => String::new(),
        _ => format!(" So far: {title}."),
    };
    format!("{now}{since}{cause}")
}

fn affected(report: &Report) -> Vec<String> {
    let snapshot = &report.snapshot;
    let mut lines = Vec::new();
    if let Some(url) = &snapshot.target.url {
        lines.push(format!("URL: {}", inline(url)));
    }
    if let Some(via) = &snapshot.target.via {
        lines.push(format!("through the proxy: {}", inline(via)));
    }
    lines.extend(times::shares(snapshot));
    if !snapshot.host.name.is_empty() {
        lines.push(format!("host: {}", inline(&snapshot.host.name)));
    }
    if let Some(route) = snapshot.route.seen() {
        let place = route
            .location
            .as_ref()
            .map(|location| &location.place)
            .or(route.server.as_ref().map(|server| &server.place));
        if let Some(place) = place.filter(|place| !place.file.is_empty()) {
            lines.push(format!("configured in {}:{}", inline(&place.file), place.line));
        }
    }
    for endpoint in &snapshot.endpoints {
        lines.push(format!("upstream: {}", inline(&endpoint.endpoint.to_string())));
    }
    if snapshot.endpoints.is_empty()
        && let Some(Handler::Pass(pass)) = snapshot.route.seen().map(|route| &route.handler)
    {
        lines.push(format!(
            "upstream: {} ({}:{})",
            inline(&pass.written),
            inline(&pass.place.file),
            pass.place.line
        ));
    }
    lines
}

/// The root cause with its proof, and what else was found.
fn found(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let root = report.root();
    if let Some(root) = root {
        lines.push(format!(
            "{} ({}, {})",
            inline(&root.message),
            root.cause,
            root.confidence.word()
        ));
        for exhibit in root.evidence.iter().take(MOST_EXHIBITS) {
            let place = match (&exhibit.file, exhibit.line, &exhibit.command) {
                (Some(file), Some(line), _) => format!(" ({}:{line})", inline(file)),
                (Some(file), None, _) => format!(" ({})", inline(file)),
                (None, _, Some(command)) => format!(" (shown by: {})", inline(command)),
                (None, _, None) => String::new(),
            };
            lines.push(format!("proof: {}{place}", inline(&exhibit.text)));
        }
    }
    for finding in &report.findings {
        let is_root = root.is_some_and(|root| std::ptr::eq(root, finding));
        if !is_root && finding.severity > Severity::Info && lines.len() < 2 * MOST_EXHIBITS {
            lines.push(format!("also: {}", inline(&finding.message)));
        }
    }
    lines
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
    let events = history::events(snapshot);
    let more = events.len().saturating_sub(MOST_CHANGES);
    let mut lines: Vec<String> = events
        .into_iter()
        .take(MOST_CHANGES)
        .map(|event| format!("{}: {}", time(event.at_ms), inline(&event.what)))
        .collect();
    if more > 0 {
        lines.push(format!("and {more} older ones; the bundle has all of them"));
    }
    lines
}

fn versions(report: &Report, tool_version: &str) -> Vec<String> {
    let snapshot = &report.snapshot;
    let mut lines: Vec<String> = Vec::new();
    let serving = snapshot.proxy.iter();
    for proxy in snapshot.proxies.seen().into_iter().flatten().chain(serving) {
        let version = proxy.version.as_deref().unwrap_or("version not known");
        let line = format!("{} {}", proxy.kind.name(), inline(version));
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    for application in &snapshot.applications {
        lines.push(format!("application server: {}", inline(&application.kind)));
    }
    lines.dedup();
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

/// What only the other side can tell or do.
fn asked(report: &Report) -> Vec<String> {
    let snapshot = &report.snapshot;
    let mut lines = Vec::new();
    let around = match times::first_error_ms(snapshot) {
        Some(first_ms) => format!("shortly before {}", time(first_ms)),
        None => "lately".to_owned(),
    };
    lines.push(format!(
        "Did anything change on your side {around}: the host or its node, network, load balancer, packet filter, DNS, certificates?"
    ));
    for endpoint in &snapshot.endpoints {
        if let Endpoint::Tcp(address) = &endpoint.endpoint
            && !address.ip().is_loopback()
        {
            lines.push(format!(
                "Is {} reachable from your side, and does any filter of yours stand between it and this host?",
                inline(&endpoint.endpoint.to_string())
            ));
        }
    }
    let remedies = report.root().map(|root| root.remedies.as_slice()).unwrap_or_default();
    if let Some(remedy) = remedies.first() {
        lines.push(format!(
            "If you run this host for us, please do this and tell us when it is done: {}",
            repair(remedy)
        ));
    } else if report.verdict.status != Status::Found {
        lines.push("What do your logs and your monitoring show about this host at these times?".to_owned());
    }
    if let Some(cloud) = snapshot.host.cloud.as_ref().filter(|cloud| !cloud.status.is_empty()) {
        lines.push(format!(
            "Is this an incident that {} does not show yet?",
            inline(&cloud.status)
        ));
    }
    lines
}

fn repair(remedy: &Remedy) -> String {
    let how = match (&remedy.argv, &remedy.edit) {
        (Some(argv), _) => format!(": {}", inline(&argv.join(" "))),
        (None, Some(edit)) if edit.line > 0 => format!(
            ", in {}:{} write {}",
            inline(&edit.file),
            edit.line,
            inline(&edit.replacement)
        ),
        (None, Some(edit)) => format!(", in {} write {}", inline(&edit.file), inline(&edit.replacement)),
        (None, None) => String::new(),
    };
    let risk = remedy
        .risk
        .as_ref()
        .map(|risk| format!(" ({})", inline(risk)))
        .unwrap_or_default();
    format!("{}{how}{risk}", inline(&remedy.summary))
}

fn excerpts(out: &mut String, snapshot: &Snapshot) {
    push(out, "## Error log excerpts");
    push(out, "");
    let mut entries: Vec<&ErrorEntry> = snapshot.log.general.iter().chain(snapshot.log.errors()).collect();
    entries.sort_by_key(|entry| entry.at_ms);
    let lines: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry.file.as_str(), entry.text.as_str()))
        .collect();
    let newest = lines
        .get(lines.len().saturating_sub(EXCERPT_LINES)..)
        .unwrap_or_default();
    if newest.is_empty() {
        push(out, "No error line about this route was found.");
    }
    let mut before = None;
    for (file, text) in newest {
        if before.replace(file).is_none_or(|before| before != file) && !file.is_empty() {
            let _ = writeln!(out, "{}:\n", inline(file));
        }
        // Four spaces make code of a line whatever is in it; a fence could be closed by a log line.
        let _ = writeln!(out, "    {}", escaped(text));
    }
    push(out, "");
    let failed: Vec<&str> = times::failed_accesses(snapshot)
        .map(|entry| entry.text.as_str())
        .collect();
    if failed.is_empty() {
        return;
    }
    push(out, "## Access log excerpts");
    push(out, "");
    for text in failed.get(failed.len().saturating_sub(5)..).unwrap_or_default() {
        let _ = writeln!(out, "    {}", escaped(text));
    }
    push(out, "");
}
