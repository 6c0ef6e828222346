//! `route-policy-denied`: a prohibit, blackhole or unreachable route.

use super::facts::{failing, log_line, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{Exchange, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/route-policy-denied.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "route-policy-denied",
    title: "a routing rule of this host denies the upstream's address",
    step: StepId::Firewall,
    proxy_error: "destination_ip_prohibited",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let refused = evidence
            .kernel_route
            .seen()
            .is_some_and(|route| route.refused_by.is_some());
        // Whoever gets through is not denied, whatever a table says.
        refused && !evidence.as_proxy().is_some_and(Exchange::connected)
    })?;
    let route = evidence.kernel_route.seen()?;
    let (address, kind) = (evidence.endpoint.tcp()?.ip(), route.refused_by.clone()?);
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("a route of type {kind} on this host denies {address}"),
            )
            .at(&evidence.place)
            .because(Exhibit::shown_by(
                "probe",
                route.text.clone(),
                format!("ip route get {address}"),
            ))
            .because_all(probe_line(evidence))
            .because_all(snapshot.log.during.last().map(log_line))
            .remedy(
                Remedy::run(
                    "take the route away, when you know who set it and why",
                    ["ip", "route", "del", kind.as_str(), &address.to_string()],
                )
                .risk("tools that ban addresses (fail2ban, crowdsec) set such routes on purpose")
                .undo(["ip", "route", "add", kind.as_str(), &address.to_string()]),
            )
            .remedy(Remedy::advise(
                format!("it may stand for a wider prefix, or come from a rule or another table: ip rule list; ip route show table all | grep {kind}"),
            )),
    )
}
