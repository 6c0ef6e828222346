//! `proxy-capacity-limit`: `max_conns` or a similar limit is reached.

use super::facts::{Contact, endpoints_with, failing, log_line, logged_now, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-capacity-limit.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-capacity-limit",
    title: "a connection limit of the proxy rejects the request",
    step: StepId::Timeouts,
    proxy_error: "connection_limit_reached",
    explains: &["upstreams-marked-down"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    let limited: Vec<_> = pass
        .peers
        .iter()
        .filter(|peer| peer.max_conns > 0 && !peer.down)
        .collect();
    let logged = logged_now(snapshot, &[Symptom::NoLiveUpstreams]);
    // A peer that cannot be reached explains it better than a limit.
    let reachable = endpoints_with(snapshot, |contact| {
        !matches!(
            contact,
            Contact::Refused
                | Contact::Silent
                | Contact::SocketMissing
                | Contact::Unreachable(_)
                | Contact::Denied
        )
    });
    if !failing(snapshot) || limited.is_empty() || logged.is_empty() || reachable.is_empty() {
        return None;
    }
    let entry = logged.last()?;
    let total: u32 = limited.iter().map(|peer| peer.max_conns).sum();
    let place = &limited.first()?.place;
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("max_conns admits {total} connections to the upstream at a time, and all are in use"),
            )
            .at(place)
            .because(log_line(entry))
            .because(Exhibit::in_file(
                "config",
                format!("max_conns={}", limited.first()?.max_conns),
                place,
            ))
            .because_all(reachable.first().and_then(|evidence| probe_line(evidence)))
            .remedy(
                Remedy::edit(
                    "raise it to what the upstream can take, then nginx -t && nginx -s reload",
                    place,
                    "server ADDRESS max_conns=100;",
                )
                .risk("the limit protects the upstream: more than it can take only moves the failure"),
            )
            .remedy(Remedy::advise(
                "find out which slow requests hold the connections",
            )),
    )
}
