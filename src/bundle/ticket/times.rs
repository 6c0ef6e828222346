//! First and last time, how often, and which URLs: counted, and said where the counting ends.

use std::collections::BTreeMap;

use super::inline;
use crate::evidence::{AccessEntry, ErrorEntry, RequestCount, Snapshot};
use crate::report::history::utc as time;
use crate::report::logbook;

/// What a snapshot keeps of older lines; where it is full there may be more.
const KEPT_ERRORS: usize = 200;
const KEPT_ACCESSES: usize = 500;
/// URLs that are listed.
const MOST_URLS: usize = 10;

/// Error lines that tell of failed requests.
fn errors(snapshot: &Snapshot) -> impl Iterator<Item = &ErrorEntry> {
    snapshot.log.errors().filter(|entry| entry.symptom.is_some())
}

/// Requests of the access log.
fn accesses(snapshot: &Snapshot) -> impl Iterator<Item = &AccessEntry> {
    snapshot.log.access_before.iter().chain(&snapshot.log.access_during)
}

/// Those that were answered with a gateway's error.
pub(super) fn failed_accesses(snapshot: &Snapshot) -> impl Iterator<Item = &AccessEntry> {
    accesses(snapshot).filter(|entry| entry.status.is_some_and(|status| matches!(status, 502..=504)))
}

/// The time of the first error that a log tells of, among the lines that were read.
pub(super) fn first_error_ms(snapshot: &Snapshot) -> Option<i64> {
    errors(snapshot)
        // What an error page says was no line of a log.
        .filter(|entry| !entry.file.is_empty())
        .filter_map(|entry| entry.at_ms)
        .chain(failed_accesses(snapshot).filter_map(|entry| entry.at_ms))
        .chain(
            snapshot
                .log
                .account
                .iter()
                .flat_map(|account| &account.symptoms)
                .filter_map(|symptom| symptom.first_ms),
        )
        .min()
}

/// When and how often.
pub(super) fn frequency(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    let failed: Vec<_> = snapshot
        .attempts
        .iter()
        .filter(|attempt| attempt.status.is_none_or(|status| status >= 500))
        .collect();
    if let (Some(first), Some(last)) = (failed.first(), failed.last()) {
        lines.push(format!(
            "{} of {} attempts of our own failed, {}",
            failed.len(),
            snapshot.attempts.len(),
            span(first.at_ms, last.at_ms)
        ));
    } else if !snapshot.attempts.is_empty() {
        lines.push(format!(
            "none of {} attempts of our own failed",
            snapshot.attempts.len()
        ));
    }
    let times: Vec<i64> = errors(snapshot).filter_map(|entry| entry.at_ms).collect();
    if let Some(range) = range(&times) {
        let count = errors(snapshot).count();
        let lines_word = if count == 1 { "line" } else { "lines" };
        let more = if snapshot.log.before.len() >= KEPT_ERRORS {
            format!("; only the newest {KEPT_ERRORS} were kept, so it began earlier")
        } else {
            String::new()
        };
        lines.push(format!(
            "error log: {count} {lines_word} about this route, {range}{more}"
        ));
        lines.extend(series(&times));
    }
    let total = accesses(snapshot).count();
    if total > 0 {
        let times: Vec<i64> = failed_accesses(snapshot).filter_map(|entry| entry.at_ms).collect();
        let bad = failed_accesses(snapshot).count();
        let range = super::times::range(&times)
            .map(|range| format!(", {range}"))
            .unwrap_or_default();
        let more = if snapshot.log.access_before.len() >= KEPT_ACCESSES {
            " last"
        } else {
            ""
        };
        lines.push(format!(
            "access log: {bad} of the{more} {total} requests of this path got a 502, 503 or 504{}{range}",
            percent(bad, total)
        ));
    }
    lines.extend(
        logbook::sentences(snapshot)
            .iter()
            .map(|sentence| format!("all logs: {}", inline(sentence))),
    );
    lines
}

/// Which URLs have error lines, and their share.
pub(super) fn shares(snapshot: &Snapshot) -> Vec<String> {
    let counted = snapshot.log.account.as_ref().map(|account| &account.requests);
    if let Some(requests) = counted.filter(|requests| requests.failed > 0) {
        return counted_shares(requests);
    }
    let mut urls: BTreeMap<String, usize> = BTreeMap::new();
    for entry in errors(snapshot) {
        // Queries differ from request to request.
        if let Some(url) = entry.request.as_deref().and_then(|request| {
            let mut words = request.split(' ');
            let (method, target) = (words.next()?, words.next()?);
            let path = target.split('?').next().unwrap_or(target);
            Some(format!("{method} {path}"))
        }) {
            *urls.entry(url).or_default() += 1;
        }
    }
    let all: usize = urls.values().sum();
    let mut sorted: Vec<(String, usize)> = urls.into_iter().collect();
    sorted.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let more = sorted.len().saturating_sub(MOST_URLS);
    let mut lines: Vec<String> = sorted
        .into_iter()
        .take(MOST_URLS)
        .map(|(url, count)| {
            format!(
                "{}: {count} of {all} error lines with a request{}",
                inline(&url),
                percent(count, all)
            )
        })
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more URLs"));
    }
    lines
}

/// The same from the account of all access logs that were read.
fn counted_shares(requests: &RequestCount) -> Vec<String> {
    let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let mut lines = vec![format!(
        "{} of {} logged requests got a 502, 503 or 504{}",
        requests.failed,
        requests.total,
        percent(number(requests.failed), number(requests.total))
    )];
    let failing: Vec<_> = requests.by_path.iter().filter(|path| path.failed > 0).collect();
    for path in failing.iter().take(MOST_URLS) {
        lines.push(format!(
            "{}: {} of its {} requests failed{}",
            inline(&path.path),
            path.failed,
            path.total,
            percent(number(path.failed), number(path.total))
        ));
    }
    if failing.len() > MOST_URLS {
        lines.push(format!("and {} more URLs", failing.len() - MOST_URLS));
    }
    lines
}

/// ` (31 %)`; nothing where all or none are meant.
fn percent(part: usize, all: usize) -> String {
    match part.saturating_mul(100).checked_div(all) {
        Some(share) if part > 0 && part < all => format!(" ({} %)", share.clamp(1, 99)),
        _ => String::new(),
    }
}

/// First and last of some times, and how often that is where it is more than once a minute.
fn range(times: &[i64]) -> Option<String> {
    let (first_ms, last_ms) = (*times.iter().min()?, *times.iter().max()?);
    let span_ms = u64::try_from(last_ms.saturating_sub(first_ms)).unwrap_or(0);
    let per_minute = (times.len() as u64).saturating_mul(60_000).checked_div(span_ms);
    let often = match per_minute {
        Some(count) if span_ms >= 60_000 && count > 0 => format!(", about {count} a minute"),
        _ => String::new(),
    };
    Some(span(first_ms, last_ms) + &often)
}

fn span(first_ms: i64, last_ms: i64) -> String {
    if first_ms == last_ms {
        format!("at {}", time(first_ms))
    } else {
        format!("first {}, last {}", time(first_ms), time(last_ms))
    }
}

/// Errors by a step of time of which the whole span has a dozen at the most; nothing for a short span.
fn series(times: &[i64]) -> Option<String> {
    const STEPS_MS: [i64; 6] = [60_000, 600_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000];
    let (first_ms, last_ms) = (*times.iter().min()?, *times.iter().max()?);
    let span_ms = last_ms.saturating_sub(first_ms);
    let step_ms = STEPS_MS.into_iter().find(|step_ms| span_ms / step_ms < 12)?;
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for at_ms in times {
        *counts.entry(at_ms.div_euclid(step_ms) * step_ms).or_default() += 1;
    }
    if counts.len() < 2 {
        return None;
    }
    let steps: Vec<String> = counts
        .into_iter()
        .map(|(at_ms, count)| {
            let full = time(at_ms);
            let from = if step_ms >= 86_400_000 { 0 } else { 5 };
            let to = if step_ms >= 86_400_000 { 10 } else { 16 };
            format!("{} {count}", full.get(from..to).unwrap_or(&full))
        })
        .collect();
    let unit = match step_ms {
        60_000 => "minute",
        600_000 => "ten minutes",
        3_600_000 => "hour",
        21_600_000 => "six hours",
        86_400_000 => "day",
        _ => "week",
    };
    Some(format!("error lines by the {unit}: {}", steps.join(", ")))
}
