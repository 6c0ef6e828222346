//! The statements of a configuration after its conditions, macros and includes were followed: an arena, so
//! that neither depth nor dropping can overflow the stack.
//!
//! It is compact, for configurations can be large: a statement takes 28 bytes, a word 12, and text that the
//! file has as it is takes nothing. Lines and columns are found when somebody asks for them.

use std::sync::{Arc, OnceLock};

use super::lexer::{self, LogicalLine, is_space, number};
use crate::evidence::Place;

/// The longest excerpt of a source line, in bytes.
const EXCERPT_BYTES: usize = 200;

/// The index of a statement.
pub type StatementId = usize;

/// The root stands for the main server and has no name.
pub const ROOT: StatementId = 0;

/// So many lines share an entry of the table of lines.
const BLOCK: usize = 16;

/// No child, and no file.
const NONE: u32 = u32::MAX;

/// It is a section.
const SECTION: u8 = 1;
/// It came out of a macro.
const MACRO: u8 = 2;
/// Its line stands in the file as it is, so that its name and its raw text are found there.
const PLAIN: u8 = 4;
/// The last of its words is its raw text.
const RAW: u8 = 8;

/// Flags in the length of a word: in quotes, and its text is one of the arena.
const QUOTED: u32 = 1 << 31;
const ARENA: u32 = 1 << 30;

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Arc<[u8]>,
    pub(super) modified_ms: Option<i64>,
    /// Where the first line of each [`BLOCK`] begins; made when the first place is asked for.
    lines: OnceLock<Vec<u32>>,
}

impl SourceFile {
    pub(super) fn new(path: String, bytes: Arc<[u8]>, modified_ms: Option<i64>) -> Self {
        Self {
            path,
            bytes,
            modified_ms,
            lines: OnceLock::new(),
        }
    }

    fn lines(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = memchr::memchr_iter(b'\n', &self.bytes);
            let starts = std::iter::once(0).chain(ends.map(|at| number(at.saturating_add(1))));
            starts.step_by(BLOCK).collect()
        })
    }

    /// The line and byte column, from 1, of a byte counted from 0.
    fn line_and_column(&self, at: u32) -> (u32, u32) {
        let block = self.lines().partition_point(|start| *start <= at).saturating_sub(1);
        let start = index(self.lines().get(block).copied().unwrap_or(0));
        let before = self.bytes.get(start..index(at)).unwrap_or_default();
        let further = memchr::memchr_iter(b'\n', before).count();
        let line = block.saturating_mul(BLOCK).saturating_add(further).saturating_add(1);
        let column = memchr::memrchr(b'\n', before).map_or(before.len(), |end| {
            before.len().saturating_sub(end).saturating_sub(1)
        });
        (number(line), number(column).saturating_add(1))
    }

    /// A line's bytes, counted from 1.
    pub(super) fn line(&self, line: u32) -> &[u8] {
        let line = index(line).saturating_sub(1);
        let start = self.lines().get(line.div_euclid(BLOCK));
        let Some(mut rest) = start.and_then(|start| self.bytes.get(index(*start)..)) else {
            return &[];
        };
        for _ in 0..line.rem_euclid(BLOCK) {
            let end = memchr::memchr(b'\n', rest).map(|end| end.saturating_add(1));
            rest = end.and_then(|end| rest.get(end..)).unwrap_or_default();
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }
}

/// Its words are those from `first_word` to the first of the next one: the name unless it is plain, the
/// arguments, the raw text unless it is plain.
#[derive(Clone, Copy, Debug)]
struct Node {
    file: u32,
    /// Its first byte in the file.
    at: u32,
    parent: u32,
    first_word: u32,
    last_child: u32,
    /// The next child of the same section; of the last one the first.
    next: u32,
    /// Of the name in lower case.
    hash: u16,
    flags: u8,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    start: u32,
    /// With flags in its two highest bits.
    length: u32,
    /// Where it is written.
    at: u32,
}

/// One directive or section that the server takes in.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'t> {
    tree: &'t Tree,
    id: StatementId,
}

/// One word of a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'t> {
    /// Without quotes and escapes.
    pub text: &'t str,
    /// It stood in quotes.
    pub quoted: bool,
    /// Where it is written: a byte of the file of its directive.
    pub(super) at: u32,
}

/// The words after the name of a directive; of a section, those before its last `>`.
#[derive(Clone, Copy, Debug)]
pub struct Arguments<'t> {
    tree: &'t Tree,
    file: u32,
    start: usize,
    end: usize,
}

impl<'t> Arguments<'t> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them, counted from 0.
    pub fn get(&self, at: usize) -> Option<Word<'t>> {
        let word = self.start.saturating_add(at);
        if word >= self.end {
            return None;
        }
        self.tree.word(self.file, word)
    }

    /// Those after the first so many.
    #[must_use]
    pub fn from(self, first: usize) -> Self {
        Self {
            start: self.start.saturating_add(first).min(self.end),
            ..self
        }
    }

    /// All of them in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Word<'t>> + Clone {
        (self.start..self.end).filter_map(move |word| self.tree.word(self.file, word))
    }
}

impl<'t> Statement<'t> {
    fn has(self, flag: u8) -> bool {
        self.tree
            .nodes
            .get(self.id)
            .is_some_and(|node| node.flags & flag != 0)
    }

    /// As written, sections without `<` and `>` (`ProxyPass`, `Location`).
    pub fn name(self) -> &'t str {
        let tree = self.tree;
        let Some(node) = tree.nodes.get(self.id).filter(|_| self.id != ROOT) else {
            return "";
        };
        if node.flags & PLAIN == 0 {
            return tree
                .word(node.file, index(node.first_word))
                .map_or("", |word| word.text);
        }
        let name = tree.plain_name(node);
        let name = std::str::from_utf8(name).unwrap_or_default();
        if node.flags & SECTION == 0 {
            return name;
        }
        let name = name.strip_prefix('<').unwrap_or(name);
        name.strip_suffix('>').unwrap_or(name)
    }

    /// The name compared as the server compares it.
    pub fn is(self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// The words after the name; of a section, those before its last `>`.
    pub fn arguments(self) -> Arguments<'t> {
        let nodes = &self.tree.nodes;
        let node = nodes.get(self.id).filter(|_| self.id != ROOT);
        let (file, start, end) = node.map_or((NONE, 0, 0), |node| {
            let next = nodes.get(self.id.saturating_add(1));
            let end = next.map_or(self.tree.words.len(), |next| index(next.first_word));
            let own_name = usize::from(node.flags & PLAIN == 0);
            let raw = usize::from(node.flags & RAW != 0);
            let start = index(node.first_word).saturating_add(own_name);
            (node.file, start, end.saturating_sub(raw))
        });
        Arguments {
            tree: self.tree,
            file,
            start,
            end: end.max(start),
        }
    }

    /// An argument's text, counted from 0; empty when there is none.
    pub fn argument(self, index: usize) -> &'t str {
        self.arguments().get(index).map_or("", |word| word.text)
    }

    /// Everything after the name as the server keeps it, `${…}` already replaced.
    pub fn raw(self) -> &'t str {
        let Some(node) = self.tree.nodes.get(self.id).filter(|_| self.id != ROOT) else {
            return "";
        };
        if node.flags & RAW != 0 {
            let word = self.tree.word(node.file, self.arguments().end);
            return word.map_or("", |word| word.text);
        }
        if node.flags & PLAIN == 0 {
            // It is the only argument, or nothing.
            return self.argument(0);
        }
        let after = index(node.at).saturating_add(self.tree.plain_name(node).len());
        let rest = self.tree.bytes(node.file, after);
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let rest = rest.get(..end).unwrap_or_default();
        let from = rest.iter().position(|byte| !is_space(*byte)).unwrap_or(rest.len());
        let last = rest.iter().rposition(|byte| !is_space(*byte));
        let to = last.map_or(from, |last| last.saturating_add(1));
        std::str::from_utf8(rest.get(from..to).unwrap_or_default()).unwrap_or_default()
    }

    /// It is a section.
    pub fn is_section(self) -> bool {
        self.has(SECTION)
    }

    /// It came out of a macro; then its place is in the macro's body.
    pub fn from_macro(self) -> bool {
        self.has(MACRO)
    }

    /// The section it stands in.
    pub fn parent(self) -> StatementId {
        self.tree.nodes.get(self.id).map_or(ROOT, |node| index(node.parent))
    }

    pub(super) fn file(self) -> usize {
        self.tree
            .nodes
            .get(self.id)
            .map_or(usize::MAX, |node| index(node.file))
    }

    /// Where it begins: a byte of its file.
    pub(super) fn at(self) -> u32 {
        self.tree.nodes.get(self.id).map_or(0, |node| node.at)
    }

    /// The last line it takes.
    pub fn last_line(self) -> u32 {
        let raw = self.has(RAW).then(|| self.tree.words.get(self.arguments().end));
        let at = raw.flatten().map_or(self.at(), |raw| raw.at);
        self.tree.line_and_column(self.file(), at).0
    }
}

/// A statement that is about to be kept.
pub(super) struct New<'l> {
    /// As it is called, without `<` and `>`.
    pub(super) name: &'l str,
    /// The first word as it was read.
    pub(super) first: &'l str,
    pub(super) line: &'l LogicalLine,
    pub(super) words: &'l [lexer::Word],
    /// Where the text after the name begins in the line.
    pub(super) rest: usize,
    pub(super) file: usize,
    pub(super) from_macro: bool,
    pub(super) is_section: bool,
}

/// All statements, and the files they are from.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    words: Vec<Stored>,
    texts: String,
    pub(super) files: Vec<SourceFile>,
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn hash(name: &str) -> u16 {
    name.bytes().fold(0, |hash: u16, byte| {
        hash.wrapping_mul(31)
            .wrapping_add(u16::from(byte.to_ascii_lowercase()))
    })
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node {
                file: NONE,
                at: 0,
                parent: 0,
                first_word: 0,
                last_child: NONE,
                next: 0,
                hash: 0,
                flags: SECTION,
            }],
            words: Vec::new(),
            texts: String::new(),
            files: Vec::new(),
        }
    }

    /// How many statements there are, the root counted.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn get(&self, id: StatementId) -> Statement<'_> {
        Statement { tree: self, id }
    }

    fn bytes(&self, file: u32, from: usize) -> &[u8] {
        let file = self.files.get(index(file));
        file.and_then(|file| file.bytes.get(from..)).unwrap_or_default()
    }

    /// The first word of a line that stands in its file as it is.
    fn plain_name(&self, node: &Node) -> &[u8] {
        let rest = self.bytes(node.file, index(node.at));
        let end = rest.iter().position(|byte| is_space(*byte)).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn word(&self, file: u32, at: usize) -> Option<Word<'_>> {
        let stored = self.words.get(at)?;
        let start = index(stored.start);
        let end = start.saturating_add(index(stored.length & !(QUOTED | ARENA)));
        let text = if stored.length & ARENA == 0 {
            let bytes = self.files.get(index(file))?.bytes.get(start..end)?;
            std::str::from_utf8(bytes).unwrap_or_default()
        } else {
            self.texts.get(start..end).unwrap_or_default()
        };
        Some(Word {
            text,
            quoted: stored.length & QUOTED != 0,
            at: stored.at,
        })
    }

    /// Keeps a text: where the line has it at that place, by its place there.
    fn keep(
        &mut self,
        text: &str,
        line: &LogicalLine,
        offset: usize,
        base: (u32, u32),
        quoted: bool,
        at: u32,
    ) {
        let length = number(text.len()).min(ARENA.saturating_sub(1));
        let quoted_flag = if quoted { QUOTED } else { 0 };
        let offset = offset.saturating_add(usize::from(quoted));
        let stands = line.text.get(offset..offset.saturating_add(text.len())) == Some(text);
        let (start, flag) = if stands {
            (base.0.saturating_add(number(offset)), base.1)
        } else {
            let start = number(self.texts.len());
            self.texts.push_str(text);
            (start, ARENA)
        };
        self.words.push(Stored {
            start,
            length: length | quoted_flag | flag,
            at,
        });
    }

    pub(super) fn push(&mut self, parent: StatementId, new: &New<'_>) -> StatementId {
        let id = self.nodes.len();
        let (line, at) = (new.line, new.line.place(0));
        let first_word = number(self.words.len());
        let after = line.text.as_bytes().get(new.first.len());
        let plain =
            line.whole && line.text.starts_with(new.first) && after.is_none_or(|byte| is_space(*byte));
        let base = if line.whole {
            (at, 0)
        } else {
            let start = number(self.texts.len());
            self.texts.push_str(&line.text);
            (start, ARENA)
        };
        let rest = line.text.get(new.rest..).unwrap_or_default();
        let only = match new.words {
            [] => rest.is_empty(),
            [word] => word.text == rest,
            _ => false,
        };
        let raw = !plain && (!only || line.last_at != at);
        if !plain {
            self.keep(new.name, line, usize::from(new.is_section), base, false, at);
        }
        for word in new.words {
            self.keep(&word.text, line, word.offset, base, word.quoted, word.at);
        }
        if raw {
            self.keep(rest, line, new.rest, base, false, line.last_at);
        }
        let flag = |flag: u8, is_set: bool| if is_set { flag } else { 0 };
        self.nodes.push(Node {
            file: number(new.file),
            at,
            parent: number(parent),
            first_word,
            last_child: NONE,
            next: number(id),
            hash: hash(new.name),
            flags: flag(SECTION, new.is_section)
                | flag(MACRO, new.from_macro)
                | flag(PLAIN, plain)
                | flag(RAW, raw),
        });
        let before = self.nodes.get_mut(parent).map_or(NONE, |parent| {
            std::mem::replace(&mut parent.last_child, number(id))
        });
        if let Some(before) = self.nodes.get_mut(index(before)) {
            let first = std::mem::replace(&mut before.next, number(id));
            if let Some(node) = self.nodes.get_mut(id) {
                node.next = first;
            }
        }
        id
    }

    pub(super) fn children(&self, id: StatementId) -> impl Iterator<Item = StatementId> + '_ {
        let last = self.nodes.get(id).map_or(NONE, |node| node.last_child);
        let mut next = self.nodes.get(index(last)).map(|node| node.next);
        std::iter::from_fn(move || {
            let current = next?;
            next = self
                .nodes
                .get(index(current))
                .filter(|_| current != last)
                .map(|node| node.next);
            Some(index(current))
        })
    }

    /// The children of one name, in order.
    pub(super) fn named<'a>(
        &'a self,
        section: StatementId,
        name: &'a str,
    ) -> impl Iterator<Item = StatementId> + 'a {
        let wanted = hash(name);
        self.children(section).filter(move |id| {
            self.nodes.get(*id).is_some_and(|node| node.hash == wanted) && self.get(*id).is(name)
        })
    }

    /// The last child of this name: the one that counts for a scalar.
    pub(super) fn last(&self, section: StatementId, name: &str) -> Option<StatementId> {
        self.named(section, name).last()
    }

    /// The statement itself and all sections around it, innermost first, without the root.
    pub(super) fn around(&self, id: StatementId) -> impl Iterator<Item = StatementId> + '_ {
        let mut next = (id != ROOT).then_some(id);
        std::iter::from_fn(move || {
            let current = next?;
            next = Some(self.get(current).parent()).filter(|parent| *parent != ROOT);
            Some(current)
        })
    }

    pub(super) fn place(&self, id: StatementId) -> Place {
        if id == ROOT {
            return Place::default();
        }
        let statement = self.get(id);
        self.place_at(statement.file(), statement.at())
    }

    /// Line and column, from 1, of a byte of a file.
    pub(super) fn line_and_column(&self, file: usize, at: u32) -> (u32, u32) {
        self.files.get(file).map_or((0, 0), |file| file.line_and_column(at))
    }

    /// The place of a byte of a file.
    pub(super) fn place_at(&self, file: usize, at: u32) -> Place {
        let (line, column) = self.line_and_column(file, at);
        Place {
            line,
            column,
            ..self.whole_file(file)
        }
    }

    /// A file without a line.
    pub(super) fn whole_file(&self, file: usize) -> Place {
        Place {
            file: self.files.get(file).map(|file| file.path.clone()).unwrap_or_default(),
            ..Place::default()
        }
    }

    /// The source line of a place, at most 200 bytes.
    pub(super) fn excerpt(&self, place: &Place) -> String {
        let Some(file) = self.files.iter().find(|file| file.path == place.file) else {
            return String::new();
        };
        let line = file.line(place.line);
        let shown = line.get(..EXCERPT_BYTES).unwrap_or(line);
        String::from_utf8_lossy(shown).trim_end().to_owned()
    }
}
