//! `cached-502`: the upstream works again, the cache still says otherwise.

use super::facts::{all_work, attempt_failed, failed_status, has_word, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

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
                // `MISS from white-1` is no hit.
                attempt.header(name).is_some_and(|value| {
                    let value = value.to_uppercase();
                    has_word(value.split(" FROM ").next().unwrap_or_default(), "HIT")
                })
            })
    });
    let silent = snapshot.log.during.iter().all(|entry| entry.symptom.is_none());
    let by_config = cache.is_some() && keeps.is_some() && silent && all_work(snapshot);
    if !(hit.is_some() || by_header || by_config) {
        return None;
    }
    let place = keeps.and_then(|keeps| keeps.place.clone());
    let answers = if all_work(snapshot) {
        ", although the upstream answers"
    } else {
        ""
    };
    let for_s = keeps.map_or_else(String::new, |keeps| format!(" for {} s", keeps.value / 1_000));
    let finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("the cache serves a stored {status}{for_s}{answers}"),
        )
        .at(place.as_ref().unwrap_or(&pass.place))
        .because_all(snapshot.endpoints.first().and_then(probe_line));
    if hit.is_none() && cache.is_none() {
        return Some(by_another_cache(snapshot, finding));
    }
    let mut finding = finding
        .because_all(
            place
                .as_ref()
                .map(|place| Exhibit::in_file("config", "errors are cached by this line", place)),
        )
        .because_all(hit.map(|entry| Exhibit {
            kind: "log".to_owned(),
            text: entry.text.clone(),
            ..Exhibit::default()
        }));
    finding = match &place {
        Some(place) => finding.remedy(Remedy::edit(
            "cache only good answers, then nginx -t && nginx -s reload",
            place,
            "proxy_cache_valid 200 301 302 10m;",
        )),
        None => finding.remedy(Remedy::advise(
            "the application marked its error as cacheable (Cache-Control, Expires, X-Accel-Expires): take that off its error pages",
        )),
    };
    Some(
        finding.remedy(
            Remedy::advise("to be rid of it now: remove the entry below proxy_cache_path, or purge the key")
                .risk("an emptied cache sends every request to the upstream at once"),
        ),
    )
}

/// The answer says that it is a hit, and the proxy of this host caches nothing: the cache stands elsewhere.
fn by_another_cache(snapshot: &Snapshot, finding: Finding) -> Finding {
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    finding
        .because(Exhibit::shown_by(
            "probe",
            "the failing answer says that it comes from a cache (X-Cache, CF-Cache-Status)",
            format!("curl -sI {}", quoted(url)),
        ))
        .remedy(Remedy::advise(format!(
            "purge {url} from the cache in front of this host, and let it store no answer with a status of 500 and above"
        )))
}
