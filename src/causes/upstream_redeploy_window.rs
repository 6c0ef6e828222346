//! `upstream-redeploy-window`: a restart without a hand-over cuts requests.

use super::facts::{
    CUT_BEFORE_HEADER, Contact, Link, log_line, logged_before, nobody_listens, unconnectable, unit_line,
    unit_of,
};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/upstream-redeploy-window.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-redeploy-window",
    title: "requests met the upstream while it was being restarted",
    step: StepId::Retry,
    proxy_error: "connection_terminated",
    explains: &[
        "upstream-starting",
        "upstream-not-running",
        "upstream-worker-crash",
    ],
    diagnose,
};

/// How long ago the stop of a restart may be.
const LATELY_MS: i64 = 10 * 60 * 1_000;

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(contact, Contact::Refused | Contact::SocketMissing)
    })?;
    let (unit, link) = unit_of(snapshot, evidence)?;
    let starting = unit.active == "activating" && unit.sub != "auto-restart";
    if !starting || link < Link::Name {
        return None;
    }
    let stopped = unit
        .journal
        .iter()
        .rev()
        .find(|line| line.from == "systemd" && line.message.starts_with("Stopp"))?;
    // Stopped long ago and started now is a start, not a restart.
    if stopped.at_ms > 0 && stopped.at_ms.saturating_add(LATELY_MS) < snapshot.host.now_ms {
        return None;
    }
    // Stopped in order by somebody, not ended by itself.
    let failed = unit
        .journal
        .iter()
        .any(|line| line.at_ms >= stopped.at_ms && line.message.contains("Failed with result"));
    if failed {
        return None;
    }
    let message = format!(
        "{} is being restarted: it was stopped and does not listen again yet",
        unit.name
    );
    let finding = CAUSE
        .finding(Confidence::Confirmed, message)
        .because(unit_line(unit))
        .because(Exhibit::shown_by("log", stopped.message.clone(), format!("journalctl -u {} -n 20", quoted(&unit.name))))
        .because_all(nobody_listens(evidence))
        .because_all(logged_before(snapshot, &CUT_BEFORE_HEADER).last().map(|entry| log_line(entry)))
        .remedy(Remedy::advise(format!("wait until it listens: systemctl status {}; the requests then succeed", quoted(&unit.name))))
        .remedy(Remedy::advise(
            "let the next deploy hand over: a socket unit keeps the listener, or run two instances and restart them in turn",
        ));
    Some(finding)
}
