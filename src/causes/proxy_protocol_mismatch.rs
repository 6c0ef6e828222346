//! `proxy-protocol-mismatch`: a PROXY line is missing, or one too many.

use super::facts::{
    Contact, contact, contact_of, failing, log_line, other_probe_line, passing_route, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Snapshot};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/proxy-protocol-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-protocol-mismatch",
    title: "the upstream expects the PROXY protocol, or gets it unasked",
    step: StepId::Config,
    proxy_error: "http_protocol_error",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    let bad_request = snapshot.attempts.iter().any(|attempt| attempt.status == Some(400));
    if !(failing(snapshot) || bad_request) {
        return None;
    }
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let without = matches!(
            contact(evidence),
            Some(Contact::Closed | Contact::Reset | Contact::NoAnswer | Contact::Answered(400))
        );
        let with = evidence.probe(ProbeKind::ProxyProtocol).is_some_and(|exchange| {
            // A server that knows no PROXY line may call it a bad request or a bad method.
            matches!(
                contact_of(exchange),
                Contact::Answered(200..=399 | 401 | 403 | 404)
            )
        });
        without && with
    })?;
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{} expects the PROXY protocol, which nginx's proxy_pass cannot send", evidence.endpoint))
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(other_probe_line(evidence, ProbeKind::ProxyProtocol, "answers when a PROXY line comes first"))
            .because_all(snapshot.log.during.last().map(log_line))
            .remedy(Remedy::advise("take proxy_protocol (accept-proxy, RemoteIPProxyProtocol) off that listener of the upstream, or open a second one without it for this proxy"))
            .remedy(Remedy::advise("where the address of the client is wanted, X-Forwarded-For does the same over plain HTTP")),
    )
}
