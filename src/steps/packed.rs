//! What of a transcript goes into a bundle: with `--since`, no older line of the proxy's logs.

use serde::Deserialize;
use serde_json::Value;

use crate::evidence::{Bytes, Snapshot};
use crate::host::{Entry, Transcript};
use crate::proxy::{apache, nginx, squid};

/// The transcript without the log lines that the plan of the run leaves out. A replay leaves them out as well,
/// so it sees the same with them and without.
pub fn packed_transcript(transcript: Transcript, snapshot: &Snapshot) -> Transcript {
    let number = |query: &str, path: &str| {
        transcript
            .entries()
            .find(|entry| entry.query == query)
            .and_then(|entry| entry.answer.pointer(path).and_then(Value::as_i64))
    };
    let Some(since_ms) = number("plan", "/seen/since_ms") else {
        return transcript;
    };
    let offset_s = number("clock", "/seen/offset_s")
        .and_then(|offset| i32::try_from(offset).ok())
        .unwrap_or(0);
    transcript.map_entries(|entry| {
        if is_log(&entry, snapshot) {
            without_older(entry, since_ms, offset_s)
        } else {
            entry
        }
    })
}

fn is_log(entry: &Entry, snapshot: &Snapshot) -> bool {
    let path = entry.question.get("path").and_then(Value::as_str).unwrap_or_default();
    // A log of a proxy in a container is read below /proc/PID/root.
    entry.query == "read_file"
        && snapshot
            .log
            .files
            .iter()
            .any(|file| !file.path.is_empty() && path.ends_with(&file.path))
}

fn without_older(mut entry: Entry, since_ms: i64, offset_s: i32) -> Entry {
    if let Some(bytes) = entry.answer.pointer_mut("/seen/bytes")
        && let Ok(content) = Bytes::deserialize(&*bytes)
    {
        let kept = younger(&content.0, since_ms, offset_s);
        if kept.len() < content.0.len() {
            *bytes = serde_json::to_value(Bytes(kept.to_vec())).unwrap_or(Value::Null);
            if let Some(truncated) = entry.answer.pointer_mut("/seen/truncated") {
                *truncated = Value::Bool(true);
            }
        }
    }
    entry
}

/// What begins with the first line that is not older; lines without a time go with the one before them.
fn younger(bytes: &[u8], since_ms: i64, offset_s: i32) -> &[u8] {
    let (mut from, mut place) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        place += line.len();
        let head = line.get(..line.len().min(1_000)).unwrap_or(line);
        match line_ms(String::from_utf8_lossy(head).trim_end(), offset_s) {
            Some(at_ms) if at_ms >= since_ms => break,
            Some(_) => from = place,
            // What continues a line that is left out is left out with it.
            None if from + line.len() == place && from > 0 => from = place,
            None => {}
        }
    }
    bytes.get(from..).unwrap_or_default()
}

/// The time of a line of any log of a proxy.
fn line_ms(line: &str, offset_s: i32) -> Option<i64> {
    nginx::error_log::entry(line, "", offset_s)
        .or_else(|| apache::error_log::entry(line, "", offset_s))
        .or_else(|| squid::cache_log::entry(line, "", offset_s))
        .and_then(|entry| entry.at_ms)
        .or_else(|| common_ms(line))
        .or_else(|| squid::access_log::entry(line).and_then(|entry| entry.at_ms))
}

/// The time in brackets that access logs have: `[22/Nov/2026:13:50:56 +0100]`.
fn common_ms(line: &str) -> Option<i64> {
    let format = nginx::access_log::AccessFormat::new("$time_local");
    line.split('[')
        .skip(1)
        .filter_map(|part| part.split_once(']'))
        .find_map(|(stamp, _)| format.entry(stamp).and_then(|entry| entry.at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_begins_with_the_first_line_that_is_young_enough() {
        // 2026-11-22 17:00:00 UTC.
        let since_ms = 1_795_366_800_000;
        for (old, young) in [
            (
                "2026/11/22 16:59:59 [error] 7#7: *1 x\ncontinued\n",
                "2026/11/22 17:00:00 [error] 7#7: *2 y\nits stack\n",
            ),
            (
                "10.0.0.9 - - [22/Nov/2026:16:59:59 +0000] \"GET / HTTP/1.1\" 502 1\n",
                "10.0.0.9 - - [22/Nov/2026:18:00:00 +0100] \"GET / HTTP/1.1\" 502 1\n",
            ),
            (
                "[Sun Nov 22 16:59:59.123456 2026] [proxy:error] [pid 7] AH00957: x\n",
                "[Sun Nov 22 17:00:01.123456 2026] [proxy:error] [pid 7] AH00957: y\n",
            ),
            (
                "1795366799.602      2 10.0.0.9 TCP_MISS/502 1 GET http://a/ - HIER_DIRECT/127.0.0.1 -\n",
                "1795366800.602      2 10.0.0.9 TCP_MISS/502 1 GET http://a/ - HIER_DIRECT/127.0.0.1 -\n",
            ),
        ] {
            let log = format!("{old}{young}");
            assert_eq!(younger(log.as_bytes(), since_ms, 0), young.as_bytes());
            assert_eq!(younger(old.as_bytes(), since_ms, 0), b"", "{old}");
            assert_eq!(younger(young.as_bytes(), since_ms, 0), young.as_bytes());
        }
        let timeless = b"{\"request\":\"GET /\"}\n{\"request\":\"GET /\"}\n";
        assert_eq!(younger(timeless, since_ms, 0), timeless);
    }
}
