//! What each step says about itself when everything is judged: its own line, and the fix that it recommends.

use super::systems;
use super::{
    config_lint, dns_flush, firewall, other_route, retry, support_bundle, timeouts, upstream_probe, ways,
};
use crate::evidence::Snapshot;
use crate::finding::{Severity, StepId};
use crate::report::{StepStatus, StepSummary};
use crate::verdict::{Diagnosis, Status};

/// The line of a step, its details, and the fix it recommends.
pub fn summarise(step: StepId, snapshot: &Snapshot, diagnosis: &Diagnosis) -> StepSummary {
    let (mut status, mut summary, mut details) = match step {
        StepId::Retry => retry::show(snapshot),
        StepId::Upstream => upstream_probe::show(snapshot),
        StepId::Config => config_lint::show(snapshot),
        StepId::Firewall => firewall::show(snapshot),
        StepId::Timeouts => timeouts::show(snapshot),
        StepId::Dns => dns_flush::show(snapshot),
        StepId::Route => other_route::show(snapshot),
        StepId::Bundle => support_bundle::show(snapshot, diagnosis),
    };
    if !snapshot.host.platform.is_linux() {
        summary = crate::causes::systems::text(snapshot, &summary);
        for line in &mut details {
            *line = crate::causes::systems::text(snapshot, line);
        }
        details.extend(systems::by_hand(step, snapshot));
    }
    let mut recommended = Vec::new();
    for finding in diagnosis.findings.iter().filter(|finding| finding.step == step) {
        let is_root = diagnosis.verdict.cause.as_deref() == Some(&finding.cause);
        if finding.severity == Severity::Error && (is_root || diagnosis.verdict.status == Status::Undecided) {
            // The step's own measure is fine, and yet the fault lies here: then the finding says it best.
            if is_root
                && matches!(
                    status,
                    StepStatus::Ok | StepStatus::Skipped | StepStatus::CouldNotCheck
                )
            {
                summary.clone_from(&finding.message);
            }
            status = StepStatus::Problem;
        } else if status == StepStatus::Ok && finding.severity <= Severity::Warning {
            status = StepStatus::Warning;
        }
        recommended.extend(
            finding.remedies.iter().take(3).map(|remedy| match remedy.command() {
                Some(command) => format!("{}: {command}", remedy.summary),
                None => remedy.summary.clone(),
            }),
        );
    }
    if step == StepId::Retry && recommended.is_empty() {
        recommended.extend(about_restarting(snapshot, diagnosis));
    }
    if step == StepId::Route {
        recommended.extend(other_route::recommended(snapshot));
    }
    recommended.truncate(4);
    StepSummary {
        number: step.number(),
        id: step,
        status,
        summary,
        details,
        recommended,
        differs: (step == StepId::Route)
            .then(|| other_route::differs(snapshot))
            .flatten(),
        ways: if step == StepId::Route {
            ways::ways(snapshot)
        } else {
            Vec::new()
        },
    }
}

/// Whether a reload or restart of the proxy helps, by what was found.
fn about_restarting(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Option<String> {
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    let proxy = snapshot.proxy.as_ref()?;
    match diagnosis.verdict.status {
        Status::Healthy => None,
        Status::Found => Some(
            "a reload or restart of the proxy does not help: the cause lies elsewhere (see the fix)"
                .to_owned(),
        ),
        Status::Undecided => Some(format!(
            "keep the evidence first (fix502 bundle {url}), then {}: a reload keeps connections, a restart does not",
            systems::restarting(snapshot, proxy.kind)
        )),
    }
}

/// Status, one line, further lines.
pub(super) type Line = (StepStatus, String, Vec<String>);
