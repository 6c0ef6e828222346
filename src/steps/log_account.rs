//! What all lines of the logs say, counted: which files they are, and how far back they are read.
//!
//! By default the last hour is read; where errors were already being written when it began, further back, until
//! their beginning is found or nobody could wait longer. The account leaves out what our own attempts brought about.

use super::plan::Plan;
use super::{applications, carried};
use crate::evidence::{LogAccount, LogTarget, ProxyKind, Snapshot};
use crate::host::{
    Clock, ClockReading, Digest, Host, ListDirectory, LogSource, ProcessZone, ReadLogs, StatPath,
};
use crate::proxy::logs::{LogKind, LogReader, kind_ms};

/// How far back is looked, one after the other.
const WINDOWS_MS: [i64; 4] = [3_600_000, 6 * 3_600_000, 36 * 3_600_000, 9 * 86_400_000];
/// Errors this soon after the beginning of what was read may have begun before it.
const NEAR_MS: i64 = 5 * 60_000;
/// One reading takes at most so long, and all the logs when they were asked for.
const LIMIT_MS: u64 = 4_000;
const LIMIT_ALL_MS: u64 = 600_000;
/// Rotated files of one log.
const ROTATED: usize = 60;

/// A reader of logs, as the room of files knows it.
struct Reading(LogReader);

impl Digest for Reading {
    fn begin(&mut self, log: &LogSource) {
        if let Some(kind) = LogKind::named(&log.kind, &log.format) {
            self.0.begin(&kind, &log.path, log.zone());
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.0.feed(bytes);
    }

    fn end(&mut self, obstacle: Option<String>) {
        self.0.end(obstacle);
    }

    fn time_of(&self, log: &LogSource, line: &[u8]) -> Option<i64> {
        kind_ms(
            LogKind::named(&log.kind, &log.format)
                .as_ref()
                .unwrap_or(&LogKind::Application),
            line,
            log.zone(),
        )
    }

    fn account(self: Box<Self>) -> LogAccount {
        self.0.account()
    }
}

/// A reader for the lines between two times.
pub fn digest(since_ms: Option<i64>, until_ms: Option<i64>) -> Box<dyn Digest> {
    Box::new(Reading(LogReader::between(since_ms, until_ms)))
}

/// Reads the logs and keeps what they say.
pub(super) fn ask(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let clock = host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default();
    let (targets, elsewhere) = targets(host, snapshot);
    snapshot.log.elsewhere = elsewhere;
    let carries = snapshot.log.carried.iter().any(|log| log.source.seen().is_some());
    if (targets.is_empty() && !carries) || clock.now_ms == 0 {
        return;
    }
    let began_ms = match snapshot.log.attempts_began_ms {
        0 => clock.now_ms,
        began_ms => began_ms.min(clock.now_ms.saturating_add(60_000)),
    };
    let until_ms = began_ms / 1_000 * 1_000;
    let zone = zone(host, snapshot);
    let read = |window_ms: Option<i64>| {
        let since_ms = window_ms.map(|window_ms| until_ms.saturating_sub(window_ms));
        let logs = targets
            .iter()
            .flat_map(|target| rotated(host, target, since_ms))
            .chain(carried::sources(snapshot, since_ms, clock.now_ms, |log| {
                rotated(host, log, since_ms)
            }))
            .map(|log| LogSource {
                offset_s: zone.offset_s,
                changes: zone.changes.clone(),
                ..log
            })
            .collect();
        let answer = host.ask(&ReadLogs {
            logs,
            since_ms,
            until_ms: Some(until_ms),
            sent: false,
            limit_ms: if window_ms.is_none() {
                LIMIT_ALL_MS
            } else {
                LIMIT_MS
            },
            digest,
        });
        answer.into_seen()
    };
    snapshot.log.account = match plan.log_window_ms {
        Some(Plan::ALL_LOGS) => read(None),
        Some(window_ms) => read(Some(i64::try_from(window_ms).unwrap_or(i64::MAX / 2))),
        None => as_far_as_needed(until_ms, read),
    };
}

/// Reads further back for as long as errors may have begun before what was read.
fn as_far_as_needed(until_ms: i64, read: impl Fn(Option<i64>) -> Option<LogAccount>) -> Option<LogAccount> {
    let mut found: Option<LogAccount> = None;
    for window_ms in WINDOWS_MS {
        let Some(account) = read(Some(window_ms)) else {
            break;
        };
        let since_ms = until_ms.saturating_sub(window_ms);
        let cut = account.files.iter().any(|file| file.obstacle.is_some());
        let went_on = account
            .episodes
            .first()
            .is_some_and(|episode| episode.began_ms.saturating_sub(since_ms) <= NEAR_MS);
        if cut && found.is_some() {
            // What was read whole is worth more than a part of more.
            break;
        }
        found = Some(account);
        if !went_on || cut {
            break;
        }
    }
    found
}

/// The logs of the way through the proxies of this host and of the applications behind, and the targets that are no
/// files.
fn targets(host: &Host, snapshot: &Snapshot) -> (Vec<LogSource>, Vec<String>) {
    let (mut logs, mut elsewhere): (Vec<LogSource>, Vec<String>) = (Vec::new(), Vec::new());
    let below = below(snapshot);
    let mut add = |path: String, kind: LogKind, format: &str| {
        if !logs.iter().any(|log: &LogSource| log.path == path) {
            logs.push(LogSource {
                path,
                kind: kind.name().to_owned(),
                format: format.to_owned(),
                ..LogSource::default()
            });
        }
    };
    for route in snapshot.route.seen().into_iter().chain(&snapshot.inner_routes) {
        let errors = route.settings.error_logs.iter().map(|target| (target, true));
        let accesses = route.settings.access_logs.iter().map(|target| (target, false));
        for (LogTarget { target, format, .. }, is_error) in errors.chain(accesses) {
            if let Some(log) = snapshot.log.carried.iter().find(|log| log.target == *target) {
                if log.source.seen().is_none() && !elsewhere.contains(target) {
                    elsewhere.push(target.clone());
                }
            } else if target.starts_with('/') {
                let format = if is_error { "" } else { format };
                let kind = kind(route.proxy, is_error);
                add(format!("{below}{target}"), kind, format);
            } else if target != "off" && !elsewhere.contains(target) {
                elsewhere.push(target.clone());
            }
        }
    }
    for server in &snapshot.applications {
        for file in applications::log_files(host, server) {
            add(file, LogKind::Application, "");
        }
    }
    (logs, elsewhere)
}

/// The clock as the proxy sees it: its zone may be another one than ours.
pub(super) fn zone(host: &Host, snapshot: &Snapshot) -> ClockReading {
    let pid = snapshot.proxy.as_ref().map_or(0, |proxy| proxy.master.pid);
    host.ask(&ProcessZone { pid })
        .into_seen()
        .unwrap_or_else(|| host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default())
}

/// Where the proxy's own file system lies, when it is another one.
pub(super) fn below(snapshot: &Snapshot) -> String {
    snapshot
        .proxy
        .as_ref()
        .filter(|proxy| proxy.other_mounts && snapshot.host.root)
        .map_or_else(String::new, |proxy| format!("/proc/{}/root", proxy.master.pid))
}

pub(super) fn kind(proxy: ProxyKind, is_error: bool) -> LogKind {
    match (proxy, is_error) {
        (ProxyKind::Apache, true) => LogKind::ApacheError,
        (ProxyKind::Apache, false) => LogKind::ApacheAccess(String::new()),
        (ProxyKind::Squid, true) => LogKind::SquidCache,
        (ProxyKind::Squid, false) => LogKind::SquidAccess,
        (ProxyKind::Nginx | ProxyKind::Haproxy, true) => LogKind::NginxError,
        (ProxyKind::Nginx | ProxyKind::Haproxy, false) => LogKind::NginxAccess(String::new()),
    }
}

/// A log and its rotated files that have lines of this time or later, the newest first.
fn rotated(host: &Host, log: &LogSource, since_ms: Option<i64>) -> Vec<LogSource> {
    let mut files = vec![log.clone()];
    let Some((directory, name)) = log.path.rsplit_once('/') else {
        return files;
    };
    let directory = if directory.is_empty() { "/" } else { directory };
    let names = host
        .ask(&ListDirectory {
            path: directory.to_owned(),
        })
        .into_seen()
        .unwrap_or_default();
    let mut older: Vec<(i64, String)> = names
        .into_iter()
        .filter(|other| is_rotated(name, other))
        .take(ROTATED)
        .filter_map(|other| {
            let path = format!("{}/{other}", directory.trim_end_matches('/'));
            let modified_ms = host.ask(&StatPath { path: path.clone() }).into_seen()?.modified_ms?;
            since_ms
                .is_none_or(|since_ms| modified_ms >= since_ms)
                .then_some((modified_ms, path))
        })
        .collect();
    older.sort_by(|one, other| other.cmp(one));
    files.extend(older.into_iter().map(|(_, path)| LogSource { path, ..log.clone() }));
    files
}

/// `error.log.1`, `error.log.2.gz`, `error.log-20261122`, `error.log-20261122.gz`, `error.log-20261122-1795.gz`.
fn is_rotated(name: &str, other: &str) -> bool {
    let Some(rest) = other.strip_prefix(name) else {
        return false;
    };
    let rest = rest.strip_suffix(".gz").unwrap_or(rest);
    let Some(rest) = rest.strip_prefix(['.', '-']) else {
        return false;
    };
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Episode;

    #[test]
    fn rotated_files_are_known_by_their_names() {
        for (other, expected) in [
            ("error.log.1", true),
            ("error.log.2.gz", true),
            ("error.log-20261122.gz", true),
            ("error.log", false),
            ("error.log.gz", false),
            ("error.log.bak", false),
            ("other.log.1", false),
        ] {
            assert_eq!(is_rotated("error.log", other), expected, "{other}");
        }
    }

    #[test]
    fn what_went_on_already_is_followed_back_to_its_beginning() {
        let asked = std::cell::RefCell::new(Vec::new());
        let now_ms = 100_000_000_000;
        let began_ms = now_ms - 10 * 3_600_000;
        let account = as_far_as_needed(now_ms, |window_ms| {
            let since_ms = now_ms - window_ms?;
            asked.borrow_mut().push(window_ms);
            Some(LogAccount {
                episodes: vec![Episode {
                    began_ms: began_ms.max(since_ms),
                    ended_ms: now_ms,
                    ..Episode::default()
                }],
                ..LogAccount::default()
            })
        });
        assert_eq!(asked.borrow().len(), 3, "one hour, six hours, a day and a half");
        let began = account.and_then(|account| account.episodes.first().map(|first| first.began_ms));
        assert_eq!(began, Some(began_ms));
    }
}
