//! Which finding is the root cause: the causes' answers are joined here, and nowhere else.
//!
//! A cause that explains another one (`explains`) stands before it; among the rest the surer one wins, and
//! among equals the order of the catalogue, which is the order of precedence. Nothing is decided by a
//! cause that is only possible: then the verdict is `undecided` and says what would settle it.

use serde::{Deserialize, Serialize};

use crate::evidence::{ErrorEntry, Obstacle, Snapshot};
use crate::finding::{Confidence, Finding, Severity};

/// The verdict of one diagnosis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What kind of verdict.
    pub status: Status,
    /// The root cause.
    pub cause: Option<String>,
    /// Root first, then what it led to.
    pub chain: Vec<String>,
    /// The root cause with the facts of this host, one line.
    pub title: String,
    /// How sure.
    pub confidence: Option<Confidence>,
    /// Who made the answer that the client saw.
    pub made_by: Option<MadeBy>,
    /// Other causes that fit.
    pub also_possible: Vec<String>,
}

/// Kinds of verdicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// A root cause was found.
    Found,
    /// Nothing is wrong with this URL now.
    Healthy,
    /// Something is wrong, or could not be looked at, and no cause is proved.
    #[default]
    Undecided,
}

/// Who made an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeBy {
    /// `nginx`, `apache`, `squid`, `cloudflare`, …
    pub product: String,
    /// Where it is.
    pub where_: Where,
    /// Version, when the answer or the process tells.
    pub version: Option<String>,
}

/// Where a hop is, seen from this host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// Behind the proxy of this host: an inner proxy or the application.
    Behind,
    /// In front of this host: a CDN or load balancer.
    InFront,
    /// The proxy on this host.
    ThisHost,
    /// Not known.
    #[default]
    Unknown,
}

/// What could not be looked at, and how to settle it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incomplete {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
    /// The one command or privilege that would settle it.
    pub settle_with: String,
}

/// What a cause says about a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It is so.
    Found(Box<Finding>),
    /// It is not so.
    RuledOut,
    /// It may be so; this kept us from knowing.
    Undecided(Obstacle),
}

/// The joined result of all causes.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// The verdict.
    pub verdict: Verdict,
    /// All findings, the root first.
    pub findings: Vec<Finding>,
    /// What could not be looked at.
    pub incomplete: Vec<Incomplete>,
}

/// True when the client's view of the target is an error of the kind this program explains: a status that
/// a proxy makes for a failed upstream, or no usable answer at all.
pub fn failing(snapshot: &Snapshot) -> bool {
    snapshot.attempts.iter().any(crate::causes::attempt_failed)
}

/// True when some attempts failed and some did not.
pub fn sometimes(snapshot: &Snapshot) -> bool {
    failing(snapshot)
        && snapshot
            .attempts
            .iter()
            .any(|attempt| !crate::causes::attempt_failed(attempt))
}

/// Joins what the causes say.
pub fn decide(snapshot: &Snapshot) -> Diagnosis {
    let mut found: Vec<(usize, &'static crate::causes::Cause, Finding)> = Vec::new();
    for (rank, cause) in crate::causes::CAUSES.iter().enumerate() {
        if let Answer::Found(finding) = (cause.diagnose)(snapshot) {
            let finding = crate::causes::wording::finding(*finding, snapshot);
            found.push((rank, cause, crate::causes::systems::finding(finding, snapshot)));
        }
    }
    if snapshot.pieces.is_some() {
        crate::causes::weigh(snapshot, &mut found);
    }
    let explained: Vec<&str> = found
        .iter()
        .filter(|(_, _, finding)| {
            finding.confidence >= Confidence::Likely && finding.severity == Severity::Error
        })
        .flat_map(|(_, cause, _)| cause.explains.iter().copied())
        .collect();
    found.sort_by_key(|(rank, cause, finding)| {
        (
            std::cmp::Reverse(finding.severity),
            explained.contains(&cause.id),
            std::cmp::Reverse(finding.confidence),
            *rank,
        )
    });
    let incomplete = crate::causes::incomplete(snapshot);
    let verdict = judge(snapshot, &found, &incomplete);
    let diagnosis = Diagnosis {
        verdict,
        findings: found.into_iter().map(|(_, _, finding)| finding).collect(),
        incomplete,
    };
    if snapshot.pieces.is_some() {
        return of_pieces(snapshot, diagnosis);
    }
    diagnosis
}

/// How many causes are named where none is proved.
const MOST_POSSIBLE: usize = 5;

/// The verdict on what was sent: without a proved cause those that are left open, ranked, and the one command
/// that would settle it.
fn of_pieces(snapshot: &Snapshot, mut diagnosis: Diagnosis) -> Diagnosis {
    if diagnosis.verdict.status == Status::Found {
        diagnosis.incomplete.clear();
        return diagnosis;
    }
    diagnosis
        .findings
        .retain(|finding| finding.severity == Severity::Error);
    // What a cause found beside the line (a unit, a listener, a rule) says more than that the line fits.
    let (mut findings, rest): (Vec<Finding>, Vec<Finding>) =
        diagnosis.findings.into_iter().partition(|finding| {
            finding
                .evidence
                .iter()
                .any(|exhibit| matches!(exhibit.kind.as_str(), "unit" | "kernel" | "firewall" | "process"))
        });
    for finding in crate::causes::possible(snapshot).into_iter().chain(rest) {
        if findings.iter().all(|known| known.cause != finding.cause) {
            findings.push(finding);
        }
    }
    diagnosis.findings = findings;
    diagnosis.findings.truncate(MOST_POSSIBLE);
    let any = !diagnosis.findings.is_empty();
    let title = match snapshot.pieces.as_ref().and_then(|pieces| pieces.failures.first()) {
        Some(failure) => format!("{}; what was sent does not say why", failed_words(failure)),
        None if failing(snapshot) && any => "an error was answered, and no error line says why".to_owned(),
        None if failing(snapshot) => "an error was answered; nothing that was sent says why".to_owned(),
        None => "nothing that was sent tells of a failed request".to_owned(),
    };
    diagnosis.verdict = Verdict {
        status: Status::Undecided,
        title,
        made_by: diagnosis.verdict.made_by,
        also_possible: diagnosis
            .findings
            .iter()
            .map(|finding| finding.cause.clone())
            .collect(),
        ..Verdict::default()
    };
    diagnosis.incomplete = crate::causes::gap(snapshot).into_iter().collect();
    diagnosis
}

/// A failure in words: `127.0.0.1:8080 refuses connections (34 lines)`.
fn failed_words(failure: &crate::evidence::LoggedFailure) -> String {
    let what = crate::causes::open::words(failure.symptom);
    let upstream = failure.upstream.as_deref().unwrap_or("the upstream");
    let lines = if failure.count == 1 {
        "1 line".to_owned()
    } else {
        format!("{} lines", failure.count)
    };
    format!("{} ({lines})", what.replace("{}", upstream))
}

fn judge(
    snapshot: &Snapshot,
    found: &[(usize, &'static crate::causes::Cause, Finding)],
    incomplete: &[Incomplete],
) -> Verdict {
    let made_by = crate::causes::made_by(snapshot);
    let errors: Vec<_> = found
        .iter()
        .filter(|(_, _, finding)| finding.severity == Severity::Error)
        .collect();
    let ids = |from: usize| -> Vec<String> {
        errors
            .iter()
            .skip(from)
            .map(|(_, cause, _)| cause.id.to_owned())
            .take(6)
            .collect()
    };
    if let Some((_, cause, finding)) = errors.first()
        && finding.confidence >= Confidence::Likely
    {
        let mut chain = vec![cause.id.to_owned()];
        for (_, other, _) in errors.iter().skip(1) {
            if cause.explains.contains(&other.id) {
                chain.push(other.id.to_owned());
            }
        }
        let also_possible = ids(1).into_iter().filter(|id| !chain.contains(id)).collect();
        return Verdict {
            status: Status::Found,
            cause: Some(cause.id.to_owned()),
            chain,
            title: finding.message.clone(),
            confidence: Some(finding.confidence),
            made_by,
            also_possible,
        };
    }
    let looked = snapshot
        .attempts
        .iter()
        .any(|attempt| attempt.exchange.seen().is_some());
    let lately = crate::causes::failed_at_the_proxy(snapshot);
    if errors.is_empty()
        && lately.is_none()
        && !failing(snapshot)
        && (looked || snapshot.target.url.is_none())
    {
        return Verdict {
            status: Status::Healthy,
            title: healthy_title(snapshot, incomplete),
            made_by,
            ..Verdict::default()
        };
    }
    Verdict {
        status: Status::Undecided,
        title: if let (true, Some(line)) = (errors.is_empty(), lately) {
            let method = line.request.as_deref().and_then(|request| request.split(' ').next());
            format!(
                "the URL answers now, but {} answered 500 to a {} a short while ago; the log says: {}",
                crate::causes::proxy_kind(snapshot).name(),
                method.filter(|method| method.len() < 20).unwrap_or("request"),
                quoted_message(line)
            )
        } else if errors.is_empty() {
            unexplained_title(snapshot, made_by.as_ref())
        } else if failing(snapshot) {
            "several causes fit what was seen".to_owned()
        } else {
            "the URL answers now, but the log tells of a request that failed a short while ago".to_owned()
        },
        made_by,
        also_possible: ids(0),
        ..Verdict::default()
    }
}

/// The longest part of a message that a title quotes.
const MOST_QUOTED: usize = 160;

/// A failure that no cause explains: who answers, and what its log says of it in its own words.
fn unexplained_title(snapshot: &Snapshot, made_by: Option<&MadeBy>) -> String {
    let status = snapshot.attempts.iter().find_map(|attempt| attempt.status);
    let title = match (made_by, status) {
        (
            Some(MadeBy {
                product,
                where_: Where::ThisHost,
                ..
            }),
            Some(status),
        ) if ![502, 503, 504].contains(&status) && status >= 500 => {
            format!("{product} answers {status} itself")
        }
        _ => "the failure is seen, its cause is not".to_owned(),
    };
    let mut errors = snapshot.log.during.iter().rev().filter(|entry| {
        entry.symptom.is_none() && ["error", "crit", "alert", "emerg"].contains(&entry.level.as_str())
    });
    match errors.next() {
        Some(entry) => format!("{title}; the log says: {}", quoted_message(entry)),
        None => title,
    }
}

fn quoted_message(entry: &ErrorEntry) -> String {
    let message: String = entry.message.chars().take(MOST_QUOTED).collect();
    message.trim().to_owned()
}

fn healthy_title(snapshot: &Snapshot, incomplete: &[Incomplete]) -> String {
    let attempts = snapshot.attempts.len();
    let mut title = if attempts == 0 {
        "no fault found on this host".to_owned()
    } else {
        let status = snapshot.attempts.iter().find_map(|attempt| attempt.status);
        match status {
            Some(status) => format!("{attempts} of {attempts} attempts answered, status {status}"),
            None => format!("{attempts} of {attempts} attempts answered"),
        }
    };
    if !incomplete.is_empty() {
        title.push_str("; not everything could be looked at");
    }
    title
}
