//! Squid's access log. Its formats are many and their fields easy to know by their look, so a line is read
//! word by word: `TCP_MISS/502`, `GET http://…`, `HIER_DIRECT/127.0.0.1`.

use crate::evidence::AccessEntry;

const METHODS: [&str; 9] = [
    "CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// Reads the lines of an access log.
pub fn entries(bytes: &[u8]) -> Vec<AccessEntry> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = line.get(..line.len().min(16 * 1024))?;
            entry(&String::from_utf8_lossy(line))
        })
        .collect()
}

/// Reads one line; `None` when it has no status.
pub fn entry(line: &str) -> Option<AccessEntry> {
    let mut entry = AccessEntry {
        text: line.chars().take(1_000).collect(),
        ..AccessEntry::default()
    };
    let words: Vec<&str> = line.split([' ', '|', '"']).filter(|word| !word.is_empty()).collect();
    for (index, word) in words.iter().enumerate() {
        let next = || words.get(index + 1).copied();
        if let Some((code, status)) = word.split_once('/')
            && (code.starts_with("TCP_") || code.starts_with("UDP_") || code.starts_with("NONE"))
        {
            entry.cache_status = Some(code.to_owned());
            entry.status = status.parse().ok().filter(|status| *status != 0);
        } else if METHODS.contains(word) && entry.request.is_none() {
            entry.request = next().map(|target| format!("{word} {target}"));
        } else if let Some((way, peer)) = word.split_once('/')
            && (way.starts_with("HIER_") || way.ends_with("_PARENT") || way.ends_with("_SIBLING"))
        {
            entry.upstream_addr = Some((*word).to_owned()).filter(|_| peer != "-");
        } else if index == 0 {
            entry.at_ms = seconds_ms(word);
        } else if index == 1 && entry.at_ms.is_some() {
            entry.request_time_us = word
                .parse::<u64>()
                .ok()
                .and_then(|milliseconds| milliseconds.checked_mul(1_000));
        } else if index == 2 && entry.at_ms.is_some() {
            entry.client = Some((*word).to_owned());
        }
    }
    entry.cache_status.is_some().then_some(entry)
}

/// `1795377444.602` to milliseconds.
fn seconds_ms(word: &str) -> Option<i64> {
    let (seconds, fraction) = word.split_once('.')?;
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    seconds
        .parse::<i64>()
        .ok()?
        .checked_mul(1_000)?
        .checked_add(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_native_format_is_read() {
        let line = "1795377453.804     16 127.0.0.1 TCP_MISS/502 244 GET http://up.test/ - FIRSTUP_PARENT/127.0.0.1 text/plain";
        let entry = entry(line).expect("a line");
        assert_eq!(entry.at_ms, Some(1_795_377_453_804));
        assert_eq!(entry.request_time_us, Some(16_000));
        assert_eq!(entry.status, Some(502));
        assert_eq!(entry.request.as_deref(), Some("GET http://up.test/"));
        assert_eq!(entry.upstream_addr.as_deref(), Some("FIRSTUP_PARENT/127.0.0.1"));
        assert_eq!(entry.cache_status.as_deref(), Some("TCP_MISS"));
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in ["", " ", "x", "1.é 2 3", "9999999999999999999.1 1 1 GET"] {
            assert_eq!(entry(line), None, "{line:?}");
        }
    }
}
