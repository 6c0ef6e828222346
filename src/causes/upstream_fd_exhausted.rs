//! `upstream-fd-exhausted`: the application cannot take or open anything more.

use super::facts::{
    Contact, LATELY_MS, application_said, contact, failing, log_line, logged_now, owner_words,
};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/upstream-fd-exhausted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-fd-exhausted",
    title: "the upstream has no file descriptors left",
    step: StepId::Upstream,
    proxy_error: "connection_terminated",
    explains: &["upstream-too-slow", "upstream-workers-saturated"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (evidence, said, used) = snapshot.endpoints.iter().find_map(|evidence| {
        let said = application_said(snapshot, evidence, &["Too many open files", "EMFILE"], LATELY_MS);
        let used = evidence
            .descriptors
            .seen()
            .filter(|used| used.limit > 0 && used.open.saturating_add(2) >= used.limit);
        (used.is_some()
            || (said.is_some()
                && matches!(
                    contact(evidence),
                    Some(
                        Contact::Silent
                            | Contact::NoAnswer
                            | Contact::QueueFull
                            | Contact::Closed
                            | Contact::Reset
                            | Contact::Answered(500..)
                    )
                )))
        .then_some((evidence, said, used))
    })?;
    let owner = evidence
        .listener
        .seen()
        .map_or_else(|| "the upstream".to_owned(), owner_words);
    let pid = evidence
        .listener
        .seen()
        .and_then(|listener| listener.processes.first())
        .map_or_else(|| "PID".to_owned(), |owner| owner.pid.to_string());
    let unit = evidence
        .listener
        .seen()
        .and_then(|listener| listener.processes.iter().find_map(|owner| owner.unit.clone()));
    let raise = match &unit {
        Some(unit) => format!(
            "raise LimitNOFILE= of {unit} (systemctl edit {}), then restart it",
            quoted(unit)
        ),
        None => {
            "raise its limit (LimitNOFILE= of its unit, or ulimit -n where it is started), then restart it"
                .to_owned()
        }
    };
    let count = used.map_or_else(String::new, |used| format!(" ({} of {})", used.open, used.limit));
    Some(
        CAUSE
            .finding(if used.is_some() { Confidence::Confirmed } else { Confidence::Likely }, format!("{owner} has no file descriptors left{count}"))
            .because_all(used.map(|used| {
                Exhibit::shown_by("limit", format!("{} open descriptors, the limit is {}", used.open, used.limit), format!("ls /proc/{pid}/fd | wc -l; grep 'open files' /proc/{pid}/limits"))
            }))
            .because_all(said.map(|said| said.exhibit))
            .because_all(logged_now(snapshot, &[Symptom::HeaderTimeout, Symptom::ConnectTimeout, Symptom::ResetBeforeHeader]).last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise(raise).risk("the restart interrupts its requests"))
            .remedy(Remedy::advise(format!("then look for the leak: ls -l /proc/{pid}/fd | awk '{{print $NF}}' | sort | uniq -c | sort -n | tail"))),
    )
}
