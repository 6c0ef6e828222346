//! `included/`: what the user added with `--include`, redacted like everything.

use super::{Content, Part, lines, plain_name, redact};

/// How much of one file is packed, from its end, in bytes.
pub const INCLUDED_CAP_BYTES: u64 = 4 << 20;

/// A file that the user wants in the bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Its absolute path.
    pub path: String,
    /// Its content, or the end of it.
    pub bytes: Vec<u8>,
    /// `bytes` is not all of it.
    pub truncated: bool,
}

impl Included {
    /// Why a file cannot be in any bundle, as a lower-case fragment: it is nothing but secrets (by its name),
    /// or nothing in which secrets can be found.
    pub fn obstacle(path: &str, bytes: &[u8]) -> Option<&'static str> {
        if redact::is_closed(path) {
            Some("holds nothing but secrets; no bundle has it")
        } else if bytes.contains(&0) {
            Some("is no text, so its secrets could not be taken out")
        } else {
            None
        }
    }
}

/// The parts of these files. The redactor has seen them before, so all numbers are given.
pub(super) fn parts(included: &[Included], mut redact: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<Part> {
    included
        .iter()
        .filter(|file| Included::obstacle(&file.path, &file.bytes).is_none())
        .map(|file| {
            let whole = if file.truncated {
                lines::after_line_end(&file.bytes)
            } else {
                &file.bytes
            };
            Part {
                name: format!("included/{}", plain_name(&file.path)),
                origin: file.path.clone(),
                content: Content::Bytes(redact(whole)),
                truncated: file.truncated,
            }
        })
        .collect()
}
