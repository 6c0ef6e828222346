//! `response-malformed-framing`: something that begins like HTTP and does not go on like it.

use super::facts::{failing, log_line, log_says_otherwise, logged_now};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{EndpointEvidence, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-malformed-framing.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-malformed-framing",
    title: "the response's status line or framing is broken",
    step: StepId::Upstream,
    proxy_error: "http_protocol_error",
    explains: &["upstream-worker-crash", "response-truncated"],
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

/// True when something comes after the first head.
fn followed(evidence: &EndpointEvidence) -> bool {
    evidence.as_proxy().is_some_and(|exchange| {
        http::head(&exchange.bytes.0)
            .and_then(|head| exchange.bytes.0.get(head.length_bytes?..))
            .is_some_and(|rest| !rest.is_empty())
    })
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NotHttp, Symptom::MalformedResponse]);
    let refused = !logged_now(snapshot, &[Symptom::RefusedAnswer]).is_empty();
    let bad = snapshot.endpoints.iter().find_map(|evidence| {
        let head = http::head(&evidence.as_proxy()?.bytes.0)?;
        let why = match head.status {
            None => "has no valid status",
            // Others hand such a status on; Squid refuses it.
            Some(600..) if refused => "is beyond the statuses that there are",
            Some(100..=199) if head.length_bytes.is_some() && !followed(evidence) => {
                "is only interim, and no answer follows"
            }
            _ => return None,
        };
        Some((evidence, head.status_line, why))
    });
    let chunk = snapshot.endpoints.iter().find_map(|evidence| {
        let bytes = &evidence.as_proxy()?.bytes.0;
        let line = http::broken_chunk(&http::head(bytes)?, bytes)?;
        Some((evidence, line))
    });
    let other = log_says_otherwise(
        snapshot,
        &[
            Symptom::NotHttp,
            Symptom::MalformedResponse,
            Symptom::ClosedBeforeHeader,
        ],
    );
    if logged.is_empty() && ((bad.is_none() && chunk.is_none()) || other) {
        return None;
    }
    let said = logged
        .iter()
        .any(|entry| entry.symptom == Some(Symptom::MalformedResponse));
    let chunked = chunk.is_some() || logged.iter().any(|entry| entry.message.contains("chunked"));
    let message = bad.as_ref().map_or_else(
        || {
            if chunked {
                "the upstream's chunked body is broken, and the proxy cuts the answer there".to_owned()
            } else {
                "the upstream's response is broken in its framing".to_owned()
            }
        },
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
            .finding(if bad.is_some() || chunk.is_some() || said { Confidence::Confirmed } else { Confidence::Likely }, message)
            .because_all(bad.as_ref().and_then(|(evidence, line, _)| {
                let command = evidence.probes.first()?.command.clone();
                Some(Exhibit::shown_by("probe", format!("first line: {}", line.escape_debug()), format!("{command} 2>&1 | cat -A")))
            }))
            .because_all(chunk.as_ref().and_then(|(evidence, line)| {
                let command = evidence.probes.first()?.command.clone();
                Some(Exhibit::shown_by("probe", format!("{} sends \"{}\" where the size of a chunk belongs", evidence.endpoint, line.escape_debug()), format!("{command} --raw")))
            }))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise(if chunked && bad.is_none() {
                "repair the server: each chunk begins with its size in hexadecimal, and the last one is 0; leave the chunking to its HTTP library"
            } else {
                "repair the server: the first line of an answer is HTTP/1.1, a blank and a status of three digits from 100 to 599, after which the answer follows"
            })),
    )
}
