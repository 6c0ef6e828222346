//! `response-invalid-header`: a header line that the proxy refuses.

use super::facts::{failing, log_line, log_says_otherwise, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-invalid-header.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-invalid-header",
    title: "a header line of the response is malformed",
    step: StepId::Upstream,
    proxy_error: "http_protocol_error",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::InvalidHeader]);
    let bad = snapshot.endpoints.iter().find_map(|evidence| {
        let exchange = evidence.as_proxy()?;
        let (line, reason) = http::head(&exchange.bytes.0)?.first_bad_line()?;
        Some((evidence, line, reason))
    });
    if logged.is_empty() && (bad.is_none() || log_says_otherwise(snapshot, &[Symptom::InvalidHeader])) {
        return None;
    }
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let what = bad.as_ref().map_or_else(
        || "the upstream sends a malformed header line".to_owned(),
        |(evidence, line, reason)| {
            format!(
                "{} sends a header line that {reason}: {}",
                evidence.endpoint,
                line.escape_debug()
            )
        },
    );
    let probe = bad.as_ref().and_then(|(evidence, line, _)| {
        let command = evidence.probes.first()?.command.clone();
        Some(Exhibit::shown_by(
            "probe",
            format!("header line: {}", line.escape_debug()),
            format!("{command} 2>&1 | cat -A"),
        ))
    });
    Some(
        CAUSE
            .finding(confidence, what)
            .because_all(probe)
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise("repair the application: header names are letters, digits and dashes, then a colon; no line end or NUL byte in a value"))
            .remedy(Remedy::advise("nginx has no directive that lets such a header pass, and should not: that is how responses are split")),
    )
}
