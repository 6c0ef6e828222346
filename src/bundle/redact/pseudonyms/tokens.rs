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
    /// Words joined by dots, as host names are: [`labels`] says where each of them stands.
    Name,
    /// A single word that may be one of those sought.
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

/// A single word that is looked for wherever it stands, in any case: the name of the machine.
#[derive(Clone, Debug)]
pub(super) struct Sought {
    word: Vec<u8>,
    /// The place of the byte that stands in the fewest texts, and that byte in both cases.
    rare: usize,
    cases: [u8; 2],
}

impl Sought {
    /// Looks for a word of ASCII.
    pub(super) fn new(word: &str) -> Self {
        let often = |byte: u8| match byte.to_ascii_lowercase() {
            b'z' | b'q' | b'x' | b'j' | b'k' | b'v' | b'y' => 0,
            b'w' | b'b' | b'g' | b'f' | b'm' => 1,
            b'-' => 2,
            byte if byte.is_ascii_alphabetic() => 3,
            _ => 4,
        };
        let rare = (0..word.len())
            .min_by_key(|place| word.as_bytes().get(*place).map(|byte| often(*byte)))
            .unwrap_or(0);
        let byte = word.as_bytes().get(rare).copied().unwrap_or(b'-');
        Self {
            word: word.as_bytes().to_vec(),
            rare,
            cases: [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()],
        }
    }

    /// Where the word stands next, at `from` or behind it.
    fn next(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut at = from + self.rare;
        loop {
            let [low, high] = self.cases;
            at += memchr::memchr2(low, high, bytes.get(at..)?)?;
            let start = at - self.rare;
            let here = bytes.get(start..start + self.word.len())?;
            if here.eq_ignore_ascii_case(&self.word) {
                return Some(start);
            }
            at += 1;
        }
    }
}

/// Calls `visit` for everything found, from the beginning to the end. Of single words only those are visited
/// that may be one of those `sought`.
///
/// What is of interest has a dot, two colons or the word that is sought in it: all else is leapt over.
pub(super) fn each(text: &str, sought: &[Sought], mut visit: impl FnMut(Range<usize>, Found)) {
    let bytes = text.as_bytes();
    let word_from = |from: usize| sought.iter().filter_map(|word| word.next(bytes, from)).min();
    let mut at = 0;
    let mut word = word_from(0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let sign = memchr::memchr2(b'.', b':', rest).map(|distance| at + distance);
        if word.is_some_and(|place| place < at) {
            word = word_from(at);
        }
        let hit = match (sign, word) {
            (Some(sign), Some(word)) => sign.min(word),
            (Some(place), None) | (None, Some(place)) => place,
            (None, None) => return,
        };
        // `client: ` and `http://`: nothing before the colon was of interest, and nothing follows it.
        if bytes.get(hit) == Some(&b':') && bytes.get(hit + 1).is_none_or(|next| class(*next) == OTHER) {
            at = hit + 1;
            continue;
        }
        let start = token_start(bytes, hit);
        let (end, dots, colons) = token_end(bytes, start);
        let sought = word.is_some_and(|word| word < end);
        if dots > 0 || colons > 1 {
            token(text, start..end, (dots, colons), sought, &mut visit);
        } else if sought {
            words(text, start..end, &mut visit);
        }
        at = end.max(hit + 1);
    }
}

/// How many backslashes escape a dot of a name at `place`; `None`: they belong to something else.
fn escapes_dot(bytes: &[u8], place: usize) -> Option<usize> {
    let run = bytes
        .get(place..)
        .unwrap_or_default()
        .iter()
        .take_while(|byte| **byte == b'\\')
        .count();
    (bytes.get(place + run) == Some(&b'.')).then_some(run)
}

/// Where the token begins that holds the byte at `place`.
fn token_start(bytes: &[u8], place: usize) -> usize {
    let mut start = place;
    loop {
        let head = bytes.get(..start).unwrap_or_default();
        match head.last().map(|byte| class(*byte)) {
            Some(PLAIN | DOT | COLON) => start -= 1,
            // Backslashes belong to a name when they stand between it and a dot.
            Some(BACKSLASH) if bytes.get(start) == Some(&b'.') => {
                let run = head.iter().rev().take_while(|byte| **byte == b'\\').count();
                let before = head.get(..head.len() - run).unwrap_or_default();
                if before.last().is_none_or(|byte| class(*byte) == OTHER) {
                    return start;
                }
                start -= run;
            }
            _ => return start,
        }
    }
}

/// Where the token ends that begins at `start`, with its dots and colons.
fn token_end(bytes: &[u8], start: usize) -> (usize, usize, usize) {
    let (mut at, mut dots, mut colons) = (start, 0, 0);
    while let Some(byte) = bytes.get(at) {
        match class(*byte) {
            PLAIN => {}
            DOT => dots += 1,
            COLON => colons += 1,
            BACKSLASH => match escapes_dot(bytes, at) {
                Some(run) if at > start => at += run - 1,
                _ => break,
            },
            _ => break,
        }
        at += 1;
    }
    (at, dots, colons)
}

/// Single words: a part without dots.
fn words(text: &str, range: Range<usize>, visit: &mut impl FnMut(Range<usize>, Found)) {
    for piece in pieces(text, range, b':') {
        if !piece.is_empty() {
            visit(piece, Found::Word);
        }
    }
}

/// The parts of a range between the signs.
fn pieces(text: &str, range: Range<usize>, sign: u8) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes().get(range.clone()).unwrap_or_default();
    let mut next = Some(range.start);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = bytes.get(start - range.start..)?;
        let end = rest
            .iter()
            .position(|byte| *byte == sign)
            .map(|length| start + length);
        next = end.map(|end| end + 1);
        Some(start..end.unwrap_or(range.end))
    })
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
    (dots, colons): (usize, usize),
    sought: bool,
    visit: &mut impl FnMut(Range<usize>, Found),
) {
    let bytes = text.as_bytes();
    // Of a time (`17:00:01`) nothing can be an address.
    let may_be_v6 = colons > 5
        || colons > 1
            && bytes
                .get(range.clone())
                .is_some_and(|token| token.windows(2).any(|pair| pair == b"::"));
    let joined = range.start.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'_');
    if may_be_v6 && !joined {
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
    if dots == 0 && !sought {
        return;
    }
    for piece in pieces(text, range, b':') {
        let piece = trimmed(text, piece, b".-");
        let part = bytes.get(piece.clone()).unwrap_or_default();
        if part.is_empty() {
            continue;
        }
        if !part.contains(&b'.') {
            if sought {
                visit(piece, Found::Word);
            }
        } else if let Some(address) = v4(part) {
            address_at(text, piece, IpAddr::V4(address), visit);
        } else if !embedded(text, &piece, part, visit) {
            name(text, piece, visit);
        }
    }
}

/// An address in its usual form, with no digit more.
fn v4(bytes: &[u8]) -> Option<Ipv4Addr> {
    if !(7..=15).contains(&bytes.len()) {
        return None;
    }
    let mut octets = [0_u8; 4];
    let mut labels = bytes.split(|byte| *byte == b'.');
    for octet in &mut octets {
        let label = labels.next()?;
        if label.is_empty() || label.len() > 3 || label.len() > 1 && label.first() == Some(&b'0') {
            return None;
        }
        let mut number = 0_u16;
        for byte in label {
            if !byte.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u16::from(byte - b'0');
        }
        *octet = u8::try_from(number).ok()?;
    }
    labels.next().is_none().then(|| Ipv4Addr::from(octets))
}

/// Addresses with something around them: a range, `10.0.0.5.log`, `to-10.0.0.5`.
fn embedded(
    text: &str,
    piece: &Range<usize>,
    part: &[u8],
    visit: &mut impl FnMut(Range<usize>, Found),
) -> bool {
    // Two numbers stand between three dots.
    let mut inner = part.split(|byte| *byte == b'.').skip(1);
    let mut numbers = 0;
    let number = |label: &[u8]| !label.is_empty() && label.iter().all(u8::is_ascii_digit);
    while numbers < 2 {
        match inner.next() {
            Some(label) if number(label) => numbers += 1,
            Some(_) => numbers = 0,
            None => return false,
        }
    }
    let parts = pieces(text, piece.clone(), b'-');
    let mut found: Vec<(Range<usize>, Ipv4Addr)> = Vec::new();
    for part in parts {
        let labels: Vec<Range<usize>> = pieces(text, part.clone(), b'.').take(6).collect();
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
    visit(start..piece.end, Found::Name);
}

/// The places of the words that dots join to a name.
pub(super) fn labels(text: &str, name: Range<usize>) -> Vec<Range<usize>> {
    pieces(text, name, b'.')
        .map(|label| {
            let end = trimmed(text, label.clone(), b"\\").end;
            label.start..end.max(label.start)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut out = Vec::new();
        each(text, &[Sought::new("web-1")], |range, found| {
            let part = text[range.clone()].to_owned();
            out.push(match found {
                Found::Address(_) => format!("address {part}"),
                Found::Network(_, bits) => format!("network {part} {bits}"),
                Found::Range(..) => format!("range {part}"),
                Found::Name => format!("name {part} {}", labels(text, range.clone()).len()),
                Found::Word => format!("word {part}"),
            });
        });
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
            (
                "tcp4 0 0 10.0.0.9.8080 2001:db8::7.443 SYN_SENT",
                &["address 10.0.0.9", "address 2001:db8::7"],
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

    use super::super::plain;

    proptest::proptest! {
        #[test]
        fn any_text_is_walked_through_in_order(text in "[a-c0-9.:\\\\%_/é -]{0,60}") {
            let mut end = 0;
            each(&text, &[Sought::new("ab")], |range, _| {
                assert!(range.start >= end && range.end <= text.len() && range.start < range.end);
                end = range.end;
            });
        }

        #[test]
        fn what_the_slow_way_finds_is_found(text in "([abAB012.:\\\\%_/é -]|::|::1|10\\.0\\.0\\.[1-9]|\\.[0-9]{1,3}\\.|a-b|/24|fe80::|Xx/|1:2:3:4:5:6:|[a-b]{1,3}\\.de|\\\\\\.){0,40}") {
            let mut slow = Vec::new();
            plain::each(&text, |length| length == 3, |range, found| {
                let word = found == plain::Found::Word;
                if !word || text[range.clone()].eq_ignore_ascii_case("a-b") {
                    slow.push((range, format!("{found:?}")));
                }
            });
            let mut fast = Vec::new();
            each(&text, &[Sought::new("a-b")], |range, found| {
                let shown = match found {
                    Found::Name => format!("Name({:?})", labels(&text, range.clone())),
                    other => format!("{other:?}"),
                };
                if shown != "Word" || text[range.clone()].eq_ignore_ascii_case("a-b") {
                    fast.push((range, shown));
                }
            });
            proptest::prop_assert_eq!(fast, slow);
        }
    }
}
