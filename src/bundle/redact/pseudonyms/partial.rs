//! `Require ip 10.1`: the first octets of addresses, as Apache httpd takes them for a network.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)\b(?:require[ \t]+(?:not[ \t]+)?ip|(?:allow|deny)[ \t]+from)[ \t]+([0-9./ \t]+)")
        .expect("the pattern is fixed")
});

/// Calls `visit` for every beginning of an address, with its place, the network and its bits.
pub(super) fn each(text: &str, mut visit: impl FnMut(Range<usize>, IpAddr, u8)) {
    let mut done = 0;
    for place in places(text.as_bytes()) {
        if place < done {
            continue;
        }
        let start = memchr::memrchr(b'\n', text.as_bytes().get(..place).unwrap_or_default())
            .map_or(0, |end| end + 1)
            .max(done);
        let rest = text.as_bytes().get(place..).unwrap_or_default();
        done = memchr::memchr(b'\n', rest).map_or(text.len(), |length| place + length);
        line(text, start..done, &mut visit);
    }
}

/// Places in lines that may hold what is looked for, in their order.
fn places(bytes: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    for (word, networks) in [("equire", false), ("EQUIRE", false), ("rom", true), ("ROM", true)] {
        for place in memchr::memmem::find_iter(bytes, word) {
            let rest = bytes.get(place + word.len()..).unwrap_or_default();
            let follows = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
            let space = rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
            // Of those that are denied `from` somewhere only networks are of interest.
            if space && (!networks || follows.is_some_and(u8::is_ascii_digit)) {
                places.push(place);
            }
        }
    }
    places.sort_unstable();
    places
}

fn line(text: &str, range: Range<usize>, visit: &mut impl FnMut(Range<usize>, IpAddr, u8)) {
    let Some(part) = text.get(range.clone()) else {
        return;
    };
    for found in LINE.captures_iter(part).filter_map(|found| found.get(1)) {
        let mut at = range.start + found.start();
        for word in found.as_str().split([' ', '\t']) {
            let plain = word.trim_end_matches('.');
            let octets: Vec<u8> = plain.split('.').map_while(|octet| octet.parse::<u8>().ok()).collect();
            let whole = octets.len() == plain.split('.').count();
            if let (true, Some((bits, network))) = (whole, network(&octets)) {
                visit(at..at + plain.len(), network, bits);
            }
            at += word.len() + 1;
        }
    }
}

fn network(octets: &[u8]) -> Option<(u8, IpAddr)> {
    let (bits, all) = match *octets {
        [a] => (8, [a, 0, 0, 0]),
        [a, b] => (16, [a, b, 0, 0]),
        [a, b, c] => (24, [a, b, c, 0]),
        _ => return None,
    };
    Some((bits, IpAddr::V4(Ipv4Addr::from(all))))
}

/// The text with other beginnings; `pseudonym` gives the network that stands for one.
pub(super) fn replaced(text: String, mut pseudonym: impl FnMut(IpAddr, u8) -> String) -> String {
    let mut edits = Vec::new();
    each(&text, |range, network, bits| {
        let octets = usize::from(bits / 8);
        let new: Vec<String> = pseudonym(network, bits)
            .split('.')
            .take(octets)
            .map(str::to_owned)
            .collect();
        edits.push((range, new.join(".")));
    });
    let mut out = text;
    for (range, new) in edits.into_iter().rev() {
        if out.is_char_boundary(range.start) && out.is_char_boundary(range.end) {
            out.replace_range(range, &new);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginnings_of_addresses_are_found_and_replaced() {
        let text = "Require ip 10.1 192.168.3. 10.2.3.4\nDeny from 172.16 all".to_owned();
        let out = replaced(text, |network, bits| match bits {
            16 => network
                .to_string()
                .replace("10.1", "10.9")
                .replace("172.16", "172.17"),
            _ => "192.168.7.0".to_owned(),
        });
        assert_eq!(out, "Require ip 10.9 192.168.7. 10.2.3.4\nDeny from 172.17 all");
    }
}
