//! `upstream-rejects-body`: a body limit of the upstream cuts uploads.

use super::facts::{all_work, failing, log_line, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{ErrorEntry, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/upstream-rejects-body.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-rejects-body",
    title: "the upstream closes while the request body is still being sent",
    step: StepId::Config,
    proxy_error: "connection_terminated",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let cut = [
        Symptom::SendFailed,
        Symptom::ResetBeforeHeader,
        Symptom::ClosedBeforeHeader,
    ];
    let entry = snapshot.log.errors().rev().find(|entry| {
        let symptom = entry.symptom.is_some_and(|symptom| cut.contains(&symptom));
        let upload = entry.request.as_deref().is_some_and(|request| {
            ["POST ", "PUT ", "PATCH "]
                .iter()
                .any(|method| request.starts_with(method))
        });
        symptom && upload && !is_old(snapshot, entry)
    })?;
    let large = snapshot.log.errors().chain(&snapshot.log.general).find(|other| {
        other.symptom == Some(Symptom::BodyBuffered)
            && other.connection == entry.connection
            && other.pid == entry.pid
    });
    let sending = entry.symptom == Some(Symptom::SendFailed);
    // A server that closes with a body unread resets the connection; whether nginx was still writing then
    // is chance. On a kept connection the reset has another meaning.
    let reset = entry.symptom == Some(Symptom::ResetBeforeHeader)
        && passing_route(snapshot)
            .is_some_and(|(_, pass)| pass.group.as_ref().is_none_or(|group| group.keepalive.is_none()));
    if !(large.is_some() || sending || reset) || !all_work(snapshot) || failing(snapshot) {
        return None;
    }
    // A worker that dies over a large upload has read it whole: only what breaks the sending is a refusal.
    let confidence = match (large.is_some(), sending) {
        (true, true) => Confidence::Confirmed,
        (true, false) | (false, true) => Confidence::Likely,
        (false, false) => Confidence::Possible,
    };
    Some(
        CAUSE
            .finding(confidence, "the upstream cuts the connection while a large request body is being sent; requests without one work")
            .because(log_line(entry))
            .because_all(large.map(log_line))
            .because_all(snapshot.endpoints.first().and_then(probe_line))
            .remedy(Remedy::advise("raise the body limit of the upstream (client_max_body_size of an inner nginx, LimitRequestBody, post_max_size and upload_max_filesize of PHP, the body parser of the application)"))
            .remedy(Remedy::advise("and set the same limit on this proxy, so that clients get a clean 413: client_max_body_size")),
    )
}

/// True for a line of more than a quarter of an hour ago: what it tells of may be repaired since.
fn is_old(snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    entry
        .at_ms
        .is_some_and(|at_ms| at_ms + 900_000 < snapshot.host.now_ms)
}
