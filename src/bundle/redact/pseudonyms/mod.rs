//! ADDRESSES AND NAMES OF HOSTS → PSEUDONYMS that are the same in all of one bundle.
//!
//! What is computed with stays what it was for a program: an address becomes another address with the same
//! relations ([`addresses`]), a name another name with the same suffixes ([`names`]). An address that is met
//! only as the client of lines in a log becomes `ip-1`. What a bundle holds is looked through first
//! ([`Pseudonyms::survey`]), then everything is replaced ([`Pseudonyms::apply`]). The map that leads back is
//! never in the bundle.
//!
//! To add a place where a word can only be a host: a word in [`BEFORE_HOSTS`].

mod addresses;
mod names;
mod partial;
#[cfg(test)]
mod plain;
mod tokens;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use addresses::Addresses;
use names::Names;
use serde::{Deserialize, Serialize};
use tokens::Found;

/// The name of the format of a map.
const MAP_FORMAT: &str = "fix502.pseudonyms/v1";

/// Which pseudonym stands for what: written beside a bundle, never into it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PseudonymMap {
    /// `fix502.pseudonyms/v1`.
    pub format: String,
    /// Pseudonyms of addresses, and the addresses.
    pub addresses: BTreeMap<String, String>,
    /// Pseudonyms of host names and their labels, and the names.
    pub hosts: BTreeMap<String, String>,
}

/// First words of a line, or words directly before, behind which hosts are named.
const BEFORE_HOSTS: &[&str] = &[
    "server_name",
    "servername",
    "serveralias",
    "host",
    "server",
    "search",
    "domain",
    "dstdomain",
    "cache_peer",
    "visible_hostname",
    "unique_hostname",
    "hostname",
    "nameserver",
    "upstream",
    "resolver",
    "host:",
    "server:",
    "proxy:",
];

/// What stands directly before a name of a host.
const LEADS: &[&str] = &[
    "://",
    "@",
    "CN=",
    "CN = ",
    "DNS:",
    "host: \"",
    "server: ",
    "%3A%2F%2F",
    "%3a%2f%2f",
];

/// What stands directly before the address of a client in a log.
const CLIENTS: &[&str] = &[
    "client: ",
    "[client ",
    "[remote ",
    "client=",
    "\"client\":\"",
    "\"client\": \"",
    "\"remote_addr\":\"",
    "\"remote_addr\": \"",
    "\"client_ip\":\"",
    "\"client_ip\": \"",
    "\"remote_ip\":\"",
    "\"remote_ip\": \"",
    "forwarded for ",
];

/// What stands for a name: the part of it that is replaced, and by what; `None`: the name stays.
type Replacement = Option<(Range<usize>, Box<str>)>;

/// Names that are remembered, at the most: the paths of a log look like names, too, and have no end.
const REMEMBERED: usize = 8_192;

/// The pseudonyms of one bundle.
#[derive(Debug, Default)]
pub(super) struct Pseudonyms {
    addresses: Addresses,
    names: Names,
    /// Names that were looked at and say nothing new where they stand again.
    met: foldhash::HashSet<Box<str>>,
    /// What stands for names, as they are written.
    replacements: foldhash::HashMap<Box<str>, Replacement>,
    /// Where texts are put together; what is kept of them has its exact size.
    room: String,
}

impl Pseudonyms {
    /// The name of a host that stands without a domain in many places: of the machine itself, to begin with.
    pub(super) fn meet_single(&mut self, name: &str) {
        self.names.meet_single(name);
    }

    /// Takes note of what is in a text.
    pub(super) fn survey(&mut self, text: &str) {
        let (addresses, names, met) = (&mut self.addresses, &mut self.names, &mut self.met);
        tokens::each(text, &[], |range, found| match found {
            Found::Address(address) => {
                if !addresses.is_machine(address) {
                    addresses.meet(address, !is_client(text, &range));
                }
            }
            Found::Network(address, bits) => {
                addresses.meet_network(address, bits);
                addresses.meet(address, true);
            }
            Found::Range(first, last) => {
                addresses.meet_range(first, last);
                addresses.meet(first, true);
                addresses.meet(last, true);
            }
            Found::Name => {
                let whole = text.get(range.clone()).unwrap_or_default();
                if met.contains(whole) {
                    return;
                }
                let labels = tokens::labels(text, range.clone());
                let name: Vec<&str> = labels.iter().filter_map(|label| text.get(label.clone())).collect();
                if names.meet(&name.join("."), || is_host(text, &range)) {
                    if met.len() >= REMEMBERED {
                        met.clear();
                    }
                    met.insert(whole.into());
                }
            }
            Found::Word => {}
        });
        prefixes(text, addresses);
        partial::each(text, |_, octets, bits| addresses.meet_network(octets, bits));
        note_numbers(text, addresses);
    }

    /// Takes note of a value that is the client of a request.
    pub(super) fn survey_client(&mut self, text: &str) {
        match text.parse() {
            Ok(address) => self.addresses.meet(address, false),
            Err(_) => self.survey(text),
        }
    }

    /// From now on pseudonyms are given; those of addresses in the order in which they were met.
    pub(super) fn settle(&mut self) {
        self.met = foldhash::HashSet::default();
        self.addresses.give_all();
    }

    /// A text with pseudonyms; `same_length`: as long as it was.
    pub(super) fn apply(&mut self, text: Cow<'_, str>, same_length: bool) -> String {
        let (addresses, names, known) = (&mut self.addresses, &mut self.names, &mut self.replacements);
        let mut out = std::mem::take(&mut self.room);
        out.clear();
        let mut copied = 0;
        let mut put = |range: Range<usize>, new: &str| {
            let old = text.get(range.clone()).unwrap_or_default();
            if old == new {
                return;
            }
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            if same_length {
                out.push_str(&fitted(new, old.len()));
            } else {
                out.push_str(new);
            }
            copied = range.end;
        };
        // The closure below would borrow the names twice.
        let sought = std::mem::take(&mut names.sought);
        tokens::each(&text, &sought, |range, found| match found {
            Found::Address(address) => {
                if let Some(new) = addresses.other(address) {
                    put(range, new);
                }
            }
            Found::Network(address, bits) => {
                if !addresses::is_left(address) {
                    put(range, &addresses.network(address, bits));
                }
            }
            Found::Range(first, last) => {
                let new = format!("{}-{}", addresses.pseudonym(first), addresses.pseudonym(last));
                put(range, &new);
            }
            Found::Name => {
                let whole = text.get(range.clone()).unwrap_or_default();
                if !known.contains_key(whole) {
                    if known.len() >= REMEMBERED {
                        known.clear();
                    }
                    known.insert(whole.into(), replacement(names, whole));
                }
                if let Some(Some((part, new))) = known.get(whole) {
                    put(range.start + part.start..range.start + part.end, new);
                }
            }
            Found::Word => {
                let word = text.get(range.clone()).unwrap_or_default();
                if names.is_single(word) {
                    put(range, &names.label(word));
                }
            }
        });
        names.sought = sought;
        let new = if copied == 0 {
            text.into_owned()
        } else {
            out.push_str(text.get(copied..).unwrap_or_default());
            out.as_str().to_owned()
        };
        self.room = out;
        if same_length {
            return new;
        }
        partial::replaced(new, |octets, bits| self.addresses.network(octets, bits))
    }

    /// A table of sockets of the kernel (`/proc/net/tcp`), where addresses are hexadecimal.
    pub(super) fn sockets(&mut self, text: &str, apply: bool) -> String {
        let mut out = String::with_capacity(text.len());
        for part in text.split_inclusive(' ') {
            let word = part.trim_end_matches(' ');
            let address = word
                .split_once(':')
                .filter(|(_, port)| port.len() == 4)
                .and_then(|(address, port)| Some((from_hex(address)?, port)));
            match address {
                Some((address, _)) if !apply => self.addresses.meet(address, true),
                Some((address, port)) if !addresses::is_left(address) => {
                    if let Some(hex) = self.addresses.pseudonym(address).parse().ok().map(to_hex) {
                        let _ = write!(out, "{hex}:{port}{}", part.get(word.len()..).unwrap_or_default());
                        continue;
                    }
                }
                _ => {}
            }
            out.push_str(part);
        }
        out
    }

    /// The map that leads back.
    pub(super) fn map(&self) -> PseudonymMap {
        PseudonymMap {
            format: MAP_FORMAT.to_owned(),
            addresses: self.addresses.given().collect(),
            hosts: self.names.given().collect(),
        }
    }
}

/// What stands for a name that has dots.
fn replacement(names: &mut Names, whole: &str) -> Replacement {
    let labels = tokens::labels(whole, 0..whole.len());
    if !names::is_left(whole.trim_matches('.'))
        && let Some(parts) = names.replace(whole, &labels)
    {
        let (first, last) = (parts.first()?, parts.last()?);
        return Some((first.0.start..last.0.end, joined(whole, &parts).into()));
    }
    // `web-1.log`; and `web-1.example.com`, which a search list makes of `web-1`.
    let label = labels.first()?;
    let word = whole.get(label.clone())?;
    names
        .is_single(word)
        .then(|| (label.clone(), names.label(word).into()))
}

/// Exactly so many bytes, where a declared length has to stay true.
fn fitted(new: &str, want_bytes: usize) -> String {
    match want_bytes.checked_sub(new.len()) {
        Some(more) => format!("{new}{}", "~".repeat(more)),
        None => "~".repeat(want_bytes),
    }
}

/// The parts with what stands between them.
fn joined(text: &str, parts: &[(Range<usize>, String)]) -> String {
    let mut out = String::new();
    let mut end = None;
    for (range, new) in parts {
        if let Some(end) = end {
            out.push_str(text.get(end..range.start).unwrap_or_default());
        }
        out.push_str(new);
        end = Some(range.end);
    }
    out
}

/// The line up to a place.
fn lead<'a>(text: &'a str, range: &Range<usize>) -> &'a str {
    let before = text.get(..range.start).unwrap_or_default();
    before
        .rfind('\n')
        .map_or(before, |end| before.get(end + 1..).unwrap_or_default())
}

fn is_client(text: &str, range: &Range<usize>) -> bool {
    let before = text.get(..range.start).unwrap_or_default();
    let rest = text.get(range.end..).unwrap_or_default();
    if before.ends_with([' ', '=', '"']) && CLIENTS.iter().any(|client| before.ends_with(client)) {
        return true;
    }
    // All other clients stand at the beginning of a line, or behind a number and a space.
    if !(before.is_empty() || before.ends_with(['\n', ' '])) {
        return false;
    }
    let before = lead(text, range);
    // `$remote_addr - $remote_user [`, and the third word of Squid's access log.
    before.is_empty()
        && rest.starts_with(" - ")
        && rest.get(..80.min(rest.len())).is_none_or(|rest| rest.contains('['))
        || before.trim_end().rsplit_once(' ').is_some_and(|(time, took)| {
            before.ends_with(' ')
                && took.bytes().all(|byte| byte.is_ascii_digit())
                && time.trim_end().split_once('.').is_some_and(|(seconds, part)| {
                    seconds.len() >= 9
                        && part.len() == 3
                        && (seconds.bytes().chain(part.bytes())).all(|byte| byte.is_ascii_digit())
                })
        })
}

fn is_host(text: &str, range: &Range<usize>) -> bool {
    let before = lead(text, range);
    let rest = text.get(range.end..).unwrap_or_default();
    let port = rest
        .strip_prefix(':')
        .is_some_and(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()));
    if LEADS.iter().any(|lead| before.ends_with(lead)) || port && !before.ends_with('/') {
        return true;
    }
    if before.ends_with('/') {
        return false;
    }
    let mut words = before.split_whitespace();
    let is = |word: &str| BEFORE_HOSTS.iter().any(|known| known.eq_ignore_ascii_case(word));
    // The second word of a line of /etc/hosts.
    words
        .next()
        .is_some_and(|word| is(word) || word.parse::<IpAddr>().is_ok() && rest.starts_with(['\n', ' ', '\t']))
        || words.next_back().is_some_and(is)
}

/// `"prefix": {"addr": "203.5.0.0", "len": 16}` as nft writes networks.
fn prefixes(text: &str, addresses: &mut Addresses) {
    for at in memchr::memmem::find_iter(text.as_bytes(), "\"prefix\"") {
        let part = text.get(at + "\"prefix\"".len()..).unwrap_or_default();
        let part: String = part.chars().take(120).filter(|sign| !sign.is_whitespace()).collect();
        let Some(rest) = part.strip_prefix(":{\"addr\":\"") else {
            continue;
        };
        let Some((address, rest)) = rest.split_once("\",\"len\":") else {
            continue;
        };
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if let (Ok(address), Ok(bits)) = (address.parse(), digits.parse()) {
            addresses.meet_network(address, bits);
        }
    }
}

/// Numbers of an earlier run are not given again.
fn note_numbers(text: &str, addresses: &mut Addresses) {
    for at in memchr::memmem::find_iter(text.as_bytes(), "ip-") {
        let rest = text.get(at + 3..).unwrap_or_default();
        let digits = rest.bytes().take(7).take_while(u8::is_ascii_digit).count();
        if let Some(Ok(number)) = rest.get(..digits).map(str::parse) {
            addresses.note_number(number);
        }
    }
}

/// An address as the kernel writes it: words in the byte order of the machine.
fn from_hex(text: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(text.get(at..at + 8)?, 16).ok()?.to_le_bytes());
    match text.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut bytes = [0_u8; 16];
            for (index, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(index * 8)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

fn to_hex(address: IpAddr) -> String {
    let octets = match address {
        IpAddr::V4(address) => Ipv4Addr::octets(&address).to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    let mut hex = String::new();
    for chunk in octets.chunks_exact(4) {
        if let Ok(word) = <[u8; 4]>::try_from(chunk) {
            let _ = write!(hex, "{:08X}", u32::from_le_bytes(word));
        }
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disguised(own: &str, texts: &[&str]) -> Vec<String> {
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.meet_single(own);
        for text in texts {
            pseudonyms.survey(text);
        }
        pseudonyms.settle();
        texts
            .iter()
            .map(|text| pseudonyms.apply((*text).into(), false))
            .collect()
    }

    #[test]
    fn names_keep_their_suffixes_and_clients_are_numbers() {
        let out = disguised(
            "web-7",
            &[
                r#"2026/11/22 17:00:01 [error] 7#7: *1 connect() failed, client: 93.184.216.34, server: *.acme-shop.de, request: "GET / HTTP/1.1", upstream: "http://10.20.30.40:8080/", host: "www.acme-shop.de""#,
                "server_name acme-shop.de .acme-shop.de ~^(?<x>.+)\\.acme-shop\\.de$;",
                "include /etc/nginx/sites-enabled/www.acme-shop.de.conf; access_log /var/log/acme-shop.de-access.log;",
                "Nov 22 17:00:00 web-7 nginx[7]: web-7.acme-shop.de WEB-7 nginx.service conf.d nginx/1.22.1 shop.example.com",
                "93.184.216.34 - - [22/Nov/2026:17:00:01 +0000] \"GET / HTTP/1.1\" 502 157",
            ],
        );
        assert_eq!(
            out,
            [
                r#"2026/11/22 17:00:01 [error] 7#7: *1 connect() failed, client: ip-1, server: *.host-1.example, request: "GET / HTTP/1.1", upstream: "http://10.0.0.1:8080/", host: "host-3.host-1.example""#,
                "server_name host-1.example .host-1.example ~^(?<x>.+)\\.host-1\\.example$;",
                "include /etc/nginx/sites-enabled/host-3.host-1.example.conf; access_log /var/log/host-1.example-access.log;",
                "Nov 22 17:00:00 host-2 nginx[7]: host-2.host-1.example host-2 nginx.service conf.d nginx/1.22.1 shop.example.com",
                "ip-1 - - [22/Nov/2026:17:00:01 +0000] \"GET / HTTP/1.1\" 502 157",
            ]
        );
    }

    #[test]
    fn what_a_lookup_or_a_rule_holds_is_replaced_like_what_asks_for_it() {
        let out = disguised(
            "x",
            &[
                "resolver 10.1.2.3; server app.intern.acme.corp:8080; # 10.1.0.0/16",
                "10.1.2.9 app.intern.acme.corp app",
                "-A OUTPUT -d 10.1.2.0/24 -j DROP -m iprange --dst-range 93.1.2.3-93.1.2.9",
                "%2F%2Fapp.intern.acme.corp%2F [2a01:4f8::7]:443 x@db.acme.corp",
            ],
        );
        assert_eq!(
            out,
            [
                "resolver 10.0.0.1; server host-2.host-4.host-1.example:8080; # 10.0.0.0/16",
                "10.0.0.9 host-2.host-4.host-1.example app",
                "-A OUTPUT -d 10.0.0.0/24 -j DROP -m iprange --dst-range 241.0.0.3-241.0.0.9",
                "%2F%2Fhost-2.host-4.host-1.example%2F [3fff::1]:443 x@host-3.host-1.example",
            ]
        );
    }

    #[test]
    fn a_table_of_sockets_has_the_same_addresses_in_its_own_writing() {
        let table =
            "  0: 281E140A:1F90 00000000:0000 0A 00000000:00000000\n  1: 0100007F:0050 09C6A55D:CDE4 01";
        let mut pseudonyms = Pseudonyms::default();
        assert_eq!(pseudonyms.sockets(table, false), table);
        pseudonyms.survey("listen 10.20.30.40:8080");
        pseudonyms.settle();
        assert_eq!(pseudonyms.apply("10.20.30.40".into(), false), "10.0.0.1");
        assert_eq!(
            pseudonyms.sockets(table, true),
            "  0: 0100000A:1F90 00000000:0000 0A 00000000:00000000\n  1: 0100007F:0050 010000F0:CDE4 01"
        );
    }

    #[test]
    fn a_text_whose_length_is_declared_keeps_it() {
        let mut pseudonyms = Pseudonyms::default();
        let text = "http://www.a-long-name.de/ http://a.de/ 10.200.100.200";
        pseudonyms.survey(text);
        pseudonyms.settle();
        let out = pseudonyms.apply(text.into(), true);
        assert_eq!(out.len(), text.len());
        assert!(
            !out.contains("a.de") && !out.contains("long-name") && out.contains("10.0.0.1~~~"),
            "{out}"
        );
    }
}
