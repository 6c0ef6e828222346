//! The content of a file of the bundle: bytes, or a transcript that is written line by line.
//!
//! A transcript has tens of megabytes on a busy host. Its lines are made when they are wanted, so that they never
//! stand in memory beside it, let alone all at once.

use std::io::Read;

use crate::host::Transcript;

/// What a file of the bundle holds.
pub(super) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The lines of a transcript.
    Transcript(Transcript),
}

impl Content {
    /// Calls `visit` for all bytes, in pieces of whole lines.
    pub(super) fn each(&self, mut visit: impl FnMut(&[u8])) {
        match self {
            Self::Bytes(bytes) => visit(bytes),
            Self::Transcript(transcript) => {
                let mut lines = transcript.lines();
                while let Some(line) = lines.advance() {
                    visit(line);
                }
            }
        }
    }

    /// How many bytes there are.
    pub(super) fn length_bytes(&self) -> u64 {
        let mut length_bytes = 0_u64;
        self.each(|piece| length_bytes = length_bytes.saturating_add(piece.len() as u64));
        length_bytes
    }

    /// Reads all bytes.
    pub(super) fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
            Self::Transcript(transcript) => Box::new(transcript.lines()),
        }
    }
}
