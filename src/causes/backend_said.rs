//! What the log of an application that was sent says about the failure that is judged.
//!
//! To add a text: a row in [`TEXTS`], with the symptoms that it explains.

use super::open::Facts;
use super::recorded::near_a_line;
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, quoted};

const CUT: &[Symptom] = &[
    Symptom::ClosedBeforeHeader,
    Symptom::ResetBeforeHeader,
    Symptom::BackendStderr,
    Symptom::SendFailed,
    Symptom::BodyCut,
];
const WAITS: &[Symptom] = &[
    Symptom::AcceptQueueFull,
    Symptom::ConnectTimeout,
    Symptom::HeaderTimeout,
];
const ACCEPTS: &[Symptom] = &[
    Symptom::HeaderTimeout,
    Symptom::ResetBeforeHeader,
    Symptom::ConnectTimeout,
    Symptom::ClosedBeforeHeader,
];

/// A text, the symptoms that it explains, and the cause. First match wins.
const TEXTS: &[(&str, &[Symptom], &str)] = &[
    ("WORKER TIMEOUT", CUT, "upstream-worker-timeout-kill"),
    ("HARAKIRI", CUT, "upstream-worker-timeout-kill"),
    ("execution timed out", CUT, "upstream-worker-timeout-kill"),
    ("signal 11", CUT, "upstream-worker-crash"),
    ("SIGSEGV", CUT, "upstream-worker-crash"),
    ("core dumped", CUT, "upstream-worker-crash"),
    ("signal 6", CUT, "upstream-worker-crash"),
    (
        "access from this address is forbidden",
        CUT,
        "upstream-acl-rejects-proxy",
    ),
    (
        "Connection disallowed: IP address",
        CUT,
        "upstream-acl-rejects-proxy",
    ),
    ("broken header", CUT, "proxy-protocol-mismatch"),
    ("reached pm.max_children", WAITS, "upstream-workers-saturated"),
    ("reached max_children", WAITS, "upstream-workers-saturated"),
    ("listen queue of socket", WAITS, "upstream-workers-saturated"),
    ("Too many open files", ACCEPTS, "upstream-fd-exhausted"),
];

/// Lines of a state that lasts: they are written once, when it begins.
const LASTING: [&str; 4] = [
    "upstream-workers-saturated",
    "upstream-fd-exhausted",
    "upstream-acl-rejects-proxy",
    "proxy-protocol-mismatch",
];

/// What uWSGI takes the first letters of a request for HTTP to be: the second and third as a number.
const VERBS: [(u32, &str); 7] = [
    (21_573, "GET"),
    (21_327, "POST"),
    (16_709, "HEAD"),
    (21_589, "PUT"),
    (19_525, "DELETE"),
    (21_584, "OPTIONS"),
    (21_569, "PATCH"),
];

/// The cause that the application's own log names, with the line as proof.
pub(super) fn backend_said(
    snapshot: &Snapshot,
    facts: &Facts<'_>,
) -> Option<(&'static str, Confidence, Exhibit)> {
    let lines = snapshot.applications.iter().flat_map(|server| {
        server
            .log
            .iter()
            .map(|line| (line.at_ms, line.text.as_str(), line.file.as_str()))
    });
    let journal = snapshot.units.seen().into_iter().flatten().flat_map(|unit| {
        unit.journal
            .iter()
            .map(|line| ((line.at_ms != 0).then_some(line.at_ms), line.message.as_str(), ""))
    });
    let mut best: Option<(&'static str, Confidence, Exhibit)> = None;
    for (at_ms, text, file) in lines.chain(journal) {
        let Some(cause) = named(text, facts.symptom) else {
            continue;
        };
        let lasting = LASTING.contains(&cause) || text.contains("block size");
        let window_ms = if lasting { 3_600_000 } else { 3_000 };
        let confidence = match at_ms {
            Some(at_ms) if near_a_line(snapshot, at_ms, window_ms) => Confidence::Likely,
            None if lasting => Confidence::Likely,
            // Of another time: another story.
            Some(_) | None => continue,
        };
        let exhibit = Exhibit {
            kind: "log".to_owned(),
            text: text.to_owned(),
            command: (!file.is_empty()).then(|| format!("tail -n 50 {}", quoted(file))),
            file: (!file.is_empty()).then(|| file.to_owned()),
            line: None,
        };
        best = Some((cause, confidence, exhibit));
    }
    best
}

pub(super) fn named(text: &str, symptom: Symptom) -> Option<&'static str> {
    if let Some((_, rest)) = text.split_once("invalid request block size: ") {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        let size: u32 = digits.parse().ok()?;
        return CUT.contains(&symptom).then(|| {
            if VERBS.iter().any(|(verb, _)| *verb == size) {
                "uwsgi-protocol-mismatch"
            } else {
                "upstream-request-buffer-overflow"
            }
        });
    }
    TEXTS
        .iter()
        .find(|(part, symptoms, _)| text.contains(part) && symptoms.contains(&symptom))
        .map(|(_, _, cause)| *cause)
}
