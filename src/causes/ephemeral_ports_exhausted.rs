//! `ephemeral-ports-exhausted`: every local port towards one address and port is in use.

use super::facts::{Contact, failing, log_line, logged_now, probe_line, unconnectable};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/ephemeral-ports-exhausted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "ephemeral-ports-exhausted",
    title: "no local port is free for this upstream",
    step: StepId::Timeouts,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::proxy_source_bind_failed::CAUSE,
            &super::ipv6_unreachable::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let logged = logged_now(snapshot, &[Symptom::NoLocalAddress]);
    let evidence = unconnectable(snapshot, |contact| contact == Contact::NoLocalAddress);
    if !failing(snapshot) || (logged.is_empty() && evidence.is_none()) {
        return None;
    }
    let evidence = evidence.or_else(|| {
        snapshot
            .endpoints
            .iter()
            .find(|evidence| evidence.endpoint.tcp().is_some())
    })?;
    let used = snapshot
        .limits
        .ports_used
        .iter()
        .find(|(endpoint, _)| *endpoint == evidence.endpoint)
        .map(|(_, used)| *used);
    let (low, high) = snapshot.limits.port_range.unwrap_or((32_768, 60_999));
    let all = u64::from(high.saturating_sub(low)) + 1;
    let proved = used.is_some_and(|used| used.saturating_mul(10) >= all.saturating_mul(8));
    // Counted, and most are free: something else keeps the address from being used.
    let free = used.is_some_and(|used| used.saturating_mul(2) < all);
    let confidence = if proved {
        Confidence::Confirmed
    } else if free {
        Confidence::Possible
    } else {
        Confidence::Likely
    };
    let count = used.map_or_else(String::new, |used| format!(" ({used} of {all} in use)"));
    Some(
        CAUSE
            .finding(confidence, format!("no local port is left for connections to {}{count}", evidence.endpoint))
            .because(Exhibit::shown_by("limit", format!("net.ipv4.ip_local_port_range = {low} {high}"), "sysctl net.ipv4.ip_local_port_range"))
            .because_all(used.map(|used| Exhibit::shown_by("limit", format!("{used} local ports towards {}", evidence.endpoint), format!("ss -Htan dst {} | wc -l", evidence.endpoint))))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("keep upstream connections open: an upstream block with keepalive 64, proxy_http_version 1.1 and proxy_set_header Connection \"\""))
            .remedy(
                Remedy::run("widen the range of local ports", ["sysctl", "-w", "net.ipv4.ip_local_port_range=1024 65535"])
                    .risk("services that listen on ports above 1024 may find them taken: list them in net.ipv4.ip_local_reserved_ports")
                    .undo(["sysctl", "-w", &format!("net.ipv4.ip_local_port_range={low} {high}")]),
            ),
    )
}
