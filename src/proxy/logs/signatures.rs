//! What a message means, all signatures at once, and remembered.
//!
//! The signatures stand in the tables of each proxy; here one pass over a message finds which of their words occur,
//! and only rows whose words all do are tried. Most logs say the same few things over and over, so the answer for a
//! message is kept in a small table and the next line with the same message costs one comparison.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};

use crate::evidence::{LogEventKind, Symptom};

/// What a line means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A symptom of a failed request, or of the whole server.
    Symptom(Symptom),
    /// Something that happened to the server.
    Event(LogEventKind),
    /// Nothing that bears on a 502.
    Nothing,
}

/// The words of one table of signatures, and which rows need which of them.
pub(super) struct Signatures {
    words: Option<AhoCorasick>,
    /// For each row: the words that it needs, as bits.
    rows: Vec<Words>,
}

/// More than any table has.
const WORDS: usize = 256;

/// A set of words, a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Words(u128, u128);

impl Words {
    const ALL: Self = Self(u128::MAX, u128::MAX);

    fn add(&mut self, number: usize) {
        if number < 128 {
            self.0 |= 1 << number;
        } else if number < WORDS {
            self.1 |= 1 << (number - 128);
        }
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0 && self.1 & other.1 == other.1
    }
}

impl Signatures {
    /// From rows of words that must all occur.
    fn new<'a>(rows: impl Iterator<Item = Vec<&'a str>>) -> Self {
        let mut known: Vec<&str> = Vec::new();
        let mut masks = Vec::new();
        for row in rows {
            let mut mask = Words::default();
            for word in row {
                let number = known.iter().position(|other| *other == word).unwrap_or_else(|| {
                    known.push(word);
                    known.len() - 1
                });
                mask.add(number);
            }
            masks.push(mask);
        }
        let words = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .build(&known)
            .ok()
            .filter(|_| known.len() <= WORDS);
        Self { words, rows: masks }
    }

    /// The rows whose words all occur, in the order of the table.
    fn candidates(&self, message: &[u8]) -> impl Iterator<Item = usize> {
        let mut found = Words::default();
        match &self.words {
            Some(words) => {
                for hit in words.find_overlapping_iter(message) {
                    found.add(hit.pattern().as_usize());
                }
            }
            None => found = Words::ALL,
        }
        self.rows
            .iter()
            .enumerate()
            .filter_map(move |(number, row)| found.has(*row).then_some(number))
    }
}

static NGINX: LazyLock<Signatures> = LazyLock::new(|| {
    let table = crate::proxy::nginx::error_log::SIGNATURES;
    Signatures::new(table.iter().map(|(words, _)| words.to_vec()))
});

static APACHE: LazyLock<Signatures> = LazyLock::new(|| {
    let table = crate::proxy::apache::error_log::SIGNATURES;
    Signatures::new(table.iter().map(|(part, _, _)| vec![*part]))
});

/// The rows of nginx's table whose words are all in a message, whatever their order.
pub(in crate::proxy) fn nginx_rows(message: &str) -> impl Iterator<Item = usize> {
    NGINX.candidates(message.as_bytes())
}

/// What nginx's message means; `emerg`: it has that level.
pub(super) fn nginx(message: &[u8], emerg: bool) -> Meaning {
    let text = String::from_utf8_lossy(message);
    let table = crate::proxy::nginx::error_log::SIGNATURES;
    let symptom = NGINX
        .candidates(message)
        .filter_map(|row| table.get(row))
        .find(|(words, _)| crate::proxy::nginx::error_log::contains_in_order(&text, words))
        .map(|(_, symptom)| *symptom)
        .or_else(|| emerg.then_some(Symptom::ConfigurationRejected));
    if let Some(symptom) = symptom {
        return Meaning::Symptom(symptom);
    }
    event(
        message,
        &[
            (b"reconfiguring", LogEventKind::Reloaded),
            (b"start worker processes", LogEventKind::Started),
            (b"(SIGQUIT) received", LogEventKind::Stopped),
            (b"(SIGTERM) received", LogEventKind::Stopped),
            (b"(SIGINT) received", LogEventKind::Stopped),
        ],
    )
}

/// What Apache's message means, with the error number in front of it.
pub(super) fn apache(message: &str, error: Option<&str>, emerg: bool) -> Meaning {
    let table = crate::proxy::apache::error_log::SIGNATURES;
    let symptom = APACHE
        .candidates(message.as_bytes())
        .filter_map(|row| table.get(row))
        .find(|(_, errors, _)| errors.is_empty() || error.is_some_and(|error| errors.contains(&error)))
        .map(|(_, _, symptom)| *symptom)
        .or_else(|| emerg.then_some(Symptom::ConfigurationRejected))
        .or_else(|| (error == Some("24")).then_some(Symptom::SlotsExhausted));
    if let Some(symptom) = symptom {
        return Meaning::Symptom(symptom);
    }
    event(
        message.as_bytes(),
        &[
            (b"AH00489", LogEventKind::Started),
            (b"AH00163", LogEventKind::Started),
            (b"AH00493", LogEventKind::Reloaded),
            (b"AH00494", LogEventKind::Reloaded),
            (b"Graceful restart requested", LogEventKind::Reloaded),
            (b"AH00169", LogEventKind::Stopped),
            (b"AH00491", LogEventKind::Stopped),
            (b"AH00492", LogEventKind::Stopped),
        ],
    )
}

/// What a message of Squid's cache.log means besides a symptom.
pub(super) fn squid_event(message: &[u8]) -> Meaning {
    event(
        message,
        &[
            (b"Reconfiguring Squid Cache", LogEventKind::Reloaded),
            (b"Starting Squid Cache version", LogEventKind::Started),
            (b"Squid Cache (Version", LogEventKind::Stopped),
            (b"Preparing for shutdown", LogEventKind::Stopped),
        ],
    )
}

/// What a line of an application server's log means.
pub(super) fn application(line: &[u8]) -> Meaning {
    event(
        line,
        &[
            (b"WORKER TIMEOUT", LogEventKind::WorkerTimedOut),
            (b"execution timed out", LogEventKind::WorkerTimedOut),
            (b"HARAKIRI", LogEventKind::WorkerTimedOut),
            (b"Allowed memory size of", LogEventKind::OutOfMemory),
            (b"Perhaps out of memory", LogEventKind::OutOfMemory),
            (b"OutOfMemoryError", LogEventKind::OutOfMemory),
            (b"heap out of memory", LogEventKind::OutOfMemory),
            (b"max_children setting", LogEventKind::WorkersBusy),
            (b"seems busy", LogEventKind::WorkersBusy),
            (b"listen queue of socket", LogEventKind::WorkersBusy),
            (b"exited on signal", LogEventKind::WorkerCrashed),
            (b"was sent SIG", LogEventKind::WorkerCrashed),
            (b"was terminated due to signal", LogEventKind::WorkerCrashed),
            (b"Worker failed to boot", LogEventKind::WorkerCrashed),
            (b"DAMN ! worker", LogEventKind::WorkerCrashed),
            (b"Segmentation Fault", LogEventKind::WorkerCrashed),
            (b"invalid request block size", LogEventKind::RequestRefused),
            (b"Connection disallowed", LogEventKind::RequestRefused),
            (b"Terminating timed out worker", LogEventKind::WorkerTimedOut),
            (b"threads are currently busy", LogEventKind::WorkersBusy),
            (b"Reloading in progress", LogEventKind::Reloaded),
            (b"gracefully killing", LogEventKind::Reloaded),
            (b"phased worker restart", LogEventKind::Reloaded),
            (b"Handling signal: hup", LogEventKind::Reloaded),
            (b"Hang up: Master", LogEventKind::Reloaded),
            (b"fpm is running", LogEventKind::Started),
            (b"Starting gunicorn", LogEventKind::Started),
            (b"Starting uWSGI", LogEventKind::Started),
            (b"=== puma startup", LogEventKind::Started),
            (b"Server startup in", LogEventKind::Started),
            (b"exiting, bye-bye", LogEventKind::Stopped),
            (b"Shutting down: Master", LogEventKind::Stopped),
            (
                b"Gracefully stopping, waiting for requests",
                LogEventKind::Stopped,
            ),
            (b"Stopping service [", LogEventKind::Stopped),
            (b"goodbye to uWSGI", LogEventKind::Stopped),
        ],
    )
}

fn event(message: &[u8], table: &[(&[u8], LogEventKind)]) -> Meaning {
    table
        .iter()
        .find(|(part, _)| memchr::memmem::find(message, part).is_some())
        .map_or(Meaning::Nothing, |(_, kind)| Meaning::Event(*kind))
}

/// Places of a memory.
const PLACES: usize = 512;
/// The longest key that is remembered.
const KEY_BYTES: usize = 400;

/// Answers for the keys that were asked for last.
#[derive(Debug)]
pub(super) struct Memory<T> {
    places: Vec<Option<(Box<[u8]>, T)>>,
}

impl<T: Copy> Default for Memory<T> {
    fn default() -> Self {
        Self {
            places: vec![None; PLACES],
        }
    }
}

impl<T: Copy> Memory<T> {
    /// The answer for a key, from memory or from `find`.
    pub(super) fn answer(&mut self, key: &[u8], find: impl FnOnce() -> T) -> T {
        let place = usize::try_from(hash(key)).unwrap_or_default() % PLACES;
        let Some(kept) = self.places.get_mut(place) else {
            return find();
        };
        if let Some((known, answer)) = kept
            && **known == *key
        {
            return *answer;
        }
        let answer = find();
        if key.len() <= KEY_BYTES {
            *kept = Some((key.into(), answer));
        }
        answer
    }
}

/// A quick hash: nobody gains by collisions, which only cost the quick way.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = bytes.len() as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR);
    }
    for byte in rest {
        hash = (hash.rotate_left(23) ^ u64::from(*byte)).wrapping_mul(FACTOR);
    }
    hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::{apache, nginx};

    #[test]
    fn one_pass_finds_what_the_rows_find_one_by_one() {
        let mut messages: Vec<String> = nginx::error_log::SIGNATURES
            .iter()
            .flat_map(|(words, _)| {
                let mut turned = words.to_vec();
                turned.reverse();
                [words.join(" x "), turned.join(" "), words.concat()]
            })
            .collect();
        messages.push("nothing of the kind".to_owned());
        for message in &messages {
            let expected = nginx::error_log::symptom("error", message);
            let found = match nginx(message.as_bytes(), false) {
                Meaning::Symptom(symptom) => Some(symptom),
                _ => None,
            };
            assert_eq!(found, expected, "{message}");
        }
        for (part, errors, _) in apache::error_log::SIGNATURES {
            for error in errors.iter().map(Some).chain([None, Some(&"5")]) {
                let message = format!("a {part} b");
                let expected = apache::error_log::symptom(&message, error.copied());
                let found = match apache(&message, error.copied(), false) {
                    Meaning::Symptom(symptom) => Some(symptom),
                    _ => None,
                };
                assert_eq!(found, expected, "{message} {error:?}");
            }
        }
    }

    #[test]
    fn what_a_memory_forgets_is_found_again() {
        let mut memory = Memory::default();
        for round in 0..2 {
            for number in 0..5_000_u32 {
                let key = number.to_string();
                assert_eq!(memory.answer(key.as_bytes(), || number), number, "{round}");
            }
        }
        let long = vec![b'x'; 10_000];
        assert_eq!(memory.answer(&long, || 7), 7);
        assert_eq!(memory.answer(&long, || 8), 8, "too long to be kept");
    }
}
