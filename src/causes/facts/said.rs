//! What application servers say in their own logs.

use super::{Contact, Link, contact, has_word, unit_of};
use crate::evidence::{AppServer, EndpointEvidence, ErrorEntry, Snapshot};
use crate::finding::{Exhibit, quoted};

/// The application server whose listener an endpoint is, by its settings or by its process.
pub(in crate::causes) fn application_of<'a>(
    snapshot: &'a Snapshot,
    evidence: &EndpointEvidence,
) -> Option<&'a AppServer> {
    let listens = evidence.endpoint.to_string();
    let by_settings = snapshot
        .applications
        .iter()
        .find(|server| server.listens.contains(&listens));
    by_settings.or_else(|| {
        let owners = &evidence.listener.seen()?.processes;
        snapshot
            .applications
            .iter()
            .find(|server| owners.iter().any(|owner| owner.pid == server.pid))
    })
}

/// A line of an application's own log.
pub(in crate::causes) struct Said {
    /// The line as proof.
    pub(in crate::causes) exhibit: Exhibit,
    /// The line has a time, and it lies in the window that was asked for.
    pub(in crate::causes) dated: bool,
}

/// Our requests and what they led to: a second for rounding, one for the line itself.
pub(in crate::causes) const DURING_MS: i64 = 2_000;

/// A state that lasts: full pools and used up descriptors are logged once, when they begin.
pub(in crate::causes) const LATELY_MS: i64 = 600_000;

/// The newest line of the application's own log, or of its unit's journal, that holds one of these texts and
/// is not older than `slack_ms` before our first request. A line without a time may be of any time.
pub(in crate::causes) fn application_said(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    texts: &[&str],
    slack_ms: i64,
) -> Option<Said> {
    application_said_last(
        snapshot,
        evidence,
        |line| texts.iter().any(|text| line.contains(text)),
        slack_ms,
    )
}

/// The newest such line that passes a test.
pub(in crate::causes) fn application_said_last(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    holds: impl Fn(&str) -> bool,
    slack_ms: i64,
) -> Option<Said> {
    let began_ms = snapshot.log.attempts_began_ms;
    let recent = |at_ms: i64| began_ms == 0 || at_ms.saturating_add(slack_ms) >= began_ms;
    if let Some(server) = application_of(snapshot, evidence)
        && let Some(line) = server
            .log
            .iter()
            .rev()
            .find(|line| holds(&line.text) && line.at_ms.is_none_or(recent))
    {
        return Some(Said {
            exhibit: Exhibit {
                kind: "log".to_owned(),
                text: line.text.clone(),
                command: Some(format!("tail -n 50 {}", quoted(&line.file))),
                file: Some(line.file.clone()),
                line: None,
            },
            dated: line.at_ms.is_some(),
        });
    }
    let (unit, link) = unit_of(snapshot, evidence)?;
    if link == Link::OnlyCandidate {
        return None;
    }
    let line = unit
        .journal
        .iter()
        .rev()
        .find(|line| holds(&line.message) && recent(line.at_ms))?;
    Some(Said {
        exhibit: Exhibit::shown_by(
            "log",
            line.message.clone(),
            format!("journalctl -u {} -n 50", quoted(&unit.name)),
        ),
        dated: true,
    })
}

/// Words of a line that complains.
const COMPLAINTS: [&str; 6] = [
    "error",
    "exception",
    "panic",
    "fatal",
    "failed",
    "no python application",
];

/// The newest line of the application's own log, or of its unit's journal, that complains and was written while
/// our requests ran. A line without a time, as of a traceback, has that of the nearest line above that has one.
pub(in crate::causes) fn application_complained(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    slack_ms: i64,
) -> Option<Exhibit> {
    let began_ms = snapshot.log.attempts_began_ms;
    let recent = |at_ms: i64| began_ms != 0 && at_ms.saturating_add(slack_ms) >= began_ms;
    let complains = |text: &str| {
        let lower = text.to_lowercase();
        // Lines that are set in are the stack, and those with a request belong to an access log.
        !text.starts_with([' ', '\t'])
            && !text.contains(" HTTP/")
            && COMPLAINTS.iter().any(|word| lower.contains(word))
    };
    let log = application_of(snapshot, evidence).map_or(&[][..], |server| server.log.as_slice());
    let mut written_ms = None;
    let mut newest = None;
    let mut file = "";
    for line in log {
        // What stands above in another file says nothing of this one.
        written_ms = line.at_ms.or(written_ms.filter(|_| line.file == file));
        file = &line.file;
        if written_ms.is_some_and(recent) && complains(&line.text) {
            newest = Some(line);
        }
    }
    if let Some(line) = newest {
        return Some(Exhibit {
            kind: "log".to_owned(),
            text: line.text.clone(),
            command: Some(format!("tail -n 50 {}", quoted(&line.file))),
            file: Some(line.file.clone()),
            line: None,
        });
    }
    let (unit, _) = unit_of(snapshot, evidence).filter(|(_, link)| *link != Link::OnlyCandidate)?;
    let mut lines = unit.journal.iter().rev();
    let line = lines.find(|line| recent(line.at_ms) && complains(&line.message))?;
    Some(Exhibit::shown_by(
        "log",
        line.message.clone(),
        format!("journalctl -u {} -n 50", quoted(&unit.name)),
    ))
}

/// The endpoint that failed our requests: the one that the proxy's log names, else the first whose contact
/// ended in this way, else the first.
pub(in crate::causes) fn culprit<'a>(
    snapshot: &'a Snapshot,
    logged: Option<&ErrorEntry>,
    wanted: impl Fn(Contact) -> bool,
) -> Option<&'a EndpointEvidence> {
    let named = logged
        .and_then(|entry| entry.upstream.as_deref())
        .and_then(|upstream| {
            snapshot
                .endpoints
                .iter()
                .find(|evidence| has_word(upstream, &evidence.endpoint.to_string()))
        });
    named
        .or_else(|| {
            snapshot
                .endpoints
                .iter()
                .find(|evidence| contact(evidence).is_some_and(&wanted))
        })
        .or_else(|| snapshot.endpoints.first())
}
