//! `JUnit` XML, for CI systems that show tests: a test for each lint rule, or for each step of a walk.
//!
//! Names are unique within a report, for GitLab ignores the second test of a name. What could not be looked
//! at is `skipped`, never passed. What is found below `--fail-on` stands in `system-out` of a passed test.

use std::io::{self, Write};

use super::place::{advice, at, name, path, word};
use super::sanitize::escaped;
use super::{Examined, Report, StepStatus};
use crate::evidence::ProblemLevel;
use crate::finding::{Finding, Severity};

/// Findings of one test that are written out: GitLab takes 30 MB of a file.
const MOST_FINDINGS: usize = 200;

/// One test.
struct Case {
    name: String,
    file: Option<String>,
    outcome: Outcome,
    notes: Vec<String>,
}

enum Outcome {
    Passed,
    Failed {
        message: String,
        kind: String,
        lines: Vec<String>,
    },
    Skipped(String),
}

/// Writes the report as one test suite.
pub(super) fn render(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let (suite, cases) = match &report.lint {
        Some(scope) => ("fix502 lint", of_lint(report, scope)),
        None => ("fix502", of_walk(report)),
    };
    let count = |wanted: fn(&Outcome) -> bool| cases.iter().filter(|case| wanted(&case.outcome)).count();
    let failures = count(|outcome| matches!(outcome, Outcome::Failed { .. }));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let tests = cases.len();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"{suite}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"0\">"
    )?;
    writeln!(
        out,
        "  <testsuite name=\"{suite}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"0\">"
    )?;
    for case in &cases {
        write!(
            out,
            "    <testcase classname=\"{suite}\" name=\"{}\" time=\"0\"",
            attribute(&case.name)
        )?;
        if let Some(file) = &case.file {
            write!(out, " file=\"{}\"", attribute(file))?;
        }
        writeln!(out, ">")?;
        match &case.outcome {
            Outcome::Passed => {}
            Outcome::Failed { message, kind, lines } => {
                writeln!(
                    out,
                    "      <failure message=\"{}\" type=\"{}\">{}</failure>",
                    attribute(message),
                    attribute(kind),
                    content(lines)
                )?;
            }
            Outcome::Skipped(why) => writeln!(out, "      <skipped message=\"{}\"/>", attribute(why))?,
        }
        if !case.notes.is_empty() {
            writeln!(out, "      <system-out>{}</system-out>", content(&case.notes))?;
        }
        writeln!(out, "    </testcase>")?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

fn of_lint(report: &Report, scope: &Examined) -> Vec<Case> {
    let mut names: Vec<(String, String, Option<&str>)> = vec![(
        "configuration".to_owned(),
        "the server reads the configuration".to_owned(),
        None,
    )];
    names.extend(
        scope
            .rules
            .iter()
            .map(|rule| (rule.id.clone(), rule.title.clone(), rule.lacks.as_deref())),
    );
    names
        .into_iter()
        .enumerate()
        .map(|(index, (id, title, lacks))| {
            // Whatever has no test of its own is an error of the reader.
            let own: Vec<&Finding> = report
                .findings
                .iter()
                .filter(|finding| {
                    let known = scope.rules.iter().any(|rule| rule.id == name(finding));
                    if index == 0 { !known } else { name(finding) == id }
                })
                .collect();
            case(report, format!("{id}: {title}"), &own, scope.fail_on, lacks)
        })
        .collect()
}

fn case(
    report: &Report,
    title: String,
    own: &[&Finding],
    fail_on: ProblemLevel,
    lacks: Option<&str>,
) -> Case {
    let least = match fail_on {
        ProblemLevel::Error => Severity::Error,
        ProblemLevel::Warning => Severity::Warning,
        ProblemLevel::Info => Severity::Info,
    };
    let (failing, other): (Vec<&Finding>, Vec<&Finding>) =
        own.iter().copied().partition(|finding| finding.severity >= least);
    let outcome = match (failing.first(), lacks) {
        (None, Some(lacks)) if other.is_empty() => Outcome::Skipped(format!("it needs {lacks}")),
        (None, _) => Outcome::Passed,
        (Some(first), _) => Outcome::Failed {
            message: match failing.len() {
                1 => first.message.clone(),
                count => format!("{} (and {} more)", first.message, count - 1),
            },
            kind: word(first.severity).to_owned(),
            lines: all_lines(report, &failing),
        },
    };
    Case {
        name: title,
        file: failing
            .first()
            .and_then(|finding| at(finding))
            .map(|place| path(report, &place.file).0),
        outcome,
        notes: all_lines(report, &other),
    }
}

/// The lines of the first findings, and how many more there are.
fn all_lines(report: &Report, findings: &[&Finding]) -> Vec<String> {
    let mut all: Vec<String> = findings
        .iter()
        .take(MOST_FINDINGS)
        .flat_map(|finding| lines(report, finding))
        .collect();
    if let Some(more) = findings.len().checked_sub(MOST_FINDINGS).filter(|more| *more > 0) {
        all.push(format!("and {more} more; --format json has all of them"));
    }
    all
}

fn lines(report: &Report, finding: &Finding) -> Vec<String> {
    let head = match at(finding) {
        Some(place) if place.line > 0 => {
            format!(
                "{}:{}: {}",
                path(report, &place.file).0,
                place.line,
                finding.message
            )
        }
        Some(place) => format!("{}: {}", path(report, &place.file).0, finding.message),
        None => finding.message.clone(),
    };
    let mut lines = vec![format!("{}: {head}", word(finding.severity))];
    if !finding.excerpt.is_empty() {
        lines.push(format!("    {}", finding.excerpt.trim()));
    }
    lines.extend(advice(finding).into_iter().map(|line| format!("  {line}")));
    lines
}

fn of_walk(report: &Report) -> Vec<Case> {
    report
        .steps
        .iter()
        .map(|step| {
            let found: Vec<String> = report
                .findings
                .iter()
                .filter(|finding| finding.step == step.id)
                .flat_map(|finding| lines(report, finding))
                .collect();
            let (outcome, notes) = match step.status {
                StepStatus::Problem => (
                    Outcome::Failed {
                        message: step.summary.clone(),
                        kind: report.verdict.cause.clone().unwrap_or_else(|| "problem".to_owned()),
                        lines: if found.is_empty() {
                            vec![step.summary.clone()]
                        } else {
                            found
                        },
                    },
                    Vec::new(),
                ),
                StepStatus::CouldNotCheck | StepStatus::Skipped => {
                    (Outcome::Skipped(step.summary.clone()), found)
                }
                StepStatus::Ok | StepStatus::Warning => {
                    let mut notes = vec![step.summary.clone()];
                    notes.extend(found);
                    (Outcome::Passed, notes)
                }
            };
            Case {
                name: format!("{} {}", step.number, step.id.title()),
                file: None,
                outcome,
                notes,
            }
        })
        .collect()
}

/// Text within an element, a line for each.
fn content(lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| attribute(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text within a tag: XML cannot hold control characters at all, so they are written out as on a screen.
fn attribute(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in escaped(text).chars() {
        match character {
            '&' => clean.push_str("&amp;"),
            '<' => clean.push_str("&lt;"),
            '>' => clean.push_str("&gt;"),
            '"' => clean.push_str("&quot;"),
            '\'' => clean.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => clean.push('\u{fffd}'),
            other => clean.push(other),
        }
    }
    clean
}
