//! Whatever was sent, made into evidence: files, directories, archives, pasted tickets.
//!
//! [`sort`] cuts everything into pieces and says of each what it is ([`kind`]); [`snapshot`] joins the pieces
//! into the same [`Snapshot`] that a walk on the host makes, so that the same causes judge it. What no piece
//! shows was not looked at: it stays [`crate::evidence::Observed::Unavailable`], and nothing is called fine
//! for it. This room opens nothing: bytes come in.

mod answers;
mod archive;
mod config;
mod explain;
mod host;
mod join;
mod kind;
mod lines;
mod logs;
mod split;
mod subject;
mod window;

pub use archive::TOTAL_CAP_BYTES;
pub use explain::explain_line;
pub use join::snapshot;
pub use kind::Kind;
pub use lines::steps;
pub use split::{Piece, split};
pub use window::last_ms;

use crate::evidence::{LogAccount, UnusedPiece};
use crate::system::curl;

/// One thing that was sent.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Its name, for messages.
    pub name: String,
    /// Its content; of a log that was counted as it went by, one line of each kind.
    pub bytes: Vec<u8>,
    /// What a log says that was counted as it went by, because it is too long to be held.
    pub account: Option<LogAccount>,
}

/// All pieces of what was sent.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// What was recognised.
    pub pieces: Vec<Piece>,
    /// What was not.
    pub unused: Vec<UnusedPiece>,
    /// What long logs say, counted.
    pub accounts: Vec<LogAccount>,
    /// Only so much of the logs counts, in milliseconds back from [`newest_ms`]; `None`: all of them.
    pub window_ms: Option<u64>,
    /// The newest time in long logs, which are counted and no pieces.
    pub newest_ms: Option<i64>,
}

impl Sorted {
    /// Adds what came later.
    pub fn append(&mut self, later: Self) {
        self.pieces.extend(later.pieces);
        self.unused.extend(later.unused);
        self.accounts.extend(later.accounts);
        self.newest_ms = self.newest_ms.max(later.newest_ms);
    }

    /// From which time on the logs count; `None`: from their beginning, or no line has a time.
    pub fn from_ms(&self) -> Option<i64> {
        window::from_ms(self.window_ms, self.newest_ms())
    }

    /// The newest time on any line of any log.
    pub fn newest_ms(&self) -> Option<i64> {
        let pieces = self
            .window_ms
            .and_then(|_| logs::read(&self.pieces, None).newest_ms());
        self.newest_ms.max(pieces)
    }
}

/// Archives in archives are followed this deep.
const DEPTH: usize = 3;

/// Sorts what was sent.
pub fn sort(inputs: Vec<Input>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut left = TOTAL_CAP_BYTES;
    let mut waiting: Vec<(Input, usize)> = inputs.into_iter().rev().map(|input| (input, 0)).collect();
    while let Some((mut input, depth)) = waiting.pop() {
        sorted.accounts.extend(input.account.take());
        if let Some(unpacked) = (depth < DEPTH)
            .then(|| archive::unpack(&input.name, &input.bytes, &mut left))
            .flatten()
        {
            sorted.unused.extend(
                unpacked
                    .left_out
                    .into_iter()
                    .map(|(name, why)| UnusedPiece { name, why }),
            );
            waiting.extend(unpacked.files.into_iter().rev().map(|(name, bytes)| {
                let input = Input {
                    name,
                    bytes,
                    account: None,
                };
                (input, depth + 1)
            }));
            continue;
        }
        let why = if input.bytes.is_empty() {
            Some("it is empty")
        } else if is_binary(&input.bytes) {
            Some("it is no text")
        } else {
            let page = curl::page_alone(&String::from_utf8_lossy(&input.bytes));
            let bytes = page.as_ref().map_or(input.bytes.as_slice(), String::as_bytes);
            let (pieces, left_over) = split(&input.name, bytes);
            let nothing = pieces.is_empty();
            sorted.pieces.extend(pieces);
            match (nothing, left_over) {
                (true, _) => Some("nothing in it was recognised"),
                // Prose around the pieces of a ticket is no loss.
                (false, _) => None,
            }
        };
        if let Some(why) = why {
            sorted.unused.push(UnusedPiece {
                name: input.name,
                why: why.to_owned(),
            });
        }
    }
    sorted
}

/// Which log a long file is, by its first bytes (packed by gzip or not), as the counting reader names it; `None`:
/// no log that it knows.
pub fn log_kind(head: &[u8]) -> Option<&'static str> {
    crate::proxy::logs::recognise(&archive::beginning(head)).map(|kind| kind.name())
}

/// The first line of a log, by its first bytes (packed by gzip or not), that is one of its kind.
pub fn log_line(head: &[u8]) -> Vec<u8> {
    let head = archive::beginning(head);
    head.split(|byte| *byte == b'\n')
        .find(|line| crate::proxy::logs::recognise(line).is_some())
        .map(<[u8]>::to_vec)
        .unwrap_or_default()
}

/// Many zero bytes that are not the mark of UTF-16.
fn is_binary(bytes: &[u8]) -> bool {
    if bytes.starts_with(&[0xFF, 0xFE]) {
        return false;
    }
    let head = bytes.get(..4_096).unwrap_or(bytes);
    let zeros = head.split(|byte| *byte == 0).count().saturating_sub(1);
    zeros > head.len() / 10
}
