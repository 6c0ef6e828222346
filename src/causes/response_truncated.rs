//! `response-truncated`: cut after the header was sent.

use super::facts::{failing, log_line, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{End, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/response-truncated.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-truncated",
    title: "the response breaks off in the middle of its body",
    step: StepId::Upstream,
    proxy_error: "http_response_incomplete",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let logged = logged_now(snapshot, &[Symptom::BodyCut]);
    let cut = snapshot
        .attempts
        .iter()
        .filter(|attempt| attempt.truncated && attempt.status.is_some_and(|status| status < 500))
        .count();
    if cut == 0 && (logged.is_empty() || !failing(snapshot)) {
        return None;
    }
    let endpoint = snapshot.endpoints.iter().find(|evidence| {
        evidence.as_proxy().is_some_and(|exchange| {
            http::head(&exchange.bytes.0)
                .is_some_and(|head| head.length_bytes.is_some() && http::cut_off(&head, exchange))
        })
    });
    if logged.is_empty() && endpoint.is_none() {
        return None;
    }
    // Cut by the proxy, because the chunks are broken.
    let chunks = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| evidence.as_proxy())
        .any(|exchange| {
            http::head(&exchange.bytes.0)
                .is_some_and(|head| http::broken_chunk(&head, &exchange.bytes.0).is_some())
        });
    if logged.is_empty() && chunks {
        return None;
    }
    let slow = logged.last().is_some_and(|entry| entry.message.contains("timed out"))
        || endpoint
            .and_then(|evidence| evidence.as_proxy())
            .is_some_and(|exchange| exchange.end == End::TimedOut);
    let how = if slow { "stalls" } else { "is cut" };
    let probe = endpoint.and_then(|evidence| {
        let exchange = evidence.as_proxy()?;
        let head = http::head(&exchange.bytes.0)?;
        let promised = head
            .values("content-length")
            .pop()
            .map_or_else(String::new, |length| format!(" of {length}"));
        let body = exchange.received_bytes.saturating_sub(head.length_bytes? as u64);
        let command = evidence.probes.first()?.command.clone();
        Some(Exhibit::shown_by(
            "probe",
            format!("{} sends {body}{promised} bytes of the body", evidence.endpoint),
            command,
        ))
    });
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("the response {how} in the middle of its body, after its header was sent"))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(probe)
            .remedy(Remedy::advise(if slow {
                "find out what the application waits for in the middle of its answer; when it streams with long pauses, let it send something more often than proxy_read_timeout"
            } else {
                "look into the application's log of that second: a worker that died or was ended, an exception while streaming, a wrong Content-Length"
            })),
    )
}
