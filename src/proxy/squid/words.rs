//! Words of a line as Squid cuts them, and the numbers, times and sizes among them.

/// One word: a stretch of the text of its statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    start: u32,
    end: u32,
}

/// Before the value of a word in quotes, where it stands in the joined line: four bytes of seven bits each.
const MARK_BYTES: usize = 5;

impl Word {
    fn new(start: usize, end: usize) -> Self {
        Self {
            start: number(start),
            end: number(end),
        }
    }

    fn bounds(self) -> (usize, usize) {
        let wide = |value| usize::try_from(value).unwrap_or(usize::MAX);
        (wide(self.start), wide(self.end))
    }

    /// Its text, of the text of its statement.
    pub(super) fn text(self, text: &str) -> &str {
        let (start, end) = self.bounds();
        text.get(start..end).unwrap_or_default()
    }

    /// It was written in quotes that Squid understands, so its value stands behind the line.
    pub(super) fn is_quoted(self, line_end: usize) -> bool {
        self.bounds().0 > line_end
    }

    /// Where it begins in the joined line, in bytes.
    pub(super) fn offset(self, text: &str, line_end: usize) -> usize {
        let (start, _) = self.bounds();
        if !self.is_quoted(line_end) {
            return start;
        }
        let mark = text.as_bytes().get(start.saturating_sub(MARK_BYTES)..start);
        let digits = mark.unwrap_or_default().iter().rev();
        digits.fold(0, |offset, digit| (offset << 7) | usize::from(*digit))
    }
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

/// Cuts what follows a directive, from the offset `from` of the line on. A `#` at the start of a word ends it.
/// The values of words in quotes are put behind the line.
pub(super) fn cut(text: &mut String, from: usize, quoted_values: bool) -> (Vec<Word>, Option<Fault>) {
    let mut found = Vec::new();
    let mut values = String::new();
    let line_end = text.len();
    let bytes = text.as_bytes();
    let mut at = from;
    let mut fault = None;
    loop {
        while bytes.get(at).copied().is_some_and(is_separator) {
            at = at.saturating_add(1);
        }
        match bytes.get(at) {
            None | Some(b'#') => break,
            Some(quote @ (b'"' | b'\'')) if quoted_values => {
                for place in 0..MARK_BYTES {
                    let digit = at.checked_shr(number(place).saturating_mul(7)).unwrap_or(0) & 0x7f;
                    values.push(char::from(u8::try_from(digit).unwrap_or(0)));
                }
                let start = line_end.saturating_add(values.len());
                let Some(end) = unquote(bytes, at, *quote, &mut values) else {
                    let message = "a quoted value is not ended".to_owned();
                    fault = Some(Fault { message, offset: at });
                    break;
                };
                found.push(Word::new(start, line_end.saturating_add(values.len())));
                at = end;
            }
            Some(_) => {
                let start = at;
                while bytes.get(at).is_some_and(|byte| !is_separator(*byte)) {
                    at = at.saturating_add(1);
                }
                found.push(Word::new(start, at));
            }
        }
    }
    text.push_str(&values);
    (found, fault)
}

/// Adds the value between quotes with its backslashes taken away; the offset after the closing quote.
fn unquote(bytes: &[u8], start: usize, quote: u8, into: &mut String) -> Option<usize> {
    let mut value = Vec::new();
    let mut rest = bytes.iter().enumerate().skip(start.saturating_add(1));
    while let Some((index, byte)) = rest.next() {
        if *byte == quote {
            into.push_str(&String::from_utf8_lossy(&value));
            return Some(index.saturating_add(1));
        }
        value.push(if *byte == b'\\' { *rest.next()?.1 } else { *byte });
    }
    None
}

/// The words of an `include` line: quotes group, a backslash takes the next byte as it is.
pub(super) fn shell_words(text: &str) -> impl Iterator<Item = String> {
    let mut characters = text.chars();
    std::iter::from_fn(move || {
        let mut word: Option<String> = None;
        let mut in_quotes = false;
        while let Some(character) = characters.next() {
            match character {
                ' ' | '\t' | '\r' | '\n' if !in_quotes => {
                    if word.is_some() {
                        return word;
                    }
                }
                '"' => {
                    in_quotes = !in_quotes;
                    word.get_or_insert_default();
                }
                '\\' => word.get_or_insert_default().extend(characters.next()),
                _ => word.get_or_insert_default().push(character),
            }
        }
        word
    })
}

/// The words of a pattern list: a backslash keeps the blank after it in the word.
pub(super) fn cut_patterns(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    std::iter::from_fn(move || {
        while bytes.get(at).copied().is_some_and(is_separator) {
            at = at.saturating_add(1);
        }
        if matches!(bytes.get(at), None | Some(b'#')) {
            return None;
        }
        let start = at;
        while let Some(byte) = bytes.get(at) {
            if is_separator(*byte) {
                break;
            }
            at = at.saturating_add(if *byte == b'\\' { 2 } else { 1 });
        }
        at = at.min(bytes.len());
        at = (at..=bytes.len())
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(bytes.len());
        text.get(start..at)
    })
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
