//! `keepalive-race`: idle connections live longer at the proxy than at the upstream.

use super::facts::{application_of, attempt_failed, log_line, near, other_probe_line, passing_route, works};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{End, Exchange, Pass, Place, ProbeKind, Route, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/keepalive-race.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "keepalive-race",
    title: "the proxy reuses a connection that the upstream is just closing",
    step: StepId::Timeouts,
    proxy_error: "connection_terminated",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::upstream_rejects_body::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

/// True when the upstream announces that it closes: the proxy then keeps nothing.
fn says_close(exchange: Option<&Exchange>) -> bool {
    exchange
        .and_then(|exchange| http::head(&exchange.bytes.0))
        .is_some_and(|head| {
            let words = head.values("connection").join(",").to_lowercase();
            let keeps = words.contains("keep-alive");
            words.contains("close") || (head.status_line.starts_with("HTTP/1.0") && !keeps)
        })
}

/// Connections to the upstream that are kept.
struct Pool {
    /// How long an idle one is kept; `None`: without limit.
    idle_ms: Option<u64>,
    place: Place,
    /// What keeps them, in words.
    what: String,
}

fn pool(route: &Route, pass: &Pass) -> Option<Pool> {
    let settings = &route.settings;
    if let Some(apache) = &settings.apache {
        return (apache.reuse.value && apache.worker.is_some()).then(|| Pool {
            idle_ms: apache.ttl_ms.as_ref().map(|ttl| ttl.value),
            place: pass.place.clone(),
            what: "the worker of this line keeps connections".to_owned(),
        });
    }
    if let Some(squid) = &settings.squid {
        return Some(Pool {
            idle_ms: Some(squid.server_idle_timeout_ms.value),
            place: squid
                .server_idle_timeout_ms
                .place
                .clone()
                .unwrap_or_else(|| pass.place.clone()),
            what: "Squid keeps connections to servers".to_owned(),
        });
    }
    let group = pass
        .group
        .as_ref()
        .filter(|group| group.keepalive.is_some_and(|count| count > 0))?;
    Some(Pool {
        idle_ms: Some(group.keepalive_timeout_ms.unwrap_or(60_000)),
        place: group.place.clone(),
        what: format!("upstream {} keeps connections", group.name),
    })
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot)?;
    let pool = pool(route, pass)?;
    let settings = &route.settings;
    let one_request = settings
        .http_version
        .as_ref()
        .is_some_and(|version| version.value == "1.0")
        || settings.request_headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
        });
    if one_request {
        // The pool is there, and no connection ever gets into it.
        return None;
    }
    // Always failing is not a race.
    if !snapshot.attempts.iter().any(|attempt| !attempt_failed(attempt)) {
        return None;
    }
    let cut = [
        Symptom::ClosedBeforeHeader,
        Symptom::ResetBeforeHeader,
        Symptom::SendFailed,
    ];
    let entry = snapshot
        .log
        .errors()
        .rev()
        .find(|entry| entry.symptom.is_some_and(|symptom| cut.contains(&symptom)))?;
    let evidence = snapshot.endpoints.iter().find(|evidence| works(evidence, pass))?;
    if says_close(evidence.as_proxy()) || says_close(evidence.probe(ProbeKind::KeptConnection)) {
        return None;
    }
    if super::upstream_worker_crash::crash_proof(snapshot, evidence).is_some() {
        return None;
    }
    let second = evidence
        .probe(ProbeKind::KeptConnection)
        .and_then(|exchange| exchange.second);
    let idle_ms = pool.idle_ms.unwrap_or(u64::MAX);
    let kept = pool.idle_ms.map_or_else(
        || "without limit".to_owned(),
        |idle| format!("for {} s", idle / 1_000),
    );
    let longer = pool.idle_ms.map_or_else(
        || "which sets no limit: give it one first".to_owned(),
        |idle| format!("{} s", idle / 1_000 + 5),
    );
    let by_settings = application_of(snapshot, evidence)
        .and_then(|server| server.keepalive_s)
        .filter(|seconds| *seconds > 0 && seconds.saturating_mul(1_000) < idle_ms);
    let closes = second
        .filter(|second| second.closed_before || (second.received_bytes == 0 && second.end != End::TimedOut));
    if closes.is_none() && by_settings.is_none() {
        return None;
    }
    let upstream = match (&closes, by_settings) {
        (Some(second), _) if second.closed_before => format!("after {} ms", second.idle_us / 1_000),
        (Some(_), _) => "with the second request".to_owned(),
        (None, Some(seconds)) => format!("after {seconds} s"),
        (None, None) => String::new(),
    };
    let shorter = closes
        .as_ref()
        .map_or(by_settings.unwrap_or(5).saturating_mul(1_000), |second| {
            second.idle_us / 1_000
        })
        .max(1_000)
        * 8
        / 10
        / 1_000;
    Some(
        CAUSE
            .finding(
                if closes.is_some() { Confidence::Confirmed } else { Confidence::Likely },
                format!("{} closes kept connections {upstream}, the proxy keeps them {kept} and sends into closed ones", evidence.endpoint),
            )
            .at(&pool.place)
            .because(log_line(entry))
            .because_all(other_probe_line(evidence, ProbeKind::KeptConnection, &format!("the upstream closes a kept connection {upstream}")))
            .because(Exhibit::in_file("config", pool.what.clone(), &pool.place))
            .remedy(Remedy::advise(format!(
                "let the upstream keep idle connections longer than the proxy does ({longer}): Node server.keepAliveTimeout, gunicorn --keep-alive with gthread, uvicorn --timeout-keep-alive"
            )).risk("needs a restart of the application"))
            .remedy(Remedy::edit(
                "or let the proxy give them up earlier, inside that upstream block, then nginx -t && nginx -s reload",
                &near(&pool.place),
                format!("keepalive_timeout {}s;", shorter.max(1)),
            ))
            .remedy(Remedy::advise("proxy_next_upstream ... non_idempotent would repeat such requests").risk("a POST that was executed may be executed twice")),
    )
}
