//! THE BUNDLE: everything one diagnosis saw, without its secrets, in one file; and the way back.
//!
//! A bundle opens without this program (`tar xzf`): a summary, the report, a ticket ready to paste, the log
//! lines around the errors, and the transcript of questions and raw answers, from which `fix502 triage`
//! walks the same way again. Secrets are taken out first ([`Redactor`]) and everything else is made from
//! what is left. This room opens no file: bytes come in and bytes go out.
//!
//! To add a file to the bundle: a line in [`contents`]; it must be made from the redacted report.

mod archive;
mod configs;
mod content;
mod excerpts;
mod included;
mod lines;
mod listing;
mod manifest;
mod read;
mod redact;
pub mod selftest;
mod ticket;

pub use included::{INCLUDED_CAP_BYTES, Included};
pub use listing::listing;
pub use manifest::{FORMAT, File, Manifest, Tool};
pub use redact::{PseudonymMap, Redactor};

use std::collections::{BTreeMap, BTreeSet};

use content::Content;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::evidence::{Handler, PeerAddress, Snapshot, Target};
use crate::host::{Transcript, TranscriptError};
use crate::report::{self, Report};

const MANIFEST: &str = "MANIFEST.json";

/// What a bundle is made of.
#[derive(Clone, Copy)]
pub struct BundleInputs<'a> {
    /// The report.
    pub report: &'a Report,
    /// The report as text, without colour.
    pub text: &'a str,
    /// What the user added.
    pub included: &'a [Included],
    /// Version of this program.
    pub tool_version: &'a str,
    /// Addresses and names of hosts stand as they are, without pseudonyms.
    pub keep_addresses: bool,
}

/// A bundle, and what belongs beside it.
#[derive(Clone, Debug)]
pub struct Written {
    /// The bytes of the archive.
    pub archive: Vec<u8>,
    /// The map from pseudonyms to what they stand for; `None` when addresses are kept. Only its owner may
    /// read it, and it is never sent along.
    pub map: Option<PseudonymMap>,
}

/// What a bundle gives back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Questions and raw answers, for [`crate::host::Host::Replay`].
    pub transcript: Transcript,
    /// What was diagnosed: the same questions are only asked for the same target.
    pub target: Target,
    /// Version of the program that wrote it.
    pub tool_version: String,
}

/// Why a bundle cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Something in it is longer than any bundle is.
    #[error("{0} is larger than a bundle may be")]
    TooLarge(&'static str),
    /// It ends too early.
    #[error("the bundle ends in the middle")]
    Truncated,
    /// The compression or the archive cannot be read.
    #[error("the bundle is damaged: {0}")]
    Damaged(String),
    /// One entry is of a kind that no bundle has.
    #[error("the entry {0:?} of the bundle {1}")]
    Entry(String, &'static str),
    /// Another kind of file.
    #[error("this is no bundle of fix502: {0}")]
    NoBundle(&'static str),
    /// From a later version.
    #[error("the bundle has the format {0:?}; this version reads {FORMAT:?}")]
    Newer(String),
    /// A file that every bundle has.
    #[error("the bundle has no {0}")]
    Missing(&'static str),
    /// The manifest is no manifest.
    #[error("the manifest of the bundle cannot be read: {0}")]
    Manifest(String),
    /// The transcript is no transcript.
    #[error(transparent)]
    Transcript(#[from] TranscriptError),
    /// The redacted report is no report any more, so nothing is given out.
    #[error("the report cannot be redacted: {0}")]
    Redaction(String),
    /// The archive cannot be made.
    #[error("the bundle cannot be packed: {0}")]
    Write(String),
}

impl BundleError {
    /// What to do about it, as a lower-case fragment.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge(_) | Self::Entry(..) => {
                "do not unpack it; ask the sender for the file that fix502 wrote"
            }
            Self::Truncated | Self::Damaged(_) => "copy it again, in binary mode, and compare the sizes",
            Self::NoBundle(_) => "fix502 triage reads what fix502 bundle wrote, packed or unpacked",
            Self::Newer(_) => "update fix502",
            Self::Missing(_) | Self::Manifest(_) | Self::Transcript(_) => {
                "give `fix502 triage` the .tar.gz itself, or the whole directory it was unpacked to"
            }
            Self::Redaction(_) | Self::Write(_) => {
                "this is a bug in fix502; `--format json` still prints the report"
            }
        }
    }
}

/// Makes the bytes of a bundle; the same inputs give the same bytes. The questions and raw answers are taken, not
/// copied: there may be tens of megabytes of them.
///
/// # Errors
/// When the report cannot be redacted or packed. Nothing is given out then.
pub fn write(inputs: &BundleInputs<'_>, transcript: Transcript) -> Result<Vec<u8>, BundleError> {
    write_with_map(inputs, transcript).map(|written| written.archive)
}

/// Makes a bundle and the map of its pseudonyms.
///
/// # Errors
/// When the report cannot be redacted or packed. Nothing is given out then.
pub fn write_with_map(inputs: &BundleInputs<'_>, transcript: Transcript) -> Result<Written, BundleError> {
    let now_ms = inputs.report.snapshot.host.now_ms;
    let (parts, map) = contents(inputs, transcript)?;
    Ok(Written {
        archive: archive::pack(&parts, u64::try_from(now_ms / 1000).unwrap_or(0))?,
        map,
    })
}

/// The name of a bundle about this snapshot: `fix502-<host>-<utc>.tar.gz`.
pub fn file_name(snapshot: &Snapshot) -> String {
    let host: String = snapshot
        .host
        .name
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || "-.".contains(*character))
        .take(100)
        .collect();
    let host = host.trim_matches(['.', '-']);
    let host = if host.is_empty() { "host" } else { host };
    let time = jiff::Timestamp::from_millisecond(snapshot.host.now_ms)
        .map(|time| time.strftime("%Y%m%dT%H%M%SZ").to_string())
        .unwrap_or_default();
    format!("fix502-{host}-{time}.tar.gz")
}

/// The name of a bundle whose hosts have pseudonyms: `fix502-host-<utc>.tar.gz`.
pub fn public_file_name(snapshot: &Snapshot) -> String {
    let mut nameless = Snapshot::default();
    nameless.host.now_ms = snapshot.host.now_ms;
    file_name(&nameless)
}

/// Builds what [`without_secrets`] needs; for a thread that has nothing else to do while something else is read.
pub fn prepare_redaction() {
    Redactor::prepare();
}

/// True when nothing in it has a sign of a secret: [`without_secrets`] would change nothing.
pub fn is_free_of_secrets<T: Serialize>(shown: &T) -> bool {
    serde_json::to_value(shown).is_ok_and(|value| !Redactor::may_hold_secrets(&value))
}

/// Something that is printed, without its secrets: a report, a finding, a route. Addresses and names of hosts
/// stay; the `names` are never taken for a secret.
///
/// # Errors
/// When what is left is none of its kind any more. Nothing may be printed then.
pub fn without_secrets<T: Serialize + DeserializeOwned>(
    shown: &T,
    names: impl IntoIterator<Item = String>,
) -> Result<T, BundleError> {
    let failed = |error: serde_json::Error| BundleError::Redaction(error.to_string());
    let value = serde_json::to_value(shown).map_err(failed)?;
    // Most reports have nothing that could be a secret, and need no closer look.
    if !Redactor::may_hold_secrets(&value) {
        return serde_json::from_value(value).map_err(failed);
    }
    let mut redactor = Redactor::new();
    redactor.note_markers_of(&value);
    redactor.protect(names);
    let first = redactor.value(value);
    if !redactor.has_met() {
        return serde_json::from_value(first).map_err(failed);
    }
    redactor.seal();
    serde_json::from_value(redactor.value(first)).map_err(failed)
}

/// What will be in the bundle: one line for each file, with its size and what was taken out.
pub fn preview(inputs: &BundleInputs<'_>, transcript: Transcript) -> Vec<String> {
    let parts = match contents(inputs, transcript) {
        Ok((parts, _)) => parts,
        Err(error) => return vec![error.to_string()],
    };
    parts
        .iter()
        .map(|part| {
            let file = part.described();
            let markers: u64 = file.redactions.values().sum();
            let redacted = match markers {
                0 => String::new(),
                count => format!(", {count} redacted"),
            };
            format!(
                "{:<32} {:>8} bytes  {}{redacted}",
                part.name, file.bytes, part.origin
            )
        })
        .collect()
}

/// Reads a bundle.
///
/// # Errors
/// When it is no bundle, is damaged, comes from a later version, or is made to do harm.
pub fn read(bytes: &[u8]) -> Result<Recorded, BundleError> {
    read::archive(bytes)
}

/// Reads the files of an unpacked bundle, named relative to its directory or in full.
///
/// # Errors
/// When the manifest or the transcript is not among them or cannot be read.
pub fn read_directory(files: &[(String, Vec<u8>)]) -> Result<Recorded, BundleError> {
    read::recorded(files)
}

/// The transcript alone (`transcript/*.jsonl`) of an unpacked bundle, which may have lost its manifest.
///
/// # Errors
/// When no transcript is among the files or one cannot be read.
pub fn transcript_from_directory(files: &[(String, Vec<u8>)]) -> Result<Transcript, BundleError> {
    read::transcript(files)
}

/// One file of a bundle.
struct Part {
    name: String,
    origin: String,
    content: Content,
    truncated: bool,
}

impl Part {
    fn new(name: &str, origin: &str, content: Vec<u8>) -> Self {
        Self {
            name: name.to_owned(),
            origin: origin.to_owned(),
            content: Content::Bytes(content),
            truncated: false,
        }
    }

    fn described(&self) -> File {
        File::describe(&self.name, &self.origin, &self.content, self.truncated)
    }
}

const KEPT_FOOT: &str = "\nSecrets are redacted; addresses, host names and paths are kept. MANIFEST.json lists what was taken out.\n";
const PSEUDONYMS_FOOT: &str = "\nSecrets are redacted; addresses and host names are pseudonyms, the same in every file of the bundle:\nip-1 (in logs), 240.0.0.1 and 3fff::1 for public addresses, private ones within their block, host-1.example\nfor names. MANIFEST.json lists what was taken out.\n";

/// The files, and the map of their pseudonyms.
type Contents = (Vec<Part>, Option<PseudonymMap>);

fn contents(inputs: &BundleInputs<'_>, mut transcript: Transcript) -> Result<Contents, BundleError> {
    let failed = |error: &dyn std::fmt::Display| BundleError::Redaction(error.to_string());
    let report = serde_json::to_value(inputs.report).map_err(|error| failed(&error))?;
    let mut redactor = Redactor::new();
    if !inputs.keep_addresses {
        let snapshot = &inputs.report.snapshot;
        redactor = redactor
            .with_pseudonyms(&snapshot.host.name)
            .with_hosts(single_names(snapshot).iter().map(String::as_str));
    }
    for entry in transcript.entries() {
        redactor.note_markers_of(&entry.question);
        redactor.note_markers_of(&entry.answer);
    }
    redactor.note_markers_of(&report);
    redactor.note_markers(inputs.text);
    for file in inputs.included {
        redactor.note_markers(&String::from_utf8_lossy(&file.bytes));
    }
    redactor.protect(names(&inputs.report.snapshot));
    // Twice: what the first walk meets by its name, the second finds where it stands without one.
    transcript = redactor.transcript(transcript);
    let mut report = redactor.value(report);
    let mut text = redactor.text(inputs.text);
    included::parts(inputs.included, |bytes| redactor.bytes(bytes));
    redactor.seal();
    transcript = redactor.transcript(transcript);
    report = redactor.value(report);
    text = redactor.text(&text);
    let report: Report = serde_json::from_value(report).map_err(|error| failed(&error))?;
    if redactor.holds_wrapped(&text) {
        // The text was broken in the middle of a secret; made again from what is redacted, it holds none.
        text = rendered(&report, "text")?;
    }
    text.push_str(if inputs.keep_addresses {
        KEPT_FOOT
    } else {
        PSEUDONYMS_FOOT
    });

    let mut parts = vec![
        Part::new("summary.txt", "the report as text", text.into_bytes()),
        Part::new(
            "report.json",
            "the report for programs",
            rendered(&report, "json")?.into_bytes(),
        ),
        Part::new(
            "report.html",
            "the report for a browser",
            rendered(&report, "html")?.into_bytes(),
        ),
        Part::new(
            "ticket.md",
            "a message to whoever runs the upstream",
            ticket::render(&report, inputs.tool_version).into_bytes(),
        ),
    ];
    parts.extend(excerpts::parts(&report.snapshot));
    parts.extend(configs::parts(&report.snapshot, &transcript));
    parts.push(Part {
        name: "transcript/transcript.jsonl".to_owned(),
        origin: "questions and raw answers".to_owned(),
        content: Content::Transcript(transcript),
        truncated: false,
    });
    parts.extend(included::parts(inputs.included, |bytes| redactor.bytes(bytes)));
    name_apart(&mut parts);
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        tool: Tool {
            name: "fix502".to_owned(),
            version: inputs.tool_version.to_owned(),
        },
        host: report.snapshot.host.name.clone(),
        recorded_ms: report.snapshot.host.now_ms,
        target: report.snapshot.target.clone(),
        secrets: "always redacted".to_owned(),
        addresses: if inputs.keep_addresses {
            "kept"
        } else {
            "pseudonyms"
        }
        .to_owned(),
        files: parts.iter().map(Part::described).collect(),
    };
    let mut manifest = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(&error))?;
    manifest.push(b'\n');
    parts.push(Part::new(MANIFEST, "this list", manifest));
    parts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((parts, redactor.pseudonyms()))
}

/// Gives every part a name of its own: two paths may have the same plain name.
fn name_apart(parts: &mut [Part]) {
    let mut taken = BTreeMap::new();
    for part in parts {
        let count: &mut u32 = taken.entry(part.name.clone()).or_default();
        *count = count.saturating_add(1);
        if *count > 1 {
            part.name = format!("{}.{count}", part.name);
        }
    }
}

/// A path, or words, as one plain file name.
fn plain_name(origin: &str) -> String {
    let name: String = origin
        .trim_start_matches('/')
        .chars()
        .map(|character| {
            if character.is_ascii_alphanumeric() || "._".contains(character) {
                character
            } else {
                '-'
            }
        })
        .collect();
    // The end of a path tells more than its beginning, and a tar header has room for a hundred bytes.
    let from = name.len().saturating_sub(70);
    let name = name.get(from..).unwrap_or_default().trim_matches(['.', '-']);
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.to_owned()
    }
}

/// As many single names are looked for in every text of a bundle.
const MOST_SINGLE_NAMES: usize = 24;

/// Names of hosts without a domain (`db-1`), as the evidence has them where only a host can stand. Without a digit
/// or a hyphen it may be any word (`backend`), which would be replaced in prose, too: such a name is left.
pub fn single_names(snapshot: &Snapshot) -> BTreeSet<String> {
    let routes = snapshot.route.seen().into_iter().chain(&snapshot.inner_routes);
    let peers = routes.filter_map(|route| match &route.handler {
        Handler::Pass(pass) => Some(pass),
        _ => None,
    });
    let peers = peers.flat_map(|pass| {
        let named = pass.peers.iter().filter_map(|peer| match &peer.address {
            PeerAddress::Name(name) => Some(name),
            _ => None,
        });
        named.chain(&pass.runtime_name).map(|name| name.name.as_str())
    });
    // What every distribution writes there (ip6-localhost, ip6-allnodes) is no name of anybody.
    let hosts_file = snapshot.hosts_file.seen().into_iter().flatten();
    let hosts_file = hosts_file
        .filter(|entry| !entry.address.is_loopback() && !entry.address.is_multicast())
        .flat_map(|entry| entry.names.iter().map(String::as_str));
    let asked = snapshot.names.iter().map(|name| name.name.as_str());
    let is_single = |name: &&str| {
        !name.contains(['.', ':', '$'])
            && !name.starts_with("ip6-")
            && name.bytes().any(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    std::iter::once(snapshot.target.host.as_str())
        .chain(asked)
        .chain(peers)
        .chain(hosts_file)
        .filter(is_single)
        .take(MOST_SINGLE_NAMES)
        .map(str::to_ascii_lowercase)
        .collect()
}

/// The names in a snapshot by which its parts are joined.
pub fn names(snapshot: &Snapshot) -> Vec<String> {
    let mut names = vec![snapshot.host.name.clone(), snapshot.target.host.clone()];
    names.extend(
        snapshot
            .endpoints
            .iter()
            .map(|endpoint| endpoint.endpoint.to_string()),
    );
    names.extend(snapshot.names.iter().map(|name| name.name.clone()));
    names.extend(
        snapshot
            .units
            .seen()
            .into_iter()
            .flatten()
            .map(|unit| unit.name.clone()),
    );
    names.extend(
        snapshot
            .processes
            .seen()
            .into_iter()
            .flatten()
            .map(|process| process.name.clone()),
    );
    if let Some(config) = snapshot.config.seen() {
        names.extend(config.server_names.iter().chain(&config.upstream_addresses).cloned());
    }
    for route in snapshot.route.seen().into_iter().chain(&snapshot.inner_routes) {
        if let Handler::Pass(pass) = &route.handler {
            names.extend(pass.group.iter().map(|group| group.name.clone()));
            names.extend(pass.peers.iter().filter_map(|peer| match &peer.address {
                PeerAddress::Name(name) => Some(name.name.clone()),
                PeerAddress::Ip(_) | PeerAddress::Unix(_) => None,
            }));
        }
    }
    names
}

/// A report in one of its formats.
fn rendered(report: &Report, format: &str) -> Result<String, BundleError> {
    let mut out = Vec::new();
    let Some(format) = report::FORMATS.iter().find(|candidate| candidate.name == format) else {
        return Err(BundleError::Redaction(format!("there is no format {format:?}")));
    };
    (format.render)(report, &mut out).map_err(|error| BundleError::Redaction(error.to_string()))?;
    String::from_utf8(out).map_err(|error| BundleError::Redaction(error.to_string()))
}
