//! `upstream-returned-502`: an inner hop or the application sends the status itself.

use super::facts::{Contact, access_line, contact, failed_status, owner_words, passing_route, probe_line};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{EndpointEvidence, Snapshot, Speaks, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};
use crate::proxy::request;
use crate::system::http;

/// See `docs/causes/upstream-returned-502.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-returned-502",
    title: "the answer was made further in, and only handed on",
    step: StepId::Upstream,
    proxy_error: "http_response_status",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::proxy_loop::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let status = failed_status(snapshot).filter(|status| [502, 503, 504].contains(status))?;
    if snapshot
        .log
        .during
        .iter()
        .any(|entry| entry.symptom.is_some_and(|symptom| symptom != Symptom::BackendStderr))
    {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        contact(evidence) == Some(Contact::Answered(status)) || script_status(evidence) == Some(status)
    })?;
    let owner = evidence.listener.seen().map(owner_words);
    let by = owner.as_ref().map_or_else(String::new, |owner| format!(", {owner},"));
    let access = snapshot
        .log
        .access_during
        .iter()
        .rev()
        .find(|entry| entry.upstream_status.as_deref() == Some(&status.to_string()));
    // Only a log that was read can be said to be silent.
    let silent_log = snapshot
        .log
        .files
        .iter()
        .find(|file| file.kind == "error" && file.read.seen().is_some())
        .map(|file| {
            Exhibit::shown_by(
                "log",
                "the proxy's error log has no line for these requests",
                format!("tail {}", quoted(&file.path)),
            )
        });
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{}{by} answers {status} itself; this proxy only hands it on", evidence.endpoint))
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(access.map(access_line))
            .because_all(silent_log)
            .remedy(Remedy::advise(match owner {
                Some(owner) => format!("look into the log of {owner}: it, or what it asks, made this answer; run fix502 on its address too"),
                None => format!("look into the log of the service on {}; run fix502 there", evidence.endpoint),
            })),
    )
}

/// The status that a script behind `FastCGI` set: a `Status` line among its headers.
fn script_status(evidence: &EndpointEvidence) -> Option<u16> {
    let exchange = evidence.as_proxy()?;
    if http::speaks(&exchange.bytes.0) != Speaks::FastCgi {
        return None;
    }
    let (out, _) = request::fastcgi_streams(&exchange.bytes.0);
    let mut lines = out.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let line = lines.by_ref().take_while(|line| !line.is_empty()).find(|line| {
        line.get(..7)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"status:"))
    })?;
    let text = String::from_utf8_lossy(line.get(7..)?);
    text.split_whitespace().next()?.parse().ok()
}
