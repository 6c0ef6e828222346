//! Whole logs, however long: read in pieces, from the time that is asked for.
//!
//! What a log says is kept, and not its bytes: a transcript holds the account that the caller's digest made of them.
//! The digest comes with the question, since this room knows no format of any log.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::time::Duration;

use serde::Serialize;

use super::files::{modified_ms, open_regular};
use super::{Live, Query, obstacle};
use crate::evidence::{LogAccount, LogRead, Observed, Obstacle, Zone, ZoneChange};

/// Bytes read at once.
const PIECE_BYTES: usize = 128 * 1024;
/// A probe for a time looks at so many bytes.
const PROBE_BYTES: usize = 16 * 1024;
/// Lines of several workers need not be in order to the second.
const SLACK_MS: i64 = 90_000;

/// What is made of the bytes of logs.
pub trait Digest {
    /// A log begins.
    fn begin(&mut self, log: &LogSource);
    /// Its next bytes.
    fn feed(&mut self, bytes: &[u8]);
    /// It ends here; `obstacle` says why, when this is not its end.
    fn end(&mut self, obstacle: Option<String>);
    /// The time of a line of this log, in milliseconds since 1970.
    fn time_of(&self, log: &LogSource, line: &[u8]) -> Option<i64>;
    /// What all of them say.
    fn account(self: Box<Self>) -> LogAccount;
}

/// One log file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LogSource {
    /// Absolute path.
    pub path: String,
    /// Which kind of log it is, as the digest knows it.
    pub kind: String,
    /// The format of its lines, as the configuration has it.
    pub format: String,
    /// The difference of its local time from UTC, in seconds.
    pub offset_s: i32,
    /// When that changed, newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ZoneChange>,
    /// It is no file: this program prints it. Its arguments hold how far back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
}

impl LogSource {
    /// The zone of its times that name none.
    pub fn zone(&self) -> Zone {
        Zone::new(self.offset_s, &self.changes)
    }
}

/// Reads logs from a time on, and keeps what they say.
#[derive(Serialize)]
pub struct ReadLogs {
    /// The logs, in the order in which they are read. Each may be packed by gzip.
    pub logs: Vec<LogSource>,
    /// Nothing before this time, milliseconds since 1970; `None`: all of it.
    pub since_ms: Option<i64>,
    /// Nothing of this time or later; `None`: up to the end.
    pub until_ms: Option<i64>,
    /// The logs are another machine's: when they were changed here tells nothing of their lines.
    #[serde(skip)]
    pub sent: bool,
    /// At most so long.
    pub limit_ms: u64,
    /// Makes the account.
    #[serde(skip)]
    pub digest: fn(Option<i64>, Option<i64>) -> Box<dyn Digest>,
}

impl Query for ReadLogs {
    type Answer = LogAccount;
    const NAME: &'static str = "read_logs";

    fn perform(&self, live: &Live) -> Observed<LogAccount> {
        let mut digest = (self.digest)(self.since_ms, self.until_ms);
        let until = live.remaining().saturating_sub(live.within(self.limit_ms));
        let mut unread = Vec::new();
        let mut read = false;
        for log in &self.logs {
            match read_log(live, log, self, digest.as_mut(), until) {
                Observed::Seen(()) => read = true,
                Observed::Absent => {}
                Observed::Unavailable(obstacle) => unread.push(LogRead {
                    path: log.path.clone(),
                    kind: log.kind.clone(),
                    obstacle: Some(obstacle.to_string()),
                    ..LogRead::default()
                }),
            }
        }
        if !read && unread.is_empty() {
            return Observed::Absent;
        }
        let mut account = digest.account();
        account.files.extend(unread);
        Observed::Seen(account)
    }
}

/// Reads one log; `until` is the time left of the run at which reading stops.
fn read_log(
    live: &Live,
    log: &LogSource,
    asked: &ReadLogs,
    digest: &mut dyn Digest,
    until: Duration,
) -> Observed<()> {
    let since_ms = asked.since_ms;
    if !log.command.is_empty() {
        return read_command(live, log, digest, until);
    }
    let mut file = match open_regular(&live.located(&log.path)) {
        Observed::Seen(file) => file,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    let metadata = match file.metadata() {
        Ok(metadata) => metadata,
        Err(error) => return Observed::Unavailable(obstacle(&error)),
    };
    // The last line is as old as the file's last change.
    if let (Some(since_ms), Some(modified_ms)) = (since_ms, modified_ms(&metadata))
        && !asked.sent
        && modified_ms < since_ms
    {
        return Observed::Seen(());
    }
    if live.remaining() <= until {
        return Observed::Unavailable(Obstacle::TimedOut);
    }
    let mut magic = [0_u8; 2];
    let packed = matches!(file.read(&mut magic), Ok(2)) && magic == [0x1f, 0x8b];
    let start = match since_ms {
        Some(since_ms) if !packed => {
            let time_of = |line: &[u8]| digest.time_of(log, line);
            first_since(
                &mut file,
                metadata.len(),
                since_ms.saturating_sub(SLACK_MS),
                time_of,
            )
        }
        _ => Ok(0),
    };
    let start = match start.and_then(|start| file.seek(SeekFrom::Start(start))) {
        Ok(start) => start,
        Err(error) => return Observed::Unavailable(obstacle(&error)),
    };
    digest.begin(log);
    let ended = if packed {
        pieces(
            flate2::read::MultiGzDecoder::new(BufReader::with_capacity(PIECE_BYTES, file)),
            live,
            digest,
            until,
        )
    } else {
        // What is written while we read is not followed: the log would have no end.
        let length = metadata.len().saturating_sub(start);
        pieces(file.take(length), live, digest, until)
    };
    digest.end(ended);
    Observed::Seen(())
}

/// Reads what a program prints, as it comes.
fn read_command(live: &Live, log: &LogSource, digest: &mut dyn Digest, until: Duration) -> Observed<()> {
    let limit = live.remaining().saturating_sub(until);
    if limit.is_zero() {
        return Observed::Unavailable(Obstacle::TimedOut);
    }
    digest.begin(log);
    let ended = super::command::stream(&log.command, limit, |bytes| digest.feed(bytes));
    digest.end(ended.err().map(|obstacle| obstacle.to_string()));
    Observed::Seen(())
}

/// Hands over everything; says why, when it is not everything.
fn pieces(mut from: impl Read, live: &Live, digest: &mut dyn Digest, until: Duration) -> Option<String> {
    let mut piece = vec![0_u8; PIECE_BYTES];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return None,
            Ok(length) => digest.feed(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Some(super::error_words(&error)),
        }
        if live.remaining() <= until {
            return Some("no time was left to read the rest".to_owned());
        }
    }
}

/// A place before the first line that is not before `since_ms`, at most a probe's length away, by halving. Where
/// the clock was set back the place is one of several possible ones.
fn first_since(
    file: &mut (impl Read + Seek),
    length: u64,
    since_ms: i64,
    time_of: impl Fn(&[u8]) -> Option<i64>,
) -> std::io::Result<u64> {
    let (mut early, mut late) = (0, length);
    while late.saturating_sub(early) > PROBE_BYTES as u64 {
        let middle = early + (late - early) / 2;
        match time_after(file, middle, late, &time_of)? {
            Some(at_ms) if at_ms < since_ms => early = middle,
            // No time up to `late`: nothing there that a time tells, so what is before decides.
            _ => late = middle,
        }
    }
    Ok(early)
}

/// The time of the first line with one that begins between two places.
fn time_after(
    file: &mut (impl Read + Seek),
    from: u64,
    to: u64,
    time_of: &impl Fn(&[u8]) -> Option<i64>,
) -> std::io::Result<Option<i64>> {
    file.seek(SeekFrom::Start(from))?;
    let (mut at, mut rest) = (from, Vec::new());
    let mut piece = vec![0_u8; PROBE_BYTES];
    let mut whole = false;
    while at < to {
        let length = file.read(&mut piece)?;
        if length == 0 {
            break;
        }
        at = at.saturating_add(length as u64);
        for part in piece
            .get(..length)
            .unwrap_or_default()
            .split_inclusive(|byte| *byte == b'\n')
        {
            // The first line begins before the place and the last one may end after the piece.
            if whole && rest.len() < PROBE_BYTES {
                rest.extend_from_slice(part);
            }
            if part.ends_with(b"\n") {
                if whole && let Some(at_ms) = time_of(&rest) {
                    return Ok(Some(at_ms));
                }
                whole = true;
                rest.clear();
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn number(line: &[u8]) -> Option<i64> {
        std::str::from_utf8(line).ok()?.split(' ').next()?.trim().parse().ok()
    }

    #[test]
    fn the_place_of_a_time_is_found_by_halving() {
        let mut text = Vec::new();
        for time in 0..40_000 {
            text.extend(format!("{time} {}\n", "x".repeat(time % 150)).bytes());
            if time % 1_000 == 7 {
                text.extend(b"a continued line without a time\n");
            }
            if time == 20_000 {
                text.extend(vec![0; 200_000]);
                text.push(b'\n');
            }
        }
        for since in [0, 1, 777, 19_999, 20_000, 20_001, 39_990, 39_999, 50_000] {
            let length = text.len() as u64;
            let start = first_since(&mut Cursor::new(&text), length, since, number).expect("memory");
            let start = usize::try_from(start).expect("small");
            let before = text[..start].split(|byte| *byte == b'\n').filter_map(number).max();
            assert!(
                before.is_none_or(|before| before <= since),
                "{since}: {before:?} is passed over"
            );
            let skipped_too_little = text[start..]
                .split(|byte| *byte == b'\n')
                .skip(1)
                .find_map(number)
                .is_some_and(|first| first + 500 < since && since < 40_000);
            assert!(!skipped_too_little, "{since} from {start}");
        }
    }
}
