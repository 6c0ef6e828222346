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
mod zone;

pub use archive::TOTAL_CAP_BYTES;
pub use explain::explain_line;
pub use join::snapshot;
pub use kind::Kind;
pub use lines::steps;
pub use split::{Piece, split};
pub use window::last_ms;

use crate::evidence::{LogAccount, LogZone, UnusedPiece, Zone};
use crate::proxy::logs::LogKind;
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
    /// The zone as it was found from the ends of long logs.
    pub long_zone: Option<(Zone, LogZone)>,
}

impl Sorted {
    /// Adds what came later.
    pub fn append(&mut self, later: Self) {
        self.pieces.extend(later.pieces);
        self.unused.extend(later.unused);
        self.accounts.extend(later.accounts);
        self.newest_ms = self.newest_ms.max(later.newest_ms);
    }

    /// The zone of logs that name none, and how it is known; `None`: there are no such logs.
    pub fn zone(&self) -> Option<(Zone, LogZone)> {
        self.long_zone.or_else(|| zone::infer(&self.pieces))
    }

    /// From which time on the logs count (`None`: from their beginning, or no line has a time), and the newest time on
    /// any line; without a window neither is looked for.
    pub fn ends_ms(&self, zone: Zone) -> (Option<i64>, Option<i64>) {
        if self.window_ms.is_none() {
            return (None, None);
        }
        self.ends_of(&logs::read(&self.pieces, zone))
    }

    /// The same of logs that were read.
    fn ends_of(&self, logs: &logs::Logs) -> (Option<i64>, Option<i64>) {
        if self.window_ms.is_none() {
            return (None, None);
        }
        let newest_ms = self.newest_ms.max(logs.newest_ms());
        (window::from_ms(self.window_ms, newest_ms), newest_ms)
    }
}

/// The zone of long logs, by their ends: name, kind of the log and bytes of each.
pub fn zone_of_ends(ends: &[(&str, Vec<u8>)], sorted: &Sorted) -> Option<(Zone, LogZone)> {
    let pieces: Vec<Piece> = ends
        .iter()
        .filter_map(|(kind, bytes)| {
            let kind = match LogKind::named(kind, "")? {
                LogKind::NginxError => Kind::NginxError,
                LogKind::ApacheError => Kind::ApacheError,
                LogKind::SquidCache => Kind::SquidCache,
                LogKind::NginxAccess(_) | LogKind::ApacheAccess(_) => Kind::Access,
                _ => return None,
            };
            Some(Piece {
                kind,
                name: String::new(),
                text: String::from_utf8_lossy(bytes).into_owned(),
                command: None,
            })
        })
        .chain(sorted.pieces.iter().cloned())
        .collect();
    zone::infer(&pieces)
}

/// Archives in archives are followed this deep.
const DEPTH: usize = 3;

/// Sorts what was sent.
pub fn sort(inputs: Vec<Input>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut left = archive::UNPACKED_CAP_BYTES;
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
