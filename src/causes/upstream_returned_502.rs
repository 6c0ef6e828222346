//! `upstream-returned-502`: an inner hop or the application sends the status itself.

use super::facts::{
    Contact, DURING_MS, access_line, application_complained, contact, failed_status, log_line, owner_words,
    passing_route, probe_line,
};
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
    // A proxy makes 502 to 504 for what is behind it, so does the application; any other one it makes for itself.
    let status = failed_status(snapshot).filter(|status| (500..600).contains(status))?;
    let own_failure = ![502, 503, 504].contains(&status);
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
    let complaint =
        script_complaint(snapshot).or_else(|| application_complained(snapshot, evidence, DURING_MS));
    // Only a log that was read can be said to be silent.
    let silent_log = snapshot
        .log
        .files
        .iter()
        .find(|file| file.kind == "error" && file.read.seen().is_some() && snapshot.log.during.is_empty())
        .map(|file| {
            Exhibit::shown_by(
                "log",
                "the proxy's error log has no line for these requests",
                format!("tail {}", quoted(&file.path)),
            )
        });
    let owner = owner.unwrap_or_else(|| format!("the service on {}", evidence.endpoint));
    let advice = if own_failure {
        format!(
            "repair what {owner} complains of in its log: {status} is an error of that program, and no setting of this proxy causes or cures it"
        )
    } else {
        format!(
            "look into the log of {owner}: it, or what it asks, made this answer; run fix502 on its address too"
        )
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "{}{by} answers {status} itself; this proxy only hands it on",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(complaint)
            .because_all(access.map(access_line))
            .because_all(silent_log)
            .remedy(Remedy::advise(advice)),
    )
}

/// What a script wrote to its error stream while our requests ran: the proxy keeps it in its own log.
fn script_complaint(snapshot: &Snapshot) -> Option<Exhibit> {
    let entries = snapshot.log.during.iter().rev();
    let mut said = entries.filter(|entry| entry.symptom == Some(Symptom::BackendStderr));
    said.next().map(log_line)
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
