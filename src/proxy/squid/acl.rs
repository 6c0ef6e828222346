//! Access control lists: what their lines say.
//!
//! Lines of one name add up. What cannot be told from the files and the request (the time, a login, a
//! look-up) stays undecided when it is asked for in `matching`, never guessed.

use std::collections::HashMap;

use super::address;
use super::source::{Source, Statement};
use super::words;
use crate::evidence::{ConfigProblem, Place, ProblemLevel};
use crate::proxy::Files;

/// One list.
#[derive(Clone, Debug, Default)]
pub(super) struct Acl {
    pub(super) name: String,
    /// Its type, in today's word (`localport` for `myport`).
    pub(super) kind: String,
    /// The values of all its lines.
    pub(super) values: Vec<String>,
    /// Patterns, and whether they are blind to case.
    pub(super) patterns: Vec<(String, bool)>,
    /// Other lists of `any-of` and `all-of`: one entry for each line.
    pub(super) lines: Vec<Vec<Term>>,
    /// `-n`: no look-ups.
    pub(super) no_lookups: bool,
    /// A file of values could not be read: what is in it is not known.
    pub(super) incomplete: bool,
    /// The first line; line 0 for one that is built in.
    pub(super) place: Place,
}

/// A list as a line names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) negated: bool,
    pub(super) acl: usize,
}

/// All lists, by their names without case.
#[derive(Clone, Debug, Default)]
pub(super) struct Acls {
    pub(super) all: Vec<Acl>,
    by_name: HashMap<String, usize>,
}

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
        let mut add = |name: &str, kind: &str, values: &str| {
            let values: Vec<String> = values.split(' ').map(str::to_owned).collect();
            let mut acl = Acl {
                name: name.to_owned(),
                kind: kind.to_owned(),
                ..Acl::default()
            };
            if is_regex(kind) {
                let first_is_blind = major < 7;
                acl.patterns = values
                    .into_iter()
                    .enumerate()
                    .map(|(index, value)| (value, index == 0 && first_is_blind))
                    .collect();
            } else {
                acl.values = values;
            }
            acls.insert(acl);
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

    fn insert(&mut self, acl: Acl) -> usize {
        let index = self.all.len();
        self.by_name.insert(acl.name.to_ascii_lowercase(), index);
        self.all.push(acl);
        index
    }

    /// The list of a name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_ascii_lowercase()).copied()
    }

    /// The lists that words name, each maybe with `!` before it. The error is the word that names none.
    pub(super) fn terms(&self, words: &[words::Word]) -> (Vec<Term>, Vec<usize>) {
        let mut terms = Vec::new();
        let mut unknown = Vec::new();
        for (index, word) in words.iter().enumerate() {
            let (negated, name) = match word.text.strip_prefix('!') {
                Some(name) => (true, name),
                None => (false, word.text.as_str()),
            };
            match self.find(name) {
                Some(acl) => terms.push(Term { negated, acl }),
                None => unknown.push(index),
            }
        }
        (terms, unknown)
    }

    /// Takes in one `acl` line.
    pub(super) fn read(
        &mut self,
        source: &Source,
        statement: &Statement,
        major: u32,
        files: &dyn Files,
        directory: &str,
        errors: &mut Vec<ConfigProblem>,
    ) {
        let mut error = |level: ProblemLevel, word: usize, message: String| {
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
        if !is_regex(kind) && !HEADER_KINDS.contains(&kind) && !OTHER_KINDS.contains(&kind) {
            let message = format!("there is no acl type \"{kind}\"");
            return error(ProblemLevel::Error, 1, message);
        }
        let index = match self.find(name) {
            Some(index) => {
                if self.all.get(index).is_some_and(|acl| acl.kind != kind) {
                    let message = format!("acl {name} exists already with another type");
                    return error(ProblemLevel::Error, 1, message);
                }
                index
            }
            None => self.insert(Acl {
                name: name.to_owned(),
                kind: kind.to_owned(),
                place: source.place(statement),
                ..Acl::default()
            }),
        };
        if matches!(kind, "any-of" | "all-of") {
            let (terms, unknown) = self.terms(statement.words.get(2..).unwrap_or_default());
            for word in unknown {
                let message = format!(
                    "there is no acl \"{}\"",
                    statement.word(word.saturating_add(2)).trim_start_matches('!')
                );
                error(ProblemLevel::Error, word.saturating_add(2), message);
            }
            if let Some(acl) = self.all.get_mut(index) {
                acl.lines.push(terms);
            }
            return;
        }
        let regex = is_regex(kind) || HEADER_KINDS.contains(&kind);
        if regex && statement.quoted_values {
            let message =
                "patterns cannot be read while configuration_includes_quoted_values is on".to_owned();
            return error(ProblemLevel::Error, 1, message);
        }
        let cut;
        let mut given = if regex {
            cut = words::cut_patterns(&statement.rest, 0);
            cut.get(2..).unwrap_or_default()
        } else {
            statement.words.get(2..).unwrap_or_default()
        };
        let mut values = Vec::new();
        let mut incomplete = false;
        if HEADER_KINDS.contains(&kind) {
            given = given.get(1..).unwrap_or_default();
        }
        let mut no_lookups = false;
        let flags = !regex;
        if flags {
            while let Some(word) = given
                .first()
                .filter(|word| word.text.starts_with('-') && word.text.len() > 1)
            {
                if word.text == "--" {
                    given = given.get(1..).unwrap_or_default();
                    break;
                }
                let known = match word.text.as_str() {
                    "-n" => matches!(
                        kind,
                        "dst" | "dstdomain" | "dst_as" | "srcdomain" | "ssl::server_name"
                    ),
                    "-i" => matches!(
                        kind,
                        "proxy_auth" | "ident" | "ext_user" | "user_cert" | "ca_cert"
                    ),
                    "-m" => matches!(kind, "note" | "annotate_client" | "annotate_transaction"),
                    _ => word.text.starts_with("-m") || kind.starts_with("ssl::"),
                };
                if !known {
                    let message = format!("acl type {kind} has no option {}", word.text);
                    error(ProblemLevel::Error, 2, message);
                }
                no_lookups |= word.text == "-n";
                given = given.get(1..).unwrap_or_default();
            }
        }
        for (number, word) in given.iter().enumerate() {
            let quote = word.text.starts_with(['"', '\'']) && !statement.quoted_values;
            if !quote {
                values.push((word.text.clone(), number));
                continue;
            }
            let inner = word.text.get(1..).unwrap_or_default();
            let path = inner.split(['"', '\'']).next().unwrap_or_default();
            let absolute = if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("{}/{path}", directory.trim_end_matches('/'))
            };
            match files.read(&absolute) {
                Ok(content) => {
                    incomplete |= content.truncated;
                    values.extend(lines_of(&content.bytes).into_iter().map(|value| (value, number)));
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
        let shift = if HEADER_KINDS.contains(&kind) { 3 } else { 2 };
        let mut caseless = false;
        let mut patterns = Vec::new();
        let mut plain = Vec::new();
        for (value, number) in values {
            if regex {
                match value.as_str() {
                    "-i" => caseless = true,
                    "+i" => caseless = false,
                    _ => patterns.push((value, caseless)),
                }
                continue;
            }
            if let Some(reason) = refused(kind, &value) {
                error(ProblemLevel::Error, number.saturating_add(shift), reason);
            }
            plain.push(value);
        }
        if plain.is_empty() && matches!(kind, "maxconn" | "random") {
            error(ProblemLevel::Error, 1, format!("acl {name} has no value"));
        } else if plain.is_empty() && patterns.is_empty() && !incomplete && !is_valueless(kind) {
            error(
                ProblemLevel::Warning,
                0,
                format!("acl {name} has no values, so it never matches"),
            );
        }
        if let Some(acl) = self.all.get_mut(index) {
            acl.values.extend(plain);
            acl.patterns.extend(patterns);
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
fn lines_of(bytes: &[u8]) -> Vec<String> {
    let mut values = Vec::new();
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
            values.push(value.to_owned());
        }
    }
    values
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
