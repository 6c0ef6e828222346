//! `no-route`: the kernel has no way to the address.

use super::facts::{Contact, blocked, contact, failing, probe_line, unconnectable};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, errno};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/no-route.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "no-route",
    title: "there is no route to the upstream",
    step: StepId::Firewall,
    proxy_error: "destination_ip_unroutable",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(loopback_down(snapshot).or_else(|| no_route(snapshot)))
}

fn loopback_down(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || !snapshot.limits.interfaces_down.iter().any(|name| name == "lo") {
        return None;
    }
    let on_loopback = snapshot
        .target
        .host
        .parse()
        .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        || snapshot.target.host == "localhost"
        || snapshot.endpoints.iter().any(|evidence| {
            evidence
                .endpoint
                .tcp()
                .is_some_and(|address| address.ip().is_loopback())
        });
    let answers = snapshot.endpoints.iter().any(|evidence| {
        let loopback = evidence
            .endpoint
            .tcp()
            .is_some_and(|address| address.ip().is_loopback());
        loopback && matches!(contact(evidence), Some(Contact::Answered(_)))
    });
    (on_loopback && !answers).then(|| {
        CAUSE
            .finding(
                Confidence::Confirmed,
                "the loopback interface is down, so nothing on this host can reach 127.0.0.1",
            )
            .because(Exhibit::shown_by(
                "probe",
                "interface lo is not up",
                "ip link show lo",
            ))
            .because_all(snapshot.endpoints.iter().find_map(probe_line))
            .remedy(
                Remedy::run("bring it up", ["ip", "link", "set", "lo", "up"])
                    .undo(["ip", "link", "set", "lo", "down"]),
            )
    })
}

fn no_route(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        contact == Contact::Unreachable(errno::ENETUNREACH)
    })?;
    let address = evidence.endpoint.tcp()?;
    let route = evidence.kernel_route.seen().filter(|route| route.no_route);
    if address.is_ipv6() || blocked(snapshot, &evidence.endpoint).is_some() {
        return None;
    }
    let confidence = if route.is_some() {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    Some(
        CAUSE
            .finding(confidence, format!("this host has no route to {}", address.ip()))
            .at(&evidence.place)
            .because_all(route.map(|route| Exhibit::shown_by("probe", route.text.clone(), format!("ip route get {}", address.ip()))))
            .because_all(probe_line(evidence))
            .because_all(snapshot.limits.interfaces_down.iter().map(|name| {
                Exhibit::shown_by("probe", format!("interface {name} is down"), format!("ip link show {name}"))
            }))
            .remedy(Remedy::advise(format!(
                "bring back the interface or tunnel that leads to {}, or its route; then make it permanent where this host configures its network",
                address.ip()
            ))),
    )
}
