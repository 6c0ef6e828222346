//! `response-malformed-framing`: something that begins like HTTP and does not go on like it.

use super::facts::{Contact, contact, failing, log_line, logged_now};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-malformed-framing.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-malformed-framing",
    title: "the response's status line or framing is broken",
    step: StepId::Upstream,
    proxy_error: "http_protocol_error",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_not_http::CAUSE,
            &super::plaintext_to_tls_port::CAUSE,
            &super::http2_http1_mismatch::CAUSE,
            &super::response_invalid_header::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NotHttp, Symptom::MalformedResponse]);
    let bad = snapshot.endpoints.iter().find_map(|evidence| {
        let head = http::head(&evidence.as_proxy()?.bytes.0)?;
        let why = match head.status {
            None => "has no valid status",
            Some(100..=199) if matches!(contact(evidence), Some(Contact::Answered(_))) => {
                "is only interim, and no answer follows"
            }
            _ => return None,
        };
        Some((evidence, head.status_line, why))
    });
    if bad.is_none() && logged.is_empty() {
        return None;
    }
    let message = bad.as_ref().map_or_else(
        || "the upstream's response is broken in its framing".to_owned(),
        |(evidence, line, why)| {
            format!(
                "{} answers \"{}\", which {why}",
                evidence.endpoint,
                line.escape_debug()
            )
        },
    );
    Some(
        CAUSE
            .finding(if bad.is_some() { Confidence::Confirmed } else { Confidence::Likely }, message)
            .because_all(bad.as_ref().and_then(|(evidence, line, _)| {
                let command = evidence.probes.first()?.command.clone();
                Some(Exhibit::shown_by("probe", format!("first line: {}", line.escape_debug()), format!("{command} | cat -A")))
            }))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise("repair the server: the first line of an answer is HTTP/1.1, a blank and a status of three digits from 100 to 599; chunk sizes are hexadecimal")),
    )
}
