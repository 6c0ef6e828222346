//! `upgrade-mismatch`: the upstream switches protocols although nobody asked, or another way than asked.

use super::facts::{
    Contact, contact, failing, log_line, log_says_otherwise, logged_now, passing_route, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/upgrade-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upgrade-mismatch",
    title: "the change to another protocol (WebSocket) is not what the proxy expects",
    step: StepId::Config,
    proxy_error: "http_upgrade_failed",
    explains: &["response-malformed-framing"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::UpgradeFailed]);
    let switched = snapshot
        .endpoints
        .iter()
        .find(|evidence| contact(evidence) == Some(Contact::Answered(101)));
    let vague = !logged_now(snapshot, &[Symptom::RefusedAnswer]).is_empty();
    if logged.is_empty()
        && (switched.is_none() || !vague || log_says_otherwise(snapshot, &[Symptom::UpgradeFailed]))
    {
        return None;
    }
    let (route, pass) = passing_route(snapshot)?;
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let message = if switched.is_some() {
        "the upstream answers 101 (switching protocols) to a plain request, and the proxy refuses that"
    } else {
        "the upstream changes to another protocol than the proxy asked for"
    };
    let remedy = match route.proxy {
        ProxyKind::Apache => {
            "for WebSocket: ProxyPass with upgrade=websocket (Apache 2.4.47 and later) or mod_proxy_wstunnel, then apachectl -t && apachectl graceful"
        }
        ProxyKind::Squid => {
            "for WebSocket: http_upgrade_request_protocols websocket allow all, then squid -k parse && squid -k reconfigure"
        }
        ProxyKind::Nginx | ProxyKind::Haproxy => {
            "for WebSocket: proxy_http_version 1.1 and the Upgrade and Connection headers handed on, then nginx -t && nginx -s reload"
        }
    };
    Some(
        CAUSE
            .finding(confidence, message)
            .at(&pass.place)
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(switched.and_then(probe_line))
            .remedy(Remedy::advise(
                "let the application answer 101 only to a request with Upgrade",
            ))
            .remedy(Remedy::advise(remedy)),
    )
}
