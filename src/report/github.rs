//! Annotations of a GitHub workflow: one command line for each finding, the worst first.
//!
//! GitHub shows ten errors, ten warnings and ten notices of a step, and fifty of a job; the others stand in
//! the log only. Nothing from outside can begin a line, so nothing from outside is a command.

use std::io::{self, Write};

use super::place::{advice, at, column, name, path, worst_first};
use super::sanitize::escaped;
use super::{Report, StepStatus};
use crate::finding::Severity;

/// Annotations of one type that GitHub shows of one step.
const SHOWN: usize = 10;

/// Writes one annotation for each finding, then the verdict as a plain line.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for finding in worst_first(report) {
        let command = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Info => "notice",
        };
        let mut properties = Vec::new();
        if let Some(place) = at(finding) {
            properties.push(format!("file={}", property(&path(report, &place.file).0)));
            if place.line > 0 {
                properties.push(format!("line={}", place.line));
                if place.column > 0 {
                    properties.push(format!("col={}", column(&finding.excerpt, place.column)));
                }
            }
        }
        properties.push(format!(
            "title={}",
            property(&format!("fix502 {}", name(finding)))
        ));
        let mut lines = vec![escaped(&finding.message).into_owned()];
        lines.extend(advice(finding).iter().map(|line| escaped(line).into_owned()));
        writeln!(
            out,
            "::{command} {}::{}",
            properties.join(","),
            text(&lines.join("\n"))
        )?;
    }
    if report.lint.is_none() {
        for step in &report.steps {
            if step.status == StepStatus::CouldNotCheck {
                let title = property(&format!("fix502 {}", step.id.id()));
                let words = format!("not checked: {}", escaped(&step.summary));
                writeln!(out, "::notice title={title}::{}", text(&words))?;
            }
        }
    }
    let verdict = escaped(&report.verdict.title);
    writeln!(out, "fix502: {verdict}")?;
    let hidden: usize = [Severity::Error, Severity::Warning, Severity::Info]
        .into_iter()
        .map(|severity| report.count(severity).saturating_sub(SHOWN))
        .sum();
    if hidden > 0 {
        writeln!(
            out,
            "fix502: {hidden} of these are in this log only: GitHub shows {SHOWN} of a kind"
        )?;
    }
    Ok(())
}

/// The message of a command: `%` and line ends are written out.
fn text(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property, which also ends at `:` and `,`.
fn property(value: &str) -> String {
    text(&escaped(value)).replace(':', "%3A").replace(',', "%2C")
}
