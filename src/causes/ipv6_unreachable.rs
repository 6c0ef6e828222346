//! `ipv6-unreachable`: an AAAA record, and no IPv6 to use it.

use super::facts::{Contact, endpoints_with, failing, log_line, logged_now, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom, errno};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

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
    let lost = |contact| {
        matches!(contact, Contact::Unreachable(number) if number == errno::ENETUNREACH || number == errno::EAFNOSUPPORT)
            || contact == Contact::NoLocalAddress
    };
    let evidence = endpoints_with(snapshot, lost)
        .into_iter()
        .find(|evidence| evidence.endpoint.tcp().is_some_and(|address| address.is_ipv6()))?;
    if !failing(snapshot) {
        return None;
    }
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("this host has no IPv6 way to {}", evidence.endpoint))
            .at(&evidence.place)
            .because_all(probe_line(evidence))
            .because_all(evidence.kernel_route.seen().map(|route| Exhibit::shown_by("probe", route.text.clone(), "ip -6 route")))
            .because_all(logged_now(snapshot, &[Symptom::NetworkUnreachable, Symptom::NoLocalAddress]).last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise("with a variable in proxy_pass: resolver ... ipv6=off; otherwise name the IPv4 address, or a name without AAAA record"))
            .remedy(Remedy::advise("or repair this host's IPv6")),
    )
}
