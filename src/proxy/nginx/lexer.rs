//! Words and statements, cut as `ngx_conf_read_token` cuts them.
//!
//! Every rule of nginx's own reader is kept, also the odd ones (`}` does not end a word, a comment longer
//! than 4096 bytes is an error), but where nginx stops this notes a fault and goes on at a sensible point.
//! A token is where a word stands, not its text: most words are looked at once or never.

mod lua;

use std::borrow::Cow;

/// The size of nginx's read buffer, in bytes: no word and no comment may be longer.
const BUFFER_BYTES: usize = 4096;

/// Faults of one file beyond this number say nothing new.
const MOST_FAULTS: usize = 100;

/// The bytes of one file.
#[derive(Clone, Copy)]
pub(super) struct Source<'b> {
    pub(super) bytes: &'b [u8],
    /// The same as text, when it is UTF-8.
    text: Option<&'b str>,
}

impl<'b> Source<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
        }
    }
}

/// Where one word of a statement stands in its file, in bytes from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Token {
    start: u32,
    end: u32,
    /// It was written in quotes.
    pub(super) quoted: bool,
    signs: Signs,
}

/// What was seen in a word while it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signs {
    /// A backslash: without one the word is what is written.
    escape: bool,
    /// A dollar sign outside of quotes, behind which a brace may belong to the word.
    variable: bool,
}

impl Token {
    fn new(start: usize, end: usize, quoted: bool, signs: Signs) -> Self {
        Self {
            start: number(start),
            end: number(end),
            quoted,
            signs,
        }
    }

    /// Its first byte, an opening quote included.
    pub(super) fn start(&self) -> usize {
        index(self.start)
    }

    /// After its last byte, a closing quote included.
    pub(super) fn end(&self) -> usize {
        index(self.end)
    }

    /// True when its text is what is written, without quotes and escapes, and ends at a blank, `;` or `{`.
    pub(super) fn is_plain(&self) -> bool {
        !self.quoted && !self.signs.escape && !self.signs.variable
    }

    /// The bytes between the quotes, or all of them.
    pub(super) fn raw<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let inset = usize::from(self.quoted);
        bytes
            .get(self.start().saturating_add(inset)..self.end().saturating_sub(inset))
            .unwrap_or_default()
    }

    /// The value, escapes resolved.
    pub(super) fn text<'b>(&self, source: Source<'b>) -> Cow<'b, str> {
        if let Some(text) = source.text
            && !self.signs.escape
        {
            let inset = usize::from(self.quoted);
            let range = self.start().saturating_add(inset)..self.end().saturating_sub(inset);
            return Cow::Borrowed(text.get(range).unwrap_or_default());
        }
        let raw = self.raw(source.bytes);
        match std::str::from_utf8(raw) {
            Ok(text) if !self.signs.escape => Cow::Borrowed(text),
            _ => Cow::Owned(unescape(raw)),
        }
    }
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

/// Something nginx would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) message: String,
    /// The byte of the file that it is about, from 0.
    pub(super) at: usize,
}

/// The reader of one file.
pub(super) struct Lexer<'a> {
    source: Source<'a>,
    bytes: &'a [u8],
    at: usize,
    window_end: usize,
    /// The words of the statement that was read last.
    pub(super) words: Vec<Token>,
    pub(super) faults: Faults,
}

/// What is wrong with a file: the first of it, as what follows says nothing new.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    pub(super) fn push(&mut self, fault: Fault) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(fault);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quote {
    None,
    Single,
    Double,
}

impl Quote {
    fn sign(self) -> char {
        if self == Self::Double { '"' } else { '\'' }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The bytes that may end a word without quotes, or change how the next one is read.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let bytes = b" \t\r\n;{\\$";
    let mut at = 0;
    while at < bytes.len() {
        special[bytes[at] as usize] = true;
        at += 1;
    }
    special
};

/// True for what means something else than itself at the start of a word.
fn is_first_special(byte: u8) -> bool {
    matches!(byte, b';' | b'{' | b'}' | b'#' | b'"' | b'\'' | b'\\')
}

fn is_special(byte: u8) -> bool {
    SPECIAL.get(usize::from(byte)).copied().unwrap_or(true)
}

fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// A count as nginx shows it: never overflows.
pub(super) fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self {
            source,
            bytes: source.bytes,
            at: 0,
            window_end: 0,
            words: Vec::new(),
            faults: Faults::default(),
        }
    }

    /// The byte that ended the last statement, from 0.
    pub(super) fn ended_at(&self) -> usize {
        self.at.saturating_sub(1)
    }

    fn fault(&mut self, message: String, at: usize) {
        self.faults.push(Fault { message, at });
    }

    /// Puts the reader back to the start of the line after `position`.
    fn resume_after_line(&mut self, position: usize) {
        let rest = self.bytes.get(position..).unwrap_or_default();
        self.at = memchr::memchr(b'\n', rest).map_or(self.bytes.len(), |offset| {
            position.saturating_add(offset).saturating_add(1)
        });
        self.window_end = self.at;
    }

    /// Goes over bytes that change nothing, within nginx's buffer.
    fn skip_while(&mut self, plain: impl Fn(u8) -> bool) {
        let window = self.bytes.get(self.at..self.window_end).unwrap_or_default();
        let length = window.iter().position(|byte| !plain(*byte)).unwrap_or(window.len());
        self.at = self.at.saturating_add(length);
    }

    /// Reads words without quotes and escapes, and the blanks before them, for as long as they are whole in
    /// nginx's buffer: nearly all words are such. What ends the statement ends this.
    ///
    /// `start` is where that buffer must reach back to: at the last blank, or the word before it.
    fn plain_words(&mut self, start: &mut usize) -> Option<End> {
        loop {
            let before = self.at;
            self.skip_while(is_space);
            if self.at > before {
                *start = self.at.saturating_sub(1);
            }
            let window = self.bytes.get(self.at..self.window_end)?;
            if is_first_special(*window.first()?) {
                return None;
            }
            let mut signs = Signs::default();
            let mut length = 0_usize;
            let sign = loop {
                let rest = window.get(length..)?;
                length = length.saturating_add(rest.iter().position(|byte| is_special(*byte))?);
                match *window.get(length)? {
                    b'$' => {
                        signs.variable = true;
                        // Braces behind it belong to the word.
                        let behind = window.get(length.saturating_add(1)..)?;
                        let braces = behind.iter().position(|byte| *byte != b'{')?;
                        length = length.saturating_add(1).saturating_add(braces);
                    }
                    b'\\' => return None,
                    sign => break sign,
                }
            };
            let end = self.at.saturating_add(length);
            self.words.push(Token::new(self.at, end, false, signs));
            *start = self.at;
            self.at = end.saturating_add(1);
            match sign {
                b';' => return Some(End::Statement),
                b'{' => return Some(End::BlockOpen),
                _ => {}
            }
        }
    }

    /// The next statement, block start or block end; its words stand in `words`.
    pub(super) fn next_statement(&mut self) -> End {
        self.words.clear();
        // Where nginx's own buffer must reach back to, and the first byte of the word.
        let mut start = self.at;
        let mut first = self.at;
        let mut quote = Quote::None;
        let (mut last_space, mut need_space, mut comment) = (true, false, false);
        let (mut variable, mut escaped) = (false, false);
        let mut signs = Signs::default();
        let mut overlong_at = None;
        loop {
            if self.at >= self.window_end || self.at >= self.bytes.len() {
                if self.at >= self.bytes.len() {
                    return self.end_of_file(last_space, quote, start, first, signs);
                }
                if self.at.saturating_sub(start) >= BUFFER_BYTES && overlong_at != Some(start) {
                    overlong_at = Some(start);
                    if quote == Quote::None {
                        let what = if comment { "a comment" } else { "a word" };
                        let message = format!("too long parameter: {what} is longer than 4096 bytes");
                        self.fault(message, first);
                    } else {
                        let sign = quote.sign();
                        let message =
                            format!("too long parameter, probably missing terminating {sign} character");
                        self.fault(message, first);
                        self.resume_after_line(start);
                        return End::Statement;
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
            if comment {
                self.skip_while(|byte| byte != b'\n');
            } else if last_space && !escaped && !need_space {
                let before = start;
                if let Some(end) = self.plain_words(&mut start) {
                    return end;
                }
                if start != before {
                    first = start;
                }
            } else if !escaped && !variable && !need_space {
                match quote {
                    Quote::None => self.skip_while(|byte| !is_special(byte)),
                    Quote::Single => self.skip_while(|byte| byte != b'\'' && byte != b'\\'),
                    Quote::Double => self.skip_while(|byte| byte != b'"' && byte != b'\\'),
                }
            }
            let Some(&byte) = self.bytes.get(self.at).filter(|_| self.at < self.window_end) else {
                continue;
            };
            let position = self.at;
            self.at = self.at.saturating_add(1);
            comment &= byte != b'\n';
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
                    b';' => return End::Statement,
                    b'{' => return End::BlockOpen,
                    b')' => {}
                    _ => {
                        let shown = char::from(byte);
                        self.fault(format!("unexpected \"{shown}\" after a closing quote"), position);
                    }
                }
                last_space = true;
                need_space = false;
            }
            if last_space {
                (start, first) = (position, position);
                signs = Signs {
                    escape: byte == b'\\',
                    variable: byte == b'$',
                };
                match byte {
                    _ if is_space(byte) => continue,
                    b';' | b'{' if self.words.is_empty() => {
                        self.fault(format!("unexpected \"{}\"", char::from(byte)), position);
                        if byte == b'{' {
                            return End::BlockOpen;
                        }
                        continue;
                    }
                    b';' => return End::Statement,
                    b'{' => return End::BlockOpen,
                    b'}' => {
                        let Some(last) = self.words.last().copied() else {
                            return End::BlockClose;
                        };
                        let message = format!(
                            "unexpected \"}}\": the \";\" after \"{}\" is missing",
                            last.text(self.source)
                        );
                        self.fault(message, last.start());
                        self.at = position;
                        return End::Statement;
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
                (escaped, signs.escape) = (true, true);
                continue;
            }
            if byte == b'$' {
                (variable, signs.variable) = (true, true);
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
            let quoted = quote != Quote::None;
            let end = position.saturating_add(usize::from(quoted));
            self.words.push(Token::new(first, end, quoted, signs));
            if quoted {
                quote = Quote::None;
                need_space = true;
            } else {
                last_space = true;
                match byte {
                    b';' => return End::Statement,
                    b'{' => return End::BlockOpen,
                    _ => {}
                }
            }
        }
    }

    fn end_of_file(
        &mut self,
        last_space: bool,
        quote: Quote,
        start: usize,
        first: usize,
        signs: Signs,
    ) -> End {
        if self.words.is_empty() && last_space {
            return End::File;
        }
        if quote == Quote::None {
            if !last_space
                && start < self.bytes.len()
                && self.words.last().is_none_or(|word| word.start() != first)
            {
                self.words.push(Token::new(first, self.bytes.len(), false, signs));
            }
            let message = "unexpected end of file, expecting \";\" or \"}\"".to_owned();
            let at = self.words.last().map_or(first, Token::start);
            self.fault(message, at);
            self.at = self.bytes.len();
        } else {
            let sign = quote.sign();
            self.fault(
                format!("unexpected end of file: the closing {sign} is missing"),
                first,
            );
            self.resume_after_line(start);
        }
        End::Statement
    }
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
        let source = Source::new(text.as_bytes());
        let mut lexer = Lexer::new(source);
        let mut all = Vec::new();
        while lexer.next_statement() != End::File {
            let words = lexer.words.iter();
            all.push(words.map(|word| word.text(source).into_owned()).collect());
        }
        all
    }

    #[test]
    fn a_word_knows_where_it_ends() {
        let mut lexer = Lexer::new(Source::new(b"a \"b\nc\"\n dd;"));
        lexer.next_statement();
        let ends: Vec<usize> = lexer.words.iter().map(Token::end).collect();
        assert_eq!(ends, [1, 7, 11]);
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
    fn words_are_the_same_wherever_the_buffer_of_nginx_ends() {
        for before in (4_000..4_200).chain(8_100..8_300) {
            let lines = "set $a b;\n".repeat(before / 10);
            let blanks = " ".repeat(before % 10);
            let text = format!("{lines}{blanks}p \\;q ${{{{h}}x $c d$ \"e $f\" ;g $;");
            let mut found = words(&text);
            assert_eq!(found.pop().unwrap_or_default(), ["g", "$"], "{before}");
            let last = found.pop().unwrap_or_default();
            assert_eq!(last, ["p", "\\;q", "${{h}x", "$c", "d$", "e $f"], "{before}");
            let others = found.iter().filter(|words| *words != &["set", "$a", "b"]);
            assert_eq!(others.count(), 0, "{before}");
        }
    }

    #[test]
    fn a_missing_semicolon_is_noted_and_the_block_still_ends() {
        let mut lexer = Lexer::new(Source::new(b"a {\n b c\n}\nd e;"));
        let ends: Vec<End> = std::iter::from_fn(|| Some(lexer.next_statement())).take(5).collect();
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
        assert_eq!(lexer.faults.0.len(), 1);
        assert_eq!(lexer.faults.0[0].at, 7);
    }
}
