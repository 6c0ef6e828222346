//! Squid's cache.log: what concerns the server as a whole, and warnings about answers that it refused.
//!
//! To add a signature: one row in [`SIGNATURES`].

use crate::evidence::{ErrorEntry, Symptom, Zone};

/// A message part and what it means. First match wins.
pub static SIGNATURES: &[(&str, Symptom)] = &[
    ("orwarding loop detected", Symptom::ForwardingLoop),
    (
        "Invalid Response: No object data received",
        Symptom::ClosedBeforeHeader,
    ),
    ("Invalid Response: ", Symptom::RefusedAnswer),
    // "error: FD 13: (104) Connection reset by peer", or "failure" for the first word.
    ("sentRequestBody ", Symptom::SendFailed),
    ("running out of filedescriptors", Symptom::SlotsExhausted),
    ("Detected DEAD Parent", Symptom::PeerMarkedDown),
    ("Detected DEAD Sibling", Symptom::PeerMarkedDown),
    ("FATAL: ", Symptom::ConfigurationRejected),
    ("ERROR: Cannot open HTTP Port", Symptom::ConfigurationRejected),
];

/// Reads the lines of a cache.log. `zone` is that of its times.
pub fn entries(bytes: &[u8], file: &str, zone: impl Into<Zone>) -> Vec<ErrorEntry> {
    let zone = zone.into();
    bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = line.get(..line.len().min(16 * 1024))?;
            entry(&String::from_utf8_lossy(line), file, zone)
        })
        .collect()
}

/// Reads one line; `None` when it does not begin like one.
pub fn entry(line: &str, file: &str, zone: impl Into<Zone>) -> Option<ErrorEntry> {
    let (stamp, message) = line.split_once("| ")?;
    let stamp = stamp.split(" kid").next()?;
    let (date, time) = stamp.split_once(' ')?;
    let mut date = date.split('/');
    let year = date.next()?.parse().ok()?;
    let month = date.next()?.parse().ok()?;
    let day = date.next()?.parse().ok()?;
    let time = time.split('.').next()?;
    let mut time = time.split(':').map(str::parse::<i8>);
    let time = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    let at_ms = crate::proxy::civil_ms(year, month, day, time, zone.into())?;
    let level = ["WARNING", "ERROR", "FATAL"]
        .into_iter()
        .find(|level| message.starts_with(level))
        .unwrap_or("info")
        .to_lowercase();
    Some(ErrorEntry {
        at_ms: Some(at_ms),
        level,
        message: message.chars().take(1_000).collect(),
        request: url(message).map(|url| format!("GET {url}")),
        symptom: SIGNATURES
            .iter()
            .find(|(part, _)| message.contains(part))
            .map(|(_, symptom)| *symptom),
        file: file.to_owned(),
        text: line.chars().take(1_000).collect(),
        ..ErrorEntry::default()
    })
}

/// The URL that a warning about an answer names.
fn url(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once(" from ")?;
    rest.split(' ').next().filter(|word| word.contains("://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_answer_names_its_url() {
        let line = "2026/11/22 14:00:33| WARNING: HTTP: Invalid Response: Bad header encountered from http://127.0.0.1:9011/ AKA http://127.0.0.1:9011/";
        let entry = entry(line, "cache.log", 0).expect("a line");
        assert_eq!(entry.symptom, Some(Symptom::RefusedAnswer));
        assert_eq!(entry.request.as_deref(), Some("GET http://127.0.0.1:9011/"));
        assert_eq!(entry.at_ms, Some(1_795_356_033_000));
    }

    #[test]
    fn a_body_that_could_not_be_sent_on_is_known_in_the_words_of_every_version() {
        for word in ["error", "failure"] {
            let line =
                format!("2026/11/23 10:24:03| sentRequestBody {word}: FD 13: (104) Connection reset by peer");
            let entry = entry(&line, "cache.log", 0).expect("a line");
            assert_eq!(entry.symptom, Some(Symptom::SendFailed));
        }
    }

    #[test]
    fn lines_of_workers_are_read() {
        let entry = entry(
            "2026/11/22 14:00:33 kid1| WARNING! Your cache is running out of filedescriptors",
            "c",
            0,
        );
        assert_eq!(
            entry.and_then(|entry| entry.symptom),
            Some(Symptom::SlotsExhausted)
        );
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in [
            "",
            "|",
            "a| b",
            "2026/13/22 14:00:33| x",
            "    current master transaction: master73",
        ] {
            assert_eq!(entry(line, "c", 0), None, "{line:?}");
        }
    }
}
