//! `cached-502`: the upstream works again, the cache still says otherwise.

use super::facts::{all_work, attempt_failed, failed_status, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/cached-502.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "cached-502",
    title: "an error that was stored earlier is served from the cache",
    step: StepId::Retry,
    proxy_error: "http_response_status",
    explains: &["upstream-returned-502"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let status = failed_status(snapshot)?;
    let (route, pass) = passing_route(snapshot)?;
    let cache = route.settings.cache.as_ref();
    let keeps = route
        .settings
        .cache_valid_502
        .as_ref()
        .filter(|setting| setting.value > 0);
    let hit = snapshot
        .log
        .access_during
        .iter()
        .rev()
        .find(|entry| entry.cache_status.as_deref() == Some("HIT") && entry.status == Some(status));
    let by_header = snapshot.attempts.iter().any(|attempt| {
        attempt_failed(attempt)
            && ["x-cache", "x-cache-status", "cf-cache-status"].iter().any(|name| {
                attempt
                    .header(name)
                    .is_some_and(|value| value.to_uppercase().contains("HIT"))
            })
    });
    let silent = snapshot.log.during.iter().all(|entry| entry.symptom.is_none());
    let by_config = cache.is_some() && keeps.is_some() && silent && all_work(snapshot);
    if !(hit.is_some() || by_header || by_config) {
        return None;
    }
    let place = keeps
        .and_then(|keeps| keeps.place.clone())
        .unwrap_or_else(|| pass.place.clone());
    let for_s = keeps.map_or_else(String::new, |keeps| format!(" for {} s", keeps.value / 1_000));
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("the cache serves a stored {status}{for_s}, although the upstream answers"),
            )
            .at(&place)
            .because_all(snapshot.endpoints.first().and_then(probe_line))
            .because(Exhibit::in_file(
                "config",
                "errors are cached by this line",
                &place,
            ))
            .because_all(hit.map(|entry| Exhibit {
                kind: "log".to_owned(),
                text: entry.text.clone(),
                ..Exhibit::default()
            }))
            .remedy(Remedy::edit(
                "cache only good answers, then nginx -t && nginx -s reload",
                &place,
                "proxy_cache_valid 200 301 302 10m;",
            ))
            .remedy(
                Remedy::advise(
                    "to be rid of it now: remove the entry below proxy_cache_path, or purge the key",
                )
                .risk("an emptied cache sends every request to the upstream at once"),
            ),
    )
}
