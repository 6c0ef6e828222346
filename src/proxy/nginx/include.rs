//! From files to the tree: statements, blocks, `include`, `*_by_lua_block`.
//!
//! Includes are opened at once, in place, relative to the main file's directory, as nginx does; loops,
//! depth and amount are bounded here because nginx itself does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lexer::{End, Fault, Faults, Lexer, Source, Token};
use super::tree::{NodeId, ROOT, SourceFile, Tree};
use super::{Files, directives, uri};
use crate::evidence::{ConfigProblem, Place, ProblemLevel};

/// Blocks deeper than this are read but not kept.
const DEEPEST_BLOCK: usize = 100;
/// Includes deeper than this are a loop in practice.
const DEEPEST_INCLUDE: usize = 40;
/// No configuration has more directives, includes counted each time.
const MOST_NODES: usize = 1_000_000;
/// Problems beyond this number say nothing new.
const MOST_PROBLEMS: usize = 1_000;
/// A pattern that stands for this many files is read by two threads: below it, starting one takes longer.
const WORTH_A_THREAD: usize = 16;

pub(super) struct Reader<'a> {
    files: &'a dyn Files,
    pub(super) tree: Tree,
    pub(super) errors: Vec<ConfigProblem>,
    /// Known files: their index in the tree, or why they cannot be read.
    known: BTreeMap<String, Result<usize, String>>,
    open: Vec<String>,
    /// The directory that relative includes start from.
    pub(super) base: String,
    full: bool,
    /// It reads a share of the files of a pattern, and shares them with nobody in turn.
    is_share: bool,
}

/// Reads the main file with everything it includes.
pub(super) fn read_all(main_file: &str, files: &dyn Files) -> (Tree, Vec<ConfigProblem>) {
    let mut reader = Reader::new(files);
    main_file
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory)
        .clone_into(&mut reader.base);
    let place = Place {
        file: main_file.to_owned(),
        line: 0,
        column: 0,
    };
    match reader.load(main_file) {
        Ok(index) => reader.parse(index, main_file, ROOT, 0),
        Err(reason) => {
            reader.error(
                "config-unreadable",
                place,
                format!("cannot read {main_file}: {reason}"),
            );
        }
    }
    reader.tree.finish();
    (reader.tree, reader.errors)
}

impl<'a> Reader<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        Self {
            files,
            tree: Tree::new(),
            errors: Vec::new(),
            known: BTreeMap::new(),
            open: Vec::new(),
            base: String::new(),
            full: false,
            is_share: false,
        }
    }

    pub(super) fn error(&mut self, rule: &str, place: Place, message: String) {
        if self.errors.len() >= MOST_PROBLEMS {
            return;
        }
        let excerpt = self.tree.excerpt(&place);
        self.errors.push(ConfigProblem {
            rule: rule.to_owned(),
            level: ProblemLevel::Error,
            message,
            place,
            excerpt,
            ..ConfigProblem::default()
        });
    }

    pub(super) fn load(&mut self, path: &str) -> Result<usize, String> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let outcome = self.files.read(path).map(|read| {
            let source = SourceFile::new(path.to_owned(), read.bytes, read.modified_ms);
            let index = self.tree.add_file(source);
            if read.truncated {
                let place = Place {
                    file: path.to_owned(),
                    line: 0,
                    column: 0,
                };
                self.error(
                    "file-too-large",
                    place,
                    format!("{path} is too large and was read only in part"),
                );
            }
            index
        });
        self.known.insert(path.to_owned(), outcome.clone());
        outcome
    }

    pub(super) fn parse(&mut self, file: usize, path: &str, into: NodeId, depth: usize) {
        let Some(bytes) = self.tree.files.get(file).map(|file| Arc::clone(&file.bytes)) else {
            return;
        };
        self.open.push(path.to_owned());
        let source = Source::new(&bytes);
        let mut lexer = Lexer::new(source);
        // Blocks open in this file; `None` for those too deep to keep.
        let mut blocks: Vec<Option<NodeId>> = vec![Some(into)];
        let mut told_depth = false;
        loop {
            let end = lexer.next_statement();
            let ended_at = lexer.ended_at();
            let current = blocks.last().copied().flatten();
            match end {
                End::File => break,
                End::BlockClose => {
                    if blocks.len() > 1 {
                        blocks.pop();
                    } else {
                        lexer.faults.push(Fault {
                            message: "unexpected \"}\"".to_owned(),
                            at: ended_at,
                        });
                    }
                }
                End::Statement => {
                    let words = std::mem::take(&mut lexer.words);
                    if let Some(current) = current {
                        let mut rest = words.as_slice();
                        while !rest.is_empty() {
                            let length = until_missing_semicolon(source, rest, false, &mut lexer.faults);
                            let (statement, after) = rest.split_at(length.min(rest.len()));
                            self.statement(file, source, statement, current, depth);
                            rest = after;
                        }
                    }
                    lexer.words = words;
                }
                End::BlockOpen => {
                    let words = std::mem::take(&mut lexer.words);
                    let mut rest = words.as_slice();
                    loop {
                        let length = until_missing_semicolon(source, rest, true, &mut lexer.faults);
                        let (statement, after) = rest.split_at(length.min(rest.len()));
                        if after.is_empty() {
                            break;
                        }
                        if let Some(current) = current {
                            self.statement(file, source, statement, current, depth);
                        }
                        rest = after;
                    }
                    let lua = rest
                        .first()
                        .is_some_and(|word| word.text(source).ends_with("_by_lua_block"));
                    let opened = match current {
                        Some(current) if blocks.len().saturating_add(depth) <= DEEPEST_BLOCK => {
                            let at = rest.first().map_or(ended_at, Token::start);
                            self.push(file, source, rest, at, current, true)
                        }
                        Some(_) if !told_depth => {
                            told_depth = true;
                            let message = format!("blocks are nested deeper than {DEEPEST_BLOCK}");
                            self.error("nesting-too-deep", self.place(file, ended_at), message);
                            None
                        }
                        _ => None,
                    };
                    lexer.words = words;
                    if lua {
                        if !lexer.skip_lua() {
                            let message = "the closing \"}\" of the Lua block is missing".to_owned();
                            lexer.faults.push(Fault {
                                message,
                                at: ended_at,
                            });
                        }
                    } else {
                        blocks.push(opened);
                    }
                }
            }
            if self.full {
                break;
            }
        }
        let faults = std::mem::take(&mut lexer.faults);
        let unclosed: Vec<NodeId> = blocks.into_iter().skip(1).rev().take(3).flatten().collect();
        for fault in faults.0 {
            self.error("syntax", self.place(file, fault.at), fault.message);
        }
        for block in unclosed {
            let message = format!(
                "unexpected end of file, expecting \"}}\": the block \"{}\" is not closed",
                self.tree.name(block)
            );
            self.error("syntax", self.tree.place(block), message);
        }
        self.open.pop();
    }

    /// The place of a byte of a file.
    fn place(&self, file: usize, at: usize) -> Place {
        let Some(file) = self.tree.files.get(file) else {
            return Place::default();
        };
        let (line, column) = file.line_and_column(at);
        Place {
            file: file.path.clone(),
            line,
            column,
        }
    }

    /// Adds a directive; its first word is its name.
    fn push(
        &mut self,
        file: usize,
        source: Source<'_>,
        words: &[Token],
        at: usize,
        parent: NodeId,
        is_block: bool,
    ) -> Option<NodeId> {
        if self.tree.len() >= MOST_NODES {
            if !self.full {
                self.full = true;
                let message = format!("more than {MOST_NODES} directives: the rest is not read");
                self.error("too-many-directives", self.place(file, at), message);
            }
            return None;
        }
        let name = words.first().map(|word| word.text(source)).unwrap_or_default();
        let is_plain = words.first().is_some_and(Token::is_plain);
        let id = self.tree.push(parent, &name, Some((file, at)), is_block, is_plain);
        for word in words.iter().skip(1) {
            self.tree.push_word(&word.text(source), Some(*word));
        }
        Some(id)
    }

    fn statement(&mut self, file: usize, source: Source<'_>, words: &[Token], parent: NodeId, depth: usize) {
        let Some(name) = words.first() else {
            return;
        };
        let written = match words {
            [name, target] if name.raw(source.bytes) == b"include" => target.text(source),
            _ => {
                self.push(file, source, words, name.start(), parent, false);
                return;
            }
        };
        let place = self.place(file, name.start());
        let target = if crate::proxy::is_absolute(&written) {
            written.clone().into_owned()
        } else {
            format!("{}/{written}", self.base)
        };
        if !written.contains(['*', '?', '[']) {
            self.include(&target, &place, parent, depth);
            return;
        }
        let paths = self.matching(&target);
        if paths.len() < WORTH_A_THREAD || self.is_share {
            self.include_all(&paths, &place, parent, depth);
            return;
        }
        let (first, second) = paths.split_at(paths.len() / 2);
        let mut share = self.share();
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                share.include_all(second, &place, ROOT, depth);
                share
            });
            self.include_all(first, &place, parent, depth);
            match other.join() {
                Ok(share) => {
                    // Where the limit lies depends on what was read before.
                    if share.full || self.tree.len().saturating_add(share.tree.len()) > MOST_NODES {
                        self.include_all(second, &place, parent, depth);
                    } else {
                        self.take_over(share, parent);
                    }
                }
                Err(panic) => std::panic::resume_unwind(panic),
            }
        });
    }

    fn include_all(&mut self, paths: &[String], place: &Place, parent: NodeId, depth: usize) {
        for path in paths {
            if self.full {
                return;
            }
            self.include(path, place, parent, depth);
        }
    }

    /// A reader that goes on from here with a tree of its own.
    fn share(&self) -> Self {
        Self {
            open: self.open.clone(),
            base: self.base.clone(),
            is_share: true,
            ..Self::new(self.files)
        }
    }

    /// Adds what another reader read after this one, as if this one had read it.
    fn take_over(&mut self, share: Self, parent: NodeId) {
        for error in share.errors {
            // A file that both have read is reported once.
            let is_known = error.rule == "file-too-large" && self.known.contains_key(&error.place.file);
            if !is_known {
                self.errors.push(error);
            }
        }
        let indexes = self.tree.append(share.tree, parent);
        for (path, outcome) in share.known {
            let outcome = outcome.map(|index| indexes.get(index).copied().unwrap_or(index));
            self.known.entry(path).or_insert(outcome);
        }
    }

    fn include(&mut self, path: &str, place: &Place, parent: NodeId, depth: usize) {
        if self
            .open
            .iter()
            .any(|open| uri::plain_path(open) == uri::plain_path(path))
            || depth >= DEEPEST_INCLUDE
        {
            self.error(
                "include-loop",
                place.clone(),
                format!("{path} includes itself; nginx crashes on this"),
            );
            return;
        }
        match self.load(path) {
            Ok(index) => {
                let reader_depth = depth.saturating_add(1);
                self.parse(index, path, parent, reader_depth);
            }
            Err(reason) => {
                let rule = if reason.contains("no such file") {
                    "include-missing"
                } else {
                    "include-unreadable"
                };
                self.error(
                    rule,
                    place.clone(),
                    format!("cannot open the included {path}: {reason}"),
                );
            }
        }
    }

    /// The paths a pattern stands for, sorted by bytes.
    fn matching(&self, pattern: &str) -> Vec<String> {
        let mut found = vec![String::new()];
        let components: Vec<&str> = pattern.split('/').collect();
        for (index, component) in components.iter().enumerate() {
            let join = |before: &String, name: &str| {
                if index == 0 {
                    name.to_owned()
                } else {
                    format!("{before}/{name}")
                }
            };
            found = if component.contains(['*', '?', '[']) {
                let mut next = Vec::new();
                for before in &found {
                    let directory = if before.is_empty() { "/" } else { before.as_str() };
                    for name in self.files.list(directory) {
                        if name != "." && name != ".." && glob(component, &name) {
                            next.push(join(before, &name));
                        }
                    }
                }
                next
            } else {
                found.iter().map(|before| join(before, component)).collect()
            };
        }
        found.sort();
        found
    }
}

/// True when a name matches one path component of a pattern, as glob(3) has it.
fn glob(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let character = name.get(n).copied().unwrap_or_default();
        let step = match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p = p.saturating_add(1);
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(pattern.get(p..).unwrap_or_default(), character),
            Some('\\') if pattern.get(p.saturating_add(1)) == Some(&character) => Some(2),
            Some(expected) if *expected == character => Some(1),
            _ => None,
        };
        if let Some(step) = step {
            p = p.saturating_add(step);
            n = n.saturating_add(1);
        } else if let Some((star, from)) = retry {
            p = star.saturating_add(1);
            n = from.saturating_add(1);
            retry = Some((star, n));
        } else {
            return false;
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == '*')
}

/// How many characters of the pattern the class at its start takes when it holds this character. A class
/// that is not closed is a literal `[`.
fn class(pattern: &[char], character: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!' | '^'));
    let first = if negated { 2 } else { 1 };
    let Some(length) = pattern
        .iter()
        .skip(first + 1)
        .position(|c| *c == ']')
        .map(|found| found.saturating_add(first + 1))
    else {
        return (character == '[').then_some(1);
    };
    let members = pattern.get(first..length).unwrap_or_default();
    let mut index = 0;
    let mut inside = false;
    while let Some(&low) = members.get(index) {
        if let (Some('-'), Some(&high)) = (members.get(index + 1), members.get(index + 2)) {
            inside |= low <= character && character <= high;
            index += 3;
        } else {
            inside |= low == character;
            index += 1;
        }
    }
    (inside != negated).then(|| length.saturating_add(1))
}

/// How many words the statement has. One that swallowed the next lines because its `;` is missing is cut where
/// a line starts with the name of a directive; those that nginx accepts as they are stay whole.
fn until_missing_semicolon(
    source: Source<'_>,
    words: &[Token],
    opens_block: bool,
    faults: &mut Faults,
) -> usize {
    let Some((name, arguments)) = words.split_first() else {
        return 0;
    };
    // Nearly every statement is over here: nothing was swallowed within one line.
    let last = words.last().map_or(name.start(), Token::start);
    let on_one_line = |from: usize, to: usize| {
        memchr::memchr(b'\n', source.bytes.get(from..to).unwrap_or_default()).is_none()
    };
    if on_one_line(name.start(), last) {
        return words.len();
    }
    let name_text = name.text(source);
    let wrong = if opens_block {
        !directives::may_be_block(&name_text)
    } else {
        // `listen` takes any number of words, but never the name of a directive.
        name_text == "listen" || !directives::argument_count_fits(&name_text, arguments.len())
    };
    if !wrong || !directives::is_known(&name_text) {
        return words.len();
    }
    let mut before = name;
    let cut = arguments.iter().position(|word| {
        let starts_line = !on_one_line(before.start(), word.start());
        before = word;
        if !starts_line || word.quoted {
            return false;
        }
        let text = word.text(source);
        // Some options of `listen` are also names of directives.
        let option = name_text == "listen" && matches!(text.as_ref(), "http2" | "quic" | "ssl");
        !option && directives::is_known(&text)
    });
    let Some(cut) = cut else {
        return words.len();
    };
    if let Some(last) = words.get(cut) {
        faults.push(Fault {
            message: format!("the \";\" after \"{}\" is missing", last.text(source)),
            at: last.end(),
        });
    }
    cut.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn a_glob_matches_as_the_shell_does_for_one_name() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            (".*", ".a", true),
            ("*", "", true),
            ("[a-c]?.x", "b1.x", true),
            ("[!a-c]*", "b", false),
            ("a*b*c", "aXbYbc", true),
            ("a*b*c", "aXbYb", false),
            ("[", "[", true),
            ("[]]", "]", true),
        ] {
            assert_eq!(glob(pattern, name), expected, "{pattern} {name}");
        }
    }
}
