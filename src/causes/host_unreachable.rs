//! `host-unreachable`: nobody answers for the address on the last network.

use super::facts::{Contact, blocked, contact, log_line, logged_now, probe_line, unconnectable};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom, errno};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/host-unreachable.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "host-unreachable",
    title: "the upstream's machine does not answer on its network",
    step: StepId::Upstream,
    proxy_error: "destination_ip_unroutable",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[&super::firewall_reject::CAUSE, &super::dns_stale_address::CAUSE],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let gone = |contact| contact == Contact::Silent || contact == Contact::Unreachable(errno::EHOSTUNREACH);
    let evidence = unconnectable(snapshot, gone).filter(|evidence| !evidence.on_this_host)?;
    let address = evidence.endpoint.tcp()?;
    let route = evidence.kernel_route.seen();
    if route.is_some_and(|route| route.refused_by.is_some() || route.no_route)
        || blocked(snapshot, &evidence.endpoint).is_some()
    {
        return None;
    }
    let dead = evidence
        .neighbour
        .seen()
        .is_some_and(|state| ["FAILED", "INCOMPLETE"].contains(&state.as_str()));
    let slow = evidence.as_proxy().is_some_and(|exchange| {
        exchange.connect_us > 1_000_000 && contact(evidence) != Some(Contact::Silent)
    });
    if !(dead || slow) {
        return None;
    }
    // The neighbour is the gateway where there is one: when that is known and the answer is still late, the
    // gateway is the one that misses the machine.
    let gateway = route.and_then(|route| route.gateway.clone());
    let neighbour = gateway.clone().unwrap_or_else(|| address.ip().to_string());
    let gateway = gateway.filter(|_| dead);
    let hop = gateway.clone().unwrap_or_else(|| address.ip().to_string());
    let message = match &gateway {
        Some(gateway) => format!(
            "the gateway {gateway} on the way to {} does not answer on its network",
            address.ip()
        ),
        None => format!("{hop} does not answer on its network: the machine is off, or the address is wrong"),
    };
    let first = match &gateway {
        Some(gateway) => format!(
            "bring back the gateway {gateway}, or correct the route: ip route get {}",
            address.ip()
        ),
        None => format!("start the machine or container that should have {}", address.ip()),
    };
    Some(
        CAUSE
            .finding(Confidence::Confirmed, message)
            .at(&evidence.place)
            .because_all(evidence.neighbour.seen().map(|state| {
                Exhibit::shown_by(
                    "probe",
                    format!("the neighbour entry of {neighbour} is {state}"),
                    format!("ip neigh show {neighbour}"),
                )
            }))
            .because_all(probe_line(evidence))
            .because_all(
                logged_now(snapshot, &[Symptom::HostUnreachable, Symptom::ConnectTimeout])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .remedy(Remedy::advise(first))
            .remedy(Remedy::advise(
                "or correct the address in the proxy's configuration, then nginx -t && nginx -s reload",
            )),
    )
}
