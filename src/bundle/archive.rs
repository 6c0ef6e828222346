//! Files ↔ the bytes of a `.tar.gz`. Writing is deterministic; reading trusts nothing.
//!
//! An archive may come from anybody, so it is read as a stream with limits on everything, no name in it is
//! ever used as a path, and of its content only what the caller keeps is held in memory.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, EntryType, Header};

use super::{BundleError, Part};

/// The whole content of an archive, at the most.
pub(super) const TOTAL_CAP_BYTES: u64 = 512 << 20;
/// One file, at the most.
pub(super) const FILE_CAP_BYTES: u64 = 256 << 20;
/// What is kept of an archive, at the most: the rest is only counted as it goes by.
const KEPT_CAP_BYTES: u64 = 64 << 20;
/// Entries, at the most.
pub(super) const ENTRY_CAP: usize = 10_000;
/// Beyond this size the content may be this many times as long as the archive, at the most.
const RATIO_FROM_BYTES: u64 = 32 << 20;
const RATIO_CAP: u64 = 100;

/// One file of an archive.
pub(super) type Named = (String, Vec<u8>);

/// Packs files, all with the same time and owner.
pub(super) fn pack(parts: &[Part], modified_s: u64) -> Result<Vec<u8>, BundleError> {
    let gzip = GzBuilder::new()
        .mtime(u32::try_from(modified_s).unwrap_or(0))
        .operating_system(255)
        .write(Vec::new(), Compression::default());
    let mut builder = Builder::new(gzip);
    let written = (|| {
        for part in parts {
            let mut header = Header::new_ustar();
            header.set_entry_type(EntryType::Regular);
            header.set_mode(0o600);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(modified_s);
            header.set_size(part.content.length_bytes());
            builder.append_data(&mut header, &part.name, part.content.reader())?;
        }
        let mut gzip = builder.into_inner()?;
        gzip.flush()?;
        gzip.finish()
    })();
    written.map_err(|error| BundleError::Write(error.to_string()))
}

/// Counts what comes out of the decompression and stops it at the limits.
struct Limited<R> {
    inner: R,
    out_bytes: u64,
    cap_bytes: u64,
}

/// Marks an error as a limit, so that it is told from a broken archive.
const LIMIT: &str = "the limit of the content is reached";

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.out_bytes = self.out_bytes.saturating_add(count as u64);
        if self.out_bytes > self.cap_bytes {
            return Err(std::io::Error::other(LIMIT));
        }
        Ok(count)
    }
}

fn broken(error: &std::io::Error) -> BundleError {
    let text = error.to_string();
    if text.contains(LIMIT) {
        BundleError::TooLarge("its content")
    } else if error.kind() == std::io::ErrorKind::UnexpectedEof {
        BundleError::Truncated
    } else {
        BundleError::Damaged(text)
    }
}

/// Reads an archive and keeps the files that `wanted` names. Every entry is checked, kept or not.
pub(super) fn unpack(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Result<Vec<Named>, BundleError> {
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return Err(BundleError::NoBundle("it is no gzip file"));
    }
    let by_ratio = (bytes.len() as u64).saturating_mul(RATIO_CAP).max(RATIO_FROM_BYTES);
    let mut archive = Archive::new(Limited {
        inner: GzDecoder::new(bytes),
        out_bytes: 0,
        cap_bytes: by_ratio.min(TOTAL_CAP_BYTES),
    });
    let mut kept = Vec::new();
    let mut kept_bytes = 0_u64;
    let mut names = BTreeSet::new();
    // Raw entries: extension headers would be read into memory as a whole, whatever length they claim.
    for (index, entry) in archive
        .entries()
        .map_err(|error| broken(&error))?
        .raw(true)
        .enumerate()
    {
        if index >= ENTRY_CAP {
            return Err(BundleError::TooLarge("the number of its entries"));
        }
        let mut entry = entry.map_err(|error| broken(&error))?;
        let name = checked_name(&entry.path_bytes())?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {}
            // Attributes that other archivers add say nothing that is needed here.
            EntryType::Directory
            | EntryType::XHeader
            | EntryType::XGlobalHeader
            | EntryType::GNULongName
            | EntryType::GNULongLink => continue,
            _ => return Err(BundleError::Entry(name, "is no regular file")),
        }
        if !names.insert(name.clone()) {
            return Err(BundleError::Entry(name, "stands in it twice"));
        }
        if entry.size() > FILE_CAP_BYTES {
            return Err(BundleError::TooLarge("one of its files"));
        }
        if !wanted(&name) {
            continue;
        }
        // What is kept is held in memory all at once.
        kept_bytes = kept_bytes.saturating_add(entry.size());
        if kept_bytes > KEPT_CAP_BYTES {
            return Err(BundleError::TooLarge("its transcript"));
        }
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(|error| broken(&error))?;
        if content.len() as u64 != entry.size() {
            return Err(BundleError::Truncated);
        }
        kept.push((name, content));
    }
    // The check sum stands at the very end.
    std::io::copy(&mut archive.into_inner(), &mut std::io::sink()).map_err(|error| broken(&error))?;
    Ok(kept)
}

/// A name without its leading `./`, refused when it leads anywhere else.
fn checked_name(bytes: &[u8]) -> Result<String, BundleError> {
    let shown = || String::from_utf8_lossy(bytes).chars().take(200).collect::<String>();
    let name =
        std::str::from_utf8(bytes).map_err(|_| BundleError::Entry(shown(), "has a name that is no text"))?;
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(BundleError::Entry(shown(), "leads out of the archive")),
            _ => parts.push(part),
        }
    }
    if name.starts_with('/') || name.contains(['\\', '\0']) {
        return Err(BundleError::Entry(shown(), "leads out of the archive"));
    }
    Ok(parts.join("/"))
}
