//! `upstream-starting`: the upstream is up but not yet listening.

use super::facts::{
    Contact, Link, nobody_listens, probe_line, refused_tcp, unconnectable, unit_line, unit_of,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/upstream-starting.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-starting",
    title: "the upstream is starting and does not listen yet",
    step: StepId::Retry,
    proxy_error: "connection_refused",
    explains: &["upstream-not-running"],
    diagnose,
};

/// A process that has not opened its listener after this time is not merely starting.
const YOUNG_MS: i64 = 10 * 60 * 1_000;

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_redeploy_window::CAUSE,
            &super::upstream_wrong_bind_address::CAUSE,
            &super::firewall_reject::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(by_unit(snapshot).or_else(|| by_process(snapshot)))
}

fn by_unit(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(contact, Contact::Refused | Contact::SocketMissing)
    })?;
    let (unit, link) = unit_of(snapshot, evidence)?;
    if unit.active != "activating" || unit.sub == "auto-restart" {
        return None;
    }
    let confidence = if link == Link::OnlyCandidate {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    Some(
        CAUSE
            .finding(
                confidence,
                format!("{} is starting ({}) and does not listen yet", unit.name, unit.sub),
            )
            .because(unit_line(unit))
            .because_all(nobody_listens(evidence))
            .remedy(Remedy::advise(format!(
                "wait for it: systemctl status {}",
                quoted(&unit.name)
            ))),
    )
}

/// An application server that runs, is young, and listens nowhere.
fn by_process(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = refused_tcp(snapshot).filter(|evidence| evidence.listener.is_absent())?;
    let listeners = snapshot.listeners.seen()?;
    let process = snapshot.processes.seen()?.iter().find(|process| {
        let endpoint = evidence.endpoint.to_string();
        // One that is set to listen elsewhere is another service.
        let may_serve = snapshot.applications.iter().any(|server| {
            server.pid == process.pid && (server.listens.is_empty() || server.listens.contains(&endpoint))
        });
        may_serve
            && process.started_ms.saturating_add(YOUNG_MS) > snapshot.host.now_ms
            && !listeners
                .iter()
                .any(|listener| listener.processes.iter().any(|owner| owner.pid == process.pid))
    })?;
    let age_s = snapshot.host.now_ms.saturating_sub(process.started_ms).max(0) / 1_000;
    let message = format!(
        "{} (process {}) started {age_s} s ago and listens nowhere yet",
        process.name, process.pid
    );
    Some(
        CAUSE
            .finding(Confidence::Likely, message)
            .because(Exhibit::shown_by(
                "process",
                format!("process {} {} has no listening socket", process.pid, process.name),
                format!("ss -Hltnp | grep pid={}", process.pid),
            ))
            .because_all(nobody_listens(evidence))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise(format!(
                "wait until it listens, then retry: {}",
                super::facts::listeners_command(&evidence.endpoint)
            )))
            .remedy(Remedy::advise(
                "when it never listens, its own log says what it waits for",
            )),
    )
}
