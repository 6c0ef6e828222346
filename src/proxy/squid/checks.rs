//! Values that Squid stops at, by the type of their directive.

use super::directives;
use super::source::Statement;
use super::words;
use crate::evidence::ProblemLevel;

/// What kind of problem, at which word (`None`: the directive), how bad, in words.
pub(super) type Found = (&'static str, Option<usize>, ProblemLevel, String);

/// Checks the value of a directive of this type. Types not named here are taken as they are.
pub(super) fn value(kind: &str, statement: &Statement) -> Vec<Found> {
    let name = statement.name();
    let first = statement.word(0);
    let refuse = |word: usize, message: String| vec![("value", Some(word), ProblemLevel::Error, message)];
    let missing = || vec![("value", None, ProblemLevel::Error, format!("{name} has no value"))];
    let whole = |text: &str| words::integer(text);
    match kind {
        "onoff" if first.is_empty() => missing(),
        "onoff" if !matches!(first, "on" | "off") => {
            refuse(0, format!("{name} is either on or off, not \"{first}\""))
        }
        "int" | "int64_t" | "u_short" | "b_int64_t" | "b_size_t" | "kb_int64_t" | "string" | "time_t"
        | "time_msec"
            if first.is_empty() =>
        {
            missing()
        }
        "int" if whole(first).is_none_or(|number| i32::try_from(number).is_err()) => {
            refuse(0, format!("\"{first}\" is no whole number"))
        }
        "u_short" if whole(first).is_none_or(|number| u16::try_from(number).is_err()) => {
            refuse(0, format!("\"{first}\" is no whole number up to 65535"))
        }
        "time_t" | "time_msec" => {
            if words::time_ms(first, "seconds").is_none() {
                refuse(0, format!("\"{first}\" is no number"))
            } else if statement.word(1).is_empty() {
                refuse(
                    0,
                    format!("{name} has a number without a unit (second, minute, hour, …)"),
                )
            } else if words::time_ms(first, statement.word(1)).is_none() {
                refuse(1, format!("\"{}\" is no unit of time", statement.word(1)))
            } else {
                Vec::new()
            }
        }
        "b_int64_t" | "b_size_t" | "kb_int64_t" => {
            if words::size_bytes(first, "", 1).is_none() && first != "none" {
                refuse(0, format!("\"{first}\" is no number"))
            } else if !statement.word(1).is_empty()
                && words::size_bytes(first, statement.word(1), 1).is_none()
                && first != "none"
            {
                refuse(1, format!("\"{}\" is no unit of size", statement.word(1)))
            } else {
                Vec::new()
            }
        }
        "logformat" if statement.count() < 2 => missing(),
        "acl_address" => match super::address::Range::read(first) {
            _ if first.is_empty() => missing(),
            Err(super::address::Fault::Address | super::address::Fault::Mask) => {
                refuse(0, format!("\"{first}\" is no address"))
            }
            _ => Vec::new(),
        },
        "refreshpattern" => {
            let given = statement.words().filter(|word| !matches!(*word, "-i" | "+i")).count();
            if given < 4 { missing() } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}

/// From which of its words on a statement of this type names lists.
pub(super) fn acl_words(kind: &str, statement: &Statement) -> usize {
    match kind {
        "acl_address" => 1,
        "access_log" if statement.word(0) == "none" => 1,
        "access_log" => {
            let options = statement.words_from(1).take_while(|word| word.contains('='));
            match options.count() {
                // The word after the target is the name of a format, when it is no list.
                0 => usize::MAX,
                options => options.saturating_add(1),
            }
        }
        _ => usize::MAX,
    }
}

/// The directive that a misspelt word is likely to be: one or two letters away.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, directives::names())
}

/// The one of some names that a misspelt one is likely to be: one or two letters away.
pub(super) fn nearest_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() < 4 || name.len() > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for known in names {
        if known.len().abs_diff(name.len()) > 2 {
            continue;
        }
        let distance = distance(name.as_bytes(), known.as_bytes());
        if distance <= 2 && best.is_none_or(|best| (distance, known) < best) {
            best = Some((distance, known));
        }
    }
    best.map(|(_, known)| known)
}

/// How many letters differ; both have at most 66 bytes.
fn distance(left: &[u8], right: &[u8]) -> usize {
    let mut row = [0_usize; 67];
    for (index, cell) in row.iter_mut().enumerate() {
        *cell = index;
    }
    for (index, byte) in left.iter().enumerate() {
        let mut diagonal = index;
        let mut before = index.saturating_add(1);
        row[0] = before;
        for (other, above) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(byte != other));
            before = replaced.min(above.saturating_add(1)).min(before.saturating_add(1));
            diagonal = *above;
            *above = before;
        }
    }
    row.get(right.len()).copied().unwrap_or(usize::MAX)
}
