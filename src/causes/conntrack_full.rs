//! `conntrack-full`: new flows are dropped because none can be tracked.

use super::facts::{Contact, endpoints_with, failing, log_line, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{KernelEventKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/conntrack-full.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "conntrack-full",
    title: "the connection tracking table is full",
    step: StepId::Firewall,
    proxy_error: "connection_timeout",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot)
        || endpoints_with(snapshot, |contact| contact == Contact::Silent).is_empty()
            && logged_now(snapshot, &[Symptom::ConnectTimeout]).is_empty()
    {
        return None;
    }
    let (count, max) = (snapshot.limits.conntrack_count?, snapshot.limits.conntrack_max?);
    let full = max > 0 && count.saturating_mul(100) >= max.saturating_mul(98);
    let event = snapshot.kernel.seen().and_then(|events| {
        events
            .iter()
            .rev()
            .find(|event| event.kind == KernelEventKind::ConntrackFull)
    });
    if !full {
        return None;
    }
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the connection tracking table is full ({count} of {max}), so new connections are dropped"
                ),
            )
            .because(Exhibit::shown_by(
                "limit",
                format!("nf_conntrack_count = {count}, nf_conntrack_max = {max}"),
                "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
            ))
            .because_all(
                event.map(|event| {
                    Exhibit::shown_by("kernel", event.text.clone(), "dmesg | grep nf_conntrack")
                }),
            )
            .because_all(
                logged_now(snapshot, &[Symptom::ConnectTimeout])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .remedy(
                Remedy::run(
                    "make the table larger now",
                    [
                        "sysctl",
                        "-w",
                        &format!("net.netfilter.nf_conntrack_max={}", max.saturating_mul(4)),
                    ],
                )
                .risk("about 320 bytes of kernel memory for each entry; make it permanent in /etc/sysctl.d")
                .undo(["sysctl", "-w", &format!("net.netfilter.nf_conntrack_max={max}")]),
            )
            .remedy(Remedy::advise(
                "then find what fills it: conntrack -L | awk '{print $5}' | sort | uniq -c | sort -n | tail",
            )),
    )
}
