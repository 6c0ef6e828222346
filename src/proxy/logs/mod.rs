//! Logs of any length in one pass and bounded memory: what they say, counted.
//!
//! A [`LogReader`] is told which log begins ([`LogReader::begin`]), gets its bytes in pieces of any size
//! ([`LogReader::feed`]), and leaves a [`LogAccount`]. Files of one service, rotated ones first, go through the same
//! reader, so that their counts join. It knows no files and no clock; nothing of a line is kept but the first of each
//! kind.
//!
//! To add a signature: a row in the table of its proxy (see [`signatures`]). To add a kind of log: a variant of
//! [`LogKind`], a reader beside the others, a row in [`recognise`].

mod access;
mod apache;
mod application;
mod carried;
mod counts;
mod lines;
mod nginx;
mod place;
mod recognise;
mod requests;
mod signatures;
mod squid;
mod tally;
#[cfg(test)]
mod tests;
mod time;

pub use carried::{Carrier, Tagged, carried};
pub use place::{LogPlace, place};
pub use recognise::recognise;
pub(in crate::proxy) use signatures::nginx_rows;
pub use time::{line_ms, printed_zone};

use crate::evidence::{LogAccount, LogRead, Symptom, Zone};
use counts::Counts;
use lines::Lines;

/// Which log it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// nginx's error log.
    NginxError,
    /// nginx's access log in this `log_format`; empty: `combined`.
    NginxAccess(String),
    /// Apache's error log.
    ApacheError,
    /// Apache's access log in this `LogFormat`; empty: `common`.
    ApacheAccess(String),
    /// Squid's cache.log.
    SquidCache,
    /// Squid's access log.
    SquidAccess,
    /// The log of an application server: php-fpm, gunicorn, uwsgi and others.
    Application,
    /// A file of syslog, or the journal as text, in which other logs are.
    Carried(Carrier),
}

impl LogKind {
    /// The kind of this name, with this format of its lines.
    pub fn named(name: &str, format: &str) -> Option<Self> {
        if name == CARRIED {
            return serde_json::from_str(format).ok().map(Self::Carried);
        }
        [
            Self::NginxError,
            Self::NginxAccess(format.to_owned()),
            Self::ApacheError,
            Self::ApacheAccess(format.to_owned()),
            Self::SquidCache,
            Self::SquidAccess,
            Self::Application,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// Its name in accounts.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NginxError => "nginx error",
            Self::NginxAccess(_) => "nginx access",
            Self::ApacheError => "apache error",
            Self::ApacheAccess(_) => "apache access",
            Self::SquidCache => "squid cache",
            Self::SquidAccess => "squid access",
            Self::Application => "application",
            Self::Carried(_) => CARRIED,
        }
    }
}

/// The name of the kind that carries others.
const CARRIED: &str = "syslog";

/// Reads logs.
#[derive(Debug, Default)]
pub struct LogReader {
    lines: Lines,
    reader: Reader,
    counts: Counts,
    read: Option<LogRead>,
}

/// The reader of one kind of log, with what it keeps from line to line.
#[derive(Debug, Default)]
enum Reader {
    #[default]
    None,
    NginxError(Box<nginx::ErrorLog>),
    ApacheError(Box<apache::ErrorLog>),
    Access(Box<access::AccessLog>),
    SquidCache(squid::CacheLog),
    SquidAccess,
    Application(application::Log),
    Carried(Box<(carried::Opener, Vec<Self>)>),
}

impl LogReader {
    /// A reader for lines of `since_ms` and later that are before `until_ms`; others, and those without a time next
    /// to them, are passed over. `None`: without such a limit.
    pub fn between(since_ms: Option<i64>, until_ms: Option<i64>) -> Self {
        let mut reader = Self::default();
        reader.counts.since_ms = since_ms;
        reader.counts.until_ms = until_ms;
        reader
    }

    /// A log begins; the one before ends. `zone` is that of its times that name none.
    pub fn begin(&mut self, kind: &LogKind, path: &str, zone: impl Into<Zone>) {
        self.end(None);
        self.counts.begin(path);
        self.read = Some(LogRead {
            path: path.to_owned(),
            kind: kind.name().to_owned(),
            ..LogRead::default()
        });
        self.reader = Reader::new(kind, zone.into());
    }

    /// The next bytes of the log that began.
    pub fn feed(&mut self, bytes: &[u8]) {
        let Self {
            lines,
            reader,
            counts,
            read: Some(read),
        } = self
        else {
            return;
        };
        read.bytes = read.bytes.saturating_add(bytes.len() as u64);
        lines.feed(bytes, |line, cut| reader.line(line, cut, counts, read));
    }

    /// The log ends here; `obstacle` says why, when that is not its end.
    pub fn end(&mut self, obstacle: Option<String>) {
        let Self {
            lines,
            reader,
            counts,
            read,
        } = self;
        let Some(mut read) = read.take() else { return };
        lines.finish(|line, cut| {
            counts.oddities.cut_lines += 1;
            reader.line(line, cut, counts, &mut read);
        });
        reader.finish(counts);
        read.obstacle = obstacle;
        counts.files.push(read);
    }

    /// What was read so far says this.
    pub fn account(mut self) -> LogAccount {
        self.end(None);
        self.counts.account()
    }

    /// Calls `each` with (symptom, upstream, minute since 1970, lines) for everything counted so far in logs that
    /// have ended, by minute as long as [`Self::step_minutes`] is 1. The same three may come more than once: the
    /// counts add up.
    pub fn each_count(&self, each: impl FnMut(Symptom, Option<&str>, u64, u64)) {
        self.counts.each(each);
    }

    /// How many minutes one step of time has.
    pub fn step_minutes(&self) -> u64 {
        self.counts.step_minutes()
    }
}

impl Reader {
    fn new(kind: &LogKind, zone: Zone) -> Self {
        match kind {
            LogKind::NginxError => Self::NginxError(Box::new(nginx::ErrorLog::new(zone))),
            LogKind::ApacheError => Self::ApacheError(Box::new(apache::ErrorLog::new(zone))),
            LogKind::NginxAccess(format) => {
                let format = crate::proxy::nginx::access_log::reader(format);
                Self::Access(Box::new(access::AccessLog::new(format)))
            }
            LogKind::ApacheAccess(format) => {
                let format = crate::proxy::apache::access_log::reader(format);
                Self::Access(Box::new(access::AccessLog::new(format)))
            }
            LogKind::SquidCache => Self::SquidCache(squid::CacheLog::new(zone)),
            LogKind::SquidAccess => Self::SquidAccess,
            LogKind::Application => Self::Application(application::Log::new(zone)),
            LogKind::Carried(carrier) => {
                let opener = carried::Opener::new(carrier, zone);
                let readers = opener.kinds().map(|kind| Self::new(kind, zone)).collect();
                Self::Carried(Box::new((opener, readers)))
            }
        }
    }

    fn finish(&mut self, counts: &mut Counts) {
        match self {
            Self::NginxError(reader) => reader.finish(counts),
            Self::ApacheError(reader) => reader.finish(counts),
            Self::Carried(inner) => inner.1.iter_mut().for_each(|reader| reader.finish(counts)),
            _ => {}
        }
    }

    fn line(&mut self, line: &[u8], cut: bool, counts: &mut Counts, read: &mut LogRead) {
        read.lines += 1;
        counts.oddities.long_lines += u64::from(cut);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        // A crash of the host or a careless truncation leaves NUL bytes in front of the next line.
        let line = if line.first() == Some(&0) {
            counts.oddities.nul_lines += 1;
            let zeros = line.iter().take_while(|byte| **byte == 0).count();
            line.get(zeros..).unwrap_or_default()
        } else {
            line
        };
        read.foreign_lines += u64::from(!self.own(line, counts));
    }

    /// Reads one line; false when this kind of log has none like it.
    fn own(&mut self, line: &[u8], counts: &mut Counts) -> bool {
        match self {
            Self::None => true,
            Self::NginxError(reader) => reader.line(line, counts),
            Self::ApacheError(reader) => reader.line(line, counts),
            Self::Access(reader) => reader.line(line, counts),
            Self::SquidCache(reader) => reader.line(line, counts),
            Self::SquidAccess => squid::access_line(line, counts),
            Self::Application(reader) => reader.line(line, counts),
            Self::Carried(inner) => {
                let (opener, readers) = inner.as_mut();
                let Some((number, tag, line)) = opener.open_next(line) else {
                    // What others write is none of ours.
                    return true;
                };
                if let Some(tag) = tag {
                    counts.carried(&tag);
                }
                readers.get_mut(number).is_none_or(|reader| reader.own(line, counts))
            }
        }
    }
}

/// The time of a line of a log of this kind, milliseconds since 1970. `zone` is that of times that name none.
pub fn kind_ms(kind: &LogKind, line: &[u8], zone: Zone) -> Option<i64> {
    match kind {
        LogKind::Carried(carrier) => carried::carried_ms(line, carrier.now_ms, zone),
        _ => line_ms(line, zone),
    }
}

/// The end of a log, from a line on before which, by halving, all are older than `since_ms`; all of it where no line
/// tells.
pub fn newest<'a>(bytes: &'a [u8], kind: &LogKind, zone: Zone, since_ms: i64) -> &'a [u8] {
    /// Less than this is not worth a look.
    const NEAR_BYTES: usize = 8 * 1024;
    let (mut early, mut late) = (0, bytes.len());
    while late.saturating_sub(early) > NEAR_BYTES {
        let middle = early + (late - early) / 2;
        let part = bytes.get(middle..late).unwrap_or_default();
        let time = part
            .split(|byte| *byte == b'\n')
            .skip(1)
            .find_map(|line| kind_ms(kind, line, zone));
        match time {
            Some(at_ms) if at_ms < since_ms => early = middle,
            _ => late = middle,
        }
    }
    let rest = bytes.get(early..).unwrap_or_default();
    if early == 0 {
        return rest;
    }
    // The line in the middle of which it begins is older as well.
    let begin = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    rest.get(begin..).unwrap_or_default()
}

/// The beginning of a line as text of at most `bytes` bytes.
fn excerpt(line: &[u8], bytes: usize) -> Box<str> {
    let cut = line.get(..line.len().min(bytes)).unwrap_or(line);
    // A character that the cut goes through is left out.
    match String::from_utf8_lossy(cut) {
        std::borrow::Cow::Borrowed(text) => text.into(),
        std::borrow::Cow::Owned(text) if line.len() > bytes => {
            text.trim_end_matches(char::REPLACEMENT_CHARACTER).into()
        }
        std::borrow::Cow::Owned(text) => text.into(),
    }
}
