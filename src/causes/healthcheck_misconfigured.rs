//! `healthcheck-misconfigured`: the servers work, and what the proxy asks to know it fails.

use super::facts::{
    all_work, failing, log_line, logged_now, other_probe_line, passing_route, probe_line, reload,
};
use super::{Answer, Cause, found};
use crate::evidence::{EndpointEvidence, ProbeKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/healthcheck-misconfigured.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "healthcheck-misconfigured",
    title: "the proxy's health check fails on servers that work",
    step: StepId::Upstream,
    proxy_error: "destination_unavailable",
    explains: &["upstreams-marked-down"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || !all_work(snapshot) {
        return None;
    }
    let (route, _) = passing_route(snapshot)?;
    let checks = &route.settings.apache.as_ref()?.health_checks;
    let entry = logged_now(snapshot, &[Symptom::NoLiveUpstreams]).last().copied()?;
    let (evidence, what) = snapshot
        .endpoints
        .iter()
        .find_map(|evidence| Some((evidence, refused(evidence)?)))?;
    let check = checks
        .iter()
        .find(|check| check.member.contains(&evidence.endpoint.to_string()))
        .or(checks.first())?;
    let asked = format!("{} {}", check.method.trim_end_matches("11"), check.uri);
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the health check asks {} for {}, which {what}; what users ask for is answered",
                    evidence.endpoint,
                    asked.trim_end()
                ),
            )
            .at(&check.place)
            .because_all(other_probe_line(
                evidence,
                ProbeKind::HealthCheck,
                &format!("{} {what}", asked.trim_end()),
            ))
            .because_all(probe_line(evidence))
            .because(log_line(entry))
            .because(Exhibit::in_file(
                "config",
                format!("hcmethod={} hcuri={}", check.method, check.uri),
                &check.place,
            ))
            .remedy(
                Remedy::advise(format!(
                    "let hcuri= name a page that the application answers with 200 without login or redirect, then {}",
                    reload(snapshot)
                ))
                .risk("a check that accepts everything keeps broken servers in"),
            )
            .remedy(Remedy::advise(
                "or give the application that page; when the same path is right under another name, mind that HTTP/1.0 checks (GET, HEAD, OPTIONS without 11) may lack the name",
            )),
    )
}

/// What the check gets that takes the server out: anything but 2xx and 3xx.
fn refused(evidence: &EndpointEvidence) -> Option<String> {
    let exchange = evidence.probe(ProbeKind::HealthCheck)?;
    match http::head(&exchange.bytes.0).and_then(|head| head.status) {
        Some(200..=399) => None,
        Some(status) => Some(format!("answers {status}")),
        None if exchange.connected() => Some("gives no answer".to_owned()),
        None => None,
    }
}
