//! THE SELF-TEST: known secrets of every kind are planted into the evidence of a host, a bundle is made of
//! it, and every byte of the bundle is looked through for them.
//!
//! What is planted lies beside the evidence and not in it: no step asks for it, so the diagnosis of the
//! bundle has to be the one of the host. Whoever runs the trial compares the two. This room judges nothing.
//!
//! To plant more: a row in `plants.tsv` (place, kind, text). `⟦` and `⟧` stand around a secret, `#` within it is
//! a number of its own, `¶` is the end of a line and `␛` the sign that begins a colour. To plant in another
//! place: a variant of [`Spot`] and its entry in [`entries`].

use std::collections::BTreeSet;
use std::io::Read as _;

use flate2::read::GzDecoder;
use regex::Regex;
use serde_json::{Value, json};

use super::{BundleError, BundleInputs, write};
use crate::evidence::ErrorEntry;
use crate::host::{Entry, Transcript};
use crate::report::Report;

const ROWS: &str = include_str!("plants.tsv");

/// Where a secret is planted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spot {
    /// A configuration of nginx.
    Nginx,
    /// A configuration of Apache httpd, or a file beside it.
    Apache,
    /// A configuration of Squid.
    Squid,
    /// An error log.
    ErrorLog,
    /// An access log.
    AccessLog,
    /// A log or a settings file of an application.
    ApplicationLog,
    /// The environment of a process.
    Environment,
    /// The command line of a process.
    Arguments,
    /// The head of an answer.
    Response,
    /// A journal, or the output of a command.
    Journal,
}

impl Spot {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Nginx" => Self::Nginx,
            "Apache" => Self::Apache,
            "Squid" => Self::Squid,
            "ErrorLog" => Self::ErrorLog,
            "AccessLog" => Self::AccessLog,
            "ApplicationLog" => Self::ApplicationLog,
            "Environment" => Self::Environment,
            "Arguments" => Self::Arguments,
            "Response" => Self::Response,
            "Journal" => Self::Journal,
            _ => return None,
        })
    }
}

/// One planted text with the secrets in it.
#[derive(Clone, Debug)]
pub struct Plant {
    /// Where it is planted.
    pub spot: Spot,
    /// What kind of secret.
    pub kind: &'static str,
    /// The text, secrets and all.
    pub text: String,
    /// What must not be found: each line of each secret.
    pub secrets: Vec<String>,
}

/// Everything that is planted, each secret with a number of its own.
pub fn plants() -> Vec<Plant> {
    let mut out = Vec::new();
    for (number, row) in ROWS.lines().enumerate() {
        let mut fields = row.splitn(3, '\t');
        let (Some(spot), Some(kind), Some(planted)) =
            (fields.next().and_then(Spot::named), fields.next(), fields.next())
        else {
            continue;
        };
        let number = format!("{number:03}");
        let mut text = String::new();
        let mut secrets = Vec::new();
        for part in planted.split('⟦') {
            let Some((secret, rest)) = part.split_once('⟧') else {
                text.push_str(part);
                continue;
            };
            let secret = secret.replace('#', &number).replace('¶', "\n");
            secrets.extend(secret.split('\n').filter(|line| line.len() > 3).map(str::to_owned));
            text.push_str(&secret);
            text.push_str(rest);
        }
        out.push(Plant {
            spot,
            kind,
            text: text.replace('¶', "\n").replace('␛', "\u{1b}"),
            secrets,
        });
    }
    out
}

/// A secret that was found where none may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// What kind of secret.
    pub kind: &'static str,
    /// The planted secret; it is nobody's.
    pub secret: String,
    /// In which file of the bundle.
    pub member: String,
}

/// What a trial gave.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// The bundle, with what is left of the planted texts.
    pub archive: Vec<u8>,
    /// How many secrets were planted.
    pub planted: usize,
    /// Of how many kinds.
    pub kinds: usize,
    /// Files of the bundle, all of them looked through.
    pub members: usize,
    /// Those that were found again.
    pub leaks: Vec<Leak>,
}

/// Plants, makes a bundle, and looks for what was planted.
///
/// # Errors
/// When the bundle cannot be made or read.
pub fn trial(inputs: &BundleInputs<'_>, transcript: &Transcript) -> Result<Trial, BundleError> {
    let plants = plants();
    let transcript = with_entries(transcript, &plants);
    let report = with_exhibits(inputs.report, &plants)?;
    let mut text = inputs.text.to_owned();
    for plant in &plants {
        text.push_str(&plant.text);
        text.push('\n');
    }
    let inputs = BundleInputs {
        report: &report,
        text: &text,
        ..*inputs
    };
    let archive = write(&inputs, transcript)?;
    let mut leaks = Vec::new();
    let members = members(&archive)?;
    for (member, content) in &members {
        leaks.extend(find(&plants, member, content));
        leaks.extend(find(&plants, member, member.as_bytes()));
    }
    leaks.dedup();
    Ok(Trial {
        archive,
        planted: plants.iter().map(|plant| plant.secrets.len()).sum(),
        kinds: plants.iter().map(|plant| plant.kind).collect::<BTreeSet<_>>().len(),
        members: members.len(),
        leaks,
    })
}

/// The planted secrets that stand in some bytes, also with colours, line ends or spaces put into them.
pub fn find(plants: &[Plant], member: &str, content: &[u8]) -> Vec<Leak> {
    let text = String::from_utf8_lossy(content);
    let joined: String = COLOUR
        .replace_all(&text, "")
        .chars()
        .filter(|sign| !sign.is_whitespace())
        .collect();
    let mut leaks = Vec::new();
    for plant in plants {
        for secret in &plant.secrets {
            let bare: String = secret.chars().filter(|sign| !sign.is_whitespace()).collect();
            if text.contains(secret.as_str()) || joined.contains(&bare) {
                leaks.push(Leak {
                    kind: plant.kind,
                    secret: secret.clone(),
                    member: member.to_owned(),
                });
            }
        }
    }
    leaks
}

static COLOUR: std::sync::LazyLock<Regex> =
    std::sync::LazyLock::new(|| Regex::new("\u{1b}\\[[0-9;]*[A-Za-z]").expect("the pattern is fixed"));

/// The transcript with answers to questions that nobody asks.
fn with_entries(transcript: &Transcript, plants: &[Plant]) -> Transcript {
    Transcript::from_entries(transcript.entries().cloned().chain(entries(plants)))
}

fn entries(plants: &[Plant]) -> Vec<Entry> {
    let texts = |spot: Spot| -> Vec<&str> {
        plants
            .iter()
            .filter(|plant| plant.spot == spot)
            .map(|plant| plant.text.as_str())
            .collect()
    };
    let entry = |query: &str, question: Value, answer: Value| Entry {
        query: query.to_owned(),
        question,
        answer: json!({"seen": answer}),
    };
    let file = |path: &str, content: String| {
        entry(
            "read_file",
            json!({"path": path}),
            json!({"bytes": {"text": content}}),
        )
    };
    let processes: Vec<Value> = texts(Spot::Arguments)
        .iter()
        .map(|line| json!({"arguments": line.split(' ').collect::<Vec<_>>()}))
        .collect();
    let answer = format!(
        "HTTP/1.1 200 OK\r\n{}\r\nContent-Length: 0\r\n\r\n",
        texts(Spot::Response).join("\r\n")
    );
    vec![
        file("/fix502-self-test/nginx.conf", texts(Spot::Nginx).join("\n")),
        file("/fix502-self-test/httpd.conf", texts(Spot::Apache).join("\n")),
        file("/fix502-self-test/squid.conf", texts(Spot::Squid).join("\n")),
        file("/fix502-self-test/error.log", texts(Spot::ErrorLog).join("\n")),
        file("/fix502-self-test/access.log", texts(Spot::AccessLog).join("\n")),
        file(
            "/fix502-self-test/application.log",
            texts(Spot::ApplicationLog).join("\n"),
        ),
        file("/proc/0/environ", texts(Spot::Environment).join("\0")),
        entry(
            "process_table",
            json!({"self_test": true}),
            Value::Array(processes),
        ),
        entry(
            "exchange",
            json!({"endpoint": "self-test"}),
            json!({"connect": "connected", "received_bytes": answer.len(), "bytes": {"text": answer}}),
        ),
        entry(
            "run_command",
            json!({"argv": ["self-test"]}),
            json!({"status": 0, "stdout": {"text": texts(Spot::Journal).join("\n")}, "stderr": {"text": ""}}),
        ),
    ]
}

/// The report with the planted texts among its proofs and its log lines.
///
/// # Errors
/// When the report is none any more with them.
pub fn with_exhibits(report: &Report, plants: &[Plant]) -> Result<Report, BundleError> {
    let failed = |error: serde_json::Error| BundleError::Redaction(error.to_string());
    let mut report = report.clone();
    report
        .snapshot
        .log
        .general
        .extend(plants.iter().map(|plant| ErrorEntry {
            text: plant.text.clone(),
            file: "/fix502-self-test/error.log".to_owned(),
            ..ErrorEntry::default()
        }));
    let mut value = serde_json::to_value(report).map_err(failed)?;
    let exhibits: Vec<Value> = plants
        .iter()
        .map(|plant| json!({"kind": "log", "text": plant.text}))
        .collect();
    if let Some(findings) = value.get_mut("findings").and_then(Value::as_array_mut) {
        findings.push(json!({
            "cause": null, "step": "bundle", "severity": "info", "confidence": "possible", "message": "planted by the self-test",
            "evidence": exhibits, "remedies": [], "docs": "",
        }));
    }
    serde_json::from_value(value).map_err(failed)
}

/// Every file of an archive of ours, by name.
fn members(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>, BundleError> {
    let broken = |error: std::io::Error| BundleError::Damaged(error.to_string());
    let mut out = Vec::new();
    for entry in tar::Archive::new(GzDecoder::new(archive)).entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        out.push((name, content));
    }
    Ok(out)
}
