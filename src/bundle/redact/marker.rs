//! The marker that stands where a secret stood, and what needs no marker.

use std::sync::LazyLock;

use regex::Regex;

/// How a marker begins.
pub(super) const OPENING: &str = "«redacted:";
/// How a marker ends.
pub(super) const CLOSING: &str = "»";
/// Fills a marker, or stands for a short secret, where the length has to stay.
pub(super) const FILL: char = '~';

static MARKER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("«redacted:([a-z-]+)-([0-9]{1,9})~*»").expect("the pattern is fixed"));

/// The marker for the secret with this number.
pub(super) fn marker(kind: &str, number: u32) -> String {
    format!("{OPENING}{kind}-{number}{CLOSING}")
}

/// True for a marker and nothing else.
pub(super) fn is_marker(text: &str) -> bool {
    text.strip_prefix(OPENING)
        .and_then(|rest| rest.strip_suffix(CLOSING))
        .is_some_and(|inner| {
            inner
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '-' || character == FILL)
        })
}

/// Every marker in a text, as kind and number.
pub(super) fn markers(text: &str) -> impl Iterator<Item = (&str, u32)> {
    // The search for a fixed literal costs nothing where no marker is, which is nearly everywhere.
    text.contains(OPENING)
        .then(|| MARKER.captures_iter(text))
        .into_iter()
        .flatten()
        .filter_map(|found| Some((found.get(1)?.as_str(), found.get(2)?.as_str().parse().ok()?)))
}

/// True for a value that is no secret whatever its name says: nothing, a marker, a switch, a variable.
pub(super) fn is_harmless(value: &str) -> bool {
    let value = value.trim();
    value.is_empty()
        || is_marker(value)
        || value
            .chars()
            .all(|character| matches!(character, FILL | '*' | '-' | '.'))
        || only_variables(value)
        || [
            "true",
            "false",
            "on",
            "off",
            "yes",
            "no",
            "null",
            "none",
            "nil",
            "undefined",
            "unset",
            "default",
            "[redacted]",
            "<redacted>",
            "(null)",
            "required",
            "optional",
        ]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

/// True when the value is made of variables alone (`$http_cookie`, `${TOKEN}`, `%{Cookie}i`).
fn only_variables(value: &str) -> bool {
    VARIABLE_ONLY.is_match(value)
}

static VARIABLE_ONLY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^(?:\$[0-9]|\$[A-Za-z_][A-Za-z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\}|%\{[A-Za-z0-9_:-]+\}[a-z]?)+$",
    )
    .expect("the pattern is fixed")
});

/// A variable of a configuration language.
pub(super) static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\$[A-Za-z_][A-Za-z0-9_]*|\$\{[A-Za-z_][A-Za-z0-9_]*\}|%\{[A-Za-z0-9_:-]+\}[a-z]?")
        .expect("the pattern is fixed")
});
