//! The access log: a `log_format` turned into a reader of its lines.

use crate::evidence::AccessEntry;

/// The format that nginx calls `combined`.
pub const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"";

#[derive(Debug)]
enum Piece {
    Text(String),
    Variable(String),
}

/// A `log_format`, ready to read lines.
#[derive(Debug)]
pub struct AccessFormat(Vec<Piece>);

impl AccessFormat {
    /// From the text of a `log_format`.
    pub fn new(format: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = format;
        while let Some(position) = rest.find('$') {
            let (text, after) = rest.split_at(position);
            if !text.is_empty() {
                pieces.push(Piece::Text(text.to_owned()));
            }
            let after = after.get(1..).unwrap_or_default();
            let braced = after.starts_with('{');
            let after = if braced {
                after.get(1..).unwrap_or_default()
            } else {
                after
            };
            let end = after
                .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
                .unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            pieces.push(Piece::Variable(name.to_owned()));
            rest = if braced {
                after.strip_prefix('}').unwrap_or(after)
            } else {
                after
            };
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Self(pieces)
    }

    /// Hands over the name and the value of each variable in a line; false when it does not have this format,
    /// which may show only after some were handed over.
    pub fn visit<'l>(&self, line: &'l [u8], mut each: impl FnMut(&str, &'l [u8])) -> bool {
        let mut rest = line;
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => match rest.strip_prefix(text.as_bytes()) {
                    Some(after) => rest = after,
                    None => return false,
                },
                Piece::Variable(name) => {
                    let end = match pieces.peek() {
                        Some(Piece::Text(text)) => match text.as_bytes() {
                            [byte] => memchr::memchr(*byte, rest),
                            bytes => memchr::memmem::find(rest, bytes),
                        },
                        Some(Piece::Variable(_)) => None,
                        None => Some(rest.len()),
                    };
                    let Some((value, after)) = end.and_then(|end| rest.split_at_checked(end)) else {
                        return false;
                    };
                    rest = after;
                    each(name, value);
                }
            }
        }
        true
    }

    /// Reads one line; `None` when it does not have this format.
    pub fn entry(&self, line: &str) -> Option<AccessEntry> {
        let mut entry = AccessEntry {
            text: line.chars().take(1_000).collect(),
            ..AccessEntry::default()
        };
        let mut rest = line;
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Text(text) => rest = rest.strip_prefix(text.as_str())?,
                Piece::Variable(name) => {
                    let end = match pieces.peek() {
                        Some(Piece::Text(text)) => rest.find(text.as_str())?,
                        Some(Piece::Variable(_)) => return None,
                        None => rest.len(),
                    };
                    let (value, after) = rest.split_at(end);
                    rest = after;
                    set(&mut entry, name, value);
                }
            }
        }
        Some(entry)
    }
}

fn set(entry: &mut AccessEntry, name: &str, value: &str) {
    let text = || Some(value.to_owned());
    match name {
        "remote_addr" => entry.client = text(),
        "request" => entry.request = text(),
        "status" => entry.status = value.parse().ok(),
        "upstream_addr" => entry.upstream_addr = text(),
        "upstream_status" => entry.upstream_status = text(),
        "upstream_header_time" => entry.upstream_header_time = text(),
        "upstream_response_time" => entry.upstream_response_time = text(),
        "upstream_cache_status" => entry.cache_status = text(),
        "request_time_us" => entry.request_time_us = value.parse().ok(),
        "request_time_ms" => {
            entry.request_time_us = value.parse::<u64>().ok().and_then(|ms| ms.checked_mul(1_000));
        }
        "request_time" => entry.request_time_us = decimal_us(value),
        "msec" => entry.at_ms = decimal_us(value).and_then(|us| i64::try_from(us / 1_000).ok()),
        "time_local" => entry.at_ms = entry.at_ms.or_else(|| time_local(value)),
        "time_iso8601" => {
            entry.at_ms = entry.at_ms.or_else(|| {
                value
                    .parse::<jiff::Timestamp>()
                    .ok()
                    .map(jiff::Timestamp::as_millisecond)
            });
        }
        _ => {}
    }
}

/// Seconds with a fraction (`0.003`) to microseconds.
fn decimal_us(value: &str) -> Option<u64> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let whole: u64 = whole.parse().ok()?;
    let mut micro = 0_u64;
    for digit in fraction.chars().chain(std::iter::repeat('0')).take(6) {
        micro = micro * 10 + u64::from(digit.to_digit(10)?);
    }
    whole.checked_mul(1_000_000)?.checked_add(micro)
}

/// `22/Nov/2026:13:50:56 +0100`.
fn time_local(value: &str) -> Option<i64> {
    let (stamp, zone) = value.split_once(' ')?;
    let mut parts = stamp.split(['/', ':']);
    let day: i8 = parts.next()?.parse().ok()?;
    let month = crate::proxy::month(parts.next()?)?;
    let year: i16 = parts.next()?.parse().ok()?;
    let time = (
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let digits = zone.get(1..5)?;
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..)?.parse().ok()?;
    crate::proxy::civil_ms(year, month, day, time, sign * (hours * 3600 + minutes * 60))
}

/// The reader of a format: empty and `combined` are the one that is built in.
pub fn reader(format: &str) -> AccessFormat {
    AccessFormat::new(if format.is_empty() || format == "combined" {
        COMBINED
    } else {
        format
    })
}

/// Reads the lines that have this format.
pub fn entries(bytes: &[u8], format: &str) -> Vec<AccessEntry> {
    let format = reader(format);
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .filter_map(|line| format.entry(&String::from_utf8_lossy(&line[..line.len().min(16 * 1024)])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn combined_is_read() {
        let line =
            b"127.0.0.1 - - [22/Nov/2026:13:50:56 +0100] \"GET /x HTTP/1.1\" 502 157 \"-\" \"curl/7.88.1\"\n";
        let entries = entries(line, "combined");
        assert_eq!(entries[0].status, Some(502));
        assert_eq!(entries[0].request.as_deref(), Some("GET /x HTTP/1.1"));
        assert_eq!(entries[0].at_ms, Some(1_795_351_856_000));
    }

    #[test]
    fn upstream_fields_are_read() {
        let format = "$remote_addr \"$request\" $status rt=$request_time ua=\"$upstream_addr\" us=\"$upstream_status\" uht=\"${upstream_header_time}\"";
        let line = b"127.0.0.1 \"GET / HTTP/1.1\" 502 rt=0.002 ua=\"127.0.0.1:9001, 127.0.0.1:9002\" us=\"502, 502\" uht=\"-\"";
        let entry = &entries(line, format)[0];
        assert_eq!(entry.request_time_us, Some(2_000));
        assert_eq!(entry.upstream_header_time.as_deref(), Some("-"));
        assert_eq!(entry.upstream_status.as_deref(), Some("502, 502"));
    }
}
