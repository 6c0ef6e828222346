//! `proxy-connection-slots-exhausted`: `worker_connections` or the descriptor limit of the proxy is used up.

use super::facts::{failing, log_line, log_says_otherwise, logged_now};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{ErrorEntry, Place, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-connection-slots-exhausted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-connection-slots-exhausted",
    title: "the proxy ran out of connection slots or file descriptors",
    step: StepId::Config,
    proxy_error: "connection_limit_reached",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::proxy_loop::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let recent = |entry: &&ErrorEntry| {
        entry
            .at_ms
            .is_some_and(|at_ms| at_ms.saturating_add(60_000) >= snapshot.host.now_ms)
    };
    let entry = logged_now(snapshot, &[Symptom::SlotsExhausted])
        .into_iter()
        .next_back()
        .or_else(|| {
            // A line about another request does not explain ours when the log tells of ours.
            if log_says_otherwise(snapshot, &[Symptom::SlotsExhausted]) {
                return None;
            }
            snapshot
                .log
                .general
                .iter()
                .chain(&snapshot.log.before)
                .filter(|entry| entry.symptom == Some(Symptom::SlotsExhausted))
                .rfind(recent)
        });
    let used = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.descriptors.seen())
        .filter(|used| used.limit > 0 && used.open.saturating_add(2) >= used.limit)
        .filter(|_| !log_says_otherwise(snapshot, &[Symptom::SlotsExhausted]));
    if entry.is_none() && used.is_none() {
        return None;
    }
    let settings = snapshot.route.seen().map(|route| &route.settings);
    let descriptors = used.is_some()
        || entry.is_some_and(|entry| entry.message.contains("(24:") || entry.message.contains("number"));
    let what = if descriptors {
        "file descriptors"
    } else {
        "worker_connections"
    };
    let value = settings.and_then(|settings| {
        if descriptors {
            settings.worker_rlimit_nofile.as_ref()
        } else {
            settings.worker_connections.as_ref()
        }
    });
    let count = value.map_or_else(String::new, |value| format!(" ({})", value.value));
    let main_file = snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.config.clone())
        .filter(|file| !file.is_empty());
    let place = value.and_then(|value| value.place.clone()).unwrap_or_else(|| Place {
        file: main_file.unwrap_or_else(|| "/etc/nginx/nginx.conf".to_owned()),
        ..Place::default()
    });
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("the proxy has no {what} left{count}; every proxied request needs two"),
        )
        .at(&place)
        .because_all(entry.map(log_line));
    if let (Some(used), Some(worker)) = (
        used,
        snapshot.proxy.as_ref().and_then(|proxy| proxy.workers.first()),
    ) {
        finding = finding.because(Exhibit::shown_by(
            "limit",
            format!(
                "worker {}: {} open descriptors of {}",
                worker.pid, used.open, used.limit
            ),
            format!(
                "ls /proc/{0}/fd | wc -l; grep 'open files' /proc/{0}/limits",
                worker.pid
            ),
        ));
    }
    // Never less than there is.
    let now = value.map_or(0, |value| value.value);
    let directive = if descriptors {
        format!("worker_rlimit_nofile {};", now.saturating_mul(2).max(65_535))
    } else {
        format!("worker_connections {};", now.saturating_mul(2).max(4_096))
    };
    Some(
        finding
            .remedy(
                Remedy::edit(
                    "give it more, then nginx -t && nginx -s reload",
                    &place,
                    directive,
                )
                .risk("the limit of its unit counts too (LimitNOFILE= in a drop-in, which takes a restart)"),
            )
            .remedy(Remedy::advise(
                "look who holds them: idle clients (keepalive_timeout) or a slow upstream",
            )),
    )
}
