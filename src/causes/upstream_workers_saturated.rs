//! `upstream-workers-saturated`: requests wait in the accept queue because nobody takes them.

use super::facts::{
    Contact, LATELY_MS, application_of, application_said, contact, failing, header_timed_out,
    listeners_command, log_line, logged_now, probe_line,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-workers-saturated.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-workers-saturated",
    title: "all workers of the upstream are busy",
    step: StepId::Timeouts,
    proxy_error: "connection_limit_reached",
    explains: &["upstream-too-slow"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_worker_timeout_kill::CAUSE,
            &super::upstream_fd_exhausted::CAUSE,
            &super::upstream_backlog_too_small::CAUSE,
            &super::mtu_blackhole::CAUSE,
            &super::conntrack_full::CAUSE,
        ],
        snapshot,
    ) || super::upstream_worker_crash::workers_die(snapshot)
    {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let full = !logged_now(snapshot, &[Symptom::AcceptQueueFull]).is_empty();
    let waits = header_timed_out(snapshot) || !logged_now(snapshot, &[Symptom::ConnectTimeout]).is_empty();
    if !(full || waits) {
        return None;
    }
    let (evidence, said) = snapshot.endpoints.iter().find_map(|evidence| {
        let waiting = evidence.listener.seen().map_or(0, |listener| listener.waiting);
        let said = application_said(
            snapshot,
            evidence,
            &[
                "reached pm.max_children",
                "server reached max_children",
                "listen queue",
                "seems busy",
            ],
            LATELY_MS,
        )
        .map(|said| said.exhibit);
        let queue_full = full || contact(evidence) == Some(Contact::QueueFull);
        // One event loop that is blocked lets others wait as well, and has no workers to add.
        let one_loop = application_of(snapshot, evidence).is_some_and(|server| server.kind == "node");
        // Who waits is not reset: then our own requests stood in each other's way.
        let cut = matches!(contact(evidence), Some(Contact::Closed | Contact::Reset));
        ((waiting > 0 && !one_loop && !cut) || said.is_some() || queue_full).then_some((evidence, said))
    })?;
    let listener = evidence.listener.seen();
    let (waiting, queue) = listener.map_or((0, None), |listener| (listener.waiting, listener.queue));
    let server = application_of(snapshot, evidence);
    let capacity = server.and_then(|server| server.capacity);
    let name = server
        .map_or("the upstream", |server| server.kind.as_str())
        .to_owned();
    let workers = capacity.map_or_else(String::new, |capacity| format!(" ({capacity} at a time)"));
    let waits_text = if waiting > 0 {
        let noun = if waiting == 1 {
            "connection waits"
        } else {
            "connections wait"
        };
        format!("; {waiting} {noun} to be accepted")
    } else {
        String::new()
    };
    // Without a known number of workers, one that hangs and many that are busy look alike.
    let confidence =
        if capacity.is_some() || said.is_some() || full || contact(evidence) == Some(Contact::QueueFull) {
            Confidence::Confirmed
        } else {
            Confidence::Likely
        };
    Some(
        CAUSE
            .finding(confidence, format!("all workers of {name}{workers} are busy{waits_text}"))
            .because_all(listener.map(|listener| {
                let limit = queue.map_or_else(String::new, |queue| format!(" of {queue}"));
                Exhibit::shown_by("process", format!("accept queue of {}: {}{limit} waiting", evidence.endpoint, listener.waiting), listeners_command(&evidence.endpoint))
            }))
            .because_all(said)
            .because_all(snapshot.log.during.iter().rev().find(|entry| entry.symptom.is_some()).map(log_line))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("find what holds the workers: a slow query, an outside service without a timeout (php-fpm: request_slowlog_timeout = 5s)"))
            .remedy(Remedy::advise(match name.as_str() {
                "php-fpm" => "when they only lack hands: raise pm.max_children as far as memory allows (free memory divided by the size of one child)",
                "gunicorn" => "when they only lack hands: more workers (-w 2*cores+1) or --threads",
                _ => "when they only lack hands: more workers or threads, as far as memory and the database allow",
            }).risk("needs a restart of the application"))
    )
}
