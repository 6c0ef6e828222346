//! `upstream-worker-timeout-kill`: the server-side limit is shorter than the request.

use super::facts::{
    CUT_BEFORE_HEADER, DURING_MS, application_of, application_said, attempt_failed, failed_status, failing,
    log_line, log_says_otherwise, logged_now, passing_route,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-worker-timeout-kill.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-worker-timeout-kill",
    title: "the application server ended its own worker over a time limit",
    step: StepId::Timeouts,
    proxy_error: "connection_terminated",
    explains: &["upstream-worker-crash", "upstream-too-slow"],
    diagnose,
};

/// What application servers write when they do it.
const TEXTS: [&str; 6] = [
    "WORKER TIMEOUT",
    "execution timed out",
    "HARAKIRI",
    "exceeded the timeout",
    "(terminated) after",
    "request_terminate_timeout",
];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::upstream_oom_killed::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || failed_status(snapshot) == Some(504) {
        return None;
    }
    // It ends the connection, or answers 500 itself: what the proxy could not even connect to is another case.
    let fits = [
        Symptom::ClosedBeforeHeader,
        Symptom::ResetBeforeHeader,
        Symptom::BodyCut,
        Symptom::BackendStderr,
    ];
    if log_says_otherwise(snapshot, &fits) {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let (evidence, server, said) = snapshot.endpoints.iter().find_map(|evidence| {
        let server = application_of(snapshot, evidence)?;
        let said = application_said(snapshot, evidence, &TEXTS, DURING_MS)?;
        Some((evidence, server, said))
    })?;
    let limit_s = server.worker_timeout_s.unwrap_or_default();
    // The failure has to come when that limit runs out, give or take the interval at which it is checked.
    let took_ms = snapshot
        .attempts
        .iter()
        .filter(|attempt| attempt_failed(attempt))
        .filter_map(|attempt| attempt.exchange.seen())
        .map(|exchange| exchange.total_us / 1_000)
        .max()?;
    if !said.dated && limit_s == 0 {
        // A line of unknown age, and no limit to compare with.
        return None;
    }
    if limit_s > 0 && took_ms.saturating_add(200) < limit_s.saturating_mul(1_000) {
        return None;
    }
    let prefix = pass.protocol.directive_prefix();
    let option = match server.kind.as_str() {
        "php-fpm" => format!("request_terminate_timeout in the pool, and {prefix}_read_timeout above it"),
        "gunicorn" => format!("--timeout, and {prefix}_read_timeout above it"),
        "uwsgi" => format!("harakiri, and {prefix}_read_timeout above it"),
        _ => format!("its own limit, and {prefix}_read_timeout above it"),
    };
    let limit = if limit_s > 0 {
        format!(" of {limit_s} s")
    } else {
        String::new()
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "{} ends its worker because the request exceeds its own limit{limit}",
                    server.kind
                ),
            )
            .because(said.exhibit)
            .because_all(
                logged_now(snapshot, &CUT_BEFORE_HEADER)
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .because(Exhibit::shown_by(
                "probe",
                format!("the failure comes after {took_ms} ms"),
                evidence
                    .probes
                    .first()
                    .map(|probe| probe.command.clone())
                    .unwrap_or_default(),
            ))
            .remedy(Remedy::advise(
                "find out what the request waits for, and make it faster or move it to a queue",
            ))
            .remedy(
                Remedy::advise(format!("when requests may take that long: raise {option}"))
                    .risk("each such request holds a worker for that long"),
            ),
    )
}
