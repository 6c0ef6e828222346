//! `response-conflicting-length`: contradictory Content-Length and Transfer-Encoding.

use super::facts::{failing, log_line, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-conflicting-length.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-conflicting-length",
    title: "the response says its length twice, and differently",
    step: StepId::Upstream,
    proxy_error: "http_protocol_error",
    explains: &["response-truncated"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::ConflictingLength]);
    // A version that lets it pass believes one of the lengths, and the client misses the difference.
    let cut = snapshot.attempts.iter().any(|attempt| attempt.truncated);
    let refused = !logged_now(snapshot, &[Symptom::RefusedAnswer]).is_empty();
    let contradicts = snapshot.endpoints.iter().any(|evidence| {
        evidence
            .as_proxy()
            .and_then(|exchange| http::head(&exchange.bytes.0))
            .is_some_and(|head| {
                let lengths = head.values("content-length");
                let differ = lengths.iter().any(|length| Some(length) != lengths.first());
                let no_number = lengths
                    .iter()
                    .any(|length| length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()));
                let codings = head.values("transfer-encoding");
                let unknown = codings
                    .iter()
                    .any(|coding| !coding.trim().to_ascii_lowercase().ends_with("chunked"));
                differ || refused && (no_number || unknown || codings.len() > 1)
            })
    });
    if logged.is_empty() && !((cut || refused) && contradicts) {
        return None;
    }
    let lines = snapshot.endpoints.iter().find_map(|evidence| {
        let head = http::head(&evidence.as_proxy()?.bytes.0)?;
        let mut lines: Vec<String> = head
            .values("content-length")
            .into_iter()
            .map(|value| format!("Content-Length: {value}"))
            .collect();
        lines.extend(
            head.values("transfer-encoding")
                .into_iter()
                .map(|value| format!("Transfer-Encoding: {value}")),
        );
        if lines.is_empty() {
            return None;
        }
        let command = evidence.probes.first()?.command.clone();
        Some(Exhibit::shown_by(
            "probe",
            format!("{} sends {}", evidence.endpoint, lines.join(" and ")),
            command,
        ))
    });
    Some(
        CAUSE
            .finding(Confidence::Confirmed, if unknown_coding(snapshot) { "the upstream's response names a Transfer-Encoding that the proxy does not know: where it ends cannot be told" } else { "the upstream's response contradicts itself about its length" })
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(lines)
            .remedy(Remedy::advise("repair the application: it must not set Content-Length or Transfer-Encoding by hand, nor copy them from another response"))
            .remedy(Remedy::advise("nginx 1.23.0 and later refuse this; earlier versions let it pass, so it may begin with an upgrade. proxy_http_version 1.0 can bridge the time when the application then stops chunking")),
    )
}

/// True when an endpoint names a transfer coding other than `chunked`, and nothing else is wrong about lengths.
fn unknown_coding(snapshot: &Snapshot) -> bool {
    snapshot.endpoints.iter().any(|evidence| {
        let head = evidence.as_proxy().and_then(|exchange| http::head(&exchange.bytes.0));
        head.is_some_and(|head| {
            let codings = head.values("transfer-encoding");
            head.values("content-length").is_empty()
                && codings.len() == 1
                && codings
                    .iter()
                    .any(|coding| !coding.to_ascii_lowercase().contains("chunked"))
        })
    })
}
