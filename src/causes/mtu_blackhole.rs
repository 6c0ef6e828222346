//! `mtu-blackhole`: small requests pass, large ones hang.

use super::facts::{
    Contact, contact, contact_of, log_line, logged_before, logged_now, other_probe_line, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{EndpointEvidence, ProbeKind, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/mtu-blackhole.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "mtu-blackhole",
    title: "large packets vanish on the way to the upstream",
    step: StepId::Firewall,
    proxy_error: "connection_read_timeout",
    explains: &["upstream-too-slow"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// True when the large request waited far longer than the small one took: an upstream that is slow at all
/// times leaves both without an answer for a while.
fn silent_for_its_size(evidence: &EndpointEvidence) -> bool {
    let small_us = evidence.as_proxy().and_then(|exchange| exchange.first_byte_us);
    let large_us = evidence
        .probe(ProbeKind::LargeHeader)
        .map(|exchange| exchange.total_us);
    small_us
        .zip(large_us)
        .is_some_and(|(small_us, large_us)| small_us.saturating_mul(5) < large_us)
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        !evidence.on_this_host
            && evidence
                .probe(ProbeKind::LargeHeader)
                .is_some_and(|exchange| contact_of(exchange) == Contact::NoAnswer)
            && matches!(contact(evidence), Some(Contact::Answered(_)))
            && silent_for_its_size(evidence)
    })?;
    let timeouts = [Symptom::HeaderTimeout, Symptom::SendTimeout];
    let entry = logged_now(snapshot, &timeouts)
        .into_iter()
        .chain(logged_before(snapshot, &timeouts))
        .next_back();
    let address = evidence.endpoint.tcp()?.ip();
    let device = evidence
        .kernel_route
        .seen()
        .and_then(|route| route.device.as_deref())
        .unwrap_or("DEV");
    let (option, overhead, tables) = if address.is_ipv6() {
        ("ping -6", 48, "ip6tables")
    } else {
        ("ping", 28, "iptables")
    };
    Some(
        CAUSE
            // One large request alone may have met a slow moment.
            .finding(Confidence::Likely, format!("packets larger than the path takes vanish on the way to {address}: small requests pass, large ones hang"))
            .because_all(probe_line(evidence))
            .because_all(other_probe_line(evidence, ProbeKind::LargeHeader, "a request with a header of 3,000 bytes gets no answer"))
            .because_all(entry.map(log_line))
            .remedy(Remedy::advise(format!("find the size that passes: {option} -c 3 -M do -s {} {address}, and give the interface that MTU: ip link set dev {device} mtu 1400", 1_400 - overhead)))
            .remedy(Remedy::advise(format!("or keep TCP to this one address smaller: {tables} -t mangle -A OUTPUT -d {address} -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1240")))
            .remedy(Remedy::advise("and stop whatever filters ICMP 'fragmentation needed' on the path")),
    )
}
