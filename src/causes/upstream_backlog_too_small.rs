//! `upstream-backlog-too-small`: the accept queue overflows although it is tiny.

use super::facts::{
    Contact, application_of, endpoints_with, failing, listeners_command, log_line, logged_now, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-backlog-too-small.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-backlog-too-small",
    title: "the upstream's accept queue is too short for bursts",
    step: StepId::Timeouts,
    proxy_error: "connection_limit_reached",
    explains: &[],
    diagnose,
};

/// A queue that any ordinary burst fills.
const SMALL: u64 = 16;

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let overflow = !logged_now(snapshot, &[Symptom::AcceptQueueFull, Symptom::ConnectTimeout]).is_empty()
        || !endpoints_with(snapshot, |contact| {
            matches!(contact, Contact::QueueFull | Contact::Silent)
        })
        .is_empty();
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        evidence.listener.seen().is_some_and(|listener| {
            listener
                .queue
                .is_some_and(|queue| queue <= SMALL && listener.waiting >= queue.max(1))
        })
    })?;
    // A server with known workers that are all busy says so in another way.
    if !overflow || application_of(snapshot, evidence).is_some_and(|server| server.capacity.is_some()) {
        return None;
    }
    let listener = evidence.listener.seen()?;
    let (waiting, queue) = (listener.waiting, listener.queue?);
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("the accept queue of {} holds {queue} connections and is full ({waiting} wait)", evidence.endpoint))
            .because(Exhibit::shown_by("process", format!("{}: {waiting} waiting, queue {queue}", evidence.endpoint), listeners_command(&evidence.endpoint)))
            .because_all(snapshot.limits.listen_overflows.map(|count| Exhibit::shown_by("limit", format!("{count} overflows of accept queues since boot"), "nstat -az TcpExtListenOverflows")))
            .because_all(snapshot.log.during.iter().rev().find(|entry| entry.symptom.is_some()).map(log_line))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise("let the application listen with a longer queue (backlog of listen(), gunicorn --backlog, uWSGI listen, php-fpm listen.backlog), and net.core.somaxconn at least as large").risk("takes effect when the listener is opened anew: a restart"))
            .remedy(Remedy::advise("a queue that stays full means that the workers are too slow: see upstream-workers-saturated")),
    )
}
