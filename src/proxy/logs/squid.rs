//! Squid's logs, line by line.

use super::counts::Counts;
use super::requests::path;
use super::signatures::{self, Meaning};
use super::tally::Upstream;
use super::time::{epoch, line_ms, number, numeric};
use crate::evidence::Zone;
use crate::proxy::squid::cache_log::SIGNATURES;

/// The reader of cache.log.
#[derive(Debug)]
pub(super) struct CacheLog {
    zone: Zone,
}

impl CacheLog {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone }
    }

    /// Reads one line; false when Squid writes none like it.
    pub(super) fn line(&self, line: &[u8], counts: &mut Counts) -> bool {
        let head = line.get(..line.len().min(40)).unwrap_or_default();
        let (Some(at_ms), Some(bar)) = (numeric(line, self.zone), memchr::memchr(b'|', head)) else {
            // `    current master transaction: master73`, and what FATAL leaves without a time.
            return line.starts_with(b"    ") || line.starts_with(b"\t") || line.starts_with(b"Squid Cache");
        };
        let at_ms = self.zone.settled(at_ms, counts.before_ms());
        if !counts.at(at_ms) {
            return true;
        }
        let message = line.get(bar + 1..).unwrap_or_default();
        let symptom = SIGNATURES
            .iter()
            .find(|(part, _)| memchr::memmem::find(message, part.as_bytes()).is_some());
        if let Some((_, symptom)) = symptom {
            let upstream = match memchr::memmem::find(message, b" Parent: ") {
                Some(position) => {
                    let name = message.get(position + 9..).unwrap_or_default();
                    counts
                        .tally
                        .upstream(name.get(..name.len().min(200)).unwrap_or_default())
                }
                None => Upstream::default(),
            };
            counts.symptom(*symptom, upstream, Some(at_ms), line);
        } else if let Meaning::Event(kind) = signatures::squid_event(message) {
            counts.event(kind, Some(at_ms), line);
        } else {
            let message = message.trim_ascii_start();
            counts.other_errors += u64::from(message.starts_with(b"ERROR"));
        }
        true
    }
}

/// Reads one line of an access log; false when it has no status.
pub(super) fn access_line(line: &[u8], counts: &mut Counts) -> bool {
    let mut words = line
        .split(|byte| matches!(byte, b' ' | b'|' | b'"'))
        .filter(|word| !word.is_empty())
        .take(60)
        .peekable();
    let at_ms = words.peek().and_then(|word| epoch(word));
    let (mut status, mut target) = (None, None);
    while let Some(word) = words.next() {
        let slash = memchr::memchr(b'/', word);
        if let (None, Some(slash)) = (status, slash)
            && [&b"TCP_"[..], b"UDP_", b"NONE"]
                .iter()
                .any(|start| word.starts_with(start))
        {
            status = word.get(slash + 1..).and_then(number);
        } else if target.is_none() && is_method(word) {
            target = words.peek().copied();
        }
    }
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        return false;
    };
    let at_ms = at_ms.or_else(|| line_ms(line, 0));
    let counted = match at_ms {
        Some(at_ms) => counts.at(at_ms),
        None => counts.takes_undated(),
    };
    // Status 0: the client left before there was one.
    if counted && status != 0 {
        counts.requests.count(status, path(target.unwrap_or_default()), at_ms);
    }
    true
}

fn is_method(word: &[u8]) -> bool {
    [
        &b"GET"[..],
        b"POST",
        b"CONNECT",
        b"HEAD",
        b"PUT",
        b"DELETE",
        b"OPTIONS",
        b"PATCH",
        b"TRACE",
    ]
    .contains(&word)
}
