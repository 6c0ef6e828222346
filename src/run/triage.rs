//! `fix502 triage`: what was recorded elsewhere, or sent by somebody; and `fix502 explain` of one line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Failure, exit, judged, say};
use crate::bundle::Redactor;
use crate::evidence::{LogAccount, Snapshot, Zone};
use crate::exit::Exit;
use crate::explain;
use crate::finding::StepId;
use crate::host::{self, Host, LogSource, ReadFile, ReadLogs};
use crate::options::{Options, UsageError};
use crate::report::Report;
use crate::steps::{self, Plan};
use crate::triage::{self, Input};
use crate::ui::Ui;
use crate::verdict;

/// The largest input that triage reads.
const INPUT_CAP_BYTES: u64 = triage::TOTAL_CAP_BYTES;

/// A log of this length is counted as it goes by.
const LONG_BYTES: u64 = 16 << 20;
/// And at most for so long.
const LONG_LIMIT: Duration = Duration::from_mins(10);

/// Whatever was sent: a recorded host is asked again, everything else is sorted and joined.
pub(super) fn triage(paths: &[PathBuf], options: &Options, ui: &mut Ui) -> Result<Exit, Failure> {
    let window_ms = options.since_ms;
    let report = match paths {
        // A long log is no bundle, and is not read into memory to find that out.
        [path] if long_log_begins(path) => sent(paths, window_ms, None)?,
        [path] => match recorded(path) {
            Ok(Some(_)) if window_ms.is_some() => {
                return Err(UsageError::new(
                    "how far back the logs of a bundle go was set when it was recorded",
                )
                .hint("leave out --since; on the failing host: fix502 bundle --since 6h URL")
                .into());
            }
            Ok(Some(report)) => report,
            Ok(None) => sent(paths, window_ms, None)?,
            Err(error) => sent(paths, window_ms, Some(error))?,
        },
        _ => sent(paths, window_ms, None)?,
    };
    say(&report, options, ui)?;
    Ok(exit(&report))
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> UsageError {
    UsageError::new(format!("{} cannot be read: {error}", path.display()))
}

/// A recorded host: the same row of rooms, with the host answering from the record. `None`: it is none.
fn recorded(path: &Path) -> Result<Option<Report>, UsageError> {
    if path == Path::new("-") {
        return Ok(None);
    }
    let read = if host::is_directory(path) {
        let files = host::read_inputs(path, INPUT_CAP_BYTES).map_err(|error| unreadable(path, &error))?;
        crate::bundle::read_directory(&files)
    } else {
        let bytes = host::read_input(path, INPUT_CAP_BYTES).map_err(|error| unreadable(path, &error))?;
        crate::bundle::read(&bytes)
    };
    let recorded = match read {
        Ok(recorded) => recorded,
        Err(error) => return Err(unreadable(path, &error).hint(error.hint())),
    };
    let host = Host::Replay(recorded.transcript);
    let plan = steps::recorded(&host).unwrap_or(Plan {
        target: recorded.target,
        ..Plan::default()
    });
    let asked: Vec<StepId> = StepId::ALL.into_iter().filter(|step| plan.wants(*step)).collect();
    let snapshot = steps::collect(&host, &plan, &|_, _| {});
    Ok(Some(judged(snapshot, &asked)))
}

/// Files, directories, archives and pasted text. `no_bundle`: why it is no bundle that can be read; what is a
/// bundle, and damaged or of a later version, must not be taken for anything else.
fn sent(paths: &[PathBuf], window_ms: Option<u64>, no_bundle: Option<UsageError>) -> Result<Report, Failure> {
    let (mut inputs, mut long) = (Vec::new(), Vec::new());
    let mut left = INPUT_CAP_BYTES;
    for path in paths {
        let shown = path.display().to_string();
        if let Some(log) = long_log(path, &shown) {
            long.push(log);
            continue;
        }
        let found: Vec<(String, Vec<u8>)> = if path == Path::new("-") {
            let bytes = host::read_standard_input(left).map_err(|error| unreadable(path, &error))?;
            vec![("standard input".to_owned(), bytes)]
        } else if host::is_directory(path) {
            host::read_inputs(path, left)
                .map_err(|error| unreadable(path, &error))?
                .into_iter()
                .map(|(name, bytes)| (format!("{}/{name}", shown.trim_end_matches('/')), bytes))
                .collect()
        } else {
            let bytes = host::read_input(path, left).map_err(|error| unreadable(path, &error))?;
            vec![(shown, bytes)]
        };
        for (name, bytes) in found {
            left = left.saturating_sub(bytes.len() as u64);
            inputs.push(Input {
                name,
                bytes,
                account: None,
            });
        }
    }
    let single = inputs.len() + long.len() == 1;
    let mut sorted = triage::sort(inputs);
    sorted.window_ms = window_ms;
    if !long.is_empty() {
        let ends: Vec<(&str, Vec<u8>)> = long
            .iter()
            .map(|log| (log.source.kind.as_str(), end_of(log)))
            .collect();
        sorted.long_zone = triage::zone_of_ends(&ends, &sorted);
        let zone = sorted.long_zone.map(|(zone, _)| zone).unwrap_or_default();
        if window_ms.is_some() {
            let newest = long.iter().zip(&ends);
            sorted.newest_ms = newest.filter_map(|(log, (_, end))| newest_of(log, end, zone)).max();
        }
        let (from_ms, _) = sorted.ends_ms(zone);
        sorted.append(triage::sort(counted(&long, from_ms, zone)));
    }
    // What somebody pasted may hold a password; the report that is made of it is passed on.
    let mut redactor = Redactor::new();
    for piece in &mut sorted.pieces {
        piece.text = redactor.text(&piece.text);
    }
    if let Some(error) = no_bundle {
        let names = sorted.pieces.iter().map(|piece| &piece.name);
        let names = names.chain(sorted.unused.iter().map(|unused| &unused.name));
        let of_a_bundle = |name: &String| name.contains("MANIFEST.json") || name.contains("transcript/");
        if names.clone().any(of_a_bundle) || (single && sorted.pieces.is_empty() && sorted.unused.len() != 1)
        {
            return Err(error.into());
        }
    }
    if sorted.pieces.is_empty() {
        let why = sorted
            .unused
            .first()
            .map_or_else(String::new, |unused| format!(": {}: {}", unused.name, unused.why));
        return Err(UsageError::new(format!("nothing in it can be used{why}"))
            .hint("send the proxy's error log, its configuration (nginx -T), a saved response (curl -sv URL), or a bundle of fix502")
            .into());
    }
    Ok(report(triage::snapshot(&sorted)))
}

/// True for a long file that begins like a log.
fn long_log_begins(path: &Path) -> bool {
    path != Path::new("-")
        && host::length_bytes(path).is_some_and(|length| length >= LONG_BYTES)
        && Host::unrecorded(None, LONG_LIMIT)
            .ask(&ReadFile::start(super::absolute(path), 64 << 10))
            .into_seen()
            .is_some_and(|head| triage::log_kind(&head.bytes.0).is_some())
}

/// A log that is too long to be held.
struct LongLog {
    shown: String,
    source: LogSource,
    /// A line of it, for what it is.
    first: Vec<u8>,
}

/// `None`: it is no log, or not long.
fn long_log(path: &Path, shown: &str) -> Option<LongLog> {
    if path == Path::new("-") || host::length_bytes(path)? < LONG_BYTES {
        return None;
    }
    let file = super::absolute(path);
    let head = Host::unrecorded(None, LONG_LIMIT)
        .ask(&ReadFile::start(&file, 64 << 10))
        .into_seen()?;
    let kind = triage::log_kind(&head.bytes.0)?;
    Some(LongLog {
        shown: shown.to_owned(),
        source: LogSource {
            path: file,
            kind: kind.to_owned(),
            ..LogSource::default()
        },
        first: triage::log_line(&head.bytes.0),
    })
}

/// Its last bytes; nothing where it is packed.
fn end_of(log: &LongLog) -> Vec<u8> {
    let end = Host::unrecorded(None, LONG_LIMIT).ask(&ReadFile::end(log.source.path.clone(), 256 << 10));
    let bytes = end.into_seen().map(|end| end.bytes.0).unwrap_or_default();
    if triage::last_ms(&bytes, Zone::default()).is_some() {
        bytes
    } else {
        Vec::new()
    }
}

/// The newest time in it: at its end, or, where it is packed, somewhere in it.
fn newest_of(log: &LongLog, end: &[u8], zone: Zone) -> Option<i64> {
    triage::last_ms(end, zone).or_else(|| read(std::slice::from_ref(log), None, zone)?.last_ms)
}

fn read(long: &[LongLog], since_ms: Option<i64>, zone: Zone) -> Option<LogAccount> {
    let (offset_s, changes) = (zone.offset_s, zone.changes().collect::<Vec<_>>());
    Host::unrecorded(None, LONG_LIMIT)
        .ask(&ReadLogs {
            logs: long
                .iter()
                .map(|log| LogSource {
                    offset_s,
                    changes: changes.clone(),
                    ..log.source.clone()
                })
                .collect(),
            since_ms,
            until_ms: None,
            sent: true,
            limit_ms: u64::try_from(LONG_LIMIT.as_millis()).unwrap_or(u64::MAX),
            digest: steps::digest,
        })
        .into_seen()
}

/// Long logs, counted together as they go by; of each kind of failure one line is kept.
fn counted(long: &[LongLog], since_ms: Option<i64>, zone: Zone) -> Vec<Input> {
    let Some(mut account) = read(long, since_ms, zone) else {
        return Vec::new();
    };
    let mut redactor = Redactor::new();
    for count in &mut account.symptoms {
        count.sample = redactor.text(&count.sample);
    }
    for event in &mut account.events {
        event.text = redactor.text(&event.text);
    }
    for episode in &mut account.episodes {
        for line in episode.first.iter_mut().chain(&mut episode.root) {
            line.text = redactor.text(&line.text);
        }
    }
    let mut inputs: Vec<Input> = long
        .iter()
        .map(|log| Input {
            name: log.shown.clone(),
            ..Input::default()
        })
        .collect();
    // A line goes to the first log of its kind.
    for count in &account.symptoms {
        let kind = triage::log_kind(count.sample.as_bytes());
        let place = long.iter().position(|log| kind == Some(log.source.kind.as_str()));
        if let Some(input) = inputs.get_mut(place.unwrap_or(0)) {
            input.bytes.extend_from_slice(count.sample.as_bytes());
            input.bytes.push(b'\n');
        }
    }
    for (input, log) in inputs.iter_mut().zip(long) {
        if input.bytes.is_empty() {
            input.bytes = redactor.text(&String::from_utf8_lossy(&log.first)).into_bytes();
        }
    }
    if let Some(first) = inputs.first_mut() {
        first.account = Some(account);
    }
    inputs
}

fn report(snapshot: Snapshot) -> Report {
    let diagnosis = verdict::decide(&snapshot);
    let lines = triage::steps(&snapshot, &diagnosis);
    Report::new(snapshot, diagnosis, lines)
}

/// The page for `fix502 explain`: a topic of the documentation, or a line of a log.
pub(super) fn page(topic: Option<&str>) -> Result<String, UsageError> {
    let known = explain::page(topic);
    let Some(line) = topic.filter(|topic| known.is_err() && topic.trim().contains([' ', '{'])) else {
        return known;
    };
    triage::explain_line(&Redactor::new().text(line)).ok_or_else(|| {
        UsageError::new("this line is not known").hint(
            "paste one whole line of an error log, between single quotes; of several lines: fix502 triage FILE",
        )
    })
}
