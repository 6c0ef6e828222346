//! Lines and words as httpd's `ap_cfg_getline` and `ap_getword_conf` make them: continuation, trimming,
//! quotes. Every word keeps the place it was written at, through continuation and `${…}`.

/// A stretch of a logical line and where it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// Where it begins in the logical line.
    offset: u32,
    /// Its first byte in the file.
    at: u32,
    /// Written as it stands; otherwise it is the value of a `${…}` that begins at this place.
    verbatim: bool,
}

/// A line after continuation lines were joined and blanks at both ends were taken away.
#[derive(Clone, Debug, Default)]
pub(super) struct LogicalLine {
    pub(super) text: String,
    pub(super) stretches: Vec<Stretch>,
    /// A byte of the last line it takes: of a single one the first of the text.
    pub(super) last_at: u32,
    /// It is one line of the file and stands there as it is.
    pub(super) whole: bool,
}

/// One word of a directive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Without quotes and escapes.
    pub(super) text: String,
    /// Where it begins in the logical line; the quote counts.
    pub(super) offset: usize,
    /// Where it begins in the file.
    pub(super) at: u32,
    /// It stood in quotes.
    pub(super) quoted: bool,
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
        Self {
            text,
            stretches: vec![Stretch {
                offset: 0,
                at: like.place(0),
                verbatim: false,
            }],
            last_at: like.last_at,
            whole: false,
        }
    }

    /// One line of a file as it stands there.
    pub(super) fn verbatim(text: String, at: u32) -> Self {
        Self {
            text,
            stretches: vec![Stretch {
                offset: 0,
                at,
                verbatim: true,
            }],
            last_at: at,
            whole: true,
        }
    }

    /// Where in the file a byte of the text is written.
    pub(super) fn place(&self, offset: usize) -> u32 {
        let offset = number(offset);
        let index = self.stretches.partition_point(|stretch| stretch.offset <= offset);
        let Some(stretch) = index.checked_sub(1).and_then(|index| self.stretches.get(index)) else {
            return self.last_at;
        };
        let further = if stretch.verbatim {
            offset.saturating_sub(stretch.offset)
        } else {
            0
        };
        stretch.at.saturating_add(further)
    }

    /// Puts values in place of `${NAME}`, as httpd does with the whole line before it looks at words. An
    /// unknown name stays, and is told to `unknown` with its offset; so it does when the line would grow
    /// beyond `most` bytes. Values are not looked into again.
    pub(super) fn expand<'v>(
        self,
        most: usize,
        value: impl Fn(&str) -> Option<&'v str>,
        mut unknown: impl FnMut(&str, u32),
    ) -> Self {
        if !self.text.contains("${") {
            return self;
        }
        let mut out = String::with_capacity(self.text.len());
        let mut stretches = Vec::new();
        let mut at = 0;
        let mut push = |out: &str, at: u32, verbatim| {
            stretches.push(Stretch {
                offset: number(out.len()),
                at,
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
            if let Some(value) = value(name).filter(|value| out.len().saturating_add(value.len()) <= most) {
                push(&out, place, false);
                out.push_str(value);
                at = after;
            } else {
                unknown(name, place);
                // The closing brace is left to the next round, as `${a${b}` shows.
                let brace = after.saturating_sub(1);
                self.copy(start, brace, &mut out, &mut push);
                at = brace;
            }
        }
        Self {
            text: out,
            stretches,
            last_at: self.last_at,
            whole: false,
        }
    }

    fn copy(&self, from: usize, to: usize, out: &mut String, push: &mut impl FnMut(&str, u32, bool)) {
        let mut at = from;
        while at < to {
            let offset = number(at);
            let index = self.stretches.partition_point(|stretch| stretch.offset <= offset);
            let next = self
                .stretches
                .get(index)
                .and_then(|next| usize::try_from(next.offset).ok());
            let end = next.map_or(to, |next| next.min(to));
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
}

impl Lines {
    pub(super) fn new(bytes: std::sync::Arc<[u8]>) -> Self {
        Self { bytes, at: 0 }
    }

    /// Nothing was read yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// The next logical line; `None` at the end.
    pub(super) fn next_line(&mut self) -> Option<LogicalLine> {
        let mut logical = LogicalLine::default();
        let mut bytes: Vec<u8> = Vec::new();
        // Where each line begins in what was gathered, and in the file.
        let mut pieces: Vec<(usize, usize)> = Vec::new();
        let mut whole = true;
        let bytes_of_file = std::sync::Arc::clone(&self.bytes);
        loop {
            let rest = bytes_of_file.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
            let end = rest.iter().position(|byte| *byte == b'\n');
            let mut piece = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            pieces.push((bytes.len(), self.at));
            self.at = self
                .at
                .saturating_add(end.map_or(rest.len(), |end| end.saturating_add(1)));
            let nul = piece.iter().position(|byte| *byte == 0);
            whole &= nul.is_none();
            // The C string ends at a NUL, and with it the line.
            piece = piece.get(..nul.unwrap_or(piece.len())).unwrap_or_default();
            bytes.extend_from_slice(piece);
            let mut continued = false;
            if nul.is_none() && end.is_some() {
                // What counts is the end of all that was gathered: after `x\\\` an empty line is continued again.
                let length = bytes.len();
                let without = bytes.strip_suffix(b"\r").unwrap_or(&bytes).len();
                if without
                    .checked_sub(1)
                    .and_then(|last| bytes.get(last))
                    .is_some_and(|byte| *byte == b'\\')
                {
                    bytes.truncate(without.saturating_sub(1).min(length));
                    continued = true;
                    whole = false;
                }
            }
            if !continued {
                break;
            }
        }
        if pieces.is_empty() {
            return None;
        }
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
            .filter_map(|(index, (start, at))| {
                let end = pieces.get(index.saturating_add(1)).map_or(bytes.len(), |next| next.0);
                let first = (*start).max(from);
                (end > first && first < to).then(|| Stretch {
                    offset: number(first.saturating_sub(from)),
                    at: number(at.saturating_add(first.saturating_sub(*start))),
                    verbatim: plain,
                })
            })
            .collect();
        if logical.stretches.is_empty() {
            logical.stretches.push(Stretch {
                offset: 0,
                at: number(pieces.first().map_or(self.at, |piece| piece.1)),
                verbatim: true,
            });
        }
        logical.whole = whole && plain;
        logical.last_at = match pieces.as_slice() {
            [] | [_] => logical.place(0),
            [.., last] => number(last.1),
        };
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
        found.push(Word {
            text,
            offset: start,
            at: line.place(start),
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
        assert_eq!(lines("a\\\\\n\nb\nc"), ["ab", "c"]);
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
        let line = line.expand(99, |name| (name == "x").then_some("one two"), |_, _| {});
        let places: Vec<(String, u32)> =
            words(&line, 0).into_iter().map(|word| (word.text, word.at)).collect();
        let expected = [("A", 2), ("one", 4), ("two", 4), ("b", 14), ("c", 19)];
        assert_eq!(places, expected.map(|(text, at)| (text.to_owned(), at)));
    }
}
