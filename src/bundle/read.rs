//! A bundle read back: what `fix502 triage` walks through again.

use super::archive::{self, Named};
use super::manifest::{FORMAT, Manifest};
use super::{BundleError, MANIFEST, Recorded};
use crate::host::Transcript;

/// Files that are read; all others are only counted.
fn wanted(name: &str) -> bool {
    is_manifest(name) || is_transcript(name)
}

fn is_manifest(name: &str) -> bool {
    name == MANIFEST || name.split_once('/').is_some_and(|(_, rest)| rest == MANIFEST)
}

fn is_transcript(name: &str) -> bool {
    let mut parts = name.rsplit('/');
    parts.next().is_some_and(|name| {
        name.rsplit_once('.')
            .is_some_and(|(stem, ending)| ending == "jsonl" && !stem.is_empty())
    }) && parts.next() == Some("transcript")
}

/// Reads a `.tar.gz`.
pub(super) fn archive(bytes: &[u8]) -> Result<Recorded, BundleError> {
    recorded(&archive::unpack(bytes, wanted)?)
}

/// Reads files that lie in a directory, named relative to it or in full.
pub(super) fn recorded(files: &[Named]) -> Result<Recorded, BundleError> {
    let mut manifests = files
        .iter()
        .filter(|(name, _)| is_manifest(name) || name.ends_with(&format!("/{MANIFEST}")));
    let Some((_, manifest)) = manifests.next() else {
        return Err(BundleError::Missing(MANIFEST));
    };
    if manifests.next().is_some() {
        return Err(BundleError::Entry(MANIFEST.to_owned(), "stands in it twice"));
    }
    // The format comes first: the rest of a newer manifest may be made otherwise.
    let value: serde_json::Value =
        serde_json::from_slice(manifest).map_err(|error| BundleError::Manifest(error.to_string()))?;
    let format = value
        .get("format")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if format != FORMAT {
        return Err(
            match format.strip_prefix("fix502.bundle/v").map(str::parse::<u32>) {
                Some(Ok(version)) if version > 1 => BundleError::Newer(format.to_owned()),
                _ => BundleError::NoBundle("its manifest is of another kind"),
            },
        );
    }
    let manifest: Manifest =
        serde_json::from_value(value).map_err(|error| BundleError::Manifest(error.to_string()))?;
    Ok(Recorded {
        transcript: transcript(files)?,
        target: manifest.target,
        tool_version: manifest.tool.version,
    })
}

/// The transcript among some files.
pub(super) fn transcript(files: &[Named]) -> Result<Transcript, BundleError> {
    let mut entries = Vec::new();
    let mut found = false;
    for (_, content) in files.iter().filter(|(name, _)| is_transcript(name)) {
        found = true;
        entries.extend(Transcript::from_lines(content)?.entries().cloned());
    }
    if found {
        Ok(Transcript::from_entries(entries))
    } else {
        Err(BundleError::Missing("transcript/transcript.jsonl"))
    }
}
