//! Where addresses and names of hosts stand in a text: one pass over its bytes, no look at its meaning.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An address.
    Address(IpAddr),
    /// The address of a network or an interface, with the number of bits behind the slash.
    Network(IpAddr, u8),
    /// The first and the last address of a range.
    Range(IpAddr, IpAddr),
    /// Words joined by dots, as host names are, and the places of the words.
    Name(Vec<Range<usize>>),
    /// A single word.
    Word,
}

const OTHER: u8 = 0;
const PLAIN: u8 = 1;
const DOT: u8 = 2;
const COLON: u8 = 3;
const BACKSLASH: u8 = 4;

static CLASSES: [u8; 256] = {
    let mut classes = [OTHER; 256];
    let mut byte = 0_usize;
    while byte < 256 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the loop ends at 256; a constant cannot use try_from"
        )]
        let sign = byte as u8;
        classes[byte] = match sign {
            b'.' => DOT,
            b':' => COLON,
            b'\\' => BACKSLASH,
            b'-' => PLAIN,
            _ if sign.is_ascii_alphanumeric() => PLAIN,
            _ => OTHER,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(OTHER)
}

/// Calls `visit` for everything found, from the beginning to the end; `word` says which lengths of single
/// words are of interest.
pub(super) fn each(text: &str, word: impl Fn(usize) -> bool, mut visit: impl FnMut(Range<usize>, Found)) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(first) = bytes.get(at) {
        if class(*first) == OTHER {
            at += 1;
            continue;
        }
        let start = at;
        let (mut dots, mut colons) = (0_usize, 0_usize);
        while let Some(byte) = bytes.get(at) {
            match class(*byte) {
                PLAIN => {}
                DOT => dots += 1,
                COLON => colons += 1,
                BACKSLASH => {
                    // Only an escaped dot belongs to a name.
                    let run = bytes
                        .get(at..)
                        .unwrap_or_default()
                        .iter()
                        .take_while(|byte| **byte == b'\\')
                        .count();
                    if at == start || bytes.get(at + run) != Some(&b'.') {
                        break;
                    }
                    at += run - 1;
                }
                _ => break,
            }
            at += 1;
        }
        if at == start {
            at += 1;
        } else if dots > 0 || colons > 1 {
            token(text, start..at, colons, &word, &mut visit);
        } else {
            words(text, start..at, &word, &mut visit);
        }
    }
}

/// Single words: a part without dots.
fn words(
    text: &str,
    range: Range<usize>,
    word: &impl Fn(usize) -> bool,
    visit: &mut impl FnMut(Range<usize>, Found),
) {
    for piece in pieces(text, range, b':') {
        if !piece.is_empty() && word(piece.len()) {
            visit(piece, Found::Word);
        }
    }
}

/// The parts of a range between the signs.
fn pieces(text: &str, range: Range<usize>, sign: u8) -> Vec<Range<usize>> {
    let mut start = range.start;
    let mut out = Vec::new();
    for at in range.clone() {
        if text.as_bytes().get(at) == Some(&sign) {
            out.push(start..at);
            start = at + 1;
        }
    }
    out.push(start..range.end);
    out
}

fn trimmed(text: &str, range: Range<usize>, signs: &[u8]) -> Range<usize> {
    let bytes = text.as_bytes();
    let (mut start, mut end) = (range.start, range.end);
    while start < end && bytes.get(start).is_some_and(|byte| signs.contains(byte)) {
        start += 1;
    }
    while start < end && bytes.get(end - 1).is_some_and(|byte| signs.contains(byte)) {
        end -= 1;
    }
    start..end
}

fn token(
    text: &str,
    range: Range<usize>,
    colons: usize,
    word: &impl Fn(usize) -> bool,
    visit: &mut impl FnMut(Range<usize>, Found),
) {
    let joined = range
        .start
        .checked_sub(1)
        .and_then(|before| text.as_bytes().get(before))
        == Some(&b'_');
    if colons > 1 && !joined {
        // A sentence or a log may put a colon or a dot behind an address, never before one but `::`.
        let mut end = range.end;
        while end > range.start {
            let part = text.get(range.start..end).unwrap_or_default();
            if let Ok(address) = part.parse::<Ipv6Addr>() {
                address_at(text, range.start..end, IpAddr::V6(address), visit);
                return;
            }
            match part.as_bytes().last() {
                Some(b':' | b'.') => end -= 1,
                _ => break,
            }
        }
    }
    for piece in pieces(text, range, b':') {
        let piece = trimmed(text, piece, b".-");
        if piece.is_empty() {
            continue;
        }
        let part = text.get(piece.clone()).unwrap_or_default();
        if !part.contains('.') {
            if !piece.is_empty() && word(piece.len()) {
                visit(piece, Found::Word);
            }
        } else if let Ok(address) = part.parse::<Ipv4Addr>() {
            address_at(text, piece, IpAddr::V4(address), visit);
        } else if !embedded(text, &piece, part, visit) {
            name(text, piece, visit);
        }
    }
}

/// Addresses with something around them: a range, `10.0.0.5.log`, `to-10.0.0.5`.
fn embedded(
    text: &str,
    piece: &Range<usize>,
    part: &str,
    visit: &mut impl FnMut(Range<usize>, Found),
) -> bool {
    if part.bytes().filter(|byte| *byte == b'.').count() < 3
        || !part.bytes().any(|byte| byte.is_ascii_digit())
    {
        return false;
    }
    let parts = pieces(text, piece.clone(), b'-');
    let mut found: Vec<(Range<usize>, Ipv4Addr)> = Vec::new();
    for part in parts {
        let labels = pieces(text, part.clone(), b'.');
        // Four numbers, and behind them nothing that is one.
        let Some(fourth) = labels.get(3) else { continue };
        let numeric = |label: &Range<usize>| {
            text.get(label.clone())
                .is_some_and(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if labels.get(4).is_some_and(numeric) {
            continue;
        }
        let range = part.start..fourth.end;
        if let Some(Ok(address)) = text.get(range.clone()).map(str::parse::<Ipv4Addr>) {
            found.push((range, address));
        }
    }
    if let [(first, low), (last, high)] = found.as_slice()
        && first.end + 1 == last.start
    {
        visit(
            first.start..last.end,
            Found::Range(IpAddr::V4(*low), IpAddr::V4(*high)),
        );
        return true;
    }
    let any = !found.is_empty();
    for (range, address) in found {
        visit(range, Found::Address(IpAddr::V4(address)));
    }
    any
}

fn address_at(text: &str, range: Range<usize>, address: IpAddr, visit: &mut impl FnMut(Range<usize>, Found)) {
    if is_version(text, &range) {
        return;
    }
    let rest = text.get(range.end..).unwrap_or_default();
    match rest.strip_prefix('/').map(|rest| length(rest, address)) {
        Some(Some(bits)) => visit(range, Found::Network(address, bits)),
        _ => visit(range, Found::Address(address)),
    }
}

/// The bits behind a slash: a number or a mask.
fn length(rest: &str, address: IpAddr) -> Option<u8> {
    let word: &str = rest
        .split(|sign: char| !(sign.is_ascii_digit() || sign == '.'))
        .next()?;
    let word = word.trim_end_matches('.');
    if let Ok(mask) = word.parse::<Ipv4Addr>() {
        let mask = u32::from(mask);
        let bits = mask.leading_ones();
        return (bits + mask.trailing_zeros() == 32 || mask == u32::MAX)
            .then(|| u8::try_from(bits).unwrap_or(32));
    }
    let most = if address.is_ipv4() { 32 } else { 128 };
    word.parse().ok().filter(|bits| *bits <= most)
}

/// `Chrome/120.0.0.0`: the version of a program.
fn is_version(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).unwrap_or_default();
    let Some(before) = before.strip_suffix('/') else {
        return false;
    };
    let letters = before.bytes().rev().take(2).filter(u8::is_ascii_alphabetic).count();
    letters == 2 && text.get(range.clone()).is_some_and(|part| part.ends_with(".0.0"))
}

fn name(text: &str, piece: Range<usize>, visit: &mut impl FnMut(Range<usize>, Found)) {
    let bytes = text.as_bytes();
    let mut start = piece.start;
    // Of an encoded sign (`%2F`) the digits belong to the sign.
    let percent = start.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'%');
    if percent
        && bytes
            .get(start..start + 2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    {
        start += 2;
    }
    let mut labels = Vec::new();
    for label in pieces(text, start..piece.end, b'.') {
        let end = trimmed(text, label.clone(), b"\\").end;
        labels.push(label.start..end.max(label.start));
    }
    if labels.len() > 1 {
        visit(start..piece.end, Found::Name(labels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        each(
            text,
            |length| length == 5,
            |range, found| {
                let part = text[range].to_owned();
                out.push(match found {
                    Found::Address(_) => format!("address {part}"),
                    Found::Network(_, bits) => format!("network {part} {bits}"),
                    Found::Range(..) => format!("range {part}"),
                    Found::Name(labels) => format!("name {part} {}", labels.len()),
                    Found::Word => format!("word {part}"),
                });
            },
        );
        out
    }

    #[test]
    fn addresses_and_names_are_found_where_they_stand() {
        for (text, expected) in [
            (
                "client: 10.0.0.9, server: a.b.c",
                &["address 10.0.0.9", "name a.b.c 3"][..],
            ),
            (
                "http://10.0.0.9:8080/x web-1 [2001:db8::7]:443",
                &["address 10.0.0.9", "word web-1", "address 2001:db8::7"],
            ),
            (
                "-s 10.1.0.0/16 10.0.0.0/255.0.0.0.",
                &["network 10.1.0.0 16", "network 10.0.0.0 8", "address 255.0.0.0"],
            ),
            ("10.0.0.1-10.0.0.9", &["range 10.0.0.1-10.0.0.9"]),
            (
                "/var/10.0.0.5.log 1.2.3.4.5 httpd-2/1.22.1 17:00:01",
                &["address 10.0.0.5", "name 1.2.3.4.5 5", "name 1.22.1 3"],
            ),
            ("Chrome/120.0.0.0 %2F%2Fa.de%2Fx", &["name a.de 2"]),
            (r"^www\d+\.a\.de$", &[r"name a\.de 2"]),
            (
                "from 10.0.0.5. Next, fe80::1: x",
                &["address 10.0.0.5", "address fe80::1"],
            ),
            (
                "tcp_10.0.0.5 routines::ca a::b",
                &["address 10.0.0.5", "address a::b"],
            ),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_walked_through_in_order(text in "[a-c0-9.:\\\\%_/é -]{0,60}") {
            let mut end = 0;
            each(&text, |_| true, |range, _| {
                assert!(range.start >= end && range.end <= text.len() && range.start < range.end);
                end = range.end;
            });
        }
    }
}
