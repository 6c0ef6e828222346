//! `ipv6-unreachable`: an AAAA record, and no IPv6 to use it.

use super::facts::{
    Contact, contact, endpoints_with, failing, log_line, logged_now, passing_route, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom, errno};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, Severity, StepId};

/// See `docs/causes/ipv6-unreachable.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "ipv6-unreachable",
    title: "the upstream's IPv6 address cannot be reached from here",
    step: StepId::Dns,
    proxy_error: "destination_ip_unroutable",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let lost = |contact: Contact| {
        matches!(contact, Contact::Unreachable(number) if number == errno::ENETUNREACH || number == errno::EAFNOSUPPORT)
            || contact == Contact::NoLocalAddress
    };
    let evidence = endpoints_with(snapshot, lost)
        .into_iter()
        .find(|evidence| evidence.endpoint.tcp().is_some_and(|address| address.is_ipv6()))?;
    if !failing(snapshot) {
        return None;
    }
    // The proxy goes on to the next address: where an IPv4 address fails as well, that is what users see.
    let other_fails = snapshot.endpoints.iter().any(|other| {
        let ipv4 = other.endpoint.tcp().is_some_and(|address| address.is_ipv4());
        ipv4 && contact(other).is_some_and(|contact| !matches!(contact, Contact::Answered(_)))
    });
    let address = evidence.endpoint.tcp()?;
    let has_variables = passing_route(snapshot).is_some_and(|(_, pass)| pass.has_variables);
    let first = match evidence.name.as_deref() {
        _ if has_variables => "let nginx ask for IPv4 only: ipv6=off at the end of its resolver directive, then nginx -t && nginx -s reload".to_owned(),
        Some(name) => format!("name the IPv4 address of {name} in the proxy's configuration, or a name without AAAA record; then nginx -t && nginx -s reload"),
        None => "name the upstream's IPv4 address in the proxy's configuration, then nginx -t && nginx -s reload".to_owned(),
    };
    let severity = if other_fails {
        Severity::Warning
    } else {
        Severity::Error
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("this host has no IPv6 way to {}", evidence.endpoint),
            )
            .severity(severity)
            .at(&evidence.place)
            .because_all(probe_line(evidence))
            .because_all(evidence.kernel_route.seen().map(|route| {
                Exhibit::shown_by(
                    "probe",
                    route.text.clone(),
                    format!("ip -6 route get {}", address.ip()),
                )
            }))
            .because_all(
                logged_now(snapshot, &[Symptom::NetworkUnreachable, Symptom::NoLocalAddress])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .remedy(Remedy::advise(first))
            .remedy(Remedy::advise(
                "or repair this host's IPv6: ip -6 address; ip -6 route show default",
            )),
    )
}
