//! nginx's error log, line by line.

use memchr::memmem::Finder;

use super::counts::Counts;
use super::signatures::{self, Meaning, Memory};
use super::tally::Upstream;
use super::time::{civil_ms, number};
use crate::evidence::Zone;

/// What is kept of a message with line ends in it.
const OPEN_BYTES: usize = 8 * 1024;

/// The reader, with what it keeps from line to line.
#[derive(Debug)]
pub(super) struct ErrorLog {
    zone: Zone,
    /// The date and minute of the line before as written, and as a time.
    minute: [u8; 17],
    minute_ms: i64,
    meanings: Memory<Meaning>,
    upstreams: Memory<Upstream>,
    client: Finder<'static>,
    upstream: Finder<'static>,
    open: Option<Open>,
    previous_counted: bool,
}

/// A line whose message goes on in the next lines: what an application wrote to stderr.
#[derive(Debug)]
struct Open {
    at_ms: i64,
    emerg: bool,
    serious: bool,
    /// Where the message begins.
    message: usize,
    text: Vec<u8>,
}

/// The beginning of a line.
struct Head {
    at_ms: i64,
    emerg: bool,
    serious: bool,
    message: usize,
}

impl ErrorLog {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            minute: [0; 17],
            minute_ms: 0,
            meanings: Memory::default(),
            upstreams: Memory::default(),
            client: Finder::new(b", client: "),
            upstream: Finder::new(b", upstream: \""),
            open: None,
            previous_counted: false,
        }
    }

    /// Reads one line; false when nginx writes none like it.
    pub(super) fn line(&mut self, line: &[u8], counts: &mut Counts) -> bool {
        let Some(mut head) = self.head(line) else {
            return self.continued(line);
        };
        head.at_ms = self.zone.settled(head.at_ms, counts.before_ms());
        if self.open.is_some() {
            self.finish(counts);
        }
        self.previous_counted = counts.at(head.at_ms);
        if !self.previous_counted {
            return true;
        }
        let rest = line.get(head.message..).unwrap_or_default();
        let Some(end) = self.client.find(rest) else {
            // What follows in the next lines may hold the upstream and the message itself.
            self.open = Some(Open {
                at_ms: head.at_ms,
                emerg: head.emerg,
                serious: head.serious,
                message: head.message,
                text: line.get(..line.len().min(OPEN_BYTES)).unwrap_or_default().to_vec(),
            });
            return true;
        };
        let (message, fields) = rest.split_at(end);
        self.count(&head, message, fields, line, counts);
        true
    }

    fn continued(&mut self, line: &[u8]) -> bool {
        if let Some(open) = &mut self.open {
            let room = OPEN_BYTES.saturating_sub(open.text.len() + 1);
            open.text.push(b' ');
            if line.len() > room {
                // The fields stand at the end.
                let tail = line.len().saturating_sub(room.max(1_024));
                open.text.extend_from_slice(line.get(tail..).unwrap_or_default());
            } else {
                open.text.extend_from_slice(line);
            }
            return true;
        }
        // The end of a message whose beginning was too early to be counted.
        !self.previous_counted
    }

    /// Counts the line whose message could go on.
    pub(super) fn finish(&mut self, counts: &mut Counts) {
        let Some(open) = self.open.take() else { return };
        let rest = open.text.get(open.message..).unwrap_or_default();
        let end = self
            .client
            .find(rest)
            .or_else(|| self.upstream.find(rest))
            .unwrap_or(rest.len());
        let (message, fields) = rest.split_at(end);
        let head = Head {
            at_ms: open.at_ms,
            emerg: open.emerg,
            serious: open.serious,
            message: open.message,
        };
        self.count(&head, message, fields, &open.text, counts);
    }

    fn count(&mut self, head: &Head, message: &[u8], fields: &[u8], line: &[u8], counts: &mut Counts) {
        let emerg = head.emerg;
        let meaning = if emerg {
            signatures::nginx(message, true)
        } else {
            self.meanings.answer(message, || signatures::nginx(message, false))
        };
        match meaning {
            Meaning::Symptom(symptom) => {
                let upstream = match self.upstream.find(fields) {
                    Some(position) => {
                        let name = address(fields.get(position + 13..).unwrap_or_default());
                        self.upstreams.answer(name, || counts.tally.upstream(name))
                    }
                    None => Upstream::default(),
                };
                counts.symptom(symptom, upstream, Some(head.at_ms), line);
            }
            Meaning::Event(kind) => counts.event(kind, Some(head.at_ms), line),
            Meaning::Nothing => counts.other_errors += u64::from(head.serious),
        }
    }

    /// `2026/11/22 13:50:56 [error] 27368#27368: *1 `.
    fn head(&mut self, line: &[u8]) -> Option<Head> {
        let minute: &[u8; 17] = line.first_chunk()?;
        let [a, b, b' ', b'['] = line.get(17..21)? else {
            return None;
        };
        if *minute != self.minute {
            self.minute_ms = minute_ms(minute, self.zone)?;
            self.minute = *minute;
        }
        let second = number(&[*a, *b]).filter(|second| *second <= 60)?;
        let at_ms = self.minute_ms + i64::from(second) * 1_000;
        let level = line.get(21..line.len().min(29))?;
        let close = level.iter().position(|byte| *byte == b']')?;
        let (emerg, serious) = match level.get(..close)? {
            b"emerg" => (true, true),
            b"error" | b"crit" | b"alert" => (false, true),
            _ => (false, false),
        };
        let mut message = 21 + close + 1;
        message = after(line, message, b' ')?;
        message = digits(line, message);
        message = after(line, message, b'#')?;
        message = digits(line, message);
        message = after(line, message, b':')?;
        message = after(line, message, b' ')?;
        if line.get(message) == Some(&b'*') {
            let end = digits(line, message + 1);
            if let Some(end) = after(line, end, b' ') {
                message = end;
            }
        }
        Some(Head {
            at_ms,
            emerg,
            serious,
            message,
        })
    }
}

/// The place after one byte.
fn after(line: &[u8], place: usize, byte: u8) -> Option<usize> {
    (line.get(place) == Some(&byte)).then_some(place + 1)
}

/// The place after any digits.
fn digits(line: &[u8], place: usize) -> usize {
    let rest = line.get(place..).unwrap_or_default();
    place + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// `2026/11/22 13:50:` as a time.
fn minute_ms(minute: &[u8; 17], zone: Zone) -> Option<i64> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'/',
        m1,
        m2,
        b'/',
        d1,
        d2,
        b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
    ] = *minute
    else {
        return None;
    };
    let date = (number(&[y1, y2, y3, y4])?, number(&[m1, m2])?, number(&[d1, d2])?);
    civil_ms(date, (number(&[h1, h2])?, number(&[n1, n2])?, 0), zone)
}

/// Scheme and address of `http://127.0.0.1:9001/a", host: …`, of `fastcgi://unix:/run/php.sock:", …`.
fn address(field: &[u8]) -> &[u8] {
    let head = field.get(..field.len().min(256)).unwrap_or_default();
    let scheme = head
        .iter()
        .take(12)
        .position(|byte| *byte == b':')
        .filter(|position| head.get(*position..*position + 3) == Some(b"://"))
        .map_or(0, |position| position + 3);
    let rest = head.get(scheme..).unwrap_or_default();
    let end = if rest.starts_with(b"unix:") {
        rest.iter()
            .skip(5)
            .position(|byte| matches!(byte, b':' | b'"'))
            .map_or(rest.len(), |end| end + 5)
    } else {
        rest.iter()
            .position(|byte| matches!(byte, b'/' | b'"' | b','))
            .unwrap_or(rest.len())
    };
    head.get(..scheme + end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_its_scheme_and_address() {
        for (field, expected) in [
            ("http://127.0.0.1:9001/a\", host: \"x\"", "http://127.0.0.1:9001"),
            ("http://[::1]:9999/\", host", "http://[::1]:9999"),
            (
                "fastcgi://unix:/run/php.sock:\", host",
                "fastcgi://unix:/run/php.sock",
            ),
            ("http://unix:/run/a.sock:/path\"", "http://unix:/run/a.sock"),
            ("http://unix:/run/a.sock", "http://unix:/run/a.sock"),
            ("127.0.0.1:53\"", "127.0.0.1:53"),
            ("http://backend", "http://backend"),
            ("", ""),
        ] {
            let found = address(field.as_bytes());
            assert_eq!(String::from_utf8_lossy(found), expected);
        }
    }
}
