//! `forward-proxy-no-path`: the forward proxy has no parent that works, and may not go straight.

use super::facts::{Contact, contact, failing, log_line, logged_now, passing_route, probe_line};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Handler, ProxyKind, Snapshot, SquidWay, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/forward-proxy-no-path.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "forward-proxy-no-path",
    title: "the forward proxy has no way left to the target",
    step: StepId::Route,
    proxy_error: "destination_unavailable",
    explains: &[
        "upstream-not-running",
        "upstream-wrong-port",
        "upstreams-marked-down",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::proxy_loop::CAUSE,
            &super::dns_nxdomain::CAUSE,
            &super::dns_server_failure::CAUSE,
            &super::firewall_drop::CAUSE,
            &super::firewall_reject::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let front = snapshot
        .route
        .seen()
        .filter(|route| route.proxy == ProxyKind::Squid)?;
    let squid = front.settings.squid.as_ref()?;
    let logged = logged_now(snapshot, &[Symptom::NoForwardPath]);
    if let Handler::Return { place, .. } = &front.handler
        && squid.ways.is_empty()
        && !logged.is_empty()
    {
        return Some(
            CAUSE
                .finding(
                    Confidence::Confirmed,
                    "the configuration leaves Squid no way: no parent may be used, and going straight is forbidden",
                )
                .at(place)
                .because(Exhibit::in_file("config", "this line closes the last way", place))
                .because_all(logged.last().map(|entry| log_line(entry)))
                .remedy(Remedy::advise(
                    "let a parent take this target (cache_peer_access), or allow the straight way (never_direct deny, always_direct allow) for it, then squid -k parse && squid -k reconfigure",
                )
                .risk("going straight may break a rule on which way traffic leaves")),
        );
    }
    let parents = !squid.ways.is_empty() && squid.ways.iter().all(|way: &SquidWay| way.peer.is_some());
    let dead = !snapshot.endpoints.is_empty()
        && snapshot.endpoints.iter().all(|evidence| {
            !matches!(
                contact(evidence),
                None | Some(Contact::Answered(_) | Contact::OtherAnswer(_))
            )
        });
    if !parents || !dead {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let names: Vec<&str> = squid.ways.iter().map(|way| way.authority.as_str()).collect();
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let mut finding = CAUSE
        .finding(
            confidence,
            format!(
                "no parent proxy can be used ({}), and Squid may not go straight to the target",
                names.join(", ")
            ),
        )
        .at(&pass.place)
        .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
        .because_all(logged.last().map(|entry| log_line(entry)));
    for evidence in snapshot.endpoints.iter().take(3) {
        finding = finding.because_all(probe_line(evidence));
    }
    Some(
        finding
            .remedy(Remedy::advise(format!("bring the parent proxy back: {}", names.join(", "))))
            .remedy(
                Remedy::advise("or let Squid go straight when no parent is alive: take never_direct allow all out, then squid -k parse && squid -k reconfigure")
                    .risk("going straight may break a rule on which way traffic leaves"),
            ),
    )
}
