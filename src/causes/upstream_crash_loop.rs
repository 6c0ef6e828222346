//! `upstream-crash-loop`: the upstream ends at its start, again and again, or gave up.

use super::facts::{
    CUT_BEFORE_HEADER, Contact, Link, lasting, logged_now, nobody_listens, probe_line, unconnectable,
    unit_failed, unit_line, unit_of,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Unit};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, Severity, StepId, quoted};

/// See `docs/causes/upstream-crash-loop.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-crash-loop",
    title: "the upstream keeps ending at its start",
    step: StepId::Upstream,
    proxy_error: "connection_refused",
    explains: &["upstream-not-running", "unix-socket-stale"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_oom_killed::CAUSE,
            &super::firewall_reject::CAUSE,
            &super::container_localhost_misroute::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

/// True when systemd has started it again only now: between two ends it looks like one that runs.
fn started_again(snapshot: &Snapshot, unit: &Unit) -> bool {
    const ONLY_NOW_MS: i64 = 10_000;
    let young = unit
        .active_since_ms
        .is_some_and(|since_ms| snapshot.host.now_ms.saturating_sub(since_ms) <= ONLY_NOW_MS);
    unit.active == "active" && unit.restarts > 0 && young
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let down = |contact| {
        matches!(
            contact,
            Contact::Refused | Contact::SocketMissing | Contact::Closed | Contact::Reset | Contact::NoAnswer
        )
    };
    let evidence = unconnectable(snapshot, down)?;
    let (unit, link) = unit_of(snapshot, evidence)?;
    // Where requests are cut, more is known than that it ends.
    let between = link >= Link::Name
        && evidence.listener.is_absent()
        && logged_now(snapshot, &CUT_BEFORE_HEADER).is_empty()
        && started_again(snapshot, unit);
    if !(unit_failed(unit) || between) || (link == Link::OnlyCandidate && !evidence.listener.is_absent()) {
        return None;
    }
    // A socket unit keeps listening for a service that fails; anything else that listens is alive.
    let socket_listens = evidence
        .listener
        .seen()
        .is_some_and(|listener| listener.processes.iter().any(|owner| owner.name == "systemd"));
    if evidence.listener.seen().is_some() && !socket_listens {
        return None;
    }
    // A unit that nothing ties to the endpoint and that is not meant to last may as well be a nightly job.
    let confidence = match link {
        // It may just need its time, this once.
        _ if between => Confidence::Likely,
        Link::OnlyCandidate if !lasting(unit) => Confidence::Possible,
        Link::OnlyCandidate => Confidence::Likely,
        Link::Name | Link::Address => Confidence::Confirmed,
    };
    let severity = if confidence == Confidence::Possible {
        Severity::Warning
    } else {
        Severity::Error
    };
    let how = match (unit.exec_main_code, unit.exec_main_status) {
        (1, status) => format!("exit status {status}"),
        (2 | 3, signal) => format!("signal {signal}"),
        _ => unit.result.clone(),
    };
    let gave_up = if unit.result == "start-limit-hit" || unit.active == "failed" {
        "systemd gave up on it"
    } else {
        "systemd keeps restarting it"
    };
    let message = if between {
        format!(
            "{} ended {} times and was started again only now; {gave_up}",
            unit.name, unit.restarts
        )
    } else {
        format!("{} ends at its start ({how}); {gave_up}", unit.name)
    };
    let mut finding = CAUSE
        .finding(confidence, message)
        .severity(severity)
        .because(unit_line(unit))
        .because_all(nobody_listens(evidence))
        .because_all(probe_line(evidence));
    for line in unit
        .journal
        .iter()
        .rev()
        .filter(|line| line.from != "systemd")
        .take(3)
    {
        finding = finding.because(Exhibit::shown_by(
            "log",
            line.message.clone(),
            format!("journalctl -u {} -n 50", quoted(&unit.name)),
        ));
    }
    finding = finding.remedy(Remedy::advise(format!(
        "repair what it complains about: journalctl -u {} -n 50 (its command is: {})",
        quoted(&unit.name),
        unit.exec_start
    )));
    if unit.result == "start-limit-hit" {
        finding = finding.remedy(Remedy::run(
            "then clear its failed state, which keeps it from being started",
            ["systemctl", "reset-failed", unit.name.as_str()],
        ));
    }
    Some(finding.remedy(Remedy::run(
        "then start it",
        ["systemctl", "restart", unit.name.as_str()],
    )))
}
