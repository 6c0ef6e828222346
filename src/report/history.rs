//! What happened on this host and when, as far as the evidence has times: for the ticket and the timeline.

use crate::evidence::{ConfigCommit, KernelEventKind, LogEventKind, PackageChange, Snapshot};

/// Of the files of a configuration the newest are told: after a copy all of them have one time.
const MOST_FILES: usize = 12;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What, in a few words; names in it come from outside.
    pub what: String,
}

/// Everything that has a time, newest first: writes and commits of configuration files, starts, changes of
/// units, kernel events, boot, changes of packages, reloads and what else the logs tell of.
pub fn events(snapshot: &Snapshot) -> Vec<Event> {
    let mut events = Vec::new();
    let mut add = |at_ms: i64, what: String| events.push(Event { at_ms, what });
    if let Some(config) = snapshot.config.seen() {
        let mut written: Vec<(i64, &str)> = config
            .files
            .iter()
            .filter_map(|file| Some((file.modified_ms?, file.path.as_str())))
            .collect();
        written.sort_unstable_by(|one, other| other.cmp(one));
        for (modified_ms, path) in written.into_iter().take(MOST_FILES) {
            add(modified_ms, format!("{path} was written"));
        }
    }
    if let Some(proxy) = &snapshot.proxy
        && proxy.master.started_ms > 0
    {
        let name = proxy.kind.name();
        add(proxy.master.started_ms, format!("{name} was started"));
        let newest = proxy.workers.iter().map(|worker| worker.started_ms).max();
        if let Some(started_ms) = newest.filter(|started| *started > proxy.master.started_ms) {
            add(started_ms, format!("the newest worker of {name} was started"));
        }
    }
    for unit in snapshot.units.seen().into_iter().flatten() {
        let restarts = match unit.restarts {
            0 => String::new(),
            1 => ", 1 automatic restart".to_owned(),
            count => format!(", {count} automatic restarts"),
        };
        if let Some(since_ms) = unit.active_since_ms {
            add(since_ms, format!("{} became active{restarts}", unit.name));
        }
        if let Some(since_ms) = unit.inactive_since_ms {
            add(
                since_ms,
                format!("{} became inactive ({})", unit.name, unit.result),
            );
        }
    }
    for event in snapshot.kernel.seen().into_iter().flatten() {
        if let Some(at_ms) = event.at_ms {
            add(at_ms, kernel_words(event.kind, event.process.as_deref()));
        }
    }
    for commit in snapshot.config_history.seen().into_iter().flatten() {
        add(commit.at_ms, commit_words(commit));
    }
    if let Some(boot_ms) = snapshot.host.boot_ms {
        add(boot_ms, "the host was booted".to_owned());
    }
    for change in snapshot.package_changes.seen().into_iter().flatten() {
        if let Some(at_ms) = change.at_ms {
            add(at_ms, package_words(change));
        }
    }
    for event in snapshot.log.account.iter().flat_map(|account| &account.events) {
        add(event.at_ms, log_words(event.kind, &event.file));
    }
    events.sort_by(|one, other| other.at_ms.cmp(&one.at_ms).then_with(|| one.what.cmp(&other.what)));
    events.dedup();
    events
}

fn package_words(change: &PackageChange) -> String {
    let package = &change.package;
    match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("the package {package} was changed from {old} to {new}"),
        (None, Some(new)) => format!("the package {package} was installed ({new})"),
        (_, None) => format!("the package {package} was removed"),
    }
}

fn log_words(kind: LogEventKind, file: &str) -> String {
    let what = match kind {
        LogEventKind::Started => "a start",
        LogEventKind::Stopped => "a stop",
        LogEventKind::Reloaded => "a reload",
        LogEventKind::WorkerTimedOut => "a worker that took too long",
        LogEventKind::WorkerCrashed => "a worker that crashed",
        LogEventKind::WorkersBusy => "no free worker",
        LogEventKind::OutOfMemory => "no memory left",
        LogEventKind::RequestRefused => "a refused request",
    };
    format!("{file} tells of {what}")
}

fn commit_words(commit: &ConfigCommit) -> String {
    let files = match commit.files.as_slice() {
        [] => String::new(),
        [one] => format!(": {one}"),
        [one, two] => format!(": {one}, {two}"),
        [one, two, rest @ ..] => format!(": {one}, {two} and {} more", rest.len()),
    };
    format!(
        "commit {} in {} ({}){files}",
        commit.id, commit.repository, commit.subject
    )
}

fn kernel_words(kind: KernelEventKind, process: Option<&str>) -> String {
    let of = process.map(|name| format!(" {name}")).unwrap_or_default();
    match kind {
        KernelEventKind::OomKill => format!("the kernel killed{of}: out of memory"),
        other => format!("kernel log:{of} {}", kernel_kind(other)),
    }
}

/// The name of a kind in JSON, as words.
fn kernel_kind(kind: KernelEventKind) -> String {
    serde_json::to_value(kind)
        .ok()
        .and_then(|value| value.as_str().map(|name| name.replace('_', " ")))
        .unwrap_or_default()
}

/// A time as tickets and pages show it: UTC, to the second. Empty for a time that no calendar has.
pub fn utc(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms)
        .map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
        .unwrap_or_default()
}
