//! Words of a line as Squid cuts them, and the numbers, times and sizes among them.

/// One word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// Where it begins in the joined line, in bytes.
    pub(super) offset: usize,
    /// It was written in quotes that Squid understands.
    pub(super) quoted: bool,
}

/// What is wrong with a line, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) offset: usize,
}

/// A count as places hold it: never overflows.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// What C calls white space.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// What separates words.
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Cuts what follows a directive; `base` is the offset of `text` in its line. A `#` at the start of a word ends it.
pub(super) fn cut(text: &str, base: usize, quoted_values: bool) -> (Vec<Word>, Option<Fault>) {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        while bytes.get(at).copied().is_some_and(is_separator) {
            at = at.saturating_add(1);
        }
        match bytes.get(at) {
            None | Some(b'#') => return (found, None),
            Some(quote @ (b'"' | b'\'')) if quoted_values => {
                let Some((value, end)) = unquote(text, at, *quote) else {
                    let message = "a quoted value is not ended".to_owned();
                    let offset = base.saturating_add(at);
                    return (found, Some(Fault { message, offset }));
                };
                found.push(Word {
                    text: value,
                    offset: base.saturating_add(at),
                    quoted: true,
                });
                at = end;
            }
            Some(_) => {
                let start = at;
                while bytes.get(at).is_some_and(|byte| !is_separator(*byte)) {
                    at = at.saturating_add(1);
                }
                found.push(Word {
                    text: text.get(start..at).unwrap_or_default().to_owned(),
                    offset: base.saturating_add(start),
                    quoted: false,
                });
            }
        }
    }
}

/// The value between quotes with its backslashes taken away, and the offset after the closing quote.
fn unquote(text: &str, start: usize, quote: u8) -> Option<(String, usize)> {
    let mut value = Vec::new();
    let mut bytes = text.bytes().enumerate().skip(start.saturating_add(1));
    while let Some((index, byte)) = bytes.next() {
        if byte == quote {
            return Some((
                String::from_utf8_lossy(&value).into_owned(),
                index.saturating_add(1),
            ));
        }
        if byte == b'\\' {
            value.push(bytes.next()?.1);
        } else {
            value.push(byte);
        }
    }
    None
}

/// The words of an `include` line: quotes group, a backslash takes the next byte as it is.
pub(super) fn shell_words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut in_quotes = false;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            ' ' | '\t' | '\r' | '\n' if !in_quotes => found.extend(word.take()),
            '"' => {
                in_quotes = !in_quotes;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    found.extend(word);
    found
}

/// The words of a pattern list: a backslash keeps the blank after it in the word.
pub(super) fn cut_patterns(text: &str, base: usize) -> Vec<Word> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0_usize;
    loop {
        while bytes.get(at).copied().is_some_and(is_separator) {
            at = at.saturating_add(1);
        }
        if matches!(bytes.get(at), None | Some(b'#')) {
            return found;
        }
        let start = at;
        while let Some(byte) = bytes.get(at) {
            if is_separator(*byte) {
                break;
            }
            at = at.saturating_add(if *byte == b'\\' { 2 } else { 1 });
        }
        at = at.min(bytes.len());
        let end = (at..=bytes.len())
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(bytes.len());
        at = end;
        found.push(Word {
            text: text.get(start..end).unwrap_or_default().to_owned(),
            offset: base.saturating_add(start),
            quoted: false,
        });
    }
}

/// A whole number as C reads it: sign, decimal, `0x` or octal with a leading `0`.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let magnitude = if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        plain(hex, 16)?
    } else if digits.len() > 1 && digits.starts_with('0') {
        plain(digits, 8)?
    } else {
        plain(digits, 10)?
    };
    if negative {
        magnitude.checked_neg()
    } else {
        Some(magnitude)
    }
}

fn plain(digits: &str, radix: u32) -> Option<i64> {
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i64::from_str_radix(digits, radix).ok()
}

/// A number and a unit, in thousandths of the number: `1.5` is 1500. At most nine digits before the point.
fn thousandths(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() && part.is_empty() || !digits(whole) || !digits(part) {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut part: String = part.chars().take(3).collect();
    while part.len() < 3 {
        part.push('0');
    }
    whole.checked_mul(1000)?.checked_add(part.parse().ok()?)
}

fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// A time of two words, in milliseconds. `None`: not a number, no unit, or an unknown one.
pub(super) fn time_ms(value: &str, unit: &str) -> Option<u64> {
    const UNITS: &[(&str, u64)] = &[
        ("second", 1000),
        ("minute", 60_000),
        ("hour", 3_600_000),
        ("day", 86_400_000),
        ("week", 604_800_000),
        ("fortnight", 1_209_600_000),
        ("month", 2_592_000_000),
        ("year", 31_557_790_080),
        ("decade", 315_577_900_800),
        ("millisecond", 1),
    ];
    let factor = UNITS.iter().find(|(name, _)| starts(unit, name))?.1;
    Some(thousandths(value)?.saturating_mul(factor) / 1000)
}

/// A size of two words, in bytes. An empty unit is `default_unit`.
pub(super) fn size_bytes(value: &str, unit: &str, default_unit: u64) -> Option<u64> {
    const UNITS: &[(&str, u64)] = &[("bytes", 1), ("KB", 1 << 10), ("MB", 1 << 20), ("GB", 1 << 30)];
    let factor = if unit.is_empty() {
        default_unit
    } else {
        UNITS.iter().find(|(name, _)| starts(unit, name))?.1
    };
    Some(thousandths(value)?.saturating_mul(factor) / 1000)
}

/// A port: a number from 1, or one of the services that every system knows.
pub(super) fn port(text: &str) -> Option<u16> {
    match text {
        "http" => Some(80),
        "https" => Some(443),
        "http-alt" | "webcache" => Some(8080),
        "icpv2" | "icp" => Some(3130),
        _ => u16::try_from(integer(text)?).ok(),
    }
}
