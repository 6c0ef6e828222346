//! `upstream-too-slow`: alive, but slower than the read timeout.

use super::facts::{
    Contact, contact, culprit, failed_status, header_timed_out, log_line, logged_now, passing_route,
    probe_line,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Place, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-too-slow.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-too-slow",
    title: "the upstream does not answer before the proxy's limit",
    step: StepId::Timeouts,
    proxy_error: "connection_read_timeout",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::upstream_workers_saturated::CAUSE,
            &super::upstream_backlog_too_small::CAUSE,
            &super::upstream_fd_exhausted::CAUSE,
            &super::mtu_blackhole::CAUSE,
            &super::fastcgi_protocol_mismatch::CAUSE,
            &super::uwsgi_protocol_mismatch::CAUSE,
            &super::upstream_worker_timeout_kill::CAUSE,
        ],
        snapshot,
    ) || super::upstream_worker_crash::workers_die(snapshot)
    {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot)?;
    if !header_timed_out(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::HeaderTimeout, Symptom::SendTimeout]);
    let sending = logged
        .last()
        .is_some_and(|entry| entry.symptom == Some(Symptom::SendTimeout));
    let (directive, limit) = if sending {
        ("send_timeout", route.settings.send_timeout.as_ref())
    } else {
        ("read_timeout", route.settings.read_timeout.as_ref())
    };
    let limit_ms = limit.map_or(60_000, |limit| limit.value);
    let evidence = culprit(snapshot, logged.last().copied(), |contact| {
        contact == Contact::NoAnswer
    })?;
    let answer_ms = evidence
        .as_proxy()
        .and_then(|exchange| exchange.first_byte_us)
        .map(|micro| micro / 1_000);
    // Squid calls a reset in the middle of a header a timeout now and then; then nobody waited.
    let waited = snapshot.attempts.iter().any(|attempt| {
        attempt
            .exchange
            .seen()
            .is_some_and(|exchange| exchange.total_us / 800 >= limit_ms)
    });
    let quick = answer_ms.is_some_and(|quick| quick <= limit_ms);
    let cut = matches!(contact(evidence), Some(Contact::Closed | Contact::Reset));
    if route.proxy == ProxyKind::Squid && !waited && (quick || cut) {
        return None;
    }
    let prefix = pass.protocol.directive_prefix();
    let needs = answer_ms.filter(|needed| *needed > limit_ms && !sending);
    let message = match (needs, answer_ms) {
        (Some(needed), _) => format!(
            "{} needs {needed} ms to answer, the proxy waits {limit_ms} ms",
            evidence.endpoint
        ),
        (None, Some(quick)) => format!(
            "{} let a request of ours wait for more than the {limit_ms} ms that the proxy allows, and answers in {quick} ms when asked again: it is slow at times",
            evidence.endpoint
        ),
        (None, None) if sending => format!(
            "{} takes the connection and does not read the request within the {limit_ms} ms that the proxy waits",
            evidence.endpoint
        ),
        // Our own patience ended first, so the proxy's limit was not seen to run out.
        (None, None) if logged.is_empty() && failed_status(snapshot).is_none() => format!(
            "{} takes the connection and gave no answer within {} ms, when this run stopped waiting; the proxy would wait {limit_ms} ms",
            evidence.endpoint,
            evidence.as_proxy().map_or(0, |exchange| exchange.total_us / 1_000)
        ),
        (None, None) => format!(
            "{} takes the connection and does not answer within the {limit_ms} ms that the proxy waits",
            evidence.endpoint
        ),
    };
    let place = limit.and_then(|limit| limit.place.clone()).unwrap_or_default();
    let setting = if place.line > 0 {
        Exhibit::in_file("config", format!("{prefix}_{directive} is {limit_ms} ms"), &place)
    } else {
        Exhibit::shown_by(
            "config",
            format!("{prefix}_{directive} is {limit_ms} ms, the default"),
            format!("nginx -T | grep {directive}"),
        )
    };
    let mut finding = CAUSE
        .finding(if logged.is_empty() { Confidence::Likely } else { Confidence::Confirmed }, message)
        .at(&place)
        .because_all(logged.last().map(|entry| log_line(entry)))
        .because_all(probe_line(evidence))
        .because(setting)
        .remedy(Remedy::advise("find out what it waits for: its own slow log, its database, an outside service without a timeout"));
    if let Some(needed) = needs {
        let seconds = (needed.saturating_mul(3) / 2).div_ceil(1_000).max(1);
        finding = finding.remedy(
            Remedy::edit(
                format!("if {needed} ms are legitimate for this route: allow for it, then nginx -t && nginx -s reload"),
                &Place { line: place.line, file: if place.file.is_empty() { pass.place.file.clone() } else { place.file.clone() }, column: 0 },
                format!("{prefix}_read_timeout {seconds}s;"),
            )
            .risk("each slow request then holds a worker of the application for longer"),
        );
    } else if answer_ms.is_none() {
        finding = finding.remedy(
            Remedy::advise("it may hang for good: look at its state and its processor use, then restart it")
                .risk("the restart interrupts its requests; a longer timeout would only hide a dead pool"),
        );
    }
    Some(finding)
}
