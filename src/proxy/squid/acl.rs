//! Access control lists: what their lines say.
//!
//! Lines of one name add up. What cannot be told from the files and the request (the time, a login, a
//! look-up) stays undecided when it is asked for in `matching`, never guessed.

use std::hash::{BuildHasher, Hasher};

use foldhash::{HashMap, HashSet};

use super::address;
use super::source::{Source, Statement};
use super::words;
use crate::evidence::{ConfigProblem, ProblemLevel};
use crate::proxy::Files;

/// One list, small: its values stand in [`Acls`], in chunks.
#[derive(Clone, Copy, Debug)]
struct Stored {
    name: (u32, u32),
    kind: &'static str,
    first: u32,
    last: u32,
    /// Lists of which the names have the same hash.
    next: u32,
    /// The first line; [`NONE`] for one that is built in.
    statement: u32,
    no_lookups: bool,
    incomplete: bool,
}

/// Values, or terms of `any-of` and `all-of`, that one line gives.
#[derive(Clone, Copy, Debug)]
struct Chunk {
    from: u32,
    to: u32,
    next: u32,
    /// Its patterns are blind to case.
    caseless: bool,
}

/// No number.
const NONE: u32 = u32::MAX;

/// A list as a line names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term(u32);

impl Term {
    /// There is a `!` before it.
    pub(super) fn negated(self) -> bool {
        self.0 & 1 == 1
    }

    /// The number of the list.
    pub(super) fn acl(self) -> usize {
        wide(self.0 >> 1)
    }
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// All lists, by their names without case.
#[derive(Clone, Debug, Default)]
pub(super) struct Acls {
    all: Vec<Stored>,
    /// The first list of a hash of its name.
    by_name: HashMap<u64, u32>,
    hasher: foldhash::fast::FixedState,
    /// Names and values, one after the other.
    text: String,
    /// Where values begin and end in the text.
    values: Vec<(u32, u32)>,
    terms: Vec<Term>,
    chunks: Vec<Chunk>,
    /// Files of values that were read.
    value_files: HashSet<String>,
    repeated_bytes: usize,
}

/// One list, to be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acl<'a> {
    acls: &'a Acls,
    stored: &'a Stored,
}

impl<'a> Acl<'a> {
    /// Its name as first written.
    pub(super) fn name(self) -> &'a str {
        self.acls.slice(self.stored.name)
    }

    /// Its type, in today's word (`localport` for `myport`).
    pub(super) fn kind(self) -> &'static str {
        self.stored.kind
    }

    /// `-n`: no look-ups.
    pub(super) fn no_lookups(self) -> bool {
        self.stored.no_lookups
    }

    /// A file of values could not be read: what is in it is not known.
    pub(super) fn incomplete(self) -> bool {
        self.stored.incomplete
    }

    /// Its first line; `None` for one that is built in.
    pub(super) fn statement(self) -> Option<usize> {
        (self.stored.statement != NONE).then(|| wide(self.stored.statement))
    }

    fn chunks(self) -> impl Iterator<Item = &'a Chunk> {
        let get = move |number| self.acls.chunks.get(wide(number));
        std::iter::successors(get(self.stored.first), move |chunk| get(chunk.next))
    }

    /// The values of all its lines, and whether they are blind to case when they are patterns.
    pub(super) fn patterns(self) -> impl Iterator<Item = (&'a str, bool)> {
        self.chunks().flat_map(move |chunk| {
            let values = self.acls.values.get(wide(chunk.from)..wide(chunk.to));
            let values = values.unwrap_or_default().iter();
            values.map(move |value| (self.acls.slice(*value), chunk.caseless))
        })
    }

    /// The values of all its lines.
    pub(super) fn values(self) -> impl Iterator<Item = &'a str> {
        self.patterns().map(|(value, _)| value)
    }

    /// Other lists of `any-of` and `all-of`: one entry for each line.
    pub(super) fn lines(self) -> impl Iterator<Item = &'a [Term]> {
        self.chunks().map(move |chunk| {
            let terms = self.acls.terms.get(wide(chunk.from)..wide(chunk.to));
            terms.unwrap_or_default()
        })
    }
}

/// Bytes of files of values that are read more than once, beyond the first time.
const MOST_REPEATED_BYTES: usize = 8 << 20;

const REGEX_KINDS: &[&str] = &[
    "browser",
    "dstdom_regex",
    "ext_user_regex",
    "ident_regex",
    "proxy_auth_regex",
    "rep_mime_type",
    "req_mime_type",
    "referer_regex",
    "srcdom_regex",
    "url_regex",
    "urllogin",
    "urlpath_regex",
];
const HEADER_KINDS: &[&str] = &["req_header", "rep_header"];
const OTHER_KINDS: &[&str] = &[
    "adaptation_service",
    "all-of",
    "annotate_client",
    "annotate_transaction",
    "any-of",
    "arp",
    "at_step",
    "ca_cert",
    "client_connection_mark",
    "clientside_mark",
    "connections_encrypted",
    "dst",
    "dst_as",
    "dstdomain",
    "eui64",
    "ext_user",
    "external",
    "has",
    "hier_code",
    "http_status",
    "ident",
    "localip",
    "localport",
    "max_user_ip",
    "maxconn",
    "method",
    "myport",
    "myip",
    "myportname",
    "note",
    "peername",
    "port",
    "proto",
    "proxy_auth",
    "random",
    "server_cert_fingerprint",
    "snmp_community",
    "src",
    "src_as",
    "srcdomain",
    "squid_error",
    "ssl::server_name",
    "ssl::server_name_regex",
    "ssl_error",
    "tag",
    "time",
    "transaction_initiator",
    "user_cert",
];

/// Types of which the value is a list of patterns.
pub(super) fn is_regex(kind: &str) -> bool {
    REGEX_KINDS.contains(&kind) || kind == "ssl::server_name_regex"
}

impl Acls {
    /// The lists that Squid has without being told, by version.
    pub(super) fn built_in(major: u32) -> Self {
        let mut acls = Self::default();
        let manager = match major {
            ..=4 => "^cache_object:// ^https?://[^/]+/squid-internal-mgr/",
            5 | 6 => "^cache_object:// ^[^:]+://[^/]+/squid-internal-mgr/",
            _ => "^[^:]+://[^/]+/squid-internal-mgr/",
        };
        let to_localhost = if major <= 3 {
            "127.0.0.0/8 0.0.0.0/32 ::1"
        } else {
            "127.0.0.0/8 0.0.0.0/32 ::1/128 ::/128"
        };
        let mut add = |name: &str, kind: &'static str, values: &str| {
            let index = acls.insert(name, kind, NONE);
            let mut caseless = is_regex(kind) && major < 7;
            for value in values.split(' ') {
                let from = acls.values.len();
                acls.push(value);
                acls.chunk(index, (from, acls.values.len()), caseless);
                caseless = false;
            }
        };
        add("all", "src", "all");
        add("manager", "url_regex", manager);
        add("localhost", "src", "127.0.0.1/32 ::1");
        add("to_localhost", "dst", to_localhost);
        if major >= 6 {
            add("to_linklocal", "dst", "169.254.0.0/16 fe80::/10");
        }
        if major >= 5 {
            add("CONNECT", "method", "CONNECT");
        }
        acls
    }

    fn insert(&mut self, name: &str, kind: &'static str, statement: u32) -> usize {
        let index = self.all.len();
        let start = words::number(self.text.len());
        self.text.push_str(name);
        let next = self.by_name.insert(self.hash(name), words::number(index));
        self.all.push(Stored {
            name: (start, words::number(self.text.len())),
            kind,
            first: NONE,
            last: NONE,
            next: next.unwrap_or(NONE),
            statement,
            no_lookups: false,
            incomplete: false,
        });
        index
    }

    fn hash(&self, name: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for byte in name.bytes() {
            hasher.write_u8(byte.to_ascii_lowercase());
        }
        hasher.finish()
    }

    fn slice(&self, (start, end): (u32, u32)) -> &str {
        self.text.get(wide(start)..wide(end)).unwrap_or_default()
    }

    fn push(&mut self, value: &str) {
        let start = words::number(self.text.len());
        self.text.push_str(value);
        self.values.push((start, words::number(self.text.len())));
    }

    /// Hands a list what was put in last.
    fn chunk(&mut self, index: usize, (from, to): (usize, usize), caseless: bool) {
        let number = words::number(self.chunks.len());
        self.chunks.push(Chunk {
            from: words::number(from),
            to: words::number(to),
            next: NONE,
            caseless,
        });
        let Some(acl) = self.all.get_mut(index) else {
            return;
        };
        if let Some(last) = self.chunks.get_mut(wide(acl.last)) {
            last.next = number;
        } else {
            acl.first = number;
        }
        acl.last = number;
    }

    /// A list, by its number.
    pub(super) fn get(&self, index: usize) -> Option<Acl<'_>> {
        let stored = self.all.get(index)?;
        Some(Acl { acls: self, stored })
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = Acl<'_>> {
        self.all.iter().map(|stored| Acl { acls: self, stored })
    }

    /// The list of a name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let mut index = *self.by_name.get(&self.hash(name))?;
        loop {
            let acl = self.all.get(wide(index))?;
            if self.slice(acl.name).eq_ignore_ascii_case(name) {
                return Some(wide(index));
            }
            index = acl.next;
        }
    }

    /// The lists that words name, each maybe with `!` before it, and the words that name none, as many as
    /// problems are kept.
    pub(super) fn terms<'a>(&self, words: impl Iterator<Item = &'a str>) -> (Vec<Term>, Vec<usize>) {
        let mut terms = Vec::new();
        let mut unknown = Vec::new();
        for (index, word) in words.enumerate() {
            let (negated, name) = match word.strip_prefix('!') {
                Some(name) => (true, name),
                None => (false, word),
            };
            match self.find(name) {
                Some(acl) => terms.push(Term(words::number(acl) << 1 | u32::from(negated))),
                None if unknown.len() <= super::source::MOST_PROBLEMS => unknown.push(index),
                None => {}
            }
        }
        (terms, unknown)
    }

    /// Takes in one `acl` line.
    pub(super) fn read(
        &mut self,
        source: &Source,
        (number, statement): (usize, &Statement),
        major: u32,
        files: &dyn Files,
        directory: &str,
        (errors, too_many): (&mut Vec<ConfigProblem>, &mut bool),
    ) {
        let mut error = |level: ProblemLevel, word: usize, message: String| {
            *too_many |= errors.len() >= super::source::MOST_PROBLEMS;
            if errors.len() < super::source::MOST_PROBLEMS {
                let place = source.word_place(statement, word);
                errors.push(source.problem("acl", level, place, message));
            }
        };
        let name = statement.word(0);
        if name.is_empty() {
            return error(ProblemLevel::Error, 0, "acl without a name".to_owned());
        }
        if name.len() >= 64 {
            return error(
                ProblemLevel::Error,
                0,
                "the name of an acl is longer than 63 bytes".to_owned(),
            );
        }
        let kind = match statement.word(1) {
            "" => return error(ProblemLevel::Error, 0, format!("acl {name} has no type")),
            "myip" => "localip",
            "myport" => "localport",
            "clientside_mark" if major >= 5 => "client_connection_mark",
            "proto" if name == "manager" => return,
            kind => kind,
        };
        let mut known = REGEX_KINDS.iter().chain(HEADER_KINDS).chain(OTHER_KINDS);
        let Some(kind) = known.find(|known| **known == kind).copied() else {
            let message = format!("there is no acl type \"{kind}\"");
            return error(ProblemLevel::Error, 1, message);
        };
        let index = match self.find(name) {
            Some(index) => {
                if self.all.get(index).is_some_and(|acl| acl.kind != kind) {
                    let message = format!("acl {name} exists already with another type");
                    return error(ProblemLevel::Error, 1, message);
                }
                index
            }
            None => self.insert(name, kind, words::number(number)),
        };
        if matches!(kind, "any-of" | "all-of") {
            let (terms, unknown) = self.terms(statement.words_from(2));
            for word in unknown {
                let message = format!(
                    "there is no acl \"{}\"",
                    statement.word(word.saturating_add(2)).trim_start_matches('!')
                );
                error(ProblemLevel::Error, word.saturating_add(2), message);
            }
            let from = self.terms.len();
            self.terms.extend(terms);
            self.chunk(index, (from, self.terms.len()), false);
            return;
        }
        let regex = is_regex(kind) || HEADER_KINDS.contains(&kind);
        if regex && statement.quoted_values {
            let message =
                "patterns cannot be read while configuration_includes_quoted_values is on".to_owned();
            return error(ProblemLevel::Error, 1, message);
        }
        let patterns = words::cut_patterns(statement.rest()).skip(2).filter(|_| regex);
        let plain = statement.words_from(2).filter(|_| !regex);
        let header = usize::from(HEADER_KINDS.contains(&kind));
        let mut given = patterns.chain(plain).skip(header).peekable();
        let mut incomplete = false;
        let mut no_lookups = false;
        let flags = !regex;
        if flags {
            while let Some(word) = given.next_if(|word| word.starts_with('-') && word.len() > 1) {
                if word == "--" {
                    break;
                }
                let known = match word {
                    "-n" => matches!(
                        kind,
                        "dst" | "dstdomain" | "dst_as" | "srcdomain" | "ssl::server_name"
                    ),
                    "-i" => matches!(
                        kind,
                        "proxy_auth" | "ident" | "ext_user" | "user_cert" | "ca_cert"
                    ),
                    "-m" => matches!(kind, "note" | "annotate_client" | "annotate_transaction"),
                    _ => word.starts_with("-m") || kind.starts_with("ssl::"),
                };
                if !known {
                    let message = format!("acl type {kind} has no option {word}");
                    error(ProblemLevel::Error, 2, message);
                }
                no_lookups |= word == "-n";
            }
        }
        let shift = header.saturating_add(2);
        let mut caseless = false;
        let mut any = false;
        let mut from = self.values.len();
        for (number, word) in given.enumerate() {
            let quote = word.starts_with(['"', '\'']) && !statement.quoted_values;
            let mut take = |acls: &mut Self, value: &str| {
                if regex && matches!(value, "-i" | "+i") {
                    let blind = value == "-i";
                    if blind != caseless && from < acls.values.len() {
                        acls.chunk(index, (from, acls.values.len()), caseless);
                        from = acls.values.len();
                    }
                    caseless = blind;
                    return None;
                }
                any = true;
                acls.push(value);
                if regex { None } else { refused(kind, value) }
            };
            if !quote {
                if let Some(reason) = take(self, word) {
                    error(ProblemLevel::Error, number.saturating_add(shift), reason);
                }
                continue;
            }
            let inner = word.get(1..).unwrap_or_default();
            let path = inner.split(['"', '\'']).next().unwrap_or_default();
            let absolute = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("{}/{path}", directory.trim_end_matches('/'))
            };
            if self.repeated_bytes > MOST_REPEATED_BYTES && self.value_files.contains(&absolute) {
                // The same values again and again.
                incomplete = true;
                break;
            }
            match files.read(&absolute) {
                Ok(content) => {
                    if !self.value_files.insert(absolute) {
                        self.repeated_bytes = self.repeated_bytes.saturating_add(content.bytes.len());
                    }
                    incomplete |= content.truncated;
                    for_lines_of(&content.bytes, |value| {
                        if let Some(reason) = take(self, value) {
                            error(ProblemLevel::Error, number.saturating_add(shift), reason);
                        }
                    });
                }
                Err(reason) => {
                    incomplete = !reason.contains("no such file");
                    let message = format!("the values of acl {name} cannot be read from {path}: {reason}");
                    error(ProblemLevel::Warning, number.saturating_add(2), message);
                }
            }
            // What follows a file on its line is not looked at.
            break;
        }
        if from < self.values.len() {
            self.chunk(index, (from, self.values.len()), caseless);
        }
        if !any && matches!(kind, "maxconn" | "random") {
            error(ProblemLevel::Error, 1, format!("acl {name} has no value"));
        } else if !any && !incomplete && !is_valueless(kind) {
            error(
                ProblemLevel::Warning,
                0,
                format!("acl {name} has no values, so it never matches"),
            );
        }
        if let Some(acl) = self.all.get_mut(index) {
            acl.no_lookups |= no_lookups;
            acl.incomplete |= incomplete;
        }
    }
}

fn is_valueless(kind: &str) -> bool {
    matches!(
        kind,
        "time" | "connections_encrypted" | "transaction_initiator" | "has" | "at_step"
    )
}

/// The values of a file: one for each line, without what follows ` #`.
fn for_lines_of(bytes: &[u8], mut take: impl FnMut(&str)) {
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
        let text = String::from_utf8_lossy(line);
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let mut end = text.len();
        for (index, _) in text.match_indices('#') {
            let before = index.checked_sub(1).and_then(|before| text.as_bytes().get(before));
            if before.is_none_or(|byte| words::is_separator(*byte)) {
                end = index;
                break;
            }
        }
        let value = text
            .get(..end)
            .unwrap_or_default()
            .trim_end_matches([' ', '\t', '\r']);
        if !value.is_empty() {
            take(value);
        }
    }
}

/// Why Squid stops at this value, where it does.
fn refused(kind: &str, value: &str) -> Option<String> {
    match kind {
        "src" | "dst" | "localip" => match address::Range::read(value) {
            Ok(_) | Err(address::Fault::Name) => None,
            Err(address::Fault::Mask) => Some(format!("\"{value}\" has a mask that is none")),
            Err(address::Fault::Address) => Some(format!("\"{value}\" is no address")),
        },
        "port" | "localport" | "http_status" => {
            let (low, high) = value.split_once('-').unwrap_or((value, value));
            let limit = |text: &str| words::integer(text).is_some_and(|number| (0..=65535).contains(&number));
            (!limit(low) || !limit(high)).then(|| format!("\"{value}\" is no number or range of numbers"))
        }
        "time" => {
            let (from, to) = value.split_once('-')?;
            let valid = |text: &str| {
                let (hour, minute) = text.split_once(':')?;
                let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
                hour.checked_mul(60)?.checked_add(minute)
            };
            let sound = valid(from)
                .zip(valid(to))
                .is_some_and(|(from, to)| from <= 1440 && to <= 1440 && from <= to);
            (!sound).then(|| format!("\"{value}\" is no range of times"))
        }
        _ => None,
    }
}
