//! Regular expressions: from PCRE as nginx has it to the engine used here.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use fancy_regex::Regex;
use foldhash::HashMap;

use super::uri;

/// What a match caught.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Captures {
    /// Group 0 is the whole match.
    pub(in crate::proxy) numbered: Vec<Option<String>>,
    /// Named groups; empty text for a group that took no part.
    pub(in crate::proxy) named: BTreeMap<String, String>,
}

/// Compiled expressions kept for a thread; emptied when there are too many.
const MOST_KEPT: usize = 2048;

type Compiled = Result<Rc<Regex>, String>;

thread_local! {
    static KEPT: RefCell<HashMap<(bool, bool, String), Compiled>> = RefCell::new(HashMap::default());
}

/// Matches a text. The error says why it cannot be decided.
pub(in crate::proxy) fn matches(
    pattern: &str,
    caseless: bool,
    text: &str,
) -> Result<Option<Captures>, String> {
    // PCRE sees bytes here: a character of two bytes is two characters for it.
    let plain = text.is_ascii() && pattern.is_ascii();
    let (bytewise, shown) = if plain {
        (Cow::Borrowed(text), Cow::Borrowed(pattern))
    } else {
        (Cow::Owned(characters(text)), Cow::Owned(characters(pattern)))
    };
    let regex = compile(&shown, caseless, text.ends_with('\n'))
        .map_err(|()| format!("the regular expression \"{pattern}\" cannot be evaluated here"))?;
    let found = regex
        .captures(&bytewise)
        .map_err(|_| format!("the regular expression \"{pattern}\" takes too long to match"))?;
    let own = |group: &str| {
        if plain { group.to_owned() } else { bytes(group) }
    };
    Ok(found.map(|captures| Captures {
        numbered: captures
            .iter()
            .map(|group| group.map(|group| own(group.as_str())))
            .collect(),
        named: regex
            .capture_names()
            .flatten()
            .map(|name| {
                let value = captures.name(name).map(|group| own(group.as_str()));
                (name.to_ascii_lowercase(), value.unwrap_or_default())
            })
            .collect(),
    }))
}

/// One character for each byte of a text.
fn characters(text: &str) -> String {
    uri::bytes_of(text).into_iter().map(char::from).collect()
}

/// The text that [`characters`] was made from.
fn bytes(characters: &str) -> String {
    let bytes: Vec<u8> = characters.chars().filter_map(|c| u8::try_from(c).ok()).collect();
    uri::text_of(&bytes)
}

fn compile(pattern: &str, caseless: bool, before_newline: bool) -> Result<Rc<Regex>, ()> {
    KEPT.with_borrow_mut(|kept| {
        let key = (caseless, before_newline, pattern.to_owned());
        if let Some(known) = kept.get(&key) {
            return known.clone().map_err(|_| ());
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let mut text = String::with_capacity(pattern.len().saturating_add(4));
        if caseless {
            text.push_str("(?i)");
        }
        translate(pattern, before_newline, &mut text);
        let compiled = Regex::new(&text).map(Rc::new).map_err(|error| error.to_string());
        kept.insert(key, compiled.clone());
        compiled.map_err(|_| ())
    })
}

/// PCRE takes some characters literally that the engine here takes as syntax: `{` that is no repetition,
/// and `[`, `&&`, `--`, `~~` in a class. `\d`, `\w` and `\s` are ASCII there, and `$` also matches before a
/// newline at the end.
fn translate(pattern: &str, before_newline: bool, into: &mut String) {
    let characters: Vec<char> = pattern.chars().collect();
    let mut index = 0;
    let mut class_start = None;
    while let Some(&character) = characters.get(index) {
        let next = characters.get(index + 1).copied();
        match character {
            '\\' => {
                let inside = class_start.is_some();
                index += 1;
                match next {
                    Some(class @ ('d' | 'w' | 's')) if inside => into.push_str(members(class)),
                    Some(class @ ('d' | 'w' | 's')) => {
                        into.push('[');
                        into.push_str(members(class));
                        into.push(']');
                    }
                    Some(class @ ('D' | 'W' | 'S')) => {
                        into.push_str("[^");
                        into.push_str(members(class.to_ascii_lowercase()));
                        into.push(']');
                    }
                    Some(border @ ('b' | 'B')) if !inside => {
                        into.push_str("(?-u:\\");
                        into.push(border);
                        into.push(')');
                    }
                    // These are borders of words in the engine here.
                    Some(sign @ ('<' | '>')) => into.push(sign),
                    Some(next) => {
                        into.push('\\');
                        into.push(next);
                    }
                    None => into.push('\\'),
                }
            }
            '$' if class_start.is_none() && before_newline => into.push_str("(?=\\n?\\z)"),
            '[' if class_start.is_none() => {
                into.push('[');
                if next == Some('^') {
                    into.push('^');
                    index += 1;
                }
                if characters.get(index + 1) == Some(&']') {
                    into.push_str("\\]");
                    index += 1;
                }
                class_start = Some(index);
            }
            '[' if next != Some(':') => into.push_str("\\["),
            '[' => {
                // A POSIX class: its own `]` does not end the outer class.
                let rest = characters.get(index..).unwrap_or_default();
                if let Some(end) = rest.windows(2).position(|pair| pair == [':', ']']) {
                    into.extend(rest.get(..end + 2).unwrap_or_default());
                    index += end + 1;
                } else {
                    into.push_str("\\[");
                }
            }
            ']' if class_start.is_some() => {
                into.push(']');
                class_start = None;
            }
            '&' | '~' if class_start.is_some() => {
                into.push('\\');
                into.push(character);
            }
            '{' if class_start.is_none() && !repetition(characters.get(index + 1..).unwrap_or_default()) => {
                into.push_str("\\{");
            }
            _ => into.push(character),
        }
        index += 1;
    }
}

/// The members of an ASCII class.
fn members(class: char) -> &'static str {
    match class {
        'd' => "0-9",
        'w' => "0-9A-Za-z_",
        _ => "\\t\\n\\x0B\\x0C\\r ",
    }
}

/// True for what follows the brace of `{2}`, `{2,}`, `{2,3}`.
fn repetition(rest: &[char]) -> bool {
    let Some(end) = rest.iter().position(|character| *character == '}') else {
        return false;
    };
    let inside: String = rest.iter().take(end).collect();
    let (low, high) = inside.split_once(',').unwrap_or((inside.as_str(), ""));
    !low.is_empty() && low.bytes().chain(high.bytes()).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_as_pcre_takes_them() {
        assert!(matches("^/a{x", false, "/a{x").is_ok_and(|found| found.is_some()));
        assert!(matches("[[a]", false, "[").is_ok_and(|found| found.is_some()));
        assert!(matches("^/\\d{2}$", false, "/12").is_ok_and(|found| found.is_some()));
        assert!(matches("\\.PHP$", true, "/x.php").is_ok_and(|found| found.is_some()));
        let captures = matches("^(?<first>.)(.)", false, "ab")
            .ok()
            .flatten()
            .unwrap_or_default();
        assert_eq!(captures.named["first"], "a");
        assert_eq!(captures.numbered[2].as_deref(), Some("b"));
    }
}
