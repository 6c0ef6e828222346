//! Lines and words as httpd's `ap_cfg_getline` and `ap_getword_conf` make them: continuation, trimming,
//! quotes. Every word keeps the place it was written at, through continuation and `${…}`.

/// A stretch of a logical line and where it was written.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// Where it begins in the logical line.
    offset: usize,
    line: u32,
    column: u32,
    /// Written as it stands; otherwise it is the value of a `${…}` that begins at this place.
    verbatim: bool,
}

/// A line after continuation lines were joined and blanks at both ends were taken away.
#[derive(Clone, Debug, Default)]
pub(super) struct LogicalLine {
    pub(super) text: String,
    stretches: Vec<Stretch>,
    /// The last line it takes.
    pub(super) last_line: u32,
}

/// One word of a directive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Without quotes and escapes.
    pub text: String,
    /// Where it begins, from 1.
    pub line: u32,
    /// In bytes, from 1; the quote counts.
    pub column: u32,
    /// It stood in quotes.
    pub quoted: bool,
}

/// The white space of `isspace(3)` in the C locale.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// A number as lines and columns have it.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl LogicalLine {
    /// A line without a place of its own, such as one of a macro's body after its arguments are put in.
    pub(super) fn replaced(text: String, like: &Self) -> Self {
        let (line, column) = like.place(0);
        Self {
            text,
            stretches: vec![Stretch {
                offset: 0,
                line,
                column,
                verbatim: false,
            }],
            last_line: like.last_line,
        }
    }

    /// Line and column of a byte of the text.
    pub(super) fn place(&self, offset: usize) -> (u32, u32) {
        let index = self.stretches.partition_point(|stretch| stretch.offset <= offset);
        let Some(stretch) = index.checked_sub(1).and_then(|index| self.stretches.get(index)) else {
            return (self.last_line, 1);
        };
        let further = if stretch.verbatim {
            number(offset.saturating_sub(stretch.offset))
        } else {
            0
        };
        (stretch.line, stretch.column.saturating_add(further))
    }

    /// Puts values in place of `${NAME}`, as httpd does with the whole line before it looks at words. An
    /// unknown name stays, and is told to `unknown` with its offset; so it does when the line would grow
    /// beyond `most` bytes. Values are not looked into again.
    pub(super) fn expand(
        self,
        most: usize,
        value: impl Fn(&str) -> Option<String>,
        mut unknown: impl FnMut(&str, u32, u32),
    ) -> Self {
        if !self.text.contains("${") {
            return self;
        }
        let mut out = String::with_capacity(self.text.len());
        let mut stretches = Vec::new();
        let mut at = 0;
        let mut push = |out: &str, (line, column): (u32, u32), verbatim| {
            stretches.push(Stretch {
                offset: out.len(),
                line,
                column,
                verbatim,
            });
        };
        while let Some(rest) = self.text.get(at..).filter(|rest| !rest.is_empty()) {
            let dollar = rest.find("${").unwrap_or(rest.len());
            self.copy(at, at.saturating_add(dollar), &mut out, &mut push);
            let Some(name) = rest.get(dollar.saturating_add(2)..) else {
                break;
            };
            let start = at.saturating_add(dollar);
            let Some(end) = name.find('}') else {
                self.copy(start, self.text.len(), &mut out, &mut push);
                break;
            };
            let name = name.get(..end).unwrap_or_default();
            let after = start.saturating_add(end).saturating_add(3);
            let place = self.place(start);
            match value(name).filter(|value| out.len().saturating_add(value.len()) <= most) {
                Some(value) => {
                    push(&out, place, false);
                    out.push_str(&value);
                    at = after;
                }
                None => {
                    unknown(name, place.0, place.1);
                    // The closing brace is left to the next round, as `${a${b}` shows.
                    let brace = after.saturating_sub(1);
                    self.copy(start, brace, &mut out, &mut push);
                    at = brace;
                }
            }
        }
        Self {
            text: out,
            stretches,
            last_line: self.last_line,
        }
    }

    fn copy(&self, from: usize, to: usize, out: &mut String, push: &mut impl FnMut(&str, (u32, u32), bool)) {
        let mut at = from;
        while at < to {
            let index = self.stretches.partition_point(|stretch| stretch.offset <= at);
            let end = self.stretches.get(index).map_or(to, |next| next.offset.min(to));
            push(out, self.place(at), true);
            out.push_str(self.text.get(at..end).unwrap_or_default());
            at = end.max(at.saturating_add(1));
        }
    }
}

/// Splits a file into logical lines.
pub(super) struct Lines {
    bytes: std::sync::Arc<[u8]>,
    at: usize,
    line: u32,
}

impl Lines {
    pub(super) fn new(bytes: std::sync::Arc<[u8]>) -> Self {
        Self {
            bytes,
            at: 0,
            line: 0,
        }
    }

    /// Nothing was read yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.line == 0
    }

    /// The next logical line; `None` at the end.
    pub(super) fn next_line(&mut self) -> Option<LogicalLine> {
        let mut logical = LogicalLine::default();
        let mut bytes: Vec<u8> = Vec::new();
        let mut pieces: Vec<(usize, u32)> = Vec::new();
        let bytes_of_file = std::sync::Arc::clone(&self.bytes);
        loop {
            let rest = bytes_of_file.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            let mut piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            self.at = self
                .at
                .saturating_add(end.map_or(rest.len(), |end| end.saturating_add(1)));
            self.line = self.line.saturating_add(1);
            pieces.push((bytes.len(), self.line));
            let mut continued = false;
            if let Some(nul) = piece.iter().position(|byte| *byte == 0) {
                // The C string ends here, and with it the line.
                piece = piece.get(..nul).unwrap_or_default();
            } else if end.is_some() {
                let without = piece.strip_suffix(b"\r").unwrap_or(piece);
                if let Some(before) = without.strip_suffix(b"\\") {
                    piece = before;
                    continued = true;
                }
            }
            bytes.extend_from_slice(piece);
            if !continued {
                break;
            }
        }
        if pieces.is_empty() {
            return None;
        }
        logical.last_line = self.line;
        let from = bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
        let to = bytes
            .iter()
            .rposition(|byte| !is_space(*byte))
            .map_or(from, |last| last.saturating_add(1));
        let kept = bytes.get(from..to).unwrap_or_default();
        let plain = std::str::from_utf8(kept).is_ok();
        logical.text = String::from_utf8_lossy(kept).into_owned();
        logical.stretches = pieces
            .iter()
            .enumerate()
            .filter_map(|(index, (start, line))| {
                let end = pieces.get(index.saturating_add(1)).map_or(bytes.len(), |next| next.0);
                let first = (*start).max(from);
                (end > first && first < to).then(|| Stretch {
                    offset: first.saturating_sub(from),
                    line: *line,
                    column: number(first.saturating_sub(*start)).saturating_add(1),
                    verbatim: plain,
                })
            })
            .collect();
        if logical.stretches.is_empty() {
            logical.stretches.push(Stretch {
                offset: 0,
                line: pieces.first().map_or(self.line, |piece| piece.1),
                column: 1,
                verbatim: true,
            });
        }
        Some(logical)
    }
}

/// The next word from `at` on, as `ap_getword_conf` takes it: its text, where it begins, whether it was
/// quoted, and where the next one begins. `None`: nothing but blanks is left.
pub(super) fn next_word(text: &str, at: usize) -> Option<(String, usize, bool, usize)> {
    let bytes = text.as_bytes();
    let skip = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| is_space(*byte)) {
            at = at.saturating_add(1);
        }
        at
    };
    let start = skip(at);
    let first = *bytes.get(start)?;
    let mut word = Vec::new();
    let mut index = start;
    let quote = (first == b'"' || first == b'\'').then_some(first);
    if quote.is_some() {
        index = index.saturating_add(1);
    }
    while let Some(byte) = bytes.get(index).copied() {
        let next = bytes.get(index.saturating_add(1)).copied();
        let ends = match quote {
            Some(quote) => byte == quote,
            None => is_space(byte),
        };
        if ends {
            break;
        }
        if byte == b'\\' && (next == Some(b'\\') || (next.is_some() && next == quote)) {
            word.extend(next);
            index = index.saturating_add(2);
        } else {
            word.push(byte);
            index = index.saturating_add(1);
        }
    }
    if quote.is_some() && index < bytes.len() {
        index = index.saturating_add(1);
    }
    Some((
        String::from_utf8_lossy(&word).into_owned(),
        start,
        quote.is_some(),
        skip(index),
    ))
}

/// A directive with more words than this is kept with the first of them.
const MOST_WORDS: usize = 65_536;

/// All words of a line from `at` on, with their places.
pub(super) fn words(line: &LogicalLine, mut at: usize) -> Vec<Word> {
    let mut found = Vec::new();
    while let Some((text, start, quoted, next)) = next_word(&line.text, at) {
        let (line, column) = line.place(start);
        found.push(Word {
            text,
            line,
            column,
            quoted,
        });
        if found.len() >= MOST_WORDS {
            break;
        }
        at = next;
    }
    found
}

/// The words of a text that has no place.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((word, _, _, next)) = next_word(text, at) {
        found.push(word);
        if found.len() >= MOST_WORDS {
            break;
        }
        at = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        let mut lines = Lines::new(std::sync::Arc::from(text.as_bytes()));
        std::iter::from_fn(|| lines.next_line().map(|line| line.text)).collect()
    }

    #[test]
    fn a_backslash_at_the_very_end_continues_a_line() {
        assert_eq!(lines("a \\\n  b\r\nc\\\r\nd"), ["a   b", "cd"]);
        assert_eq!(lines("# x \\\nServerName a\n"), ["# x ServerName a"]);
        assert_eq!(lines("a \\ \nb"), ["a \\", "b"]);
        assert_eq!(lines("a\\"), ["a\\"]);
        assert_eq!(lines("a\0b\\\nc"), ["a", "c"]);
    }

    #[test]
    fn words_are_split_as_httpd_splits_them() {
        assert_eq!(split(r#"a "b c" 'd "e' f"g"#), ["a", "b c", "d \"e", "f\"g"]);
        assert_eq!(split(r#""a"'b' "c\"\\\x""#), ["a", "b", r#"c"\\x"#]);
        assert_eq!(split(r"a\\b\c"), [r"a\b\c"]);
        assert_eq!(split("\"un closed"), ["un closed"]);
        assert_eq!(split("  "), Vec::<String>::new());
    }

    #[test]
    fn words_know_where_they_were_written() {
        let mut source = Lines::new(std::sync::Arc::from(&b"  A ${x} \\\n   \"b\"  c\n"[..]));
        let line = source.next_line().unwrap_or_default();
        let line = line.expand(
            99,
            |name| (name == "x").then(|| "one two".to_owned()),
            |_, _, _| {},
        );
        let places: Vec<(String, u32, u32)> = words(&line, 0)
            .into_iter()
            .map(|word| (word.text, word.line, word.column))
            .collect();
        let expected = [
            ("A", 1, 3),
            ("one", 1, 5),
            ("two", 1, 5),
            ("b", 2, 4),
            ("c", 2, 9),
        ];
        assert_eq!(
            places,
            expected.map(|(text, line, column)| (text.to_owned(), line, column))
        );
    }
}
