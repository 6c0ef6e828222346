//! Step 8, support bundle: what the hosting provider needs to know.

use super::summary::Line;
use crate::evidence::Snapshot;
use crate::report::StepStatus;
use crate::verdict::{Diagnosis, Status};

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

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot, diagnosis: &Diagnosis) -> Line {
    let mut details: Vec<String> = frequency(snapshot).into_iter().collect();
    if let Some(cloud) = &snapshot.host.cloud {
        let pages = if cloud.console.is_empty() {
            String::new()
        } else {
            format!(" - console {}, status {}", cloud.console, cloud.status)
        };
        details.push(format!("provider: {}{pages}", cloud.name));
    }
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    let summary = if diagnosis.verdict.status == Status::Healthy {
        "not needed".to_owned()
    } else {
        format!("fix502 bundle {url}").trim_end().to_owned()
    };
    (StepStatus::Skipped, summary, details)
}
