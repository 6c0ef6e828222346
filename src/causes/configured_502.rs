//! `configured-502`: a return or `error_page` directive makes the status.

use super::facts::{Contact, access_line, contact, failed_status, logged_now, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{AccessEntry, Handler, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/configured-502.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "configured-502",
    title: "the configuration answers the error on purpose",
    step: StepId::Config,
    proxy_error: "http_response_status",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot).or_else(|| by_condition(snapshot)))
}

/// Nobody behind the proxy made the answer, no line of its log explains it, and a condition that only the
/// running server knows would make it.
fn by_condition(snapshot: &Snapshot) -> Option<Finding> {
    let status = failed_status(snapshot)?;
    let route = snapshot.inner_routes.last().or(snapshot.route.seen())?;
    let possible = route
        .possible_returns
        .iter()
        .find(|possible| possible.status == status)?;
    let explained = snapshot
        .log
        .during
        .iter()
        .any(|entry| entry.symptom.is_some_and(|symptom| symptom != Symptom::BackendStderr));
    let relayed = snapshot
        .endpoints
        .iter()
        .any(|evidence| contact(evidence) == Some(Contact::Answered(status)));
    let asked = |entry: &&AccessEntry| entry.upstream_status.as_deref().is_some_and(|text| text != "-");
    if explained || relayed || snapshot.log.access_during.iter().any(|entry| asked(&entry)) {
        return None;
    }
    // Where the access log has the upstream's fields and they are empty, nobody was asked.
    let nobody_asked = snapshot
        .log
        .access_during
        .iter()
        .any(|entry| entry.upstream_status.as_deref() == Some("-"));
    let confidence = if nobody_asked {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let (place, depends_on) = (&possible.place, &possible.depends_on);
    Some(
        CAUSE
            .finding(
                confidence,
                format!("the configuration answers {status} by itself under a condition on {depends_on}: no upstream is asked"),
            )
            .at(place)
            .because(Exhibit::in_file(
                "config",
                format!("return {status}, depending on {depends_on}"),
                place,
            ))
            .because_all(snapshot.log.access_during.last().map(access_line))
            .because_all(snapshot.endpoints.first().and_then(probe_line))
            .remedy(
                Remedy::advise(format!("look at {depends_on}: it may be a maintenance switch that somebody set on purpose; take it back, or take the line out, then nginx -t && nginx -s reload"))
                    .risk("ask first who set it"),
            ),
    )
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let status = failed_status(snapshot)?;
    let route = snapshot.inner_routes.last().or(snapshot.route.seen())?;
    let Handler::Return { status: set, place } = &route.handler else {
        return None;
    };
    // A line about an upstream of our own requests: the running proxy has another configuration than the file.
    let asked = snapshot
        .log
        .during
        .iter()
        .any(|entry| entry.symptom.is_some() && entry.upstream.is_some());
    // Squid without any way left answers so by itself: nobody wrote that status.
    let no_way = route
        .settings
        .squid
        .as_ref()
        .is_some_and(|squid| squid.ways.is_empty())
        && !logged_now(snapshot, &[Symptom::NoForwardPath]).is_empty();
    if *set != status || asked || no_way {
        return None;
    }
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("the configuration answers {status} by itself: no upstream is asked"))
            .at(place)
            .because(Exhibit::in_file("config", format!("return {status}"), place))
            .because_all(snapshot.log.access_during.last().map(access_line))
            .remedy(
                Remedy::edit("take the line out, or let it apply to maintenance only; then nginx -t && nginx -s reload", place, "")
                    .risk("it may be a maintenance switch that somebody set on purpose: ask first"),
            ),
    )
}
