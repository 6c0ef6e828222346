//! `fix502 bundle --selftest`: does a bundle of this very host hold what it must not, or say something else?
//!
//! It plants known secrets beside the evidence, makes a bundle with the options given, looks for every one of
//! them in every byte of it, and walks the bundle again. Nothing is written. A failure is a bug of fix502.

use std::sync::Arc;

use super::super::{Failure, collected, judged, live_host, plan};
use super::{inputs, plain_text};
use crate::bundle::selftest::{self, Leak};
use crate::evidence::Target;
use crate::exit::Exit;
use crate::finding::StepId;
use crate::host::{self, Host, Transcript};
use crate::options::{Options, SelfTest, UsageError};
use crate::report::Report;
use crate::steps::{self, Plan};
use crate::ui::Ui;

/// The largest bundle that is read.
const BUNDLE_CAP_BYTES: u64 = 512 << 20;

/// How many leaks are named.
const SHOWN: usize = 20;

pub(super) fn self_test(options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let (transcript, target) = match &options.bundle.self_test {
        Some(SelfTest::Bundle(path)) => {
            let unreadable = |error: &dyn std::fmt::Display| {
                UsageError::new(format!("{} cannot be read: {error}", path.display()))
            };
            let bytes = host::read_input(path, BUNDLE_CAP_BYTES).map_err(|error| unreadable(&error))?;
            let recorded =
                crate::bundle::read(&bytes).map_err(|error| unreadable(&error).hint(error.hint()))?;
            (recorded.transcript, recorded.target)
        }
        Some(SelfTest::Host) | None => {
            let mut plan = plan(options)?;
            plan.skipped.clear();
            let host = Arc::new(live_host(options));
            let snapshot = collected(&host, plan, ui)?;
            (
                steps::packed_transcript(host.transcript(), &snapshot),
                snapshot.target,
            )
        }
    };
    let before = walked(transcript.clone(), target);
    let text = plain_text(&before).map_err(UsageError::new)?;
    let trial = selftest::trial(&inputs(&before, &[], &text, options), &transcript)
        .map_err(|error| UsageError::new(error.to_string()).hint(error.hint()))?;
    let recorded = crate::bundle::read(&trial.archive)
        .map_err(|error| UsageError::new(error.to_string()).hint(error.hint()))?;
    let after = walked(recorded.transcript, recorded.target);

    ui.line(&format!(
        "planted    {} secrets of {} kinds: configurations, logs, environments, command lines, answers",
        trial.planted, trial.kinds
    ))?;
    if trial.leaks.is_empty() {
        ui.line(&format!(
            "leaked     none, in {} files of the bundle",
            trial.members
        ))?;
    } else {
        ui.line(&format!("leaked     {}", trial.leaks.len()))?;
        for Leak { kind, secret, member } in trial.leaks.iter().take(SHOWN) {
            ui.line(&format!("           {kind}: the planted {secret:?} in {member}"))?;
        }
    }
    let same = decided(&before) == decided(&after);
    let verdict = &before.verdict;
    let named = verdict.cause.clone().unwrap_or_else(|| {
        serde_json::to_value(verdict.status)
            .ok()
            .and_then(|status| status.as_str().map(str::to_owned))
            .unwrap_or_default()
    });
    if same {
        ui.line(&format!(
            "diagnosis  the same from the bundle: {named}, {} findings",
            before.findings.len()
        ))?;
    } else {
        ui.line("diagnosis  another one from the bundle:")?;
        ui.line(&format!("           before  {}", decided(&before).join(", ")))?;
        ui.line(&format!("           after   {}", decided(&after).join(", ")))?;
    }
    let passed = same && trial.leaks.is_empty();
    ui.line(if passed {
        "passed"
    } else {
        "FAILED: this is a bug in fix502; do not pass a bundle of this host on"
    })?;
    Ok(if passed { Exit::Healthy } else { Exit::Bug })
}

/// The report that a recording gives.
fn walked(transcript: Transcript, target: Target) -> Report {
    let host = Host::Replay(transcript);
    let plan = steps::recorded(&host).unwrap_or(Plan {
        target,
        ..Plan::default()
    });
    let asked: Vec<StepId> = StepId::ALL.into_iter().filter(|step| plan.wants(*step)).collect();
    judged(steps::collect(&host, &plan, &|_, _| {}), &asked)
}

/// What a report decided, without its words.
fn decided(report: &Report) -> Vec<String> {
    let verdict = &report.verdict;
    let mut out = vec![format!(
        "{:?} {} {:?} {}",
        verdict.status,
        verdict.cause.as_deref().unwrap_or("-"),
        verdict.confidence,
        verdict.chain.join(" < ")
    )];
    out.extend(report.findings.iter().map(|finding| {
        format!(
            "{} {} {:?} {:?}",
            finding.cause,
            finding.rule.as_deref().unwrap_or_default(),
            finding.severity,
            finding.confidence
        )
    }));
    out.extend(
        report
            .steps
            .iter()
            .map(|step| format!("{} {:?}", step.number, step.status)),
    );
    out
}
