//! The rules of one round over a text, and the places where secrets stand.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Redactor, commands, maps, marker, names, pattern, shapes};

pattern!(PRIVATE_KEY r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----((?s:.*?))-----END [A-Z0-9 ]*PRIVATE KEY");
pattern!(PRIVATE_KEY_START r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----([A-Za-z0-9+/=\s\\:,.-]+)");
pattern!(PRIVATE_KEY_END r"([A-Za-z0-9+/=\s\\]+)-----END [A-Z0-9 ]*PRIVATE KEY");
pattern!(NAMED_DIRECTIVE r#"(?im)(?:^|[\s;{}])(?:(?:proxy|grpc)_set_header|(?:fastcgi|uwsgi|scgi)_param|add_header|(?:Request)?Header(?:[ \t]+(?:always|onsuccess|early))?[ \t]+(?:set|setifempty|add|append|merge)|http-(?:request|response)[ \t]+(?:set|add)-header|(?:request|reply)_header_(?:replace|add)|acl[ \t]+\S+[ \t]+re[qp]_header|SetEnv|Define|set|env)[ \t]+["']?([$A-Za-z0-9_.-]+)["']?[ \t]+"#);
pattern!(DIRECTIVE r"(?im)^[ \t]*((?:AuthLDAPBindPassword|SessionCryptoPassphrase|cachemgr_passwd|secure_link_secret|secure_link_md5|requirepass|masterauth|bindpw|rootpw|stats[ \t]+auth|user[ \t]+\S+[ \t]+(?:insecure-)?password|[a-z0-9]+(?:[_-][a-z0-9]+)*[_-](?:password|passwd|passphrase|secret|token|api_?key)|[a-z0-9]+(?:Password|Passphrase|Passwd|Secret)|snmp_community))[ \t]+");
pattern!(HEADER r#"(?i)(?:^|[^A-Za-z0-9_$%{-])([A-Za-z0-9_-]*(?:authorization|cookie2?|token|secret|key|password|passwd|signature|session-id|credentials?|apikey|authentication-info)[A-Za-z0-9_-]*)(\\?["'])?[ \t]*:[ \t]?"#);
pattern!(USER_INFORMATION r#"(?i)[a-z][a-z0-9+.-]*://([^\s/?#"'<>]+)@"#);
pattern!(USER_INFORMATION_ODD r#"(?i)[a-z][a-z0-9+.-]*://([^\s/@:?#"'<>\[]*:[^\s"'<>,;@]*)@"#);
pattern!(QUERY r"(?i)(?:[?&;#]|%(?:25)*(?:3f|26|3b|23))((?:[a-z0-9_.\-\[\]]|%(?:25)*[4-7][0-9a-f])+)(=|%(?:25)*3d)");
pattern!(SIGNATURE r#"(?:^|[\s;,])sig=([^\s&;,"']{6,})"#);
pattern!(ELEMENT r"(?i)<([a-z0-9_.:-]*(?:pass|pwd|secret|token|key|cred|auth)[a-z0-9_.:-]*)(?:\s[^<>]*)?>([^<>]{3,})</");
pattern!(PROSE r#"(?i)\b(?:password|passphrase|passwd)(?:[ \t]+(?:is|was))?[ \t]+["']([^"'\n]{3,})["']"#);
pattern!(CONDITION r#"(?i)%\{(?:HTTP|ENV|REQENV)?:?([A-Za-z0-9_-]+)\}["']?[ \t]+(?:(?:==|!=|=~|!~|-eq|-ne|-strmatch|in)[ \t]*)?(?:!?=|!)?"#);
pattern!(ASSIGNMENT r#"(?i)([a-z0-9_.\-\[\]]*(?:pass|pwd|pw|pin|secret|token|key|credential|creds|cookie|sess|auth|salt|signature|jwt|bearer|login)[a-z0-9_.\-\[\]]*)(\\?["'])?[ \t]*(=>|:=|!=|==|=|:)[ \t]*"#);
pattern!(MORE r"[\s;,&][A-Za-z_][A-Za-z0-9_.-]*=");
pattern!(SCHEME r"(?i)\b(basic|bearer|negotiate|ntlm)[ \t]+([A-Za-z0-9+/=._-]{6,})");

pattern!(CERTIFICATE r"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s\\]*)");

/// The rules for what goes on over many lines: keys, certificates, maps.
pub(super) fn of_many_lines<'a>(redactor: &mut Redactor, text: &'a str) -> Option<Cow<'a, str>> {
    let mut text = Cow::Borrowed(text);
    if text.contains("PRIVATE KEY") {
        for pattern in [&PRIVATE_KEY, &PRIVATE_KEY_START, &PRIVATE_KEY_END] {
            text = group(redactor, &text, pattern, "private-key")?.into();
        }
    }
    if redactor.pseudonyms.is_some() && text.contains("CERTIFICATE") {
        // The names of hosts are in it, in a form in which they would not be found.
        text = group(redactor, &text, &CERTIFICATE, "certificate")?.into();
    }
    if text.contains("map") {
        // A crypt hash looks like a row of variables, so it goes before anything that spares those.
        text = shaped(redactor, &text, true)?.into();
        text = maps::round(redactor, &text)?.into();
    }
    Some(text)
}

/// The rules whose patterns are looked for all at once, in the order of [`SIGNS`].
const RULES: [&LazyLock<Regex>; 10] = [
    &NAMED_DIRECTIVE,
    &DIRECTIVE,
    &HEADER,
    &SIGNATURE,
    &PROSE,
    &QUERY,
    &ASSIGNMENT,
    &shapes::ANY,
    &SCHEME,
    &shapes::CARD,
];

/// One pass that says which of the rules could find anything. It looks at bytes, and is only asked about texts
/// in which that is no difference.
static SIGNS: LazyLock<regex::bytes::RegexSet> = LazyLock::new(|| {
    regex::bytes::RegexSetBuilder::new(RULES.iter().map(|rule| rule.as_str()))
        .unicode(false)
        .size_limit(1 << 26)
        .build()
        .expect("the patterns are fixed")
});

/// True when the signs of a text are bytes of ASCII, or those around a marker, which are neither letters nor
/// white space.
fn is_plain(text: &str) -> bool {
    text.is_ascii() || text.chars().all(|sign| sign.is_ascii() || matches!(sign, '«' | '»'))
}

/// All rules once; `None` when one of them failed. A rule is left out where its signs are not; one for which
/// another rule makes the signs has its turn in the next round.
pub(super) fn round(redactor: &mut Redactor, text: &str) -> Option<String> {
    let mut text = of_many_lines(redactor, text)?.into_owned();
    let signs = is_plain(&text).then(|| SIGNS.matches(text.as_bytes()));
    let fits = |rule: usize| signs.as_ref().is_none_or(|signs| signs.matched(rule));
    let has = |text: &str, signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if has(&text, &["$", "{S"]) {
        text = shaped(redactor, &text, true)?;
    }
    if fits(0) {
        text = named_directives(redactor, &text)?;
    }
    if fits(1) {
        text = directives(redactor, &text)?;
    }
    if fits(2) {
        text = headers(redactor, &text)?;
    }
    if text.contains("%{") {
        text = conditions(redactor, &text)?;
    }
    if text.contains("</") {
        text = elements(redactor, &text)?;
    }
    if fits(3) {
        text = group(redactor, &text, &SIGNATURE, "token")?;
    }
    if fits(4) {
        text = group(redactor, &text, &PROSE, "password")?;
    }
    if text.contains("://") && text.contains('@') {
        text = user_information(redactor, &text)?;
    }
    if fits(5) {
        text = queries(redactor, &text)?;
    }
    if has(&text, &[" -", "\t-", "\n-", "\"-", "'-", "pass"]) || text.starts_with('-') {
        text = commands::round(redactor, &text)?;
    }
    if fits(6) {
        text = assignments(redactor, &text)?;
    }
    if fits(7) {
        text = shaped(redactor, &text, false)?;
    }
    if fits(8) {
        text = schemes(redactor, &text)?;
    }
    if fits(9) {
        text = cards(redactor, &text)?;
    }
    Some(text)
}

/// What is known by its shape: crypt hashes, or everything else.
fn shaped(redactor: &mut Redactor, text: &str, hashes: bool) -> Option<String> {
    let mut text = text.to_owned();
    for (kind, pattern) in shapes::SHAPES.iter().filter(|(kind, _)| (*kind == "hash") == hashes) {
        text = scan(&text, pattern, |found, _| {
            let secret = found.get(1).or_else(|| found.get(0))?;
            (!shapes::is_unit(secret.as_str()))
                .then(|| (secret.range(), redactor.replace(kind, secret.as_str())))
        })?;
    }
    Some(text)
}

/// Walks through the matches and puts in what `decide` says; `None` when the search fails.
pub(super) fn scan(
    text: &str,
    pattern: &Regex,
    mut decide: impl FnMut(&Captures<'_>, &str) -> Option<(Range<usize>, String)>,
) -> Option<String> {
    let mut out = String::new();
    let (mut copied, mut position) = (0, 0);
    while position <= text.len() {
        let Some(found) = pattern.captures_at(text, position) else {
            break;
        };
        let whole = found.get(0)?;
        position = whole.end().max(position);
        if whole.range().is_empty() {
            position += text
                .get(position..)
                .and_then(|rest| rest.chars().next())
                .map_or(1, char::len_utf8);
        }
        if let Some((range, replacement)) = decide(&found, text)
            && range.start >= copied
        {
            out.push_str(text.get(copied..range.start)?);
            out.push_str(&replacement);
            copied = range.end;
            position = position.max(range.end);
        }
    }
    out.push_str(text.get(copied..)?);
    Some(out)
}

/// Replaces the first group of a pattern.
pub(super) fn group(
    redactor: &mut Redactor,
    text: &str,
    pattern: &Regex,
    kind: &'static str,
) -> Option<String> {
    scan(text, pattern, |found, _| {
        let secret = found.get(1)?;
        (!marker::is_harmless(secret.as_str()))
            .then(|| (secret.range(), redactor.replace(kind, secret.as_str())))
    })
}

/// Where a value without quotes ends.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Until {
    /// The end of the line.
    Line,
    /// White space, or a delimiter behind which something else begins.
    Word,
    /// As a word, or the next part of a query string.
    Query,
}

/// The value that begins at `start`; `around` is the quote before the name, when there is one.
pub(super) fn value_at(text: &str, start: usize, around: Option<&str>, until: Until) -> Range<usize> {
    let rest = text.get(start..).unwrap_or_default();
    for quote in ["\\\"", "\\'", "\"", "'"] {
        if let Some(inner) = rest.strip_prefix(quote) {
            let start = start + quote.len();
            return start..start + closing(inner, quote).unwrap_or_else(|| end_of_line(inner));
        }
    }
    if let Some(length) = around.and_then(|quote| closing(rest, quote)) {
        return start..start + length;
    }
    let length = match until {
        Until::Line => end_of_line(rest),
        Until::Word | Until::Query => end_of_word(rest, until == Until::Query),
    };
    start..start + length
}

pub(super) fn end_of_line(text: &str) -> usize {
    memchr::memchr3(b'\r', b'\n', b'\0', text.as_bytes()).unwrap_or(text.len())
}

fn closing(text: &str, quote: &str) -> Option<usize> {
    if quote.starts_with('\\') {
        return text.find(quote);
    }
    let mut escaped = false;
    for (index, character) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if quote.starts_with(character) {
            return Some(index);
        }
    }
    None
}

fn end_of_word(text: &str, query: bool) -> usize {
    for (index, character) in text.char_indices() {
        if character.is_whitespace() || character.is_control() || (query && matches!(character, '&' | '#')) {
            return index;
        }
        let rest = text.get(index + character.len_utf8()..).unwrap_or_default();
        if matches!(
            character,
            '"' | '\'' | ';' | ',' | '&' | ')' | '}' | ']' | '>' | '|' | '\\'
        ) && begins_anew(rest)
        {
            return index;
        }
    }
    text.len()
}

/// True when what follows a delimiter shows that it was one: nothing, another one, or the next assignment.
fn begins_anew(rest: &str) -> bool {
    let Some(first) = rest.chars().next() else {
        return true;
    };
    if first.is_whitespace() || first.is_control() || "\"';,)}]>|\\:".contains(first) {
        return true;
    }
    let name = rest
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte))
        .count();
    name > 0 && rest.as_bytes().get(name) == Some(&b'=')
}

/// The quote that stands directly before a name.
fn quote_before(text: &str, start: usize) -> Option<&'static str> {
    let before = text.get(..start)?;
    ["\\\"", "\\'", "\"", "'"]
        .into_iter()
        .find(|quote| before.ends_with(quote))
}

/// What a condition of Apache httpd compares a header or a variable with.
fn conditions(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &CONDITION, |found, text| {
        let name = found.get(1)?.as_str();
        let range = value_at(text, found.get(0)?.end(), None, Until::Word);
        let value = text.get(range.clone())?;
        let literal = value.chars().filter(|sign| sign.is_alphanumeric()).count() >= 4;
        let secret = names::is_secret_header(name) || names::is_secret(name, value);
        (secret && literal && !marker::is_harmless(value) && !value.starts_with("%{"))
            .then(|| (range, redactor.replace(names::kind_of(name), value)))
    })
}

/// `<password>…</password>`.
fn elements(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &ELEMENT, |found, _| {
        let (name, value) = (found.get(1)?.as_str(), found.get(2)?);
        (names::is_secret(name, value.as_str()) && !marker::is_harmless(value.as_str())).then(|| {
            (
                value.range(),
                redactor.replace(names::kind_of(name), value.as_str()),
            )
        })
    })
}

fn named_directives(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &NAMED_DIRECTIVE, |found, text| {
        let name = found.get(1)?.as_str().trim_start_matches('$');
        let mut range = value_at(text, found.get(0)?.end(), None, Until::Word);
        if names::is_scheme(text.get(range.clone())?) {
            // Without quotes the next word is the secret.
            let rest = text.get(range.end..)?;
            let spaces = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            range.end = value_at(text, range.end + spaces, None, Until::Word).end;
        }
        let value = text.get(range.clone())?;
        let replacement = if marker::is_harmless(value) {
            return None;
        } else if names::is_secret_header(name) {
            redactor.header_value(name, value)
        } else if names::is_secret(name, value) {
            redactor.literals(names::kind_of(name), value)
        } else {
            return None;
        };
        Some((range, replacement))
    })
}

fn directives(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &DIRECTIVE, |found, text| {
        let name = found.get(1)?.as_str();
        let range = value_at(text, found.get(0)?.end(), None, Until::Word);
        let value = text.get(range.clone())?;
        let kind = names::kind_of(name);
        // An assignment or a header of such a name is the business of other rules.
        let other = value.starts_with(['=', ':', '-']) || marker::is_harmless(value);
        let about = names::is_secret(name, value)
            || name.contains([' ', '\t'])
            || name.contains("secure_link")
            || matches!(
                name.to_ascii_lowercase().as_str(),
                "requirepass" | "masterauth" | "bindpw" | "rootpw" | "snmp_community"
            );
        (about && !other).then(|| (range, redactor.literals(kind, value)))
    })
}

fn headers(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &HEADER, |found, text| {
        let name = found.get(1)?;
        if !names::is_secret_header(name.as_str()) {
            return None;
        }
        let around = match found.get(2) {
            Some(_) => None,
            None => quote_before(text, name.start()),
        };
        let mut range = value_at(text, found.get(0)?.end(), around, Until::Line);
        if redactor.keep_length && around.is_none() {
            range.end += continued(text.get(range.end..)?);
        }
        let value = text.get(range.clone())?;
        if marker::is_harmless(value) {
            return None;
        }
        // NUL and folded lines are faults of an answer that are diagnosed, so they stay where they are.
        let parts = value.split_inclusive(['\0', '\n']).enumerate().map(|(index, part)| {
            let end = part.trim_end_matches(['\0', '\n', '\r']);
            let tail = part.get(end.len()..).unwrap_or_default();
            let redacted = match index {
                0 => redactor.header_value(name.as_str(), end),
                _ if marker::is_harmless(end) => end.to_owned(),
                _ => redactor.replace(names::kind_of(name.as_str()), end),
            };
            redacted + tail
        });
        Some((range, parts.collect()))
    })
}

/// How far a header goes on after the end of its first line: behind a NUL, and on lines that begin with a
/// space.
fn continued(text: &str) -> usize {
    let mut length = 0;
    loop {
        let rest = text.get(length..).unwrap_or_default();
        let line = if rest.starts_with('\0') {
            1
        } else if let Some(line) = ["\r\n ", "\r\n\t", "\n ", "\n\t"]
            .iter()
            .find(|end| rest.starts_with(**end))
        {
            line.len()
        } else {
            return length;
        };
        length += line + end_of_line(rest.get(line..).unwrap_or_default());
    }
}

fn user_information(redactor: &mut Redactor, text: &str) -> Option<String> {
    let text = scan(text, &USER_INFORMATION, |found, _| {
        let secret = found.get(1)?;
        let value = secret.as_str();
        if marker::is_harmless(value) {
            return None;
        }
        if let Some((_, password)) = value.split_once(':') {
            redactor.meet(password);
        }
        Some((secret.range(), redactor.literals("userinfo", value)))
    })?;
    scan(&text, &USER_INFORMATION_ODD, |found, _| {
        let secret = found.get(1)?;
        let (_, password) = secret.as_str().split_once(':')?;
        let port = password.trim_start_matches(|character: char| character.is_ascii_digit());
        // `host:8080/path@x` has a port, no password.
        if port.starts_with(['/', '?', '#']) || marker::is_harmless(secret.as_str()) {
            return None;
        }
        redactor.meet(password);
        Some((secret.range(), redactor.replace("userinfo", secret.as_str())))
    })
}

fn queries(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &QUERY, |found, text| {
        let name = decoded(found.get(1)?.as_str());
        let sign = found.get(2)?;
        let mut range = value_at(text, sign.end(), None, Until::Query);
        if sign.as_str() != "=" {
            // Within an encoded URL the next part begins with an encoded sign.
            let value = text.get(range.clone())?.to_ascii_lowercase();
            let next = ["%26", "%2526", "%23"]
                .iter()
                .filter_map(|sign| value.find(sign))
                .min();
            range.end = next.map_or(range.end, |length| range.start + length);
        }
        let value = text.get(range.clone())?;
        if marker::is_harmless(value) || !names::is_secret_in_query(&name, value) {
            return None;
        }
        redactor.meet(&decoded(value));
        Some((range, redactor.replace(names::kind_of(&name), value)))
    })
}

/// A text with its percent signs decoded, as often as they were encoded, up to three times.
fn decoded(text: &str) -> String {
    let mut current = text.as_bytes().to_vec();
    for _ in 0..3 {
        let mut out = Vec::with_capacity(current.len());
        let mut bytes = current.as_slice();
        while let Some((first, rest)) = bytes.split_first() {
            let digits = match (first, rest) {
                (b'%', [high, low, ..]) => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
                _ => None,
            };
            if let Some((high, low)) = digits {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                bytes = rest.get(2..).unwrap_or_default();
            } else {
                out.push(*first);
                bytes = rest;
            }
        }
        if out == current {
            break;
        }
        current = out;
    }
    String::from_utf8_lossy(&current).into_owned()
}

fn assignments(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &ASSIGNMENT, |found, text| {
        let name = found.get(1)?;
        let closed = found.get(2);
        let colon = found.get(3)?.as_str() == ":";
        let start = found.get(0)?.end();
        let line_start = begins_line(text.get(..name.start())?);
        if colon && closed.is_none() {
            let spaced = start > found.get(3)?.end();
            let value = text.get(start..)?;
            let password = matches!(names::kind_of(name.as_str()), "password" | "secret");
            let parameter = text.get(..name.start())?.ends_with(['=', '/', ':']);
            // `keys_zone=token:10m`, `token://` and `key:` at a line's end assign nothing.
            if value.starts_with("//")
                || !(spaced || (password && !parameter) || value.starts_with(['"', '\'']))
            {
                return None;
            }
        }
        let around = match closed {
            Some(_) => None,
            None => quote_before(text, name.start()),
        };
        // A line of its own holds the value to its end, unless more assignments follow on it.
        let alone = || {
            let rest = text.get(start..).unwrap_or_default();
            !MORE.is_match(rest.get(..end_of_line(rest)).unwrap_or_default())
        };
        let until = if line_start && (colon || alone()) {
            Until::Line
        } else {
            Until::Word
        };
        let mut range = value_at(text, start, around, until);
        let header = names::is_secret_header(name.as_str());
        if header && colon {
            // That was the rule for headers.
            return None;
        }
        if header && names::is_scheme(text.get(range.clone())?) {
            // `HTTP_AUTHORIZATION=Bearer …` without quotes: the next word is the secret.
            let spaces = text
                .get(range.end..)?
                .bytes()
                .take_while(|byte| *byte == b' ')
                .count();
            range.end = value_at(text, range.end + spaces, None, Until::Word).end;
        }
        let value = text.get(range.clone())?;
        if marker::is_harmless(value) {
            return None;
        }
        let word = matches!(value, "PASS" | "PASSTHRU" | "NEGOTIATE" | "PROXYPASS");
        if word || !(header || names::is_secret(name.as_str(), value)) {
            return None;
        }
        let kind = names::kind_of(name.as_str());
        if kind == "cookie" || header {
            return Some((range, redactor.header_value(name.as_str(), value)));
        }
        Some((range, redactor.replace(kind, value)))
    })
}

/// True when nothing stands before this place in its line, but for signs of a list or a comment. Of a long line only so
/// much is looked at that a text of one line is not walked through for each of its words.
fn begins_line(before: &str) -> bool {
    const LEAD_BYTES: usize = 1_024;
    let bytes = before.as_bytes();
    let near = bytes
        .get(bytes.len().saturating_sub(LEAD_BYTES)..)
        .unwrap_or_default();
    let lead = match memchr::memrchr(b'\n', near) {
        Some(end) => near.get(end + 1..).unwrap_or_default(),
        None if near.len() < bytes.len() => return false,
        None => near,
    };
    std::str::from_utf8(lead).is_ok_and(|lead| {
        matches!(
            lead.trim().trim_start_matches(['-', '#', ';']).trim(),
            "" | "export"
        )
    })
}

fn schemes(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &SCHEME, |found, _| {
        let (scheme, secret) = (found.get(1)?.as_str(), found.get(2)?);
        let value = secret.as_str();
        let digits = value.bytes().any(|byte| byte.is_ascii_digit());
        let fits = if scheme.eq_ignore_ascii_case("basic") {
            let password = shapes::password_of_basic(value)?;
            redactor.meet(&password);
            true
        } else {
            digits && value.len() >= 8 || value.len() >= 20
        };
        fits.then(|| (secret.range(), redactor.replace("authorization", value)))
    })
}

fn cards(redactor: &mut Redactor, text: &str) -> Option<String> {
    scan(text, &shapes::CARD, |found, text| {
        let number = found.get(0)?;
        let joins = |character: char| character.is_alphanumeric() || "._-".contains(character);
        let before = text.get(..number.start())?.chars().next_back();
        let after = text.get(number.end()..)?.chars().next();
        let alone = !before.is_some_and(joins) && !after.is_some_and(|next| next != '.' && joins(next));
        (alone && shapes::is_card(number.as_str()))
            .then(|| (number.range(), redactor.replace("card", number.as_str())))
    })
}
