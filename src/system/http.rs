//! HTTP/1 answers as they came over the wire, broken ones included, and what else a port may speak.

use crate::evidence::{Attempt, End, Exchange, Speaks};

/// The head of an answer, read the tolerant way: what is broken is kept for the causes to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The first line without its end.
    pub status_line: String,
    /// The status, when the line has one.
    pub status: Option<u16>,
    /// Header lines as they came, without their ends.
    pub lines: Vec<Vec<u8>>,
    /// Bytes up to and including the empty line; `None`: the head never ended.
    pub length_bytes: Option<usize>,
}

impl Head {
    /// The values of a header, compared without case.
    pub fn values(&self, name: &str) -> Vec<String> {
        self.lines
            .iter()
            .filter_map(|line| {
                let colon = line.iter().position(|byte| *byte == b':')?;
                let (key, value) = line.split_at(colon);
                String::from_utf8_lossy(key)
                    .trim()
                    .eq_ignore_ascii_case(name)
                    .then(|| {
                        String::from_utf8_lossy(value.get(1..).unwrap_or_default())
                            .trim()
                            .to_owned()
                    })
            })
            .collect()
    }

    /// The first header line that a strict proxy refuses, with the reason in words.
    pub fn first_bad_line(&self) -> Option<(String, &'static str)> {
        self.lines.iter().find_map(|line| {
            bad_line(line).map(|reason| {
                (
                    String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned(),
                    reason,
                )
            })
        })
    }
}

/// Why nginx refuses a header line of an upstream; `None`: it takes it.
fn bad_line(line: &[u8]) -> Option<&'static str> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return Some("continues the line before it, which HTTP no longer allows");
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else {
        return Some("has no colon");
    };
    let (name, value) = line.split_at(colon);
    if name.is_empty() {
        return Some("has no name");
    }
    if name.iter().any(|byte| *byte <= 0x20 || *byte == 0x7f) {
        return Some("has a space or control character in its name");
    }
    value.contains(&0).then_some("has a NUL byte in its value")
}

/// Reads the head of an answer; `None` when the bytes do not begin like HTTP/1.
pub fn head(bytes: &[u8]) -> Option<Head> {
    if !bytes.starts_with(b"HTTP/") {
        return None;
    }
    let mut head = Head::default();
    let mut rest = bytes;
    let mut position = 0;
    let mut first = true;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        position += end + 1;
        rest = after.get(1..).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if first {
            first = false;
            head.status_line = String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
            head.status = status_of(&head.status_line);
        } else if line.is_empty() {
            head.length_bytes = Some(position);
            break;
        } else {
            head.lines.push(line.to_vec());
        }
    }
    if first {
        head.status_line = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        head.status = status_of(&head.status_line);
    }
    Some(head)
}

fn status_of(line: &str) -> Option<u16> {
    let digits = line.split(' ').nth(1)?;
    let status: u16 = digits.parse().ok()?;
    (digits.len() == 3 && (100..1000).contains(&status)).then_some(status)
}

/// What the first bytes give away about the service behind a port.
pub fn speaks(bytes: &[u8]) -> Speaks {
    match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => Speaks::Http,
        [b'S', b'S', b'H', b'-', ..] => Speaks::Ssh,
        [0x14..=0x17, 3, 0..=4, ..] => Speaks::Tls,
        [b'2', b'2', b'0', b' ' | b'-', ..] => Speaks::Smtp,
        [b'+' | b'-', rest @ ..]
            if rest.starts_with(b"ERR")
                || rest.starts_with(b"PONG")
                || rest.starts_with(b"NOAUTH")
                || rest.starts_with(b"DENIED") =>
        {
            Speaks::Redis
        }
        // Length, stream 0, type SETTINGS or GOAWAY.
        [0, 0, _, 4 | 7, _, _, _, _, _, ..] => Speaks::Http2,
        // Version 1, a record type that a responder sends.
        [1, 3 | 6 | 7 | 11, _, _, _, _, _, 0, ..] => Speaks::FastCgi,
        [_, _, 0, 0, version, ..] if *version == 10 || (bytes.len() > 5 && *version == 0xff) => Speaks::Mysql,
        [_, 0, 0, 0, b'5' | b'8', ..] => Speaks::Mysql,
        _ if looks_like_mysql(bytes) => Speaks::Mysql,
        _ => Speaks::Unknown,
    }
}

fn looks_like_mysql(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(64)];
    ["MariaDB", "mysql_native"]
        .iter()
        .any(|word| start.windows(word.len()).any(|part| part == word.as_bytes()))
}

/// A word for what a port speaks.
pub fn speaks_word(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::FastCgi => "FastCGI",
        Speaks::Http => "HTTP/1",
        Speaks::Http2 => "HTTP/2",
        Speaks::Mysql => "MySQL",
        Speaks::Redis => "Redis",
        Speaks::Smtp => "SMTP",
        Speaks::Ssh => "SSH",
        Speaks::Tls => "TLS",
        Speaks::Unknown => "an unknown protocol",
    }
}

/// Fills what an attempt can be asked about from its bytes.
pub fn attempt(mut attempt: Attempt) -> Attempt {
    let Some(exchange) = attempt.exchange.seen() else {
        return attempt;
    };
    let bytes = &exchange.bytes.0;
    if let Some(head) = head(bytes) {
        attempt.status = head.status;
        attempt.headers = head
            .lines
            .iter()
            .filter_map(|line| {
                let text = String::from_utf8_lossy(&line[..line.len().min(1_000)]).into_owned();
                let (name, value) = text.split_once(':')?;
                Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
            })
            .take(100)
            .collect();
        let body = head
            .length_bytes
            .and_then(|length| bytes.get(length..))
            .unwrap_or_default();
        attempt.body = String::from_utf8_lossy(&body[..body.len().min(2_000)]).into_owned();
        attempt.truncated = cut_off(&head, exchange);
    } else {
        attempt.body = String::from_utf8_lossy(&bytes[..bytes.len().min(2_000)]).into_owned();
    }
    attempt
}

/// The first line in a chunked body that is no size, as text; `None`: there is none, or the body is not
/// chunked.
pub fn broken_chunk(head: &Head, bytes: &[u8]) -> Option<String> {
    let chunked = head
        .values("transfer-encoding")
        .iter()
        .any(|value| value.to_ascii_lowercase().contains("chunked"));
    let mut rest = bytes.get(head.length_bytes?..).filter(|_| chunked)?;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let line = rest.get(..end)?;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = String::from_utf8_lossy(line.get(..line.len().min(80))?).into_owned();
        let digits = text.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(digits, 16) else {
            return Some(text);
        };
        if size == 0 {
            return None;
        }
        // The chunk and its line end.
        rest = rest.get(end.checked_add(1)?.checked_add(size)?..)?;
        rest = rest.strip_prefix(b"\r").unwrap_or(rest);
        match rest.first() {
            Some(b'\n') => rest = rest.get(1..)?,
            Some(_) => return Some("(a chunk is longer than its size)".to_owned()),
            None => return None,
        }
    }
}

/// True when an answer ended before its own length said so.
pub fn cut_off(head: &Head, exchange: &Exchange) -> bool {
    let ended = matches!(exchange.end, End::Closed | End::Reset | End::TimedOut);
    if !ended || matches!(head.status, Some(204 | 304)) {
        return false;
    }
    let Some(length) = head.length_bytes else {
        return true;
    };
    let received = exchange.received_bytes.saturating_sub(length as u64);
    if let Some(expected) = head
        .values("content-length")
        .first()
        .and_then(|value| value.parse::<u64>().ok())
    {
        return received < expected;
    }
    if head
        .values("transfer-encoding")
        .iter()
        .any(|value| value.to_ascii_lowercase().contains("chunked"))
    {
        return !exchange.bytes.0.ends_with(b"0\r\n\r\n")
            && exchange.bytes.0.len() as u64 == exchange.received_bytes;
    }
    matches!(exchange.end, End::Reset | End::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_colon_is_named() {
        let head = head(b"HTTP/1.1 200 OK\r\nA: b\r\nno colon here\r\n\r\nx").expect("HTTP");
        assert_eq!(head.status, Some(200));
        assert_eq!(
            head.first_bad_line(),
            Some(("no colon here".to_owned(), "has no colon"))
        );
    }

    #[test]
    fn a_good_head_has_no_bad_line() {
        let head = head(b"HTTP/1.1 200 OK\nContent-Length: 3\n\nhi\n").expect("HTTP");
        assert_eq!(head.first_bad_line(), None);
        assert_eq!(head.values("content-length"), ["3"]);
    }

    #[test]
    fn a_broken_chunk_is_named() {
        let of = |body: &str| {
            let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
            let head = head(text.as_bytes()).expect("HTTP");
            broken_chunk(&head, text.as_bytes())
        };
        assert_eq!(of("2\r\nok\r\n0\r\n\r\n"), None);
        assert_eq!(of("2\r\nok\r\nzz\r\n"), Some("zz".to_owned()));
        assert_eq!(
            of("1\r\nok\r\n"),
            Some("(a chunk is longer than its size)".to_owned())
        );
        assert_eq!(of("ffffffffffffffff\r\nok"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn banners_are_told_apart() {
        assert_eq!(speaks(b"SSH-2.0-OpenSSH_9.2p1\r\n"), Speaks::Ssh);
        assert_eq!(speaks(b"-ERR wrong number of arguments"), Speaks::Redis);
        assert_eq!(speaks(b"220 mail.test ESMTP"), Speaks::Smtp);
        assert_eq!(speaks(&[0x15, 3, 1, 0, 2, 2, 0x16]), Speaks::Tls);
        assert_eq!(speaks(&[0, 0, 0, 4, 0, 0, 0, 0, 0]), Speaks::Http2);
        assert_eq!(speaks(b"J\0\0\0\n5.5.5-10.11.6-MariaDB"), Speaks::Mysql);
        assert_eq!(speaks(b"hello"), Speaks::Unknown);
    }
}
