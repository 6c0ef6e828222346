//! `upstream-request-buffer-overflow`: URL, header or cookies exceed the upstream's own limit.

use super::facts::{
    Contact, application_of, application_said, application_said_last, contact, failing, has_word, probe_line,
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
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{server} refuses the request as too large ({status}); its target has {length} bytes"))
            .because_all(probe_line(evidence))
            .because_all(application_said(snapshot, evidence, &["Request Line is too large", "limit", "too large"]))
            .remedy(Remedy::advise("raise the upstream's limit: gunicorn --limit-request-line 8190 --limit-request-field_size 16384, uWSGI buffer-size = 32768, Node --max-http-header-size=32768").risk("needs a restart of the application"))
            .remedy(Remedy::advise("or send less: a POST body instead of a long query, smaller cookies")),
    )
}

fn by_log(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let evidence = snapshot.endpoints.first()?;
    // The size that uWSGI reads out of "GET " and its like is no size: somebody spoke HTTP to it.
    let verb = |text: &str| {
        ["21573", "20304", "17736", "16720"]
            .iter()
            .any(|number| has_word(text, number))
    };
    let said = application_said_last(snapshot, evidence, |line| {
        line.contains("invalid request block size") && !verb(line)
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
