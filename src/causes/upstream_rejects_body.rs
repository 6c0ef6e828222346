//! `upstream-rejects-body`: a body limit of the upstream cuts uploads.

use super::facts::{all_work, failing, log_line, passing_route, probe_line, proxy_kind};
use super::{Answer, Cause, found};
use crate::evidence::{AccessEntry, End, ErrorEntry, ProbeKind, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

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
        let upload = entry.request.as_deref().is_some_and(has_body) || uploaded(snapshot, entry).is_some();
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
        // Whoever closes with a body unread resets; a worker that died had read it.
        (false, false) if uploaded(snapshot, entry).is_some() && !cuts_kept(snapshot) => Confidence::Likely,
        (false, false) => Confidence::Possible,
    };
    Some(
        CAUSE
            .finding(confidence, "the upstream cuts the connection while a large request body is being sent; requests without one work")
            .because(log_line(entry))
            .because_all(large.map(log_line))
            .because_all(uploaded(snapshot, entry).map(|access| Exhibit {
                kind: "log".to_owned(),
                text: access.text.clone(),
                ..Exhibit::default()
            }))
            .because_all(snapshot.endpoints.first().and_then(probe_line))
            .remedy(Remedy::advise("raise the body limit of the upstream (client_max_body_size of an inner nginx, LimitRequestBody, post_max_size and upload_max_filesize of PHP, the body parser of the application)"))
            .remedy(Remedy::advise(format!(
                "and set the same limit on this proxy, so that clients get a clean 413: {}",
                match proxy_kind(snapshot) {
                    ProxyKind::Apache => "LimitRequestBody",
                    ProxyKind::Squid => "request_body_max_size",
                    ProxyKind::Nginx | ProxyKind::Haproxy => "client_max_body_size",
                }
            ))),
    )
}

/// True when a kept connection was seen to end at its second request.
fn cuts_kept(snapshot: &Snapshot) -> bool {
    snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.probe(ProbeKind::KeptConnection)?.second)
        .any(|second| second.closed_before || (second.received_bytes == 0 && second.end != End::TimedOut))
}

fn has_body(request: &str) -> bool {
    ["POST ", "PUT ", "PATCH "]
        .iter()
        .any(|method| request.starts_with(method))
}

/// The upload of which Apache tells: its error log does not name the request, its access log has that second.
fn uploaded<'a>(snapshot: &'a Snapshot, entry: &ErrorEntry) -> Option<&'a AccessEntry> {
    if !entry.message.contains("AH0") {
        return None;
    }
    // The method that stands there is made up.
    let target = |request: Option<&'a str>| request.and_then(|request| request.split(' ').nth(1));
    let path = entry.request.as_deref().and_then(|request| request.split(' ').nth(1));
    let at_ms = entry.at_ms?;
    let log = &snapshot.log;
    log.access_before
        .iter()
        .chain(&log.access_during)
        .rev()
        .find(|access| {
            // The line bears the second in which the request began.
            let near = access
                .at_ms
                .is_some_and(|began_ms| began_ms <= at_ms && at_ms.saturating_sub(began_ms) <= 60_000);
            near && access.status.is_some_and(|status| [400, 502].contains(&status))
                && access.request.as_deref().is_some_and(has_body)
                && path.is_none_or(|path| target(access.request.as_deref()) == Some(path))
        })
}

/// True for a line of more than a quarter of an hour ago: what it tells of may be repaired since.
fn is_old(snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    entry
        .at_ms
        .is_some_and(|at_ms| at_ms + 900_000 < snapshot.host.now_ms)
}
