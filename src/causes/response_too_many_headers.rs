//! `response-too-many-headers`: more header lines than the proxy takes.

use super::facts::{failing, log_line, logged_now, proxy_kind};
use super::{Answer, Cause, found};
use crate::evidence::{EndpointEvidence, ErrorEntry, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/response-too-many-headers.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "response-too-many-headers",
    title: "the response has more header lines than the proxy takes",
    step: StepId::Config,
    proxy_error: "http_response_header_section_size",
    explains: &[],
    diagnose,
};

/// What `HAProxy` takes, the status line included (`tune.http.maxhdr`).
const HAPROXY_LINES: usize = 101;
/// What Envoy takes (`max_headers_count`).
const ENVOY_LINES: usize = 100;

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// The lines of the head that an endpoint sent, the status line included; `None`: the head is not whole.
fn lines(evidence: &EndpointEvidence) -> Option<usize> {
    let answer = &evidence.as_proxy()?.bytes.0;
    let mut count = 0_usize;
    for line in answer.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            return None;
        }
        if line == b"\r\n" || line == b"\n" {
            return (count > 0).then_some(count);
        }
        count = count.saturating_add(1);
    }
    None
}

/// A line of Envoy that names this very limit.
fn named(snapshot: &Snapshot) -> Option<&ErrorEntry> {
    let entries = snapshot.log.during.iter().chain(&snapshot.log.before);
    entries.rev().find(|entry| {
        entry.text.contains("http1.too_many_headers") || entry.text.contains("http2.too_many_headers")
    })
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let named = named(snapshot);
    let haproxy = proxy_kind(snapshot) == ProxyKind::Haproxy
        || snapshot
            .pieces
            .as_ref()
            .is_some_and(|pieces| pieces.product.as_deref() == Some("haproxy"));
    let limit = if named.is_some() {
        ENVOY_LINES
    } else {
        HAPROXY_LINES
    };
    let counted = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| Some((lines(evidence)?, evidence)))
        .max_by_key(|(count, _)| *count)
        .filter(|(count, _)| *count > limit);
    let refused = logged_now(snapshot, &[Symptom::RefusedAnswer]);
    // nginx, Apache and Squid know no such limit; PH alone stands for every answer that HAProxy refuses.
    let by_count = haproxy && counted.is_some() && !refused.is_empty();
    if named.is_none() && !by_count {
        return None;
    }
    let confidence = if named.is_some() {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let product = if named.is_some() { "Envoy" } else { "HAProxy" };
    let message = match counted {
        Some((count, evidence)) => format!(
            "{} sends {count} header lines; {product} takes {limit}",
            evidence.endpoint
        ),
        None => format!("the response has more header lines than the {limit} that {product} takes"),
    };
    let raise = if named.is_some() {
        "until then raise common_http_protocol_options.max_headers_count of that cluster"
    } else {
        "until then raise tune.http.maxhdr in the global section (256), then haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy"
    };
    Some(
        CAUSE
            .finding(confidence, message)
            .because_all(counted.and_then(|(count, evidence)| {
                let command = evidence.probes.first()?.command.clone();
                Some(Exhibit::shown_by(
                    "probe",
                    format!("{}: {count} lines before the body", evidence.endpoint),
                    format!("{command} -o /dev/null -D - | wc -l"),
                ))
            }))
            .because_all(named.or(refused.last().copied()).map(log_line))
            .remedy(Remedy::advise(
                "repair the application: find what adds the same header again and again, or sets dozens of cookies",
            ))
            .remedy(Remedy::advise(raise)),
    )
}
