//! `proxy-loop`: the route leads back to where it came from.

use super::facts::{failing, log_line};
use super::{Answer, Cause, found};
use crate::evidence::{Handler, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-loop.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-loop",
    title: "the proxy forwards to itself",
    step: StepId::Config,
    proxy_error: "proxy_loop_detected",
    explains: &[
        "proxy-connection-slots-exhausted",
        "upstream-worker-crash",
        "upstream-returned-502",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    // What Squid answers in the end depends on who notices first: an error, or a refusal by its own rules.
    let began_ms = snapshot.log.attempts_began_ms / 1_000 * 1_000;
    let noticed = snapshot.log.general.iter().chain(&snapshot.log.during).any(|entry| {
        entry.symptom == Some(Symptom::ForwardingLoop) && entry.at_ms.is_some_and(|at_ms| at_ms >= began_ms)
    });
    let place = snapshot.loop_at.as_ref().filter(|_| failing(snapshot) || noticed)?;
    let pass = snapshot.route.seen().and_then(|route| match &route.handler {
        Handler::Pass(pass) => Some(pass),
        Handler::Return { .. } | Handler::Local(_) | Handler::Unknown => None,
    });
    let written = pass.map_or_else(String::new, |pass| format!(" ({})", pass.written));
    let at = pass.map_or(place, |pass| &pass.place);
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("the proxy forwards the request to itself{written}"),
            )
            .at(at)
            .because(Exhibit::in_file("config", "the route comes back here", place))
            .because(Exhibit::in_file(
                "config",
                format!("and goes on to itself{written}"),
                at,
            ))
            .because_all(
                snapshot
                    .log
                    .during
                    .iter()
                    .rev()
                    .find(|entry| entry.symptom.is_some())
                    .map(log_line),
            )
            .remedy(Remedy::advise(
                "point proxy_pass to the port of the application, then nginx -t && nginx -s reload",
            )),
    )
}
