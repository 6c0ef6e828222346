//! `mtu-blackhole`: small requests pass, large ones hang.

use super::facts::{
    Contact, contact, contact_of, log_line, logged_before, logged_now, other_probe_line, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Snapshot, Symptom};
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

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        !evidence.on_this_host
            && evidence
                .probe(ProbeKind::LargeHeader)
                .is_some_and(|exchange| contact_of(exchange) == Contact::NoAnswer)
            && matches!(contact(evidence), Some(Contact::Answered(_)))
    })?;
    let timeouts = [Symptom::HeaderTimeout, Symptom::SendTimeout];
    let entry = logged_now(snapshot, &timeouts)
        .into_iter()
        .chain(logged_before(snapshot, &timeouts))
        .next_back();
    let address = evidence.endpoint.tcp()?.ip();
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("packets larger than the path takes vanish on the way to {address}: small requests pass, large ones hang"))
            .because_all(probe_line(evidence))
            .because_all(other_probe_line(evidence, ProbeKind::LargeHeader, "a request with a header of 3,000 bytes gets no answer"))
            .because_all(entry.map(log_line))
            .remedy(Remedy::advise(format!("find the size that passes: ping -M do -s 1372 {address}, and give the interface that MTU (ip link set dev DEV mtu 1400)")))
            .remedy(Remedy::advise("or clamp it: iptables -t mangle -A OUTPUT -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu"))
            .remedy(Remedy::advise("and stop whatever filters ICMP 'fragmentation needed' on the path")),
    )
}
