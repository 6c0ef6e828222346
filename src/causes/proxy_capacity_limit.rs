//! `proxy-capacity-limit`: `max_conns` or a similar limit is reached.

use super::dial::server_line;
use super::facts::{
    Contact, endpoints_with, failing, log_line, logged_before, logged_now, passing_route, probe_line,
    proxy_kind, reload,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProxyKind, Snapshot, Symptom};
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

/// What marks a peer as failed.
const FAILURES: [Symptom; 6] = [
    Symptom::ClosedBeforeHeader,
    Symptom::ConnectTimeout,
    Symptom::ConnectionRefused,
    Symptom::HeaderTimeout,
    Symptom::HostUnreachable,
    Symptom::ResetBeforeHeader,
];

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
    // Peers that failed a moment ago are marked as failed, whatever their limit.
    let longest_ms = pass
        .peers
        .iter()
        .map(|peer| peer.fail_timeout_ms)
        .max()
        .and_then(|longest| i64::try_from(longest).ok())
        .unwrap_or(i64::MAX);
    let failed_lately = logged_before(snapshot, &FAILURES).iter().any(|entry| {
        entry
            .at_ms
            .is_some_and(|at_ms| at_ms.saturating_add(longest_ms) >= snapshot.log.attempts_began_ms)
    });
    if failed_lately || !logged_now(snapshot, &FAILURES).is_empty() {
        return None;
    }
    let entry = logged.last()?;
    let total: u64 = limited.iter().map(|peer| u64::from(peer.max_conns)).sum();
    let first = limited.first()?;
    let place = &first.place;
    let connections = if total == 1 {
        "1 connection".to_owned()
    } else {
        format!("{total} connections")
    };
    let all = if total == 1 { "it is" } else { "all are" };
    let kind = proxy_kind(snapshot);
    let parameter = match kind {
        ProxyKind::Apache => "max",
        ProxyKind::Squid => "max-conn",
        ProxyKind::Nginx | ProxyKind::Haproxy => "max_conns",
    };
    let by_process = if kind == ProxyKind::Apache {
        " by each process of Apache"
    } else {
        ""
    };
    let raised = format!("{parameter}={}", first.max_conns.saturating_mul(2));
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("{parameter} admits {connections} to the upstream at a time{by_process}, and {all} in use"),
            )
            .at(place)
            .because(log_line(entry))
            .because(Exhibit::in_file(
                "config",
                format!("{parameter}={}", first.max_conns),
                place,
            ))
            .because_all(reachable.first().and_then(|evidence| probe_line(evidence)))
            .remedy(
                if kind == ProxyKind::Nginx { Remedy::edit(
                    "raise it to what the upstream can take, then nginx -t && nginx -s reload (keep the other parameters of the line)",
                    place,
                    server_line(first, &raised),
                ) } else {
                    Remedy::advise(format!("raise it to what the upstream can take ({raised} on that line), then {}", reload(snapshot)))
                }
                .risk("the limit protects the upstream: more than it can take only moves the failure"),
            )
            .remedy(Remedy::advise(
                "find out which slow requests hold the connections",
            )),
    )
}
