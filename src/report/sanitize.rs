//! What comes from outside, made fit for a screen.
//!
//! Log lines, headers, file names and command output are written by strangers. Printed as they are, they
//! could move the cursor, recolour or hide what stands beside them, or turn the reading direction. Every
//! format for people passes such text through [`escaped`]; JSON escapes by itself.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with every character that is no visible part of it written out: `\x1b`, `\u{202e}`, `\n`.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => clean.push_str("\\n"),
            '\r' => clean.push_str("\\r"),
            '\t' => clean.push_str("\\t"),
            c if c.is_ascii() && is_deceptive(c) => {
                // Writing to a string cannot fail.
                let _ = write!(clean, "\\x{:02x}", u32::from(c));
            }
            c if is_deceptive(c) => {
                let _ = write!(clean, "\\u{{{:x}}}", u32::from(c));
            }
            c => clean.push(c),
        }
    }
    Cow::Owned(clean)
}

/// The lines of a text, each escaped, a line end at the end not counted.
pub fn escaped_lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(escaped)
}

/// The text in ASCII for a terminal without Unicode: the signs of this program get their plain form, other
/// characters are written out.
pub fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            c if c.is_ascii() => plain.push(c),
            '→' | '▶' => plain.push_str("->"),
            '←' => plain.push_str("<-"),
            '…' => plain.push_str("..."),
            '–' | '—' | '·' | '─' | '‑' | '−' => plain.push('-'),
            '‘' | '’' => plain.push('\''),
            '“' | '”' => plain.push('"'),
            '✓' => plain.push('+'),
            '✗' | '×' => plain.push('x'),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            'µ' | 'μ' => plain.push('u'),
            '\u{a0}' => plain.push(' '),
            c => {
                let _ = write!(plain, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(plain)
}

/// True for what can change how its neighbours look, or cannot be seen at all.
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{00ad}'
                | '\u{034f}'
                | '\u{061c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_plain_text_is_left_alone() {
        assert!(matches!(
            escaped("GET /cart → 502, Größe 3 µs"),
            Cow::Borrowed("GET /cart → 502, Größe 3 µs")
        ));
    }

    #[test]
    fn an_escape_sequence_is_written_out() {
        assert_eq!(
            escaped("\u{1b}[2J\u{1b}]0;owned\u{7}"),
            r"\x1b[2J\x1b]0;owned\x07"
        );
    }

    #[test]
    fn a_c1_control_is_written_out() {
        assert_eq!(escaped("\u{9b}31m"), r"\u{9b}31m");
    }

    #[test]
    fn turned_reading_direction_is_written_out() {
        assert_eq!(
            escaped("/cart\u{202e}txt.exe\u{2066}"),
            r"/cart\u{202e}txt.exe\u{2066}"
        );
    }

    #[test]
    fn invisible_characters_are_written_out() {
        assert_eq!(
            escaped("a\u{200b}b\u{feff}c\u{ad}d\u{e0041}"),
            r"a\u{200b}b\u{feff}c\u{ad}d\u{e0041}"
        );
    }

    #[test]
    fn a_line_end_cannot_forge_a_line() {
        assert_eq!(
            escaped("GET / HTTP/1.1\r\nVERDICT healthy\t"),
            r"GET / HTTP/1.1\r\nVERDICT healthy\t"
        );
        assert_eq!(
            escaped_lines("one\ntwo\u{1b}\n").collect::<Vec<_>>(),
            ["one", r"two\x1b"]
        );
    }

    #[test]
    fn signs_have_a_plain_form_and_the_rest_is_written_out() {
        assert_eq!(ascii("nginx → ✗ … é"), r"nginx -> x ... \u{e9}");
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left(text in any::<String>()) {
            prop_assert!(!escaped(&text).chars().any(is_deceptive));
        }

        #[test]
        fn nothing_deceptive_is_left_of_the_worst_alphabet(text in "[\\x00-\\x1f\\x7f-\\xa0\u{ad}\u{200b}-\u{2069}\u{feff}a]{0,40}") {
            prop_assert!(!escaped(&text).chars().any(is_deceptive));
        }

        #[test]
        fn ascii_is_ascii(text in any::<String>()) {
            prop_assert!(ascii(&text).is_ascii());
        }
    }
}
