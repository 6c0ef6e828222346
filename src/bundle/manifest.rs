//! `MANIFEST.json`: what is in a bundle, where it came from, and what was taken out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::content::Content;
use super::redact::count_markers;
use crate::evidence::Target;

/// The name of the format this version writes and reads.
pub const FORMAT: &str = "fix502.bundle/v1";

/// The contents of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// What wrote it.
    pub tool: Tool,
    /// The machine it is about.
    pub host: String,
    /// Milliseconds since 1970, when the diagnosis began.
    pub recorded_ms: i64,
    /// What was diagnosed, without its secrets: a replay walks the same way again.
    pub target: Target,
    /// `always`: secrets are taken out of every bundle.
    pub secrets: String,
    /// `pseudonyms`: addresses and host names are replaced, the same way in every file; `kept`: they stand as
    /// they are.
    pub addresses: String,
    /// Every file but this one, by name.
    pub files: Vec<File>,
}

/// The program that wrote a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tool {
    /// `fix502`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// One file of a bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct File {
    /// Its name in the archive.
    pub path: String,
    /// Where its content comes from, in words or as the path on the host.
    pub origin: String,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
    /// How many markers stand in it, by kind of secret.
    pub redactions: BTreeMap<String, u64>,
    /// It is only a part of its origin.
    pub truncated: bool,
}

impl File {
    /// Describes a file that goes into an archive.
    pub(super) fn describe(path: &str, origin: &str, content: &Content, truncated: bool) -> Self {
        let mut digest = Sha256::new();
        let mut redactions = BTreeMap::new();
        let mut bytes = 0_u64;
        content.each(|piece| {
            digest.update(piece);
            bytes = bytes.saturating_add(piece.len() as u64);
            for (kind, count) in count_markers(&String::from_utf8_lossy(piece)) {
                *redactions.entry(kind).or_default() += count;
            }
        });
        let mut sha256 = String::with_capacity(64);
        for byte in digest.finalize() {
            let _ = write!(sha256, "{byte:02x}");
        }
        Self {
            path: path.to_owned(),
            origin: origin.to_owned(),
            bytes,
            sha256,
            redactions,
            truncated,
        }
    }
}
