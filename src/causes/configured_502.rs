//! `configured-502`: a return or error_page directive makes the status.

use super::facts::failed_status;
use super::{Answer, Cause, found};
use crate::evidence::{Handler, Snapshot};
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
    found(find(snapshot))
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
    if *set != status || asked {
        return None;
    }
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("the configuration answers {status} by itself: no upstream is asked"))
            .at(place)
            .because(Exhibit::in_file("config", format!("return {status}"), place))
            .because_all(snapshot.log.access_during.last().map(|entry| Exhibit { kind: "log".to_owned(), text: entry.text.clone(), ..Exhibit::default() }))
            .remedy(
                Remedy::edit("take the line out, or let it apply to maintenance only; then nginx -t && nginx -s reload", place, "")
                    .risk("it may be a maintenance switch that somebody set on purpose: ask first"),
            ),
    )
}
