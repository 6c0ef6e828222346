//! `proxy-worker-crash`: the proxy's own worker died on the request.

use super::facts::{CUT_BEFORE_HEADER, failing, log_line, log_says_otherwise};
use super::{Answer, Cause, found};
use crate::evidence::{KernelEventKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-worker-crash.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-worker-crash",
    title: "a worker of the proxy itself crashed",
    step: StepId::Upstream,
    proxy_error: "proxy_internal_error",
    explains: &["front-cannot-reach-proxy"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    // A worker that crashes writes nothing about its request; an inner tier is cut off in mid request. Any
    // other line about our own requests says that the crash hit somebody else's.
    if !failing(snapshot) || log_says_otherwise(snapshot, &CUT_BEFORE_HEADER) {
        return None;
    }
    let began_ms = snapshot.log.attempts_began_ms / 1_000 * 1_000;
    let entry = snapshot.log.general.iter().rev().find(|entry| {
        entry.symptom == Some(Symptom::WorkerCrashed) && entry.at_ms.is_some_and(|at_ms| at_ms >= began_ms)
    })?;
    let segfault = snapshot.kernel.seen().and_then(|events| {
        events.iter().rev().find(|event| {
            event.kind == KernelEventKind::Segfault
                && event.process.as_deref().is_some_and(|name| name.starts_with("nginx"))
        })
    });
    Some(
        CAUSE
            .finding(Confidence::Confirmed, "a worker of the proxy crashes on this request")
            .because(log_line(entry))
            .because_all(segfault.map(|event| Exhibit::shown_by("kernel", event.text.clone(), "dmesg | grep nginx")))
            .remedy(Remedy::advise("take out the third-party module that serves this location (perl, lua, a WAF), or bring module and nginx to the same version; then nginx -t && systemctl restart nginx")
                .risk("a module is only exchanged by a restart, which interrupts open connections"))
            .remedy(Remedy::advise("coredumpctl info nginx shows where it crashed")),
    )
}
