//! Markdown for a ticket, a pull request or a job summary.
//!
//! What comes from outside is text: it makes no markup, no link, and mentions nobody.

use std::io::{self, Write};

use super::place::{at, name, path, word};
use super::sanitize::escaped;
use super::{Report, StepStatus};
use crate::finding::Finding;

/// Writes the report.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let title = match (&report.lint, &report.snapshot.target.url) {
        (Some(_), None) => "fix502 lint".to_owned(),
        (Some(_), Some(url)) => format!("fix502 lint {}", code(url)),
        (None, Some(url)) => format!("fix502 {}", code(url)),
        (None, None) => "fix502".to_owned(),
    };
    writeln!(out, "## {title}\n")?;
    writeln!(out, "**{}**", plain(&report.verdict.title))?;
    if let Some(cause) = report.verdict.cause.as_deref().filter(|_| report.lint.is_none()) {
        let confidence = report.verdict.confidence.unwrap_or_default().word();
        writeln!(out, "\n{} ({confidence})", code(cause))?;
    }
    if let Some(maker) = report.made_by_words() {
        writeln!(out, "\nAnswered by {}.", plain(&maker))?;
    }
    if report.lint.is_none() {
        writeln!(out, "\n| step | | result |\n|---|---|---|")?;
        for step in &report.steps {
            writeln!(
                out,
                "| {} {} | {} | {} |",
                step.number,
                step.id.title(),
                status(step.status),
                plain(&step.summary)
            )?;
        }
    }
    for finding in &report.findings {
        found(report, finding, out)?;
    }
    for (rank, open) in report.incomplete.iter().enumerate() {
        if rank == 0 {
            writeln!(out, "\n### Not checked\n")?;
        }
        writeln!(
            out,
            "- {}: {}; {}",
            plain(&open.what),
            plain(&open.why),
            plain(&open.settle_with)
        )?;
    }
    Ok(())
}

fn status(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Ok => "ok",
        StepStatus::Problem => "**problem**",
        StepStatus::Warning => "warning",
        StepStatus::CouldNotCheck => "not checked",
        StepStatus::Skipped => "left out",
    }
}

fn found(report: &Report, finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "\n### {}: {}\n",
        word(finding.severity),
        plain(&finding.message)
    )?;
    writeln!(out, "{}", code(name(finding)))?;
    if let Some(place) = at(finding) {
        let file = path(report, &place.file).0;
        let shown = if place.line > 0 {
            format!("{file}:{}", place.line)
        } else {
            file
        };
        writeln!(out, "at {}", code(&shown))?;
    }
    if !finding.excerpt.trim().is_empty() {
        writeln!(out, "\n{}", block(&[finding.excerpt.trim()]))?;
    }
    if !finding.effect.is_empty() {
        writeln!(out, "\nUsers: {}", plain(&finding.effect))?;
    }
    for (rank, exhibit) in finding.evidence.iter().enumerate() {
        if rank == 0 {
            writeln!(out)?;
        }
        let command = exhibit
            .command
            .as_ref()
            .map(|command| format!(" ({})", code(command)));
        writeln!(
            out,
            "- {}: {}{}",
            plain(&exhibit.kind),
            plain(&exhibit.text),
            command.unwrap_or_default()
        )?;
    }
    for remedy in &finding.remedies {
        if remedy.text_edit.is_some() || (remedy.argv.is_none() && !finding.excerpt.is_empty()) {
            let lines: Vec<&str> = remedy.summary.lines().collect();
            writeln!(out, "\nFix:\n\n{}", block(&lines))?;
            continue;
        }
        writeln!(out, "\nFix: {}", plain(&remedy.summary))?;
        if let Some(command) = remedy.command() {
            writeln!(out, "\n{}", block(&[&command]))?;
        }
    }
    Ok(())
}

/// A line of prose.
fn plain(text: &str) -> String {
    let clean = escaped(text);
    let mut written = String::with_capacity(clean.len() + 8);
    let mut rest = clean.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '&' | '!' | '#' => {
                written.push('\\');
                written.push(character);
                if character == '#' {
                    // GitHub and GitLab link numbers; what nobody sees between the two prevents it.
                    written.push('\u{200b}');
                }
            }
            '@' => written.push_str("@\u{200b}"),
            ':' if rest.peek() == Some(&'/') => written.push_str("\\:\u{200b}"),
            '.' if written.ends_with("www") => written.push_str("\\."),
            other => written.push(other),
        }
    }
    written
}

/// Text as code within a line: fenced by more backticks than it holds.
fn code(text: &str) -> String {
    let clean = escaped(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&clean) + 1);
    if clean.starts_with('`') || clean.ends_with('`') {
        format!("{fence} {clean} {fence}")
    } else {
        format!("{fence}{clean}{fence}")
    }
}

/// Lines as a block of code.
fn block(lines: &[&str]) -> String {
    let clean: Vec<String> = lines.iter().map(|line| escaped(line).into_owned()).collect();
    let longest = clean.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}", clean.join("\n"))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}
