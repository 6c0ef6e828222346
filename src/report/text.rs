//! The report for a person at a terminal: verdict first, one line for each step, details only where
//! something is wrong, one next command last.
//!
//! A new block is one function here that adds lines to the page; how lines are wrapped, coloured and made
//! safe is the business of [`layout`], and of nothing here.

mod excerpt;
pub(crate) mod layout;
mod lint;
mod logs;
mod path;
mod pieces;
#[cfg(test)]
pub(super) mod tests;

use std::io::{self, Write};

use layout::{Page, Tone};

use super::{Report, StepStatus, StepSummary};
use crate::causes::{CAUSES, attempt_failed};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, Severity, StepId, quoted};
use crate::verdict::{Status, Where};

/// How the terminal wants it.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Colours and emphasis.
    pub color: bool,
    /// `✓ ! ✗ ? –` and arrows, or ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// 0 quiet, 1 usual, 2 all evidence.
    pub detail: u8,
}

/// Left edge of what stands beside `Fix` and `Next`.
const EDGE: usize = 7;

/// Left edge of what stands beside the id of a possible cause.
const CANDIDATE_EDGE: usize = 33;

/// Writes the report in this style.
pub fn render(report: &Report, style: &TextStyle, out: &mut dyn Write) -> io::Result<()> {
    let mut page = Page::new(style);
    if let Some(scope) = &report.lint {
        lint::draw(&mut page, report, scope);
        return page.write(out);
    }
    seen_by_the_client(&mut page, report);
    verdict(&mut page, report);
    if style.detail > 0 {
        path::draw(&mut page, report);
        steps(&mut page, &report.steps);
        logs::draw(&mut page, report);
        pieces::draw(&mut page, report);
        evidence(&mut page, report);
    }
    fix(&mut page, report);
    if style.detail > 0 {
        other_findings(&mut page, report);
        not_checked(&mut page, report);
        next(&mut page, report);
    }
    page.write(out)
}

/// Writes the report for a file or a pipe.
pub(super) fn render_plain(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    render(
        report,
        &TextStyle {
            color: false,
            unicode: true,
            width: 100,
            detail: 1,
        },
        out,
    )
}

/// Writes one line of a step as the report shows it, with its further lines: what the wizard shows.
pub fn render_step(
    step: &StepSummary,
    findings: &[Finding],
    style: &TextStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut page = Page::new(style);
    step_line(&mut page, step);
    if style.detail > 0 {
        for text in &step.details {
            detail(&mut page, text, Tone::Plain);
        }
        for finding in findings {
            page.blank();
            let tone = severity_tone(finding.severity);
            page.opposed(
                ("", Tone::Plain),
                page.hanging(4),
                (&finding.message, tone),
                (&grade(finding), Tone::Faint),
            );
            at(&mut page, finding, None);
            for exhibit in &finding.evidence {
                show(&mut page, exhibit);
            }
        }
    }
    let remedies: Vec<&Remedy> = findings.iter().flat_map(|finding| &finding.remedies).collect();
    if !remedies.is_empty() {
        page.blank();
        list_remedies(&mut page, &remedies);
    } else if !step.recommended.is_empty() {
        page.blank();
        let mut label = "Fix";
        for text in &step.recommended {
            page.labelled(&[(label, Tone::Strong)], EDGE, text, Tone::Plain);
            label = "";
        }
    }
    page.write(out)
}

fn seen_by_the_client(page: &mut Page<'_>, report: &Report) {
    let attempts = &report.snapshot.attempts;
    let failed: Vec<_> = attempts
        .iter()
        .filter(|attempt| attempt_failed(attempt) || attempt.status.is_some_and(|status| status >= 500))
        .collect();
    let shown = failed.first().copied().or_else(|| attempts.first());
    let url = match (&report.snapshot.target.url, report.snapshot.host.name.as_str()) {
        (Some(url), _) => url.clone(),
        (None, "") => "this host".to_owned(),
        (None, name) => format!("this host ({name})"),
    };
    let Some(attempt) = shown else {
        let tone = Tone::Strong;
        page.labelled(&[(mark(page, StepStatus::Skipped).0, Tone::Faint)], 5, &url, tone);
        return;
    };
    let (seen, tone) = match attempt.status {
        Some(status) if failed.is_empty() => (status.to_string(), Tone::Good),
        Some(status) => (status.to_string(), Tone::Bad),
        None if attempt.exchange.seen().is_some() => ("no answer".to_owned(), Tone::Bad),
        None => ("?".to_owned(), Tone::Warning),
    };
    let edge = layout::columns(&seen).max(3) + 2;
    page.labelled(&[(&seen, tone)], edge, &url, Tone::Strong);
    if !failed.is_empty() && failed.len() < attempts.len() {
        let words = format!("in {} of {} attempts", failed.len(), attempts.len());
        page.prose(edge, &words, Tone::Plain);
    }
    let Some(maker) = report.made_by_words() else {
        if !failed.is_empty() && attempt.status.is_some() {
            page.prose(edge, "who made this answer is not known", Tone::Plain);
        }
        return;
    };
    let mut words = if failed.is_empty() {
        format!("answered by {maker}")
    } else {
        format!("made by {maker}")
    };
    let by_a_proxy = report
        .verdict
        .made_by
        .as_ref()
        .is_some_and(|hop| matches!(hop.where_, Where::ThisHost | Where::InFront));
    if by_a_proxy && !failed.is_empty() {
        words.push_str(", not by the application");
    }
    page.prose(edge, &words, Tone::Plain);
}

fn verdict(page: &mut Page<'_>, report: &Report) {
    let verdict = &report.verdict;
    page.blank();
    let label = ("VERDICT", Tone::Strong);
    match verdict.status {
        Status::Found => {
            let cause = verdict.cause.as_deref().unwrap_or_default();
            let confidence = verdict.confidence.unwrap_or_default();
            let dot = if page.style.unicode { "·" } else { "-" };
            let right = format!("{cause} {dot} {}", confidence.word());
            page.opposed(label, 9, (&verdict.title, Tone::Bad), (&right, Tone::Faint));
            for (rank, id) in verdict.chain.iter().enumerate().skip(1) {
                let Some(finding) = report.findings.iter().find(|finding| finding.cause == *id) else {
                    continue;
                };
                let words = if rank == 1 { "which led to: " } else { "and to: " };
                page.prose(9, &format!("{words}{}", finding.message), Tone::Plain);
            }
            if verdict.chain.len() < 2
                && let Some(title) = title_of(cause).filter(|title| !verdict.title.starts_with(title))
            {
                page.prose(9, title, Tone::Plain);
            }
            if let Some(book) = super::logbook::logbook(&report.snapshot) {
                let words = format!("{} error lines in the logs, {}", book.errors, book.rhythm_text);
                page.prose(9, &words, Tone::Plain);
            }
            if confidence < Confidence::Confirmed {
                page.prose(
                    9,
                    "not proved: it fits what was seen better than anything else",
                    Tone::Warning,
                );
            }
            if !verdict.also_possible.is_empty() {
                let words = format!("also possible: {}", verdict.also_possible.join(", "));
                page.prose(9, &words, Tone::Faint);
            }
        }
        Status::Healthy => {
            page.opposed(label, 9, (&verdict.title, Tone::Good), ("healthy", Tone::Faint));
        }
        Status::Undecided => {
            page.opposed(
                label,
                9,
                (&verdict.title, Tone::Warning),
                ("undecided", Tone::Faint),
            );
            if let Some(first) = report.incomplete.first().filter(|_| report.snapshot.pieces.is_none()) {
                page.prose(
                    9,
                    &format!("could not look at {}: {}", first.what, first.why),
                    Tone::Plain,
                );
            }
            candidates(page, report);
        }
    }
}

/// The causes that fit, when none is proved.
fn candidates(page: &mut Page<'_>, report: &Report) {
    for (rank, id) in report.verdict.also_possible.iter().enumerate() {
        if rank == 0 {
            page.blank();
            page.line(vec![page.span("Possible", Tone::Strong)]);
        }
        let finding = report.findings.iter().find(|finding| finding.cause == *id);
        let message = finding
            .map(|finding| finding.message.as_str())
            .or_else(|| title_of(id))
            .unwrap_or_default();
        if report.snapshot.pieces.is_some() {
            // Of what was sent these are conditions: each beside the id that says more.
            let id = format!("  {id}");
            let condition = message.strip_prefix("if ").unwrap_or(message);
            page.labelled(&[(&id, Tone::Plain)], CANDIDATE_EDGE, condition, Tone::Plain);
            continue;
        }
        let word = finding
            .map_or(Confidence::Possible, |finding| finding.confidence)
            .word();
        page.opposed(
            ("", Tone::Plain),
            2,
            (message, Tone::Plain),
            (&format!("{id}, {word}"), Tone::Faint),
        );
    }
}

fn title_of(cause: &str) -> Option<&'static str> {
    CAUSES.iter().find(|known| known.id == cause).map(|known| known.title)
}

/// Left edge of the summaries of the steps.
const STEP_EDGE: usize = 20;

fn mark(page: &Page<'_>, status: StepStatus) -> (&'static str, Tone) {
    let (sign, plain, tone) = match status {
        StepStatus::Ok => ("✓", "+", Tone::Good),
        StepStatus::Problem => ("✗", "x", Tone::Bad),
        StepStatus::Warning => ("!", "!", Tone::Warning),
        StepStatus::CouldNotCheck => ("?", "?", Tone::Warning),
        StepStatus::Skipped => ("–", "-", Tone::Faint),
    };
    (if page.style.unicode { sign } else { plain }, tone)
}

fn step_line(page: &mut Page<'_>, step: &StepSummary) {
    let (sign, tone) = mark(page, step.status);
    let number = format!("{} ", step.number);
    let title = format!(" {}", step.id.title());
    let loud = if step.status == StepStatus::Problem {
        Tone::Strong
    } else {
        Tone::Plain
    };
    let label = [
        (number.as_str(), Tone::Faint),
        (sign, tone),
        (title.as_str(), loud),
    ];
    page.labelled(&label, STEP_EDGE, &step.summary, Tone::Plain);
}

/// A further line of a step; what is set in stays so.
fn detail(page: &mut Page<'_>, text: &str, tone: Tone) {
    let words = text.trim_start_matches(' ');
    let inset = (text.len() - words.len()).min(8);
    page.labelled(&[], page.hanging(STEP_EDGE) + inset, words, tone);
}

fn steps(page: &mut Page<'_>, steps: &[StepSummary]) {
    page.blank();
    for step in steps {
        step_line(page, step);
        if page.style.detail >= 2 {
            for text in &step.details {
                detail(page, text, Tone::Faint);
            }
        }
    }
}

/// The proof of the root cause; of everything, when all details are asked for or nothing is decided.
fn evidence(page: &mut Page<'_>, report: &Report) {
    let mut shown: Vec<&Exhibit> = Vec::new();
    let root = report.root().filter(|_| report.verdict.status == Status::Found);
    if let Some(root) = root {
        if root.at.is_none() && root.evidence.is_empty() {
            return;
        }
        page.blank();
        page.line(vec![page.span("Evidence", Tone::Strong)]);
        at(page, root, Some(&report.snapshot));
        shown.extend(&root.evidence);
    } else if report.verdict.status == Status::Undecided {
        for id in &report.verdict.also_possible {
            let finding = report.findings.iter().find(|finding| finding.cause == *id);
            for exhibit in finding.iter().flat_map(|finding| &finding.evidence) {
                if !shown.contains(&exhibit) {
                    shown.push(exhibit);
                }
            }
        }
        if page.style.detail < 2 {
            shown.truncate(6);
        }
        if !shown.is_empty() {
            page.blank();
            page.line(vec![page.span("Seen", Tone::Strong)]);
        }
    }
    for exhibit in shown {
        show(page, exhibit);
    }
}

fn at(page: &mut Page<'_>, finding: &Finding, snapshot: Option<&Snapshot>) {
    if let Some(place) = &finding.at
        && !snapshot.is_some_and(|snapshot| excerpt::show(page, snapshot, place))
    {
        page.labelled(&[("  at", Tone::Faint)], 12, &place.to_string(), Tone::Plain);
    }
}

fn show(page: &mut Page<'_>, exhibit: &Exhibit) {
    let kind = format!("  {}", exhibit.kind);
    let mut label = kind.as_str();
    for text in exhibit.text.lines() {
        page.labelled(&[(label, Tone::Faint)], 12, text.trim(), Tone::Plain);
        label = "";
    }
    if let Some(file) = &exhibit.file {
        let place = match exhibit.line {
            Some(line) => format!("{file}:{line}"),
            None => file.clone(),
        };
        if !exhibit.text.contains(&place) {
            page.prose(12, &place, Tone::Faint);
        }
    }
    if let Some(command) = &exhibit.command {
        page.command(12, command);
    }
}

fn fix(page: &mut Page<'_>, report: &Report) {
    if report.verdict.status != Status::Found {
        return;
    }
    let Some(root) = report.root().filter(|root| !root.remedies.is_empty()) else {
        return;
    };
    page.blank();
    list_remedies(page, &root.remedies.iter().collect::<Vec<_>>());
}

fn list_remedies(page: &mut Page<'_>, remedies: &[&Remedy]) {
    for (index, remedy) in remedies.iter().enumerate() {
        let word = if index == 0 { "Fix" } else { "" };
        // One remedy needs no number; of several a person wants to say which one was tried.
        let label = if remedies.len() == 1 {
            word.to_owned()
        } else {
            format!("{word:4} {} ", index + 1)
        };
        remedy_lines(page, &label, remedy);
    }
}

fn remedy_lines(page: &mut Page<'_>, label: &str, remedy: &Remedy) {
    let risk = remedy.risk.as_deref().unwrap_or_default();
    let label = (label, Tone::Strong);
    match (remedy.command(), &remedy.edit) {
        (Some(command), _) => {
            let fits = EDGE + layout::columns(&page.clean(&command)) + 2 + layout::columns(&page.clean(risk));
            if fits <= page.width() {
                page.opposed(label, EDGE, (&command, Tone::Command), (risk, Tone::Warning));
            } else {
                let head = format!("{:EDGE$}", label.0);
                page.line(vec![
                    page.span(&head, label.1),
                    page.span(&command, Tone::Command),
                ]);
                page.prose(EDGE + 2, &remedy.summary, Tone::Plain);
                if !risk.is_empty() {
                    page.prose(EDGE + 2, &format!("careful: {risk}"), Tone::Warning);
                }
                undo_line(page, remedy);
                return;
            }
            page.prose(EDGE + 2, &remedy.summary, Tone::Plain);
        }
        (None, Some(edit)) => {
            said_with_risk(page, label, remedy);
            let place = if edit.line == 0 {
                edit.file.clone()
            } else {
                format!("{}:{}", edit.file, edit.line)
            };
            page.prose(EDGE + 2, &place, Tone::Faint);
            for line in edit.replacement.lines() {
                let spans = vec![
                    page.span(&format!("{}+ ", " ".repeat(EDGE + 2)), Tone::Good),
                    page.span(line.trim_end(), Tone::Command),
                ];
                page.line(spans);
            }
        }
        (None, None) => said_with_risk(page, label, remedy),
    }
    undo_line(page, remedy);
}

/// What to do, and below it what that can break.
fn said_with_risk(page: &mut Page<'_>, label: (&str, Tone), remedy: &Remedy) {
    page.labelled(&[label], EDGE, &remedy.summary, Tone::Plain);
    if let Some(risk) = &remedy.risk {
        page.prose(EDGE + 2, &format!("careful: {risk}"), Tone::Warning);
    }
}

fn undo_line(page: &mut Page<'_>, remedy: &Remedy) {
    if let Some(undo) = remedy.undo_command() {
        page.line(vec![
            page.span(&format!("{}undo: ", " ".repeat(EDGE + 2)), Tone::Faint),
            page.span(&undo, Tone::Command),
        ]);
    }
}

fn severity_tone(severity: Severity) -> Tone {
    match severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warning,
        Severity::Info => Tone::Plain,
    }
}

fn grade(finding: &Finding) -> String {
    let id = finding.rule.as_deref().unwrap_or(&finding.cause);
    if finding.severity == Severity::Error {
        format!("{id}, {}", finding.confidence.word())
    } else {
        id.to_owned()
    }
}

/// What else was found: a line each, everything about it with all details.
fn other_findings(page: &mut Page<'_>, report: &Report) {
    let verdict = &report.verdict;
    let told = |finding: &&Finding| match verdict.status {
        Status::Found => verdict.chain.contains(&finding.cause),
        Status::Undecided => verdict.also_possible.contains(&finding.cause),
        Status::Healthy => false,
    };
    let all = page.style.detail >= 2;
    let others: Vec<&Finding> = report
        .findings
        .iter()
        .filter(|finding| all || !told(finding))
        .filter(|finding| report.root() != Some(*finding) || verdict.status != Status::Found)
        .collect();
    if others.is_empty() {
        return;
    }
    let limit = if all || verdict.status != Status::Found {
        others.len()
    } else {
        5
    };
    page.blank();
    page.line(vec![page.span("Also found", Tone::Strong)]);
    for finding in others.iter().take(limit) {
        let sign = match finding.severity {
            Severity::Error => mark(page, StepStatus::Problem),
            Severity::Warning => mark(page, StepStatus::Warning),
            Severity::Info => ("-", Tone::Faint),
        };
        let label = format!("  {}", sign.0);
        page.opposed(
            (&label, sign.1),
            4,
            (&finding.message, Tone::Plain),
            (&grade(finding), Tone::Faint),
        );
        if let Some(place) = &finding.at
            && !(all && excerpt::show(page, &report.snapshot, place))
        {
            page.prose(4, &place.to_string(), Tone::Faint);
        }
        if all {
            for exhibit in &finding.evidence {
                show(page, exhibit);
            }
            for remedy in &finding.remedies {
                remedy_lines(page, "  fix", remedy);
            }
        }
    }
    let left = others.len().saturating_sub(limit);
    if left > 0 {
        page.prose(4, &format!("and {left} more: add -v"), Tone::Faint);
    }
}

fn not_checked(page: &mut Page<'_>, report: &Report) {
    if report.incomplete.is_empty() {
        return;
    }
    page.blank();
    page.line(vec![page.span("Not checked", Tone::Strong)]);
    for hole in &report.incomplete {
        let words = if hole.why.is_empty() {
            hole.what.clone()
        } else {
            format!("{}: {}", hole.what, hole.why)
        };
        page.labelled(&[("  ?", Tone::Warning)], 4, &words, Tone::Plain);
        if !hole.settle_with.is_empty() {
            let head = format!("{}settle with: ", " ".repeat(4));
            page.line(vec![
                page.span(&head, Tone::Faint),
                page.span(&hole.settle_with, Tone::Command),
            ]);
        }
    }
}

fn next(page: &mut Page<'_>, report: &Report) {
    let settle = || {
        report
            .incomplete
            .iter()
            .map(|hole| hole.settle_with.clone())
            .find(|command| !command.is_empty())
    };
    let command = match report.verdict.status {
        Status::Found => report
            .verdict
            .cause
            .as_deref()
            .map(|cause| format!("fix502 explain {cause}")),
        Status::Healthy => settle(),
        Status::Undecided => settle().or_else(|| {
            Some(match &report.snapshot.target.url {
                Some(url) => format!("fix502 {} {}", StepId::Bundle.id(), quoted(url)),
                None => format!("fix502 {}", StepId::Bundle.id()),
            })
        }),
    };
    if let Some(command) = command {
        page.blank();
        page.line(vec![
            page.span(&format!("{:EDGE$}", "Next"), Tone::Strong),
            page.span(&command, Tone::Command),
        ]);
    }
}
