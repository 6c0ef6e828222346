//! The slow way to what `tokens` finds: every token is looked at. Only tests compare with it.

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

fn class(byte: u8) -> u8 {
    match byte {
        b'.' => DOT,
        b':' => COLON,
        b'\\' => BACKSLASH,
        b'-' => PLAIN,
        _ if byte.is_ascii_alphanumeric() => PLAIN,
        _ => OTHER,
    }
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
        // netstat of macOS puts the port behind a dot.
        let whole = text.get(range.clone()).unwrap_or_default();
        if let Some((host, port)) = whole.rsplit_once('.')
            && port.parse::<u16>().is_ok()
            && let Ok(address) = host.parse::<Ipv6Addr>()
        {
            let host = range.start..range.start + host.len();
            address_at(text, host, IpAddr::V6(address), visit);
            return;
        }
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
        // Five numbers are a name like others, but netstat of macOS writes the port so: `10.0.0.9.8080`.
        let is_port = |label: &Range<usize>| {
            let port = text.get(label.clone()).and_then(|label| label.parse::<u16>().ok());
            labels.len() == 5 && label.len() >= 2 && port.is_some()
        };
        if labels.get(4).is_some_and(|label| numeric(label) && !is_port(label)) {
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
