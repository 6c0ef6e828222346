//! `upstream-rejects-body`: a body limit of the upstream cuts uploads.

use super::facts::{
    access_line, all_work, broken_sending, failed_silently, failing, log_line, passing_route, probe_line,
    proxy_kind,
};
use super::upstream_worker_crash::says_it_crashed;
use super::{Answer, Cause, found};
use crate::evidence::{AccessEntry, End, ErrorEntry, ProbeKind, Protocol, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId, quoted};

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
    found(find(snapshot).or_else(|| behind_squid(snapshot)))
}

/// An upload that failed behind Squid: its access log has the status and no reason, its cache log has at most a line
/// that names no request.
fn behind_squid(snapshot: &Snapshot) -> Option<Finding> {
    let entry = failed_silently(snapshot)?;
    if !all_work(snapshot) || !entry.request.as_deref().is_some_and(has_body) {
        return None;
    }
    let method = entry.request.as_deref()?.split(' ').next()?;
    let probe = snapshot.endpoints.first().and_then(probe_line);
    if let Some(line) = broken_sending(snapshot, entry) {
        let finding = CAUSE.finding(
            Confidence::Likely,
            format!("the upstream cuts the connection while the body of a {method} request is being sent; requests without one work"),
        );
        let finding = finding.because(log_line(line)).because(access_line(entry));
        return Some(raise_limits(finding.because_all(probe), snapshot));
    }
    let via = snapshot.target.via.as_deref();
    let via = via.map_or_else(String::new, |via| format!(" -x {}", quoted(via)));
    let url = quoted(snapshot.target.url.as_deref().unwrap_or_default());
    let again = format!(
        "curl -s -D - -o /dev/null{via} -X {method} --data-binary @FILE {url} | grep -i x-squid-error"
    );
    Some(
        CAUSE
            .finding(
                Confidence::Possible,
                format!("a {method} request failed less than a minute ago and requests without a body work: the upstream may cut large ones"),
            )
            .because(access_line(entry))
            .because_all(probe)
            .remedy(Remedy::advise(format!(
                "send it again with a small and with a large body (FILE), when it may be sent again; ERR_WRITE_ERROR or ERR_READ_ERROR with the large one alone is a limit: {again}"
            ))),
    )
}

fn raise_limits(finding: Finding, snapshot: &Snapshot) -> Finding {
    let own = match proxy_kind(snapshot) {
        ProxyKind::Apache => "LimitRequestBody",
        ProxyKind::Squid => "request_body_max_size",
        ProxyKind::Nginx | ProxyKind::Haproxy => "client_max_body_size",
    };
    finding
        .remedy(Remedy::advise("raise the body limit of the upstream (client_max_body_size of an inner nginx, LimitRequestBody, post_max_size and upload_max_filesize of PHP, the body parser of the application)"))
        .remedy(Remedy::advise(format!(
            "and set the same limit on this proxy, so that clients get a clean 413: {own}"
        )))
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
        (false, false) if unread(snapshot, entry) => Confidence::Likely,
        (false, false) => Confidence::Possible,
    };
    Some(raise_limits(
        CAUSE
            .finding(confidence, "the upstream cuts the connection while a large request body is being sent; requests without one work")
            .because(log_line(entry))
            .because_all(large.map(log_line))
            .because_all(uploaded(snapshot, entry).map(access_line))
            .because_all(snapshot.endpoints.first().and_then(probe_line)),
        snapshot,
    ))
}

/// True when nothing but a body that nobody read explains the reset of an upload: whoever closes with a body unread
/// resets the connection, and a worker that died had read it. What a `FastCGI` or uwsgi server does is told by its log alone.
fn unread(snapshot: &Snapshot, entry: &ErrorEntry) -> bool {
    let by_http = passing_route(snapshot).is_some_and(|(_, pass)| pass.protocol == Protocol::Http);
    let own_connection = match proxy_kind(snapshot) {
        ProxyKind::Nginx => true,
        _ => uploaded(snapshot, entry).is_some() && !cuts_kept(snapshot),
    };
    by_http && own_connection && !says_it_crashed(snapshot)
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
