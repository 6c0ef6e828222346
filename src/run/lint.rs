//! `fix502 lint`: files that were named, or the configuration of this host with everything found in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Failure, absolute, collected, judged, live_host, plan, say};
use crate::evidence::{ProblemLevel, Snapshot};
use crate::exit::Exit;
use crate::finding::{Finding, Severity, StepId};
use crate::host::{self, Host};
use crate::options::{Options, UsageError};
use crate::report::{Examined, Report, StepStatus, StepSummary};
use crate::steps::lint::{examined, examined_on_host, read_named};
use crate::ui::Ui;
use crate::verdict::{Status, Verdict};

/// The configuration of this host; what was written as an address and is a file is linted as one.
pub(super) fn lint(options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    if let Some(path) = &options.perhaps_path
        && host::exists(path)
    {
        return files(std::slice::from_ref(path), options, ui);
    }
    let mut plan = plan(options)?;
    plan.skipped = StepId::ALL
        .into_iter()
        .filter(|step| *step != StepId::Config)
        .collect();
    let host = Arc::new(live_host(options));
    let snapshot = collected(&host, plan, ui)?;
    let (scope, mut findings) = examined_on_host(&snapshot);
    let mut report = judged(snapshot, &[StepId::Config]);
    let others = report
        .findings
        .drain(..)
        .filter(|finding| finding.step == StepId::Config);
    let others: Vec<Finding> = others
        .filter(|cause| {
            // The cause that a rule leads to says the same in other words.
            !findings
                .iter()
                .any(|finding| finding.cause == cause.cause && finding.at == cause.at)
        })
        .collect();
    findings.extend(others);
    let line = report.steps.iter().find(|line| line.id == StepId::Config).cloned();
    let status = line.as_ref().map_or(StepStatus::CouldNotCheck, |line| line.status);
    report.steps = line.into_iter().collect();
    finish(&mut report, scope, findings, options);
    let failing = report.verdict.status == Status::Found;
    let exit = match status {
        _ if failing => Exit::Found,
        StepStatus::Problem => Exit::Found,
        StepStatus::CouldNotCheck => {
            report.verdict.status = Status::Undecided;
            Exit::Undecided
        }
        StepStatus::Ok | StepStatus::Warning | StepStatus::Skipped => Exit::Healthy,
    };
    say(&report, options, ui)?;
    Ok(exit)
}

/// These files alone; nothing of this host is looked at.
pub(super) fn files(paths: &[PathBuf], options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let host = Host::unrecorded(options.root.clone(), options.deadline);
    let paths: Vec<String> = paths.iter().map(|path| located(path, options)).collect();
    // Whatever is found goes through the redaction; nobody waits for this thread.
    std::thread::spawn(crate::bundle::prepare_redaction);
    let configurations = read_named(&host, &paths, options.proxy_kind)
        .map_err(|error| UsageError::new(error.to_string()).hint(hint(&error)))?;
    let (scope, findings) = examined(&configurations, &Snapshot::default());
    // The program ends soon, and to free every directive of a large configuration takes long.
    std::mem::forget(configurations);
    if let Some(finding) = findings
        .iter()
        .find(|finding| finding.rule.as_deref() == Some("config-unreadable"))
    {
        return Err(UsageError::new(finding.message.clone()).into());
    }
    let mut report = Report::default();
    finish(&mut report, scope, findings, options);
    let verdict = &report.verdict;
    let status = if report.count(Severity::Error) > 0 {
        StepStatus::Problem
    } else if report.count(Severity::Warning) > 0 {
        StepStatus::Warning
    } else {
        StepStatus::Ok
    };
    report.steps = vec![StepSummary {
        number: StepId::Config.number(),
        id: StepId::Config,
        status,
        summary: verdict.title.clone(),
        details: Vec::new(),
        recommended: Vec::new(),
        differs: None,
        ways: Vec::new(),
    }];
    say(&report, options, ui)?;
    Ok(Exit::from(report.verdict.status))
}

fn hint(error: &crate::steps::lint::LintError) -> String {
    use crate::steps::lint::LintError;
    match error {
        LintError::Unreadable { .. } => "check the path, or read it as root",
        LintError::Unrecognised(_) => "say whose it is: --proxy-kind nginx",
        LintError::Nothing(_) => "name the files themselves",
        LintError::NoReader { .. } => "nginx is read",
    }
    .to_owned()
}

/// Where a named file lies: below `--root` it is a path of that tree.
pub(super) fn located(path: &Path, options: &Options) -> String {
    if options.root.is_some() {
        format!(
            "/{}",
            path.to_string_lossy()
                .trim_start_matches("./")
                .trim_start_matches('/')
        )
    } else {
        plain(&absolute(path))
    }
}

/// A path without `.` and `..` where they change nothing, as the files of a report are compared by name.
fn plain(path: &str) -> String {
    let plain: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    format!("/{}", plain.join("/"))
}

/// Puts findings and verdict into the report.
fn finish(report: &mut Report, scope: Examined, findings: Vec<Finding>, options: &Options) {
    let least = match options.fail_on {
        ProblemLevel::Error => Severity::Error,
        ProblemLevel::Warning => Severity::Warning,
        ProblemLevel::Info => Severity::Info,
    };
    let worst = findings
        .iter()
        .filter(|finding| finding.severity >= least)
        .max_by_key(|finding| finding.severity);
    let status = if worst.is_some() {
        Status::Found
    } else {
        Status::Healthy
    };
    let cause = worst
        .map(|finding| finding.cause.clone())
        .filter(|cause| !cause.is_empty());
    let confidence = cause.as_ref().and_then(|_| worst.map(|finding| finding.confidence));
    report.findings = findings;
    let counted: Vec<String> = [
        (Severity::Error, "error"),
        (Severity::Warning, "warning"),
        (Severity::Info, "note"),
    ]
    .into_iter()
    .filter_map(|(severity, word)| match report.count(severity) {
        0 => None,
        1 => Some(format!("1 {word}")),
        count => Some(format!("{count} {word}s")),
    })
    .collect();
    let files = match scope.files.len() {
        1 => "1 file".to_owned(),
        count => format!("{count} files"),
    };
    let title = if counted.is_empty() {
        format!("nothing found in {files}")
    } else {
        format!("{} in {files}", counted.join(", "))
    };
    report.verdict = Verdict {
        status,
        chain: cause.iter().cloned().collect(),
        cause,
        title,
        confidence,
        ..Verdict::default()
    };
    report.lint = Some(Examined {
        fail_on: options.fail_on,
        ..scope
    });
}
