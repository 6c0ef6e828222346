//! Words and statements, cut as `ngx_conf_read_token` cuts them.
//!
//! Every rule of nginx's own reader is kept, also the odd ones (`}` does not end a word, a comment longer
//! than 4096 bytes is an error), but where nginx stops this notes a fault and goes on at a sensible point.

/// The size of nginx's read buffer, in bytes: no word and no comment may be longer.
const BUFFER_BYTES: usize = 4096;

/// One word of a statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// The value, escapes resolved.
    pub(super) text: String,
    /// 1-based line of its first byte.
    pub(super) line: u32,
    /// 1-based byte column of its first byte.
    pub(super) column: u32,
    /// It was written in quotes.
    pub(super) quoted: bool,
    /// 1-based line and byte column after its last byte, a closing quote included.
    pub(super) end: (u32, u32),
}

/// What ended a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// `;`
    Statement,
    /// `{`
    BlockOpen,
    /// `}`
    BlockClose,
    /// The end of the file.
    File,
}

/// One statement, or the opening or closing of a block.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) words: Vec<Word>,
    pub(super) end: End,
    /// 1-based line and column of the byte that ended it.
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Something nginx would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// The reader of one file.
pub(super) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
    line_start: usize,
    window_end: usize,
    pub(super) faults: Vec<Fault>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A count as nginx shows it: never overflows.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            line: 1,
            line_start: 0,
            window_end: 0,
            faults: Vec::new(),
        }
    }

    fn column_of(&self, position: usize) -> u32 {
        number(position.saturating_sub(self.line_start).saturating_add(1))
    }

    fn fault(&mut self, message: String, line: u32, column: u32) {
        self.faults.push(Fault {
            message,
            line,
            column,
        });
    }

    fn chunk(&self, words: Vec<Word>, end: End) -> Chunk {
        Chunk {
            words,
            end,
            line: self.line,
            column: self.column_of(self.at.saturating_sub(1)),
        }
    }

    /// Puts the reader back to the start of the line after `position` (which is in line `line`).
    fn resume_after_line(&mut self, position: usize, line: u32) {
        let rest = self.bytes.get(position..).unwrap_or_default();
        if let Some(offset) = rest.iter().position(|byte| *byte == b'\n') {
            self.at = position.saturating_add(offset).saturating_add(1);
            self.line = line.saturating_add(1);
        } else {
            self.at = self.bytes.len();
            self.line = line;
        }
        self.line_start = self.at;
        self.window_end = self.at;
    }

    /// The next statement, block start or block end.
    pub(super) fn next_chunk(&mut self) -> Chunk {
        let mut words: Vec<Word> = Vec::new();
        let mut start = self.at;
        let (mut start_line, mut start_column) = (self.line, self.column_of(self.at));
        let mut quote = Quote::None;
        let (mut last_space, mut need_space, mut comment) = (true, false, false);
        let (mut variable, mut escaped) = (false, false);
        let mut overlong_at = None;
        loop {
            if self.at >= self.window_end || self.at >= self.bytes.len() {
                if self.at >= self.bytes.len() {
                    return self.end_of_file(words, last_space, quote, start, start_line, start_column);
                }
                if self.at.saturating_sub(start) >= BUFFER_BYTES && overlong_at != Some(start) {
                    overlong_at = Some(start);
                    if quote == Quote::None {
                        let what = if comment { "a comment" } else { "a word" };
                        let message = format!("too long parameter: {what} is longer than 4096 bytes");
                        self.fault(message, start_line, start_column);
                    } else {
                        let sign = if quote == Quote::Double { '"' } else { '\'' };
                        let message =
                            format!("too long parameter, probably missing terminating {sign} character");
                        self.fault(message, start_line, start_column);
                        self.resume_after_line(start, start_line);
                        return self.chunk(words, End::Statement);
                    }
                }
                let from = if overlong_at == Some(start) {
                    self.at
                } else {
                    start
                };
                self.window_end = from.saturating_add(BUFFER_BYTES).min(self.bytes.len());
                self.window_end = self.window_end.max(self.at.saturating_add(1));
            }
            let Some(&byte) = self.bytes.get(self.at) else {
                continue;
            };
            let position = self.at;
            let (line, column) = (self.line, self.column_of(position));
            self.at = self.at.saturating_add(1);
            if byte == b'\n' {
                self.line = self.line.saturating_add(1);
                self.line_start = self.at;
                comment = false;
            }
            if comment {
                continue;
            }
            if escaped {
                escaped = false;
                continue;
            }
            if need_space {
                match byte {
                    _ if is_space(byte) => {
                        last_space = true;
                        need_space = false;
                        continue;
                    }
                    b';' => return self.chunk(words, End::Statement),
                    b'{' => return self.chunk(words, End::BlockOpen),
                    b')' => {}
                    _ => {
                        let shown = char::from(byte);
                        self.fault(
                            format!("unexpected \"{shown}\" after a closing quote"),
                            line,
                            column,
                        );
                    }
                }
                last_space = true;
                need_space = false;
            }
            if last_space {
                start = position;
                (start_line, start_column) = (line, column);
                match byte {
                    _ if is_space(byte) => continue,
                    b';' | b'{' if words.is_empty() => {
                        self.fault(format!("unexpected \"{}\"", char::from(byte)), line, column);
                        if byte == b'{' {
                            return self.chunk(words, End::BlockOpen);
                        }
                        continue;
                    }
                    b';' => return self.chunk(words, End::Statement),
                    b'{' => return self.chunk(words, End::BlockOpen),
                    b'}' => {
                        if let Some(last) = words.last() {
                            let message =
                                format!("unexpected \"}}\": the \";\" after \"{}\" is missing", last.text);
                            let (last_line, last_column) = (last.line, last.column);
                            self.fault(message, last_line, last_column);
                            self.at = position;
                            return self.chunk(words, End::Statement);
                        }
                        return self.chunk(words, End::BlockClose);
                    }
                    b'#' => {
                        comment = true;
                        continue;
                    }
                    b'\\' => escaped = true,
                    b'"' | b'\'' => {
                        start = position.saturating_add(1);
                        quote = if byte == b'"' {
                            Quote::Double
                        } else {
                            Quote::Single
                        };
                    }
                    b'$' => variable = true,
                    _ => {}
                }
                last_space = false;
                continue;
            }
            if byte == b'{' && variable {
                continue;
            }
            variable = false;
            if byte == b'\\' {
                escaped = true;
                continue;
            }
            if byte == b'$' {
                variable = true;
                continue;
            }
            let found = match quote {
                Quote::Double => byte == b'"',
                Quote::Single => byte == b'\'',
                Quote::None => is_space(byte) || byte == b';' || byte == b'{',
            };
            if !found {
                continue;
            }
            let raw = self.bytes.get(start..position).unwrap_or_default();
            words.push(Word {
                text: unescape(raw),
                line: start_line,
                column: start_column,
                quoted: quote != Quote::None,
                end: (line, column.saturating_add(u32::from(quote != Quote::None))),
            });
            if quote == Quote::None {
                last_space = true;
                match byte {
                    b';' => return self.chunk(words, End::Statement),
                    b'{' => return self.chunk(words, End::BlockOpen),
                    _ => {}
                }
            } else {
                quote = Quote::None;
                need_space = true;
            }
        }
    }

    fn end_of_file(
        &mut self,
        mut words: Vec<Word>,
        last_space: bool,
        quote: Quote,
        start: usize,
        start_line: u32,
        start_column: u32,
    ) -> Chunk {
        if words.is_empty() && last_space {
            return self.chunk(words, End::File);
        }
        if quote == Quote::None {
            let pending = self.bytes.get(start..).unwrap_or_default();
            if !last_space
                && !pending.is_empty()
                && words
                    .last()
                    .is_none_or(|word| word.column != start_column || word.line != start_line)
            {
                words.push(Word {
                    text: unescape(pending),
                    line: start_line,
                    column: start_column,
                    quoted: false,
                    end: (self.line, self.column_of(self.at)),
                });
            }
            let message = "unexpected end of file, expecting \";\" or \"}\"".to_owned();
            let (line, column) = words
                .last()
                .map_or((start_line, start_column), |word| (word.line, word.column));
            self.fault(message, line, column);
            self.at = self.bytes.len();
        } else {
            let sign = if quote == Quote::Double { '"' } else { '\'' };
            self.fault(
                format!("unexpected end of file: the closing {sign} is missing"),
                start_line,
                start_column,
            );
            self.resume_after_line(start, start_line);
        }
        self.chunk(words, End::Statement)
    }

    /// Skips the body of a Lua block, whose `{` was just read. False when its `}` is missing.
    pub(super) fn skip_lua(&mut self) -> bool {
        let mut depth = 1_usize;
        // A long bracket without an end is not looked for twice: that would take quadratic time.
        let mut endless: Vec<usize> = Vec::new();
        while let Some(&byte) = self.bytes.get(self.at) {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let length = match byte {
                b'{' => {
                    depth = depth.saturating_add(1);
                    1
                }
                b'}' => {
                    depth = depth.saturating_sub(1);
                    1
                }
                b'"' | b'\'' => lua_string(rest, byte),
                b'[' => lua_long(rest, &mut endless).unwrap_or(1),
                b'-' if rest.get(1) == Some(&b'-') => rest
                    .get(2..)
                    .and_then(|rest| lua_long(rest, &mut endless))
                    .map_or_else(
                        || rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()),
                        |length| length.saturating_add(2),
                    ),
                _ => 1,
            };
            for skipped in rest.iter().take(length) {
                self.at = self.at.saturating_add(1);
                if *skipped == b'\n' {
                    self.line = self.line.saturating_add(1);
                    self.line_start = self.at;
                }
            }
            if depth == 0 {
                self.window_end = self.at;
                return true;
            }
        }
        self.window_end = self.at;
        false
    }
}

/// The length of a quoted Lua string at the start of `rest`; 1 when it is not closed on its line.
fn lua_string(rest: &[u8], quote: u8) -> usize {
    let mut escaped = false;
    for (index, byte) in rest.iter().enumerate().skip(1) {
        match *byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'\n' => return 1,
            byte if byte == quote => return index.saturating_add(1),
            _ => {}
        }
    }
    1
}

/// The length of a Lua long bracket (`[[ ]]`, `[==[ ]==]`) at the start of `rest`.
fn lua_long(rest: &[u8], endless: &mut Vec<usize>) -> Option<usize> {
    let after = rest.strip_prefix(b"[")?;
    let level = after.iter().take_while(|byte| **byte == b'=').count();
    if after.get(level) != Some(&b'[') || endless.contains(&level) {
        return None;
    }
    let mut close = vec![b']'];
    close.extend(std::iter::repeat_n(b'=', level));
    close.push(b']');
    let Some(found) = rest
        .windows(close.len())
        .position(|window| window == close.as_slice())
    else {
        endless.push(level);
        return None;
    };
    Some(found.saturating_add(close.len()))
}

fn unescape(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let replaced = match rest.peek() {
            Some(b'"') => Some(b'"'),
            Some(b'\'') => Some(b'\''),
            Some(b'\\') => Some(b'\\'),
            Some(b't') => Some(b'\t'),
            Some(b'r') => Some(b'\r'),
            Some(b'n') => Some(b'\n'),
            _ => None,
        };
        if let Some(replaced) = replaced {
            rest.next();
            bytes.push(replaced);
        } else {
            bytes.push(b'\\');
        }
    }
    super::uri::text_of(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<String>> {
        let mut lexer = Lexer::new(text.as_bytes());
        let mut all = Vec::new();
        loop {
            let chunk = lexer.next_chunk();
            if chunk.end == End::File {
                return all;
            }
            all.push(chunk.words.into_iter().map(|word| word.text).collect());
        }
    }

    #[test]
    fn a_word_knows_where_it_ends() {
        let mut lexer = Lexer::new(b"a \"b\nc\"\n dd;");
        let ends: Vec<(u32, u32)> = lexer.next_chunk().words.iter().map(|word| word.end).collect();
        assert_eq!(ends, [(1, 2), (2, 3), (3, 4)]);
    }

    #[test]
    fn a_closing_brace_does_not_end_a_word() {
        assert_eq!(words("set $a foo}bar;"), [["set", "$a", "foo}bar"]]);
    }

    #[test]
    fn a_quote_in_a_word_is_literal_and_an_escape_keeps_its_backslash() {
        assert_eq!(words("a foo\"bar baz\";"), [["a", "foo\"bar", "baz\""]]);
        assert_eq!(words("a foo\\ bar \"\\t\\\"x\";"), [["a", "foo\\ bar", "\t\"x"]]);
    }

    #[test]
    fn a_brace_after_a_dollar_belongs_to_the_word() {
        assert_eq!(words("a ${b}c d;"), [["a", "${b}c", "d"]]);
    }

    #[test]
    fn a_missing_semicolon_is_noted_and_the_block_still_ends() {
        let mut lexer = Lexer::new(b"a {\n b c\n}\nd e;");
        let ends: Vec<End> = std::iter::from_fn(|| Some(lexer.next_chunk().end)).take(5).collect();
        assert_eq!(
            ends,
            [
                End::BlockOpen,
                End::Statement,
                End::BlockClose,
                End::Statement,
                End::File
            ]
        );
        assert_eq!(lexer.faults.len(), 1);
        assert_eq!(lexer.faults[0].line, 2);
    }
}
