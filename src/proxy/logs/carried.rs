//! Lines as syslog and the journal carry them: what stands around a message is taken off, and the message is read as
//! the line of the log that it would be in a file.
//!
//! A message that names no time of its own (Apache, php-fpm, Squid's cache.log) gets that of its prefix. To add a
//! form of the prefix: [`prefix`].

use std::io::Write as _;

use serde::{Deserialize, Serialize};

use super::LogKind;
use super::time::{epoch, line_ms, numeric, syslog_ms};
use crate::evidence::Zone;

/// Which messages are which log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    /// The name in front of the message; empty: any.
    pub tag: String,
    /// The kind of log ([`LogKind::name`]).
    pub kind: String,
    /// The format of its lines.
    #[serde(default)]
    pub format: String,
}

/// A log that carries others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// Which of its messages count, the more special first.
    pub tags: Vec<Tagged>,
    /// Milliseconds since 1970 that no line is later than by more than a day: the short form names no year.
    pub now_ms: i64,
}

/// Reads lines of a carrier.
#[derive(Debug)]
pub(super) struct Opener {
    tags: Vec<(Vec<u8>, LogKind)>,
    now_ms: i64,
    zone: Zone,
    scratch: Vec<u8>,
    /// Which log the message before was of: the next line may go on with it.
    before: Option<usize>,
    /// Which log the counts were told of.
    told: Option<usize>,
}

/// What stands in front of a message.
#[derive(Debug, PartialEq, Eq)]
struct Prefix<'a> {
    at_ms: Option<i64>,
    tag: &'a [u8],
    message: &'a [u8],
}

impl Opener {
    pub(super) fn new(carrier: &Carrier, zone: Zone) -> Self {
        let tags = carrier.tags.iter().filter_map(|tagged| {
            let kind = LogKind::named(&tagged.kind, &tagged.format)?;
            Some((tagged.tag.clone().into_bytes(), kind))
        });
        Self {
            tags: tags.collect(),
            now_ms: carrier.now_ms,
            zone,
            scratch: Vec::new(),
            before: None,
            told: None,
        }
    }

    /// Like [`Self::open`], with the name of the log when the line before was of another one.
    pub(super) fn open_next(&mut self, line: &[u8]) -> Option<(usize, Option<String>, &[u8])> {
        let (number, _) = self.open(line)?;
        let tag = (self.told != Some(number))
            .then(|| self.tags.get(number))
            .flatten()
            .map(|(tag, _)| String::from_utf8_lossy(tag).into_owned());
        self.told = Some(number);
        Some((number, tag, &self.scratch))
    }

    /// The kinds of the logs that are carried, in the order of their numbers.
    pub(super) fn kinds(&self) -> impl Iterator<Item = &LogKind> {
        self.tags.iter().map(|(_, kind)| kind)
    }

    /// The number of the log that this line is of, and the line as it would stand in a file.
    pub(super) fn open(&mut self, line: &[u8]) -> Option<(usize, &[u8])> {
        if line.first().is_some_and(u8::is_ascii_whitespace) {
            // journalctl moves the further lines of a message to the right.
            let message = line.trim_ascii_start();
            self.scratch.clear();
            self.scratch.extend_from_slice(message);
            return self.before.map(|number| (number, self.scratch.as_slice()));
        }
        self.before = None;
        let prefix = prefix(line, self.now_ms, self.zone)?;
        let number = self.tags.iter().position(|(tag, kind)| {
            let own = tag.is_empty() || tag == prefix.tag || is_renamed(kind, tag, prefix.tag);
            own && has_shape(kind, prefix.message)
        })?;
        let (_, kind) = self.tags.get(number)?;
        self.scratch.clear();
        written(kind, &prefix, self.zone, &mut self.scratch);
        self.before = Some(number);
        Some((number, self.scratch.as_slice()))
    }
}

/// True for other names that a proxy gives itself.
fn is_renamed(kind: &LogKind, tag: &[u8], found: &[u8]) -> bool {
    match kind {
        LogKind::ApacheError | LogKind::ApacheAccess(_) => tag == b"apache2" && found == b"httpd",
        LogKind::SquidAccess | LogKind::SquidCache => tag == b"squid" && found.starts_with(b"(squid"),
        _ => false,
    }
}

/// True for a message that may be a line of this kind of log.
fn has_shape(kind: &LogKind, message: &[u8]) -> bool {
    let nginx = || message.get(4) == Some(&b'/') && message.get(19..21) == Some(b" [");
    match kind {
        LogKind::NginxError => nginx() || message.starts_with(b"nginx: ["),
        LogKind::NginxAccess(_) | LogKind::ApacheAccess(_) => !nginx() && !message.starts_with(b"["),
        LogKind::ApacheError => message.starts_with(b"["),
        LogKind::SquidAccess => epoch(message).is_some(),
        LogKind::SquidCache | LogKind::Application => true,
        LogKind::Carried(_) => false,
    }
}

/// The message as a line of a file.
fn written(kind: &LogKind, prefix: &Prefix<'_>, zone: Zone, line: &mut Vec<u8>) {
    let mut message = prefix.message;
    let stamp = |form: &str| {
        let at_ms = prefix.at_ms?;
        let at_ms = at_ms.checked_add(i64::from(zone.offset_at(at_ms)) * 1_000)?;
        let time = jiff::Timestamp::from_millisecond(at_ms).ok()?;
        Some(time.strftime(form).to_string())
    };
    let time = match kind {
        LogKind::ApacheError => stamp("[%a %b %d %H:%M:%S%.6f %Y] "),
        LogKind::SquidCache if numeric(message, 0).is_none() => stamp("%Y/%m/%d %H:%M:%S| "),
        LogKind::NginxError if message.starts_with(b"nginx: [") => {
            message = message.strip_prefix(b"nginx: ").unwrap_or(message);
            stamp("%Y/%m/%d %H:%M:%S ")
        }
        LogKind::Application if line_ms(message, zone).is_none() => stamp("%Y-%m-%d %H:%M:%S%.3f "),
        _ => None,
    };
    line.extend_from_slice(time.unwrap_or_default().as_bytes());
    if let (LogKind::NginxError, Some(end)) = (kind, memchr::memchr(b']', message))
        && message.starts_with(b"[")
    {
        // What nginx prints at its start names no process.
        let (level, rest) = message.split_at(end + 1);
        line.extend_from_slice(level);
        let _ = line.write_all(b" 0#0:");
        line.extend_from_slice(rest);
        return;
    }
    line.extend_from_slice(message);
}

/// `<187>Nov 23 02:31:37 vm edge: `, `2026-11-23T02:31:37.123456+01:00 vm edge[77]: `, with or without a priority, a
/// host name and a process id.
fn prefix(line: &[u8], now_ms: i64, zone: Zone) -> Option<Prefix<'_>> {
    let line = match line.strip_prefix(b"<") {
        Some(rest) => {
            let end = memchr::memchr(b'>', rest.get(..rest.len().min(4))?)?;
            rest.get(end + 1..)?
        }
        None => line,
    };
    let (at_ms, rest) = stamp(line, now_ms, zone)?;
    let word = |rest: &[u8]| memchr::memchr(b' ', rest).filter(|end| *end > 0 && *end < 256);
    let end = word(rest)?;
    let (mut tag, mut message) = (rest.get(..end)?, rest.get(end + 1..)?);
    if !tag.ends_with(b":") {
        let end = word(message)?;
        (tag, message) = (message.get(..end)?, message.get(end + 1..)?);
    }
    let tag = tag.strip_suffix(b":")?;
    let tag = match memchr::memchr(b'[', tag) {
        Some(position) if tag.ends_with(b"]") => tag.get(..position)?,
        _ => tag,
    };
    (!tag.is_empty()).then_some(Prefix { at_ms, tag, message })
}

/// The time at the beginning, and what follows it.
fn stamp(line: &[u8], now_ms: i64, zone: Zone) -> Option<(Option<i64>, &[u8])> {
    if let Some(at_ms) = syslog_ms(line, now_ms, zone) {
        return Some((Some(at_ms), line.get(16..)?));
    }
    if line.get(10) == Some(&b'T')
        && let Some(at_ms) = numeric(line, zone)
    {
        let end = memchr::memchr(b' ', line.get(..line.len().min(48))?)?;
        return Some((Some(at_ms), line.get(end + 1..)?));
    }
    None
}

/// The time of a line of a carrier, milliseconds since 1970.
pub(super) fn carried_ms(line: &[u8], now_ms: i64, zone: Zone) -> Option<i64> {
    prefix(line, now_ms, zone)?.at_ms
}

/// The lines of each carried log, in the order of its tags, as they would stand in files.
pub fn carried(bytes: &[u8], carrier: &Carrier, zone: impl Into<Zone>) -> Vec<Vec<u8>> {
    let mut opener = Opener::new(carrier, zone.into());
    let mut texts = vec![Vec::new(); opener.tags.len()];
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Some((number, line)) = opener.open(line)
            && let Some(text) = texts.get_mut(number)
        {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23 03:00:00 UTC.
    const NOW_MS: i64 = 1_795_402_800_000;

    fn carrier(tags: &[(&str, &str)]) -> Carrier {
        Carrier {
            tags: tags
                .iter()
                .map(|(tag, kind)| Tagged {
                    tag: (*tag).to_owned(),
                    kind: (*kind).to_owned(),
                    format: String::new(),
                })
                .collect(),
            now_ms: NOW_MS,
        }
    }

    fn opened(line: &str, tags: &[(&str, &str)]) -> Option<(usize, String)> {
        let mut opener = Opener::new(&carrier(tags), 0.into());
        let (number, line) = opener.open(line.as_bytes())?;
        Some((number, String::from_utf8_lossy(line).into_owned()))
    }

    #[test]
    fn what_servers_really_send_is_unwrapped() {
        // As nginx 1.22, Apache 2.4, php-fpm 8.2 and Squid 5.7 wrote to a socket of ours.
        let tags = [
            ("edge", "nginx error"),
            ("edge_access", "nginx access"),
            ("shop", "apache error"),
            ("apache_access", "apache access"),
            ("squid", "squid access"),
            ("squid", "squid cache"),
            ("fpm-shop", "application"),
        ];
        for (line, number, expected) in [
            (
                "<187>Nov 23 02:31:37 vm edge: 2026/11/23 02:31:37 [error] 9083#9083: *1 connect() failed",
                0,
                "2026/11/23 02:31:37 [error] 9083#9083: *1 connect() failed",
            ),
            (
                "<174>Nov 23 02:31:37 edge_access: 127.0.0.1 - - [23/Nov/2026:02:31:37 +0000] \"GET / HTTP/1.1\" 502 157",
                1,
                "127.0.0.1 - - [23/Nov/2026:02:31:37 +0000] \"GET / HTTP/1.1\" 502 157",
            ),
            (
                "<139>Nov 23 02:31:37 shop[9094]: [proxy:error] [pid 9094:tid 9112] (111)Connection refused: AH00957",
                2,
                "[Mon Nov 23 02:31:37.000000 2026] [proxy:error] [pid 9094:tid 9112] (111)Connection refused: AH00957",
            ),
            (
                "<182>Nov 23 02:31:37 apache_access: 127.0.0.1 - - [23/Nov/2026:02:31:37 +0000] \"GET /cart HTTP/1.1\" 503 339",
                3,
                "127.0.0.1 - - [23/Nov/2026:02:31:37 +0000] \"GET /cart HTTP/1.1\" 503 339",
            ),
            (
                "<166>Nov 23 02:31:37 squid[9090]: 1795401097.216      0 127.0.0.1 TCP_MISS/503 3427 GET http://127.0.0.1:9/x",
                4,
                "1795401097.216      0 127.0.0.1 TCP_MISS/503 3427 GET http://127.0.0.1:9/x",
            ),
            (
                "<29>Nov 23 02:31:37 squid[9090]: Preparing for shutdown after 1 requests",
                5,
                "2026/11/23 02:31:37| Preparing for shutdown after 1 requests",
            ),
            (
                "<29>Nov 23 02:31:34 fpm-shop[9087]: [NOTICE] fpm is running, pid 9087",
                6,
                "2026-11-23 02:31:34.000 [NOTICE] fpm is running, pid 9087",
            ),
            (
                "2026-11-23T03:31:37.216001+01:00 vm edge[7]: 2026/11/23 02:31:37 [warn] 7#7: x",
                0,
                "2026/11/23 02:31:37 [warn] 7#7: x",
            ),
            (
                "2026-11-23T02:31:37.216001+0000 vm edge[7]: nginx: [emerg] host not found in upstream \"app\"",
                0,
                "2026/11/23 02:31:37 [emerg] 0#0: host not found in upstream \"app\"",
            ),
        ] {
            assert_eq!(opened(line, &tags), Some((number, expected.to_owned())), "{line}");
        }
        assert_eq!(
            opened("Nov 23 02:31:37 vm sshd[1]: 2026/11/23 02:31:37 [error] x", &tags),
            None
        );
        assert_eq!(opened("-- No entries --", &tags), None);
    }

    #[test]
    fn a_year_is_that_of_the_newest_line_or_the_one_before() {
        let at = |line: &str, now_ms| carried_ms(line.as_bytes(), now_ms, 0.into());
        let line = "Dec 31 23:59:59 vm nginx: x";
        // 2026-01-01 00:00:10 UTC.
        assert_eq!(at(line, 1_767_225_610_000), Some(1_767_225_599_000));
        assert_eq!(at("Nov  2 02:31:37 vm nginx: x", NOW_MS), Some(1_793_586_697_000));
        assert_eq!(
            carried_ms(b"Nov 23 03:31:37 vm nginx: x", NOW_MS, 3_600.into()),
            Some(1_795_401_097_000)
        );
    }

    #[test]
    fn further_lines_of_a_message_stay_with_it() {
        let text = b"2026-11-23T02:31:37.2+0000 vm app[1]: Traceback:\n                            File \"x.py\"\n2026-11-23T02:31:37.2+0000 vm other[1]: a\n      b\n";
        let texts = carried(text, &carrier(&[("app", "application")]), 0);
        let expected = "2026-11-23 02:31:37.200 Traceback:\nFile \"x.py\"\n";
        assert_eq!(String::from_utf8_lossy(&texts[0]), expected);
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in [
            "",
            "<",
            "<9",
            "<99999>Nov",
            "Nov 23 02:31:37",
            "Nov 23 02:31:37 ",
            "Nov 99 02:31:37 a b: c",
            "Nov 23 02:31:37 : x",
            "2026-11-23T",
            "2026-11-23T02:31:37",
            "é: é",
        ] {
            let _ = opened(line, &[("", "application"), ("", "nginx error")]);
        }
    }
}
