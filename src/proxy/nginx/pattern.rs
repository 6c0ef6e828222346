//! Regular expressions: from PCRE as nginx has it to the engine used here.

use std::collections::BTreeMap;

use fancy_regex::Regex;

/// What a match caught.
#[derive(Clone, Debug, Default)]
pub(in crate::proxy) struct Captures {
    /// Group 0 is the whole match.
    pub(in crate::proxy) numbered: Vec<Option<String>>,
    /// Named groups; empty text for a group that took no part.
    pub(in crate::proxy) named: BTreeMap<String, String>,
}

/// Matches a text. The error says why it cannot be decided.
pub(in crate::proxy) fn matches(
    pattern: &str,
    caseless: bool,
    text: &str,
) -> Result<Option<Captures>, String> {
    let regex = compile(pattern, caseless)?;
    let found = regex
        .captures(text)
        .map_err(|_| format!("the regular expression \"{pattern}\" takes too long to match"))?;
    Ok(found.map(|captures| Captures {
        numbered: captures
            .iter()
            .map(|group| group.map(|group| group.as_str().to_owned()))
            .collect(),
        named: regex
            .capture_names()
            .flatten()
            .map(|name| {
                (
                    name.to_owned(),
                    captures
                        .name(name)
                        .map(|group| group.as_str().to_owned())
                        .unwrap_or_default(),
                )
            })
            .collect(),
    }))
}

fn compile(pattern: &str, caseless: bool) -> Result<Regex, String> {
    let mut text = String::with_capacity(pattern.len().saturating_add(4));
    if caseless {
        text.push_str("(?i)");
    }
    translate(pattern, &mut text);
    Regex::new(&text).map_err(|_| format!("the regular expression \"{pattern}\" cannot be evaluated here"))
}

/// PCRE takes some characters literally that the engine here takes as syntax: `{` that is no repetition,
/// and `[`, `&&`, `--`, `~~` in a class.
fn translate(pattern: &str, into: &mut String) {
    let characters: Vec<char> = pattern.chars().collect();
    let mut index = 0;
    let mut class_start = None;
    while let Some(&character) = characters.get(index) {
        let next = characters.get(index + 1).copied();
        match character {
            '\\' => {
                into.push('\\');
                if let Some(next) = next {
                    into.push(next);
                    index += 1;
                }
            }
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
