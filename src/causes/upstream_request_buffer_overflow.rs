//! `upstream-request-buffer-overflow`: URL, header or cookies exceed the upstream's own limit.

use super::facts::{
    Contact, DURING_MS, application_of, application_said, application_said_last, contact, failing, has_word,
    probe_line,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/upstream-request-buffer-overflow.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-request-buffer-overflow",
    title: "the request is larger than the upstream accepts",
    step: StepId::Config,
    proxy_error: "http_request_error",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(by_status(snapshot).or_else(|| by_log(snapshot)))
}

fn by_status(snapshot: &Snapshot) -> Option<Finding> {
    let attempt = snapshot
        .attempts
        .iter()
        .find(|attempt| matches!(attempt.status, Some(414 | 431)))?;
    let status = attempt.status?;
    let length = snapshot.target.path.len();
    // nginx itself says 414 for what its own buffers do not hold.
    let evidence = snapshot
        .endpoints
        .iter()
        .find(|evidence| contact(evidence) == Some(Contact::Answered(status)))?;
    let server = application_of(snapshot, evidence)
        .map_or("the upstream", |server| server.kind.as_str())
        .to_owned();
    let raise = match server.as_str() {
        "gunicorn" => {
            "raise gunicorn's limit: --limit-request-line 8190 (the largest; 0 for none) for the URL, --limit-request-field_size 16384 for cookies"
        }
        "uwsgi" => "raise uWSGI's limit: buffer-size = 32768",
        "node" => "raise Node's limit: node --max-http-header-size=32768",
        _ => "raise the upstream's limit for the request line and its header",
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "{server} refuses the request as too large ({status}); its target has {length} bytes"
                ),
            )
            .because_all(probe_line(evidence))
            .because_all(
                application_said(
                    snapshot,
                    evidence,
                    &["too large", "HPE_HEADER_OVERFLOW"],
                    DURING_MS,
                )
                .map(|said| said.exhibit),
            )
            .remedy(Remedy::advise(raise).risk("needs a restart of the application"))
            .remedy(Remedy::advise(
                "or send less: a POST body instead of a long query, smaller cookies",
            )),
    )
}

fn by_log(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    // The size that uWSGI reads out of a method is no size: the second and third letter of GET, POST, HEAD,
    // PUT, DELETE, PATCH and OPTIONS, low byte first.
    let verb = |text: &str| {
        ["21573", "21327", "16709", "21589", "19525", "21569", "21584"]
            .iter()
            .any(|number| has_word(text, number))
    };
    let holds = |line: &str| line.contains("invalid request block size") && !verb(line);
    let (evidence, said) = snapshot.endpoints.iter().find_map(|evidence| {
        let said = application_said_last(snapshot, evidence, holds, DURING_MS)?;
        Some((evidence, said.exhibit))
    })?;
    if any_found(&[&super::uwsgi_protocol_mismatch::CAUSE], snapshot) {
        return None;
    }
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                "uWSGI drops the request: its header is larger than buffer-size",
            )
            .because(said)
            .because_all(probe_line(evidence))
            .remedy(
                Remedy::advise("set buffer-size = 32768 in uWSGI's configuration")
                    .risk("needs a restart of uWSGI"),
            ),
    )
}
