//! Regular expressions: from POSIX as Squid has it to the engine used here.

use regex::RegexBuilder;

/// The largest compiled pattern, in bytes: beyond it the answer stays open.
const SIZE_LIMIT_BYTES: usize = 1 << 20;

/// Whether a text matches; `None`: cannot be told here.
pub(super) fn matches(pattern: &str, caseless: bool, text: &str) -> Option<bool> {
    let regex = RegexBuilder::new(&translate(pattern))
        .case_insensitive(caseless)
        .dot_matches_new_line(true)
        .size_limit(SIZE_LIMIT_BYTES)
        .build()
        .ok()?;
    Some(regex.is_match(text))
}

/// Within brackets a backslash is a plain character in POSIX, and `{` that begins no repetition is one
/// everywhere.
fn translate(pattern: &str) -> String {
    let mut into = String::with_capacity(pattern.len().saturating_add(8));
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some(next)
                    if next.is_alphanumeric() && !matches!(next, 'w' | 'W' | 's' | 'S' | 'b' | 'B') =>
                {
                    // A back reference is not known here and makes the pattern fail; other letters are plain.
                    into.push_str(if next.is_ascii_digit() { "\\" } else { "" });
                    into.push(next);
                }
                Some('<' | '>') => into.push_str("\\b"),
                Some(next) => {
                    into.push('\\');
                    into.push(next);
                }
                None => into.push('\\'),
            },
            '[' => bracket(&mut characters, &mut into),
            '{' if !characters.peek().is_some_and(char::is_ascii_digit) => into.push_str("\\{"),
            _ => into.push(character),
        }
    }
    into
}

fn bracket(characters: &mut std::iter::Peekable<std::str::Chars<'_>>, into: &mut String) {
    into.push('[');
    if characters.next_if_eq(&'^').is_some() {
        into.push('^');
    }
    let mut first = true;
    while let Some(character) = characters.next() {
        match character {
            ']' if !first => {
                into.push(']');
                return;
            }
            '[' if characters.peek() == Some(&':') => {
                into.push('[');
                for inner in characters.by_ref() {
                    into.push(inner);
                    if inner == ']' {
                        break;
                    }
                }
            }
            '\\' | '[' | ']' | '&' | '~' => {
                into.push('\\');
                into.push(character);
            }
            _ => into.push(character),
        }
        first = false;
    }
}
