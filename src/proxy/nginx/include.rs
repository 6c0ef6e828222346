//! From files to the tree: statements, blocks, `include`, `*_by_lua_block`.
//!
//! Includes are opened at once, in place, relative to the main file's directory, as nginx does; loops,
//! depth and amount are bounded here because nginx itself does not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::lexer::{End, Fault, Lexer, Word, number};
use super::tree::{Node, NodeId, ROOT, SourceFile, Tree};
use super::{Files, directives, uri};
use crate::evidence::{ConfigProblem, Place, ProblemLevel};

/// Blocks deeper than this are read but not kept.
const DEEPEST_BLOCK: usize = 100;
/// Includes deeper than this are a loop in practice.
const DEEPEST_INCLUDE: usize = 40;
/// No configuration has more directives, includes counted each time.
const MOST_NODES: usize = 1_000_000;
/// Problems of one file beyond this number say nothing new.
const MOST_FAULTS: usize = 100;

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
        }
    }

    pub(super) fn error(&mut self, rule: &str, place: Place, message: String) {
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
            let index = self.tree.files.len();
            self.tree.files.push(SourceFile {
                path: path.to_owned(),
                bytes: Arc::from(read.bytes),
                modified_ms: read.modified_ms,
            });
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
        let place = |line, column| Place {
            file: path.to_owned(),
            line,
            column,
        };
        let mut lexer = Lexer::new(&bytes);
        // Blocks open in this file; `None` for those too deep to keep.
        let mut blocks: Vec<Option<NodeId>> = vec![Some(into)];
        let mut told_depth = false;
        loop {
            let chunk = lexer.next_chunk();
            let current = blocks.last().copied().flatten();
            match chunk.end {
                End::File => break,
                End::BlockClose => {
                    if blocks.len() > 1 {
                        blocks.pop();
                    } else {
                        lexer.faults.push(Fault {
                            message: "unexpected \"}\"".to_owned(),
                            line: chunk.line,
                            column: chunk.column,
                        });
                    }
                }
                End::Statement => {
                    if let Some(current) = current {
                        for words in split_at_missing_semicolon(chunk.words, false, &mut lexer.faults) {
                            self.statement(file, words, current, depth);
                        }
                    }
                }
                End::BlockOpen => {
                    let end = (chunk.line, chunk.column);
                    let mut parts = split_at_missing_semicolon(chunk.words, true, &mut lexer.faults);
                    let words = parts.pop().unwrap_or_default();
                    if let Some(current) = current {
                        for statement in parts {
                            self.statement(file, statement, current, depth);
                        }
                    }
                    let lua = words.first().is_some_and(|word| word.text.ends_with("_by_lua_block"));
                    let opened = match current {
                        Some(current) if blocks.len().saturating_add(depth) <= DEEPEST_BLOCK => {
                            self.open_block(file, words, end, current)
                        }
                        Some(_) if !told_depth => {
                            told_depth = true;
                            let message = format!("blocks are nested deeper than {DEEPEST_BLOCK}");
                            self.error("nesting-too-deep", place(chunk.line, chunk.column), message);
                            None
                        }
                        _ => None,
                    };
                    if lua {
                        if !lexer.skip_lua() {
                            let message = "the closing \"}\" of the Lua block is missing".to_owned();
                            lexer.faults.push(Fault {
                                message,
                                line: chunk.line,
                                column: chunk.column,
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
        for block in blocks.iter().skip(1).rev().take(3).flatten() {
            let node = self.tree.node(*block);
            let message = format!(
                "unexpected end of file, expecting \"}}\": the block \"{}\" is not closed",
                node.name
            );
            let fault = Fault {
                message,
                line: node.line,
                column: node.column,
            };
            lexer.faults.push(fault);
        }
        for fault in std::mem::take(&mut lexer.faults).into_iter().take(MOST_FAULTS) {
            self.error("syntax", place(fault.line, fault.column), fault.message);
        }
        self.open.pop();
    }

    fn open_block(
        &mut self,
        file: usize,
        words: Vec<Word>,
        end: (u32, u32),
        parent: NodeId,
    ) -> Option<NodeId> {
        let mut words = words.into_iter();
        let name = words.next().unwrap_or_default();
        let (line, column) = if name.line == 0 {
            end
        } else {
            (name.line, name.column)
        };
        self.push(
            parent,
            Node {
                name: name.text,
                // Collected anew: a list that grew word by word has room that is never used.
                arguments: words.as_mut_slice().iter_mut().map(std::mem::take).collect(),
                file,
                line,
                column,
                is_block: true,
                ..Node::default()
            },
        )
    }

    fn push(&mut self, parent: NodeId, node: Node) -> Option<NodeId> {
        if self.tree.nodes.len() >= MOST_NODES {
            if !self.full {
                self.full = true;
                let path = self.open.last().cloned().unwrap_or_default();
                let place = Place {
                    file: path,
                    line: node.line,
                    column: node.column,
                };
                let message = format!("more than {MOST_NODES} directives: the rest is not read");
                self.error("too-many-directives", place, message);
            }
            return None;
        }
        Some(self.tree.push(parent, node))
    }

    fn statement(&mut self, file: usize, mut words: Vec<Word>, parent: NodeId, depth: usize) {
        let Some((name, arguments)) = words.split_first_mut() else {
            return;
        };
        let is_include = name.text == "include" && arguments.len() == 1;
        let written = if is_include {
            arguments.first().map(|word| word.text.clone()).unwrap_or_default()
        } else {
            String::new()
        };
        let node = Node {
            name: std::mem::take(&mut name.text),
            // Collected anew: a list that grew word by word has room that is never used.
            arguments: arguments.iter_mut().map(std::mem::take).collect(),
            file,
            line: name.line,
            column: name.column,
            ..Node::default()
        };
        if !is_include {
            self.push(parent, node);
            return;
        }
        let path = self.open.last().cloned().unwrap_or_default();
        let place = Place {
            file: path,
            line: name.line,
            column: name.column,
        };
        let target = if written.starts_with('/') {
            written.clone()
        } else {
            format!("{}/{written}", self.base)
        };
        if !written.contains(['*', '?', '[']) {
            self.include(&target, &place, parent, depth);
            return;
        }
        for path in self.matching(&target) {
            self.include(&path, &place, parent, depth);
            if self.full {
                return;
            }
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

/// A statement that swallowed the next lines because its `;` is missing is cut where a line starts with the
/// name of a directive. Statements that nginx accepts as they are stay whole.
fn split_at_missing_semicolon(
    words: Vec<Word>,
    opens_block: bool,
    faults: &mut Vec<Fault>,
) -> Vec<Vec<Word>> {
    let mut parts = Vec::new();
    let mut rest: Vec<Word> = words;
    while let Some((name, arguments)) = rest.split_first() {
        let known = directives::is_known(&name.text);
        let wrong = if opens_block {
            !directives::may_be_block(&name.text)
        } else {
            // `listen` takes any number of words, but never the name of a directive.
            name.text == "listen" || !directives::argument_count_fits(&name.text, arguments.len())
        };
        let mut last_line = name.line;
        let cut = arguments.iter().position(|word| {
            let starts_line = word.line > last_line;
            last_line = word.line;
            // Some options of `listen` are also names of directives.
            let option = name.text == "listen" && matches!(word.text.as_str(), "http2" | "quic" | "ssl");
            starts_line && !word.quoted && !option && directives::is_known(&word.text)
        });
        let Some(cut) = cut.filter(|_| known && wrong) else {
            break;
        };
        let tail = rest.split_off(cut.saturating_add(1));
        if let Some(last) = rest.last() {
            faults.push(Fault {
                message: format!("the \";\" after \"{}\" is missing", last.text),
                line: last.line,
                column: last.column.saturating_add(number(last.text.len())),
            });
        }
        parts.push(std::mem::replace(&mut rest, tail));
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
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
