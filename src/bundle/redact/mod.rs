//! SECRETS → MARKERS, by structure, always on.
//!
//! A [`Redactor`] replaces every secret by a stable marker (`«redacted:token-1»`): the same secret has the
//! same marker in all of one bundle, so that lines can still be joined and a replay asks the very questions
//! that were recorded. It knows secrets by where they stand (headers, directives, options, query strings,
//! user information in URLs), by how they look (keys of well-known services, JWT, PEM, e-mail addresses,
//! card numbers), and, after [`Redactor::seal`], by having met them elsewhere. It never touches addresses,
//! ports, paths, status lines or the names of headers, and it is idempotent.
//!
//! In the recorded answers of exchanges the length of every text stays what it was: a declared length, a
//! chunk or a header limit would otherwise be judged on bytes that nobody sent.
//!
//! To add a kind of secret: a shape is one line in `shapes.rs`, a name one word in `names.rs`, a place
//! where secrets stand one rule in `rules.rs`, a piece of a recorded answer that is a text of its own one arm in
//! `values.rs`; and a planted example in `tests/bundle.rs`.

mod binary;
mod commands;
mod escape;
mod files;
mod maps;
mod marker;
mod names;
mod pseudonyms;
mod rules;
mod sealed;
mod shapes;
mod trigger;
mod values;

pub use pseudonyms::PseudonymMap;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use pseudonyms::Pseudonyms;
use regex::Regex;
use sealed::Sealed;
use serde_json::Value;

macro_rules! pattern {
    ($name:ident $pattern:expr) => {
        static $name: LazyLock<Regex> = LazyLock::new(|| Regex::new($pattern).expect("the pattern is fixed"));
    };
}
use pattern;

pattern!(COLOUR "\u{1b}\\[[0-9;]*[A-Za-z]");

/// Long texts are given pseudonyms in pieces of so many bytes, to the end of a line.
const PIECE_BYTES: usize = 128 * 1024;

/// How often a text may change before it is given up: rules feed each other at most a few times.
const ROUNDS: usize = 6;

/// Replaces secrets; one for each bundle.
#[derive(Default)]
pub struct Redactor {
    given: foldhash::HashMap<Arc<str>, (&'static str, u32)>,
    next: BTreeMap<String, u32>,
    met: foldhash::HashSet<Arc<str>>,
    protected: BTreeSet<String>,
    sealed: Sealed,
    keep_length: bool,
    pseudonyms: Option<Pseudonyms>,
    place: Place,
    /// Where long texts are put together: their room is used again, and what is kept of them has its exact size.
    room: String,
}

/// What is looked at, as far as pseudonyms want to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    /// Everything was looked through: pseudonyms are given.
    given: bool,
    /// The value is the client of a request.
    client: bool,
    /// Bytes as they came, whose length may be declared.
    bytes: bool,
}

impl Redactor {
    /// Knows no secret yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Builds what every redaction needs, so that another thread can do it before the first text is there.
    pub fn prepare() {
        trigger::build();
    }

    /// False when no text of a value, and no name of a field with a text, has a sign of a secret.
    pub fn may_hold_secrets(value: &Value) -> bool {
        match value {
            Value::String(text) => trigger::is_suspicious(text) && !is_rule(text),
            Value::Array(items) => items.iter().any(Self::may_hold_secrets),
            Value::Object(fields) => fields.iter().any(|(name, value)| {
                // Bytes may be text in another dress.
                name == "base64"
                    || Self::may_hold_secrets(value)
                    || (value.is_string() && trigger::is_suspicious(name))
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// True when a secret was met.
    pub fn has_met(&self) -> bool {
        !self.met.is_empty()
    }

    /// Gives pseudonyms to addresses and names of hosts, too. Everything has to go through the redactor
    /// twice: before [`Self::seal`], when it is looked through, and after it, when it is replaced.
    #[must_use]
    pub fn with_pseudonyms(mut self, own_name: &str) -> Self {
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.meet_single(own_name);
        self.pseudonyms = Some(pseudonyms);
        self
    }

    /// Names of hosts without a domain, which are replaced wherever they stand as a word. Only such as are no
    /// ordinary word; without [`Self::with_pseudonyms`] they stay.
    #[must_use]
    pub fn with_hosts<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        if let Some(pseudonyms) = &mut self.pseudonyms {
            for name in names {
                pseudonyms.meet_single(name);
            }
        }
        self
    }

    /// The map from pseudonyms to what they stand for, when there are any. It belongs beside a bundle, never
    /// into it.
    pub fn pseudonyms(&self) -> Option<PseudonymMap> {
        self.pseudonyms.as_ref().map(Pseudonyms::map)
    }

    /// Takes note of markers that a text already has, so that no new secret gets the number of an old one.
    pub fn note_markers(&mut self, text: &str) {
        for (kind, number) in marker::markers(text) {
            let next = self.next.entry(kind.to_owned()).or_default();
            *next = (*next).max(number);
        }
    }

    /// As [`Self::note_markers`], for every text of a value.
    pub fn note_markers_of(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.note_markers(text),
            Value::Array(items) => items.iter().for_each(|item| self.note_markers_of(item)),
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.note_markers(name);
                    self.note_markers_of(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Names that the diagnosis lives on (hosts, units, upstreams): they are never taken for a secret that
    /// was met elsewhere. A cookie may well hold the name of an upstream.
    pub fn protect(&mut self, names: impl IntoIterator<Item = String>) {
        self.protected.extend(names);
    }

    /// From now on every secret met so far is replaced wherever it stands, also without its name.
    pub fn seal(&mut self) {
        self.place.given = true;
        if let Some(pseudonyms) = &mut self.pseudonyms {
            pseudonyms.settle();
        }
        self.sealed = Sealed::new(self.met.iter().cloned());
    }

    /// True when a text holds a secret that was met before, with white space put into it (a wrapped line).
    pub fn holds_wrapped(&self, text: &str) -> bool {
        if self.sealed.is_empty() {
            return false;
        }
        let joined: String = text.split_whitespace().collect();
        self.sealed.find(&joined, 0).is_some()
    }

    /// A text without its secrets, and with pseudonyms where they are wanted.
    pub fn text(&mut self, text: &str) -> String {
        if text.len() < 4 {
            return text.to_owned();
        }
        if self.place.given && self.pseudonyms.is_some() && trigger::is_long(text) && !self.keep_length {
            return self.in_pieces(text);
        }
        let redacted = self.without_secrets(text);
        self.disguised(redacted)
    }

    /// A long text of which everything is known: piece by piece, so that of all that is made of it only the end stands
    /// in memory as a whole. Nothing that is replaced goes on behind the end of a line.
    fn in_pieces(&mut self, text: &str) -> String {
        // What goes on over many lines is looked for in all of it.
        let suspicious = trigger::is_suspicious(text);
        let text = if suspicious {
            match rules::of_many_lines(self, text) {
                Some(text) => text,
                None => return self.replace("text", text),
            }
        } else {
            Cow::Borrowed(text)
        };
        let mut out = std::mem::take(&mut self.room);
        out.clear();
        let mut piece = String::new();
        let (mut at, mut next) = (0, None);
        if suspicious {
            next = trigger::next_part(&text, 0);
        }
        while at < text.len() {
            let end = trigger::line_end(&text, at.saturating_add(PIECE_BYTES));
            piece.clear();
            while let Some(part) = next.take() {
                if part.start >= end {
                    next = Some(part);
                    break;
                }
                piece.push_str(text.get(at..part.start).unwrap_or_default());
                at = part.end;
                piece.push_str(&self.whole(text.get(part).unwrap_or_default()));
                next = trigger::next_part(&text, at);
            }
            if at < end {
                piece.push_str(text.get(at..end).unwrap_or_default());
                at = end;
            }
            let without = self
                .without_met(&piece)
                .map_or(Cow::Borrowed(piece.as_str()), Cow::Owned);
            out.push_str(&self.disguised(without));
        }
        self.exact(out)
    }

    fn disguised(&mut self, text: Cow<'_, str>) -> String {
        let same_length = self.keep_length && self.place.bytes;
        let Some(pseudonyms) = &mut self.pseudonyms else {
            return text.into_owned();
        };
        if self.place.given {
            return pseudonyms.apply(text, same_length);
        }
        if self.place.client {
            pseudonyms.survey_client(&text);
        } else {
            pseudonyms.survey(&text);
        }
        text.into_owned()
    }

    fn without_secrets<'a>(&mut self, text: &'a str) -> Cow<'a, str> {
        let out = if !trigger::is_suspicious(text) {
            Cow::Borrowed(text)
        } else if trigger::is_long(text) && !self.keep_length {
            Cow::Owned(self.in_parts(text))
        } else {
            Cow::Owned(self.whole(text))
        };
        match self.without_met(&out) {
            Some(without) => Cow::Owned(without),
            None => out,
        }
    }

    /// The text with markers in the place of secrets that were met before; `None`: it has none.
    fn without_met(&mut self, text: &str) -> Option<String> {
        let mut next = self.sealed.find(text, 0)?;
        let mut out = std::mem::take(&mut self.room);
        out.clear();
        let mut copied = 0;
        loop {
            out.push_str(text.get(copied..next.start).unwrap_or_default());
            let secret = text.get(next.clone()).unwrap_or_default();
            out.push_str(&self.replace("secret", secret));
            copied = next.end;
            match self.sealed.find(text, copied) {
                Some(found) => next = found,
                None => break,
            }
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Some(self.exact(out))
    }

    /// A long text: only the lines that may hold a secret are looked at closely.
    fn in_parts(&mut self, text: &str) -> String {
        // What goes on over many lines is looked for in all of it.
        let Some(text) = rules::of_many_lines(self, text) else {
            return self.replace("text", text);
        };
        let mut out = std::mem::take(&mut self.room);
        out.clear();
        out.reserve(text.len());
        let mut copied = 0;
        while let Some(part) = trigger::next_part(&text, copied) {
            out.push_str(text.get(copied..part.start).unwrap_or_default());
            copied = part.end;
            let redacted = self.whole(text.get(part).unwrap_or_default());
            out.push_str(&redacted);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        self.exact(out)
    }

    /// What was put together, in its exact size; its room stays for the next one.
    fn exact(&mut self, out: String) -> String {
        let exact = out.as_str().to_owned();
        if out.capacity() > self.room.capacity() {
            self.room = out;
        }
        exact
    }

    fn whole(&mut self, text: &str) -> String {
        if text.contains('\u{1b}') {
            // A colour may stand in the middle of a name or a secret.
            let plain = COLOUR.replace_all(text, "");
            let redacted = self.settled(&plain);
            if redacted == plain {
                return text.to_owned();
            }
            let missing = escape::byte_count(text).saturating_sub(escape::byte_count(&redacted));
            let filled = if self.keep_length { missing } else { 0 };
            return redacted + &"~".repeat(filled);
        }
        self.settled(text)
    }

    /// A text on which the rules have come to rest.
    fn settled(&mut self, text: &str) -> String {
        let mut current = text.to_owned();
        for _ in 0..ROUNDS {
            match rules::round(self, &current) {
                Some(next) if next == current => return current,
                Some(next) => current = next,
                None => break,
            }
        }
        // A text on which the rules do not come to rest, or fail, is not given out at all.
        self.replace("text", text)
    }

    /// The value of a header, a parameter, a variable or a field of this name.
    fn named(&mut self, name: &str, value: &str) -> String {
        if names::is_secret_header(name) {
            self.header_value(name, value)
        } else if names::is_secret(name, value) && !marker::is_harmless(value) {
            self.literals(names::kind_of(name), value)
        } else if names::is_query_string(name) {
            // A query string by itself has no question mark by which it would be known.
            let text = self.text(&format!("?{value}"));
            text.strip_prefix('?').unwrap_or(&text).to_owned()
        } else {
            self.place.client = name == "client";
            let text = self.text(value);
            self.place.client = false;
            text
        }
    }

    /// The value of a header that carries a secret: the scheme stays, what follows it goes.
    fn header_value(&mut self, name: &str, value: &str) -> String {
        let trimmed = value.trim_start();
        let lead = value.get(..value.len() - trimmed.len()).unwrap_or_default();
        if let Some((scheme, rest)) = trimmed.split_once(' ')
            && names::kind_of(name) == "authorization"
            && names::is_scheme(scheme)
        {
            if let Some(password) = shapes::password_of_basic(rest.trim()) {
                self.meet(&password);
            }
            return format!("{lead}{scheme} {}", self.literals("authorization", rest));
        }
        if names::kind_of(name) == "cookie" {
            for pair in trimmed.split([';', ',']) {
                if let Some((_, value)) = pair.split_once('=') {
                    self.meet(value.trim());
                }
            }
        }
        format!("{lead}{}", self.literals(names::kind_of(name), trimmed))
    }

    /// Replaces what is literal in a value; variables of a configuration stay.
    fn literals(&mut self, kind: &'static str, value: &str) -> String {
        if marker::is_harmless(value) {
            return value.to_owned();
        }
        if let Some((scheme, rest)) = value.split_once(' ')
            && names::is_scheme(scheme)
        {
            return format!("{scheme} {}", self.literals(kind, rest));
        }
        let found: Vec<_> = marker::VARIABLE.find_iter(value).collect();
        if found.is_empty() {
            return self.replace(kind, value);
        }
        let mut out = String::new();
        let mut end = 0;
        for variable in &found {
            out.push_str(&self.literal(kind, value.get(end..variable.start()).unwrap_or_default()));
            out.push_str(variable.as_str());
            end = variable.end();
        }
        out.push_str(&self.literal(kind, value.get(end..).unwrap_or_default()));
        out
    }

    fn literal(&mut self, kind: &'static str, part: &str) -> String {
        if marker::is_harmless(part) || !part.chars().any(char::is_alphanumeric) {
            part.to_owned()
        } else {
            self.replace(kind, part)
        }
    }

    /// The marker for a secret. White space around it stays, and so does the number of its lines.
    fn replace(&mut self, kind: &'static str, text: &str) -> String {
        let secret = text.trim();
        if secret.is_empty() || marker::is_marker(secret) {
            return text.to_owned();
        }
        let lead_bytes = text.len() - text.trim_start().len();
        let lead = text.get(..lead_bytes).unwrap_or_default();
        let trail = text.get(lead_bytes + secret.len()..).unwrap_or_default();
        let lines = secret.matches('\n').count();
        let plain = self.marker_of(kind, secret);
        let plain = if self.keep_length {
            let want = escape::byte_count(secret).saturating_sub(lines);
            fill(&plain, want)
        } else {
            plain
        };
        format!("{lead}{plain}{}{trail}", "\n".repeat(lines))
    }

    fn marker_of(&mut self, kind: &'static str, secret: &str) -> String {
        self.meet(secret);
        if let Some((kind, number)) = self.given.get(secret) {
            return marker::marker(kind, *number);
        }
        let next = self.next.entry(kind.to_owned()).or_default();
        *next = next.saturating_add(1);
        // Both tables share one copy.
        let shared = self.met.get(secret).cloned();
        self.given
            .insert(shared.unwrap_or_else(|| secret.into()), (kind, *next));
        marker::marker(kind, *next)
    }

    /// Remembers a secret that is long and odd enough to be searched for everywhere; a password like
    /// `production` stands in too many places that are none.
    fn meet(&mut self, secret: &str) {
        let digits = secret.bytes().any(|byte| byte.is_ascii_digit());
        let letters = secret.bytes().any(|byte| byte.is_ascii_alphabetic());
        let address =
            secret.parse::<std::net::IpAddr>().is_ok() || secret.parse::<std::net::SocketAddr>().is_ok();
        if (sealed::HEAD..=4096).contains(&secret.len())
            && digits
            && letters
            && !address
            && !self.protected.contains(secret)
            && !names::is_host(secret)
            && !secret.starts_with('/')
            && !secret.contains(marker::OPENING)
            && !secret.contains('\n')
            && self.met.len() < 20_000
        {
            self.met.insert(secret.into());
        }
    }
}

/// A marker of exactly this many bytes; only filling where it does not fit.
fn fill(marker: &str, want_bytes: usize) -> String {
    match want_bytes.checked_sub(marker.len()) {
        Some(more) => {
            let inner = marker.strip_suffix(marker::CLOSING).unwrap_or(marker);
            format!("{inner}{}{}", "~".repeat(more), marker::CLOSING)
        }
        None => "~".repeat(want_bytes),
    }
}

/// True for the path of a file that is nothing but secrets.
pub(super) fn is_closed(path: &str) -> bool {
    files::content_of(path) != files::Content::Open
}

/// How many markers a text has, by kind.
pub(super) fn count_markers(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (kind, _) in marker::markers(text) {
        *counts.entry(kind.to_owned()).or_default() += 1;
    }
    counts
}

/// True for the name of a lint rule: `N009-return-beats-pass`.
fn is_rule(text: &str) -> bool {
    let (number, name) = text.split_once('-').unwrap_or_default();
    let digits = number.strip_prefix(['N', 'A', 'S', 'H']).unwrap_or_default();
    digits.len() == 3
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && name.len() < 32
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// A redactor that has looked through a text.
    fn ready(text: &str) -> Redactor {
        let mut redactor = Redactor::new().with_pseudonyms("web-1");
        redactor.text(text);
        redactor.seal();
        redactor
    }

    #[test]
    fn a_long_text_is_the_same_in_pieces_as_in_one() {
        let mut text = String::new();
        for number in 0..6_000 {
            // A token that stands alone was met in the line before.
            let token = (number - usize::from(number % 7 == 1)) * 7919 % 3_001;
            match number % 7 {
                0 => writeln!(text, "GET /x?token=t0k3n{token:06} from 81.2.{}.9", number % 200),
                1 => writeln!(text, "password = \"one{number}\n  two\" t0k3n{token:06} web-1"),
                2 => writeln!(
                    text,
                    "client: 93.1.{}.7, server: shop-{}.acme.de é",
                    number % 99,
                    number % 50
                ),
                3 => writeln!(text, "Require ip 10.{} 10.1.2.3", number % 250),
                _ => writeln!(
                    text,
                    "10.20.{}.40 - - [x] \"GET /{}\" {}",
                    number % 9,
                    number,
                    "y".repeat(number % 90)
                ),
            }
            .expect("a string takes everything");
        }
        for text in [text.as_str(), text.trim_end(), &text.replace('\n', " ")] {
            let (mut one, mut other) = (ready(text), ready(text));
            assert!(trigger::is_long(text));
            let pieces = one.in_pieces(text);
            let redacted = other.without_secrets(text);
            let whole = other.disguised(redacted);
            assert!(pieces == whole, "they differ");
            for strange in ["t0k3n", "acme", " 81.2."] {
                let found = pieces.find(strange);
                assert!(
                    found.is_none(),
                    "{:?}",
                    found.map(|at| &pieces[at.saturating_sub(60)..at + 40])
                );
            }
        }
    }
}
