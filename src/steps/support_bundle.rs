//! Step 8, support bundle: what the hosting provider needs to know.

use crate::evidence::Snapshot;

/// What a bundle of this run would say about time and frequency.
pub(super) fn frequency(snapshot: &Snapshot) -> Option<String> {
    let errors: Vec<i64> = snapshot
        .log
        .errors()
        .filter(|entry| entry.symptom.is_some())
        .filter_map(|entry| entry.at_ms)
        .collect();
    let (first, last) = (*errors.first()?, *errors.last()?);
    let time = |at_ms: i64| {
        jiff::Timestamp::from_millisecond(at_ms)
            .map(|time| time.strftime("%H:%M:%S UTC").to_string())
            .unwrap_or_default()
    };
    Some(format!(
        "{} errors of this route in the log, {} to {}",
        errors.len(),
        time(first),
        time(last)
    ))
}
