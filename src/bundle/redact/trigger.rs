//! One pass that says where a secret may stand at all. Nearly every line of a log has none, and costs no more.
//!
//! The pattern finds everything that any rule could act on: a new rule needs its word here, and the planted
//! examples fail without it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::Regex;

/// Texts that are longer are looked at in parts, each of a few lines.
const WHOLE_BYTES: usize = 64 * 1024;
/// How far a part may reach for the end of a quoted value.
const PART_BYTES: usize = 16 * 1024;

/// Words in the names of secrets; signs by which secrets are known; what only stands before a secret.
const PARTS: &[&str] = &[
    r"(?i:pass|pwd|pw|pin(?:[^a-z]|$)|secret|key|cred|token|sess|jwt|auth|cookie|login|salt|bearer|basic[ \t]|negotiate|ntlm|secure_link|snmp_comm)",
    r"(?i:(?:sig|sid|otp|ticket|nonce|code|state|hash|signature)(?:=|%|\]))",
    r"(?i:%(?:25)*[4-7][0-9a-f])",
    r"(?i:mysql|mariadb|redis-cli|ldap)",
    r#"[ \t"'](?:-[uU]|--user|--proxy-user)"#,
    r"@",
    r"\x1b",
    r"-----(?:BEGIN|END) ",
    r"eyJ|LS0tLS1CRUdJ",
    r"A(?:KIA|SIA|GPA|IDA|ROA|NPA|NVA|BIA|CCA)[A-Z0-9]{4}",
    r"gh[pousr]_|github_pat_|gl[a-z]{2,6}-|xox[a-z]-|xapp-",
    r"hooks\.|webhook",
    r"[srp]k_(?:live|test)_|whsec_|AIza|ya29\.|GOCSPX|SG\.|npm_|pypi-|sk-|dop_v1|hv[sb]\.|shp[a-z]{2}_|:AA",
    r"\$(?:apr1|2[abxy]|[1567y]|gy|argon|scrypt|pbkdf2)\$?|\{S?SHA",
    r"[0-9]{15}|[0-9]{4}[ -][0-9]{4,6}[ -][0-9]{4,5}",
];

static TRIGGER: LazyLock<Regex> = LazyLock::new(|| {
    regex::bytes::RegexBuilder::new(&PARTS.join("|"))
        .unicode(false)
        .dfa_size_limit(1 << 24)
        .build()
        .expect("the pattern is fixed")
});

/// What stands before `_pass` in the names of directives that say where requests go.
const PROTOCOLS: [&[u8]; 6] = [b"proxy", b"fastcgi", b"uwsgi", b"scgi", b"grpc", b"memcached"];

/// Builds the pattern, which takes about a millisecond.
pub(super) fn build() {
    LazyLock::force(&TRIGGER);
}

/// True when a text may hold a secret.
pub(super) fn is_suspicious(text: &str) -> bool {
    find(text, 0).is_some()
}

/// The first sign of a secret from a byte on. `proxy_pass` and its kin are none: what is secret in their
/// argument has a sign of its own.
fn find(text: &str, from: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = from;
    loop {
        let found = TRIGGER.find_at(bytes, at)?.range();
        let before = bytes.get(..found.start)?.strip_suffix(b"_");
        let is_directive = bytes.get(found.clone()) == Some(b"pass")
            && before.is_some_and(|before| PROTOCOLS.iter().any(|name| before.ends_with(name)))
            && matches!(
                bytes.get(found.end),
                None | Some(b' ' | b'"' | b'.' | b',' | b';' | b':' | b'\n')
            );
        if !is_directive {
            return Some(found);
        }
        at = found.end;
    }
}

/// True for a text that is looked at in parts.
pub(super) fn is_long(text: &str) -> bool {
    text.len() > WHOLE_BYTES
}

/// The lines from `from` on that may hold a secret, with those that belong to them.
pub(super) fn next_part(text: &str, from: usize) -> Option<Range<usize>> {
    let found = find(text, from)?;
    let start = text
        .get(from..found.start)?
        .rfind('\n')
        .map_or(from, |end| from + end + 1);
    let mut end = line_end(text, found.end.max(start + 1));
    // A quoted value may go on over lines.
    while end < text.len() && end - start < PART_BYTES && is_open(text.get(start..end)?) {
        end = line_end(text, end + 1);
    }
    Some(start..end)
}

/// The end of the line that the byte before `from` stands in.
pub(super) fn line_end(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from.saturating_sub(1)..).unwrap_or_default();
    memchr::memchr(b'\n', rest)
        .map_or(text.len(), |length| from.saturating_sub(1) + length + 1)
        .min(text.len())
}

/// True when a quote is open at the end.
fn is_open(text: &str) -> bool {
    let count = text.bytes().filter(|byte| *byte == b'"').count();
    count % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_may_hold_a_secret_are_parts() {
        let text = "a clean line\nGET /?token=1 HTTP\nanother\npassword = \"one\ntwo\"\nlast\n";
        let first = next_part(text, 0).expect("a part");
        assert_eq!(&text[first.clone()], "GET /?token=1 HTTP\n");
        let second = next_part(text, first.end).expect("a part");
        assert_eq!(&text[second.clone()], "password = \"one\ntwo\"\n");
        assert_eq!(next_part(text, second.end), None);
    }

    #[test]
    fn a_directive_that_passes_requests_on_is_clean_and_what_it_hides_is_not() {
        assert!(!is_suspicious(
            "proxy_pass http://app; \"fastcgi_pass\", uwsgi_pass: grpc_pass"
        ));
        for text in [
            "proxy_pass=x",
            "proxy_pass http://a:b@app",
            "my_pass x",
            "proxy_pass x; pass=y",
            "proxy_password x",
        ] {
            assert!(is_suspicious(text), "{text}");
        }
    }

    #[test]
    fn the_lines_of_an_error_log_are_clean() {
        assert!(!is_suspicious(
            r#"2026/11/22 17:00:01 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.9, server: shop.example.test, request: "GET /cart?page=2 HTTP/1.1", upstream: "http://127.0.0.1:8080/cart?page=2", host: "shop.example.test""#
        ));
    }
}
