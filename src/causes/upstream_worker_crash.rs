//! `upstream-worker-crash`: closed or reset before an answer, and nothing more specific explains it.

use super::facts::{
    CUT_BEFORE_HEADER, Contact, DURING_MS, access_line, application_said, broken_sending, contact, culprit,
    cut_before_header, failed_silently, failing, log_line, logged_before, logged_now, passing_route,
    probe_line, works,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{EndpointEvidence, KernelEventKind, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-worker-crash.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-worker-crash",
    title: "the upstream dies while it works on the request",
    step: StepId::Upstream,
    proxy_error: "connection_terminated",
    // What died may not be back yet.
    explains: &["upstream-not-running"],
    diagnose,
};

/// What a crash looks like in the log of an application or its manager.
const CRASHES: [&str; 12] = [
    "exited on signal",
    "died, killed by signal",
    "was sent SIG",
    "code=killed",
    "code=dumped",
    "Watchdog timeout",
    "core dumped",
    "Segmentation fault",
    "OutOfMemoryError",
    "uncaughtException",
    "Uncaught",
    "panicked at",
];

/// What may belong to it: an exception that somebody caught looks the same.
const HINTS: [&str; 3] = ["Traceback", "FATAL", "Error:"];

/// What says that a process died while our requests ran: its own log, its unit's journal, or the kernel.
pub(super) fn crash_proof(snapshot: &Snapshot, evidence: &EndpointEvidence) -> Option<Exhibit> {
    application_said(snapshot, evidence, &CRASHES, DURING_MS)
        .filter(|said| said.dated)
        .map(|said| said.exhibit)
        .or_else(|| {
            let began_ms = snapshot.log.attempts_began_ms;
            let event = snapshot.kernel.seen()?.iter().rev().find(|event| {
                event.kind == KernelEventKind::Segfault
                    && event.process.as_deref() != Some("nginx")
                    && event
                        .at_ms
                        .is_some_and(|at_ms| at_ms.saturating_add(DURING_MS) >= began_ms)
            })?;
            Some(Exhibit::shown_by(
                "kernel",
                event.text.clone(),
                "dmesg | grep segfault",
            ))
        })
}

/// What managers of workers write when one of them died.
const DEATHS: [&str; 3] = ["exited on signal", "died, killed by signal", "was sent SIG"];

/// True when requests of the last minute were cut and the application says that its workers die. While new
/// ones are started the others wait, which then looks like slowness.
pub(super) fn workers_die(snapshot: &Snapshot) -> bool {
    let cut = snapshot.log.errors().any(|entry| {
        entry
            .symptom
            .is_some_and(|symptom| CUT_BEFORE_HEADER.contains(&symptom))
            && entry
                .at_ms
                .is_some_and(|at_ms| at_ms + 60_000 >= snapshot.log.attempts_began_ms)
    });
    cut && snapshot
        .endpoints
        .iter()
        .any(|evidence| application_said(snapshot, evidence, &DEATHS, 60_000).is_some())
}

/// True when the application's own log tells of a crash in the last minute.
pub(super) fn says_it_crashed(snapshot: &Snapshot) -> bool {
    let said = |evidence| application_said(snapshot, evidence, &CRASHES, 60_000).is_some();
    snapshot.endpoints.iter().any(said)
}

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_oom_killed::CAUSE,
            &super::upstream_crash_loop::CAUSE,
            &super::upstream_worker_timeout_kill::CAUSE,
            &super::plaintext_to_tls_port::CAUSE,
            &super::uwsgi_protocol_mismatch::CAUSE,
            &super::fastcgi_protocol_mismatch::CAUSE,
            &super::http2_http1_mismatch::CAUSE,
            &super::proxy_protocol_mismatch::CAUSE,
            &super::upstream_request_buffer_overflow::CAUSE,
            &super::upstream_acl_rejects_proxy::CAUSE,
            &super::upstream_not_http::CAUSE,
            &super::keepalive_race::CAUSE,
            &super::proxy_loop::CAUSE,
            &super::proxy_worker_crash::CAUSE,
            &super::response_malformed_framing::CAUSE,
            &super::proxy_path_mismatch::CAUSE,
            &super::upstream_rejects_body::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(
        find(snapshot)
            .or_else(|| other_methods_only(snapshot))
            .or_else(|| one_of_several(snapshot))
            .or_else(|| unsaid(snapshot)),
    )
}

/// A request that changes something failed behind Squid, whose log has the status and no reason.
fn unsaid(snapshot: &Snapshot) -> Option<Finding> {
    let entry = failed_silently(snapshot).filter(|entry| broken_sending(snapshot, entry).is_none())?;
    let (_, pass) = passing_route(snapshot)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| works(evidence, pass))?;
    let method = entry.request.as_deref()?.split(' ').next()?;
    Some(
        CAUSE
            .finding(
                Confidence::Possible,
                format!("a {method} request to {} failed less than a minute ago and GET requests work: what handles it may die of it", evidence.endpoint),
            )
            .because(access_line(entry))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("read the application's own log of that second: an exception, an exit, a signal in what handles this method; a status 502 there is its own answer")),
    )
}

/// Our own requests went to servers that work, for the proxy avoids one that failed a moment ago; but users got
/// errors lately, and one of the servers cuts the connection when it is asked.
fn one_of_several(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    if failing(snapshot) || snapshot.attempts.is_empty() || snapshot.endpoints.len() < 2 {
        return None;
    }
    let error = snapshot.log.access_before.iter().rev().find(|entry| {
        let recent = entry
            .at_ms
            .is_some_and(|at_ms| at_ms.saturating_add(60_000) >= snapshot.log.attempts_began_ms);
        recent && entry.status == Some(502)
    })?;
    snapshot.endpoints.iter().find(|evidence| works(evidence, pass))?;
    let evidence = snapshot
        .endpoints
        .iter()
        .find(|evidence| matches!(contact(evidence), Some(Contact::Closed | Contact::Reset)))?;
    let logged = logged_before(snapshot, &CUT_BEFORE_HEADER);
    let others = snapshot.endpoints.len().saturating_sub(1);
    Some(
        CAUSE
            .finding(
                Confidence::Likely,
                format!(
                    "intermittent: {} ends the connection without an answer, and requests that reach it fail; the other {others} of the route may work",
                    evidence.endpoint
                ),
            )
            .at(&evidence.place)
            .because_all(probe_line(evidence))
            .because(access_line(error))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise(format!(
                "take {} out of the group until its application is repaired, and read that application's log",
                evidence.endpoint
            ))),
    )
}

/// Our harmless requests are answered, and those that change something were cut a moment ago. They cannot
/// be repeated to look, so this is as sure as it gets.
fn other_methods_only(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    if failing(snapshot) || snapshot.attempts.is_empty() {
        return None;
    }
    let path = snapshot.target.path.split('?').next().unwrap_or("/");
    let entry = logged_before(snapshot, &CUT_BEFORE_HEADER)
        .into_iter()
        .chain(logged_now(snapshot, &CUT_BEFORE_HEADER))
        .rfind(|entry| {
            let recent = entry
                .at_ms
                .is_some_and(|at_ms| at_ms.saturating_add(60_000) >= snapshot.log.attempts_began_ms);
            recent
                && entry.request.as_deref().is_some_and(|request| {
                    let mut words = request.split(' ');
                    let method = words.next().unwrap_or_default();
                    let target = words.next().unwrap_or_default();
                    !["GET", "HEAD", "OPTIONS"].contains(&method) && target.split('?').next() == Some(path)
                })
        })?;
    let evidence = snapshot.endpoints.iter().find(|evidence| works(evidence, pass))?;
    let method = entry
        .request
        .as_deref()
        .and_then(|request| request.split(' ').next())
        .unwrap_or_default();
    Some(
        CAUSE
            .finding(
                Confidence::Likely,
                format!("{} ends the connection of {method} requests without an answer; GET requests work", evidence.endpoint),
            )
            .because(log_line(entry))
            .because_all(application_said(snapshot, evidence, &CRASHES, 60_000).map(|said| said.exhibit))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("read the application's own log of that second: an exception, an exit, a signal in what handles this method"))
            .remedy(Remedy::advise("when it happens to some of these requests only: the connection may have been kept too long, see keepalive-race")),
    )
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    passing_route(snapshot)?;
    if !(cut_before_header(snapshot) || failing(snapshot) && workers_die(snapshot)) {
        return None;
    }
    let logged = logged_now(snapshot, &CUT_BEFORE_HEADER);
    let evidence = culprit(snapshot, logged.last().copied(), |contact| {
        matches!(contact, Contact::Closed | Contact::Reset)
    })?;
    let proof = crash_proof(snapshot, evidence);
    let hint = application_said(snapshot, evidence, &CRASHES, DURING_MS)
        .or_else(|| application_said(snapshot, evidence, &HINTS, DURING_MS))
        .map(|said| said.exhibit);
    let confidence = if proof.is_some() {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let also = match contact(evidence) {
        Some(Contact::Closed | Contact::Reset) => ", and does the same when asked directly",
        Some(Contact::Refused) => ", and refuses connections since",
        _ => "",
    };
    Some(
        CAUSE
            .finding(confidence, format!("{} ends the connection without an answer{also}", evidence.endpoint))
            .because_all(proof.or(hint))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("read the application's own log of that second: an exception, an exit, a signal; coredumpctl list shows crashes of native code"))
            .remedy(Remedy::advise("when the application is well: something between (a list of allowed addresses, a request limit) may cut the connection")),
    )
}
