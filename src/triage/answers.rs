//! The answers that clients got: saved responses, and the 5xx lines of access logs.

use super::kind::Kind;
use super::logs::{Failure, Logs};
use super::split::Piece;
use crate::evidence::{Attempt, ErrorEntry, Observed, Symptom, Target};
use crate::proxy::{envoy, squid};
use crate::system::curl::{self, SavedAnswer};

/// All saved answers of the pieces.
pub(super) fn saved(pieces: &[Piece]) -> Vec<SavedAnswer> {
    pieces
        .iter()
        .filter(|piece| piece.kind == Kind::Response)
        .flat_map(|piece| {
            let mut answers = curl::read(&piece.text);
            if let Some((scheme, host, path)) = piece.command.as_deref().and_then(url_of) {
                for answer in &mut answers {
                    answer.scheme = Some(scheme.to_owned());
                    answer.host.get_or_insert_with(|| host.to_owned());
                    answer.path.get_or_insert_with(|| path.to_owned());
                }
            }
            answers
        })
        .collect()
}

/// Scheme, host and path of the URL that a command names.
fn url_of(command: &str) -> Option<(&str, &str, &str)> {
    command.split_whitespace().find_map(|word| {
        let word = word.trim_matches(['\'', '"']);
        let (scheme, rest) = word.split_once("://")?;
        let end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        matches!(scheme, "http" | "https").then_some((scheme, host, if path.is_empty() { "/" } else { path }))
    })
}

/// What the answers say by themselves: Squid and Envoy name the reason in them.
pub(super) fn failures(answers: &[SavedAnswer]) -> Vec<Failure> {
    answers
        .iter()
        .filter_map(|answer| {
            let attempt = &answer.attempt;
            attempt.status.filter(|status| *status >= 500)?;
            let page = attempt
                .exchange
                .seen()
                .map(|exchange| exchange.bytes.text().into_owned())
                .unwrap_or_default();
            let (product, said, symptom) = if let Some(said) = attempt.header("x-squid-error") {
                ("squid", said.to_owned(), squid::error_page::symptom(said, &page)?)
            } else if page.contains("upstream connect error") || page.contains("no healthy upstream") {
                let line = attempt.body.lines().next().unwrap_or_default().to_owned();
                ("envoy", line.clone(), envoy::symptom(&line)?)
            } else {
                return None;
            };
            Some(Failure {
                product,
                entry: ErrorEntry {
                    level: "error".to_owned(),
                    text: said.clone(),
                    message: said,
                    request: answer.path.as_ref().map(|path| format!("GET {path} HTTP/1.1")),
                    symptom: Some(symptom),
                    file: "the saved response".to_owned(),
                    ..ErrorEntry::default()
                },
            })
        })
        .collect()
}

/// The target that the answers, else the logs, name.
pub(super) fn target(answers: &[SavedAnswer], logs: &Logs) -> Target {
    let mut target = Target::default();
    if let Some(answer) = answers
        .iter()
        .rev()
        .find(|answer| answer.host.is_some() || answer.path.is_some())
    {
        target.scheme = answer.scheme.clone().unwrap_or_else(|| "http".to_owned());
        target.host = answer.host.clone().unwrap_or_default();
        target.path = answer.path.clone().unwrap_or_default();
    }
    let _ = logs;
    target
}

/// Completes the target by the line that is judged.
pub(super) fn complete(target: &mut Target, entry: Option<&ErrorEntry>) {
    if let Some(entry) = entry {
        if target.host.is_empty()
            && let Some(host) = entry.host.as_deref().or(entry.server.as_deref())
        {
            host.clone_into(&mut target.host);
        }
        if target.path.is_empty()
            && let Some(path) = entry.request.as_deref().and_then(|request| request.split(' ').nth(1))
            && path.starts_with('/')
        {
            path.clone_into(&mut target.path);
        }
    }
    if target.scheme.is_empty() {
        "http".clone_into(&mut target.scheme);
    }
    if let Some((host, port)) = target.host.clone().rsplit_once(':')
        && let Ok(port) = port.parse()
    {
        target.port = port;
        host.trim_matches(['[', ']']).clone_into(&mut target.host);
    }
    if target.path.is_empty() {
        "/".clone_into(&mut target.path);
    }
    target.host = target.host.to_ascii_lowercase();
    let usual = if target.scheme == "https" { 443 } else { 80 };
    if target.port == 0 {
        target.port = usual;
    }
    let plausible = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if !target.host.is_empty() && target.host.len() < 254 && target.host.chars().all(plausible) {
        let port = if target.port == usual {
            String::new()
        } else {
            format!(":{}", target.port)
        };
        target.url = Some(format!(
            "{}://{}{port}{}",
            target.scheme, target.host, target.path
        ));
    }
}

/// The failed requests as attempts: saved answers as they were, else those that logs tell of.
pub(super) fn attempts(answers: &[SavedAnswer], logs: &Logs, judged: Option<&ErrorEntry>) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = answers
        .iter()
        .map(|answer| answer.attempt.clone())
        .filter(|attempt| attempt.status.is_none_or(|status| status >= 500))
        .take(5)
        .collect();
    if attempts.is_empty() {
        let failed = logs.requests.iter().rev().find(|(_, request)| {
            request.status.is_some_and(|status| status >= 500)
                && judged
                    .is_none_or(|entry| same_request(request.request.as_deref(), entry.request.as_deref()))
        });
        if let Some((_, request)) = failed {
            attempts.push(not_saved(request.at_ms, request.status));
        } else if let Some(entry) = judged {
            attempts.push(not_saved(entry.at_ms, entry.symptom.and_then(status_of)));
        }
    }
    attempts
}

fn same_request(one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

fn not_saved(at_ms: Option<i64>, status: Option<u16>) -> Attempt {
    Attempt {
        at_ms: at_ms.unwrap_or_default(),
        status,
        exchange: Observed::Unavailable(curl::not_saved()),
        ..Attempt::default()
    }
}

/// The status that nginx gives for a failure, where no line says it.
fn status_of(symptom: Symptom) -> Option<u16> {
    match symptom {
        Symptom::ConnectTimeout | Symptom::HeaderTimeout | Symptom::SendTimeout => Some(504),
        Symptom::RedirectCycle | Symptom::SlotsExhausted => Some(500),
        Symptom::WorkerCrashed
        | Symptom::ConfigurationRejected
        | Symptom::NameUnknownAtStart
        | Symptom::BodyCut => None,
        _ => Some(502),
    }
}
