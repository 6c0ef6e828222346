//! `unix-socket-stale`: a socket file without a listener.

use super::facts::{Contact, Link, log_line, logged_now, nobody_listens, probe_line, unconnectable, unit_of};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/unix-socket-stale.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "unix-socket-stale",
    title: "the socket file is left over and nobody listens on it",
    step: StepId::Upstream,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_oom_killed::CAUSE,
            &super::upstream_crash_loop::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| contact == Contact::Refused)?;
    let path = evidence.endpoint.unix()?;
    if evidence.listener.seen().is_some() {
        return None;
    }
    // A unit that is known and simply off is the deeper cause.
    if unit_of(snapshot, evidence).is_some_and(|(unit, link)| link >= Link::Name && unit.active != "active") {
        return None;
    }
    let file = evidence.socket_file.seen().filter(|file| file.kind == "socket")?;
    let confidence = if evidence.listener.is_absent() {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    Some(
        CAUSE
            .finding(confidence, format!("{path} is left over: the file is there and nobody listens on it"))
            .at(&evidence.place)
            .because(Exhibit::shown_by("file", format!("{path} is a socket (mode {:04o})", file.mode), format!("ls -l {}", quoted(path))))
            .because_all(nobody_listens(evidence))
            .because_all(logged_now(snapshot, &[Symptom::ConnectionRefused]).last().map(|entry| log_line(entry)))
            .because_all(probe_line(evidence))
            .remedy(
                Remedy::advise(format!("start the application that owns {path}; it has to unlink the old file before it binds"))
                    .risk("when it refuses to start because the address is in use, remove the file first"),
            )
            .remedy(Remedy::advise("so that it does not come back: a socket unit with RemoveOnStop=yes, or a socket in the RuntimeDirectory= of its unit")),
    )
}
