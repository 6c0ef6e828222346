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
    found(find(snapshot).or_else(|| remote_proxy(snapshot)))
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
    // A peer that is the origin server itself is the application: what ails it has a name of its own.
    let parents = !squid.ways.is_empty()
        && squid
            .ways
            .iter()
            .all(|way: &SquidWay| way.peer.is_some() && !way.origin_server);
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

/// What dialling an outgoing proxy that is not there gives.
const UNREACHED: [Symptom; 6] = [
    Symptom::ConnectFailed,
    Symptom::ConnectTimeout,
    Symptom::ConnectionRefused,
    Symptom::HostUnreachable,
    Symptom::NetworkUnreachable,
    Symptom::NoForwardPath,
];

/// Apache asks an outgoing proxy (`ProxyRemote`) that it cannot reach, or that refuses the tunnel.
fn remote_proxy(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (route, pass) = passing_route(snapshot)?;
    let remote = route.settings.apache.as_ref()?.remote_proxy.as_ref()?;
    let entry = logged_now(snapshot, &UNREACHED).last().copied()?;
    let authority = remote
        .value
        .split_once("://")
        .map_or(remote.value.as_str(), |(_, rest)| rest);
    let authority = authority.trim_end_matches('/');
    let refused = entry.symptom == Some(Symptom::NoForwardPath);
    // A line about another address is about another way.
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let about_it = refused
        || entry
            .upstream
            .as_deref()
            .is_some_and(|upstream| upstream == authority || host.parse::<std::net::IpAddr>().is_err());
    if !about_it {
        return None;
    }
    let place = remote.place.clone().unwrap_or_else(|| pass.place.clone());
    let what = if refused {
        "refuses the tunnel"
    } else {
        "cannot be reached"
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("Apache goes to {} through the outgoing proxy {authority}, which {what}", pass.proxy_host),
            )
            .at(&place)
            .because(log_line(entry))
            .because(Exhibit::in_file("config", format!("ProxyRemote names {}", remote.value), &place))
            .remedy(Remedy::advise(format!("bring the outgoing proxy {authority} back")))
            .remedy(
                Remedy::advise(format!(
                    "or let Apache go straight: take the ProxyRemote line out, or exempt this backend with NoProxy, then {}",
                    route.proxy.reload_command()
                ))
                .risk("going straight may break a rule on which way traffic leaves"),
            ),
    )
}
