//! The tree of directives: an arena, so that neither depth nor dropping can overflow the stack.
//!
//! It is compact, for configurations can be large: a directive takes 28 bytes, a word 12 and its text. Names
//! that the table of directives knows are numbers; lines and columns are found when somebody asks for them.

mod by_name;

use std::borrow::Cow;

use foldhash::HashMap;

pub(super) use super::source_file::SourceFile;

use super::directives::{self, Symbol};
use super::lexer::{Token, number};
use super::location_select::PASSES;
use crate::evidence::Place;

/// The longest excerpt of a source line, in bytes.
const EXCERPT_BYTES: usize = 200;

/// A block with this many children gets an index of their names.
const MANY_CHILDREN: u32 = 24;

/// So many children of a block whose names are not nginx's own are indexed.
const MOST_OTHERS: usize = 4_096;

/// The position of what stands in no file, and the child of a directive without children.
const NONE: u32 = u32::MAX;

/// The index of a directive in its [`Tree`].
pub(super) type NodeId = usize;

/// The root: it stands for the main context and has no name.
pub(super) const ROOT: NodeId = 0;

/// One directive. Its words are those from `first_word` to the first of the next directive; the first of
/// them is its name when the name has no symbol.
#[derive(Clone, Copy, Debug)]
struct Node {
    file: u32,
    /// Its first byte in the file; [`NONE`] for what was made up.
    position: u32,
    parent: u32,
    first_word: u32,
    /// [`NONE`]: no children.
    last_child: u32,
    /// The next child of the same block; of the last one the first, so that one field serves both ends.
    next: u32,
    /// `None`: not a name of the table.
    name: Option<Symbol>,
    shape: Shape,
    /// A name that is not of the table is what is written at the position; otherwise it is the first word.
    is_plain: bool,
}

/// How a directive was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Statement,
    /// With `{`.
    Block,
    /// A block whose children the index lists by name.
    LargeBlock,
}

/// One word of a directive.
#[derive(Clone, Copy, Debug)]
struct Word {
    /// Where its text begins; it ends where that of the next word begins.
    text: u32,
    /// Its first byte in the file; [`NONE`] for what was made up.
    start: u32,
    /// After its last byte in the file.
    end: u32,
}

/// Where a word is written: 1-based lines and byte columns, quotes included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Written {
    /// Its first byte.
    pub(super) start: (u32, u32),
    /// After its last byte.
    pub(super) end: (u32, u32),
}

/// Where a new directive stands: its file and its first byte.
pub(super) type Position = Option<(usize, usize)>;

/// All directives of a configuration, and the files they are from.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    words: Vec<Word>,
    /// The texts of all words, one after the other.
    texts: String,
    pub(super) files: Vec<SourceFile>,
    /// Files by path.
    paths: HashMap<String, usize>,
    /// Children by name, for blocks with many: a lookup must not take the time of the whole `http` block.
    /// Names that are not nginx's own stand together, unless they are too many.
    index: HashMap<NodeId, HashMap<Option<Symbol>, Vec<u32>>>,
    /// `upstream` blocks of `http` by lower-case name; the first of a name counts.
    upstreams: HashMap<String, NodeId>,
    /// Every `*_pass` of `http`, in order: most rules begin with them.
    passes: Vec<NodeId>,
    /// The name of `http` blocks: with nearly every directive it is asked whether it stands in one.
    http: Option<Symbol>,
    /// All directives, those of one name together, each lot in order: first those without a symbol, then by
    /// symbol.
    by_name: Vec<u32>,
    /// Where each lot ends; the next one begins there.
    name_ends: Vec<u32>,
}

/// Children of a block, in order.
enum Children<'t> {
    Linked { tree: &'t Tree, next: u32, last: u32 },
    Listed(std::slice::Iter<'t, u32>),
}

impl Iterator for Children<'_> {
    type Item = NodeId;

    fn next(&mut self) -> Option<NodeId> {
        match self {
            Self::Listed(ids) => ids.next().map(|id| index(*id)),
            Self::Linked { tree, next, last } => {
                if *next == NONE {
                    return None;
                }
                let current = *next;
                *next = if current == *last {
                    NONE
                } else {
                    tree.nodes.get(index(current)).map_or(NONE, |node| node.next)
                };
                Some(index(current))
            }
        }
    }
}

pub(super) fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node {
                file: NONE,
                position: NONE,
                parent: 0,
                first_word: 0,
                last_child: NONE,
                next: 0,
                name: None,
                shape: Shape::Block,
                is_plain: false,
            }],
            words: Vec::new(),
            texts: String::new(),
            files: Vec::new(),
            paths: HashMap::default(),
            index: HashMap::default(),
            upstreams: HashMap::default(),
            passes: Vec::new(),
            http: directives::symbol("http"),
            by_name: Vec::new(),
            name_ends: Vec::new(),
        }
    }

    /// How many directives there are, the root counted.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Every directive, in the order in which they were read; the root is not one.
    pub(super) fn all(&self) -> std::ops::Range<NodeId> {
        1..self.nodes.len()
    }

    pub(super) fn add_file(&mut self, file: SourceFile) -> usize {
        let index = self.files.len();
        self.paths.insert(file.path.clone(), index);
        self.files.push(file);
        index
    }

    /// Adds a directive without arguments; [`Tree::push_word`] adds these, before the next directive.
    /// `is_plain`: the name is what is written at its position, up to a blank, `;` or `{`.
    pub(super) fn push(
        &mut self,
        parent: NodeId,
        name: &str,
        at: Position,
        is_block: bool,
        is_plain: bool,
    ) -> NodeId {
        let id = self.nodes.len();
        let symbol = directives::symbol(name);
        self.nodes.push(Node {
            file: at.map_or(NONE, |(file, _)| number(file)),
            position: at.map_or(NONE, |(_, position)| number(position)),
            parent: number(parent),
            first_word: number(self.words.len()),
            last_child: NONE,
            next: number(id),
            name: symbol,
            shape: if is_block { Shape::Block } else { Shape::Statement },
            is_plain,
        });
        if symbol.is_none() && !is_plain {
            self.push_word(name, None);
        }
        self.adopt(parent, id);
        id
    }

    /// Adds an argument to the directive that was added last.
    pub(super) fn push_word(&mut self, text: &str, token: Option<Token>) {
        self.words.push(Word {
            text: number(self.texts.len()),
            start: token.map_or(NONE, |token| number(token.start())),
            end: token.map_or(NONE, |token| number(token.end())),
        });
        self.texts.push_str(text);
    }

    /// Makes the directives of another tree the last ones of this tree, and those at its top the last children
    /// of a block. Gives the number here of each of its files; one that both have is kept once.
    pub(super) fn append(&mut self, other: Self, parent: NodeId) -> Vec<usize> {
        let files: Vec<usize> = other
            .files
            .into_iter()
            .map(|file| match self.paths.get(&file.path) {
                Some(known) => *known,
                None => self.add_file(file),
            })
            .collect();
        // The other root is left out, so that the first directive there follows the last one here.
        let (nodes, words) = (
            number(self.nodes.len().saturating_sub(1)),
            number(self.words.len()),
        );
        let texts = number(self.texts.len());
        let moved = |id: u32| {
            if id == NONE {
                NONE
            } else {
                id.saturating_add(nodes)
            }
        };
        let mut at_top = Vec::new();
        for (id, node) in other.nodes.iter().enumerate().skip(1) {
            let is_at_top = index(node.parent) == ROOT;
            if is_at_top {
                at_top.push(moved(number(id)));
            }
            self.nodes.push(Node {
                file: files.get(index(node.file)).map_or(NONE, |file| number(*file)),
                parent: moved(node.parent),
                first_word: node.first_word.saturating_add(words),
                last_child: moved(node.last_child),
                next: moved(node.next),
                ..*node
            });
        }
        self.words.extend(other.words.iter().map(|word| Word {
            text: word.text.saturating_add(texts),
            ..*word
        }));
        self.texts.push_str(&other.texts);
        self.move_to(parent, &at_top);
        files
    }

    /// Makes a directive the last child of a block.
    fn adopt(&mut self, parent: NodeId, id: NodeId) {
        let Some(block) = self.nodes.get_mut(parent) else {
            return;
        };
        let last = std::mem::replace(&mut block.last_child, number(id));
        let first = match self.nodes.get_mut(index(last)) {
            Some(last) => std::mem::replace(&mut last.next, number(id)),
            None => number(id),
        };
        if let Some(node) = self.nodes.get_mut(id) {
            (node.parent, node.next) = (number(parent), first);
        }
    }

    /// Takes the children of a block that come after the first so many.
    pub(super) fn take_children_after(&mut self, block: NodeId, count: usize) -> Vec<u32> {
        let kept: Vec<NodeId> = self.children(block).take(count).collect();
        let taken = self.children(block).skip(count).map(number).collect();
        if let Some(node) = self.nodes.get_mut(block) {
            node.last_child = NONE;
        }
        for child in kept {
            self.adopt(block, child);
        }
        taken
    }

    /// Makes directives that were taken the last children of a block.
    pub(super) fn move_to(&mut self, block: NodeId, children: &[u32]) {
        for child in children {
            self.adopt(block, index(*child));
        }
    }

    /// The name of a directive; empty for the root.
    pub(super) fn name(&self, id: NodeId) -> &str {
        match self.nodes.get(id) {
            Some(Node { name: Some(name), .. }) => name.text(),
            Some(node) if node.is_plain => self.written_name(node),
            Some(node) if id != ROOT => self.text(index(node.first_word)),
            _ => "",
        }
    }

    /// The name that is written where a directive stands.
    fn written_name(&self, node: &Node) -> &str {
        let file = self.files.get(index(node.file));
        let rest = file.and_then(|file| file.bytes.get(index(node.position)..));
        let rest = rest.unwrap_or_default();
        let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{');
        let end = rest.iter().position(ends).unwrap_or(rest.len());
        // What is no text is the name of nothing.
        std::str::from_utf8(rest.get(..end).unwrap_or_default()).unwrap_or("\u{fffd}")
    }

    /// The name as a number of the table.
    pub(super) fn symbol(&self, id: NodeId) -> Option<Symbol> {
        self.nodes.get(id).and_then(|node| node.name)
    }

    fn is(&self, id: NodeId, symbol: Option<Symbol>, name: &str) -> bool {
        self.symbol(id) == symbol && (symbol.is_some() || self.name(id) == name)
    }

    /// The block that a directive stands in; the root's is the root.
    pub(super) fn parent(&self, id: NodeId) -> NodeId {
        self.nodes.get(id).map_or(ROOT, |node| index(node.parent))
    }

    /// True when it was written with `{`.
    pub(super) fn is_block(&self, id: NodeId) -> bool {
        self.nodes.get(id).is_some_and(|node| node.shape != Shape::Statement)
    }

    /// Where the arguments of a directive stand among all words.
    fn range(&self, id: NodeId) -> std::ops::Range<usize> {
        let Some(node) = self.nodes.get(id) else {
            return 0..0;
        };
        let own_name = usize::from(node.name.is_none() && !node.is_plain && id != ROOT);
        let end = self.nodes.get(id.saturating_add(1));
        index(node.first_word).saturating_add(own_name)
            ..end.map_or(self.words.len(), |next| index(next.first_word))
    }

    fn text(&self, word: usize) -> &str {
        let Some(first) = self.words.get(word) else {
            return "";
        };
        let end = self
            .words
            .get(word.saturating_add(1))
            .map_or(self.texts.len(), |next| index(next.text));
        self.texts.get(index(first.text)..end).unwrap_or_default()
    }

    pub(super) fn argument_count(&self, id: NodeId) -> usize {
        self.range(id).len()
    }

    /// The text of one argument, counted from 0; empty when there is none.
    pub(super) fn argument(&self, id: NodeId, at: usize) -> &str {
        let mut range = self.range(id);
        range.nth(at).map_or("", |word| self.text(word))
    }

    /// All arguments' texts.
    pub(super) fn arguments(&self, id: NodeId) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.range(id).map(|word| self.text(word))
    }

    /// Where an argument is written; `None` when there is no such argument, or it was made up.
    pub(super) fn written_at(&self, id: NodeId, at: usize) -> Option<Written> {
        let word = self.words.get(self.range(id).nth(at)?)?;
        let file = self.files.get(index(self.nodes.get(id)?.file))?;
        (word.start != NONE).then(|| Written {
            start: file.line_and_column(index(word.start)),
            end: file.line_and_column(index(word.end)),
        })
    }

    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.linked(id)
    }

    fn linked(&self, id: NodeId) -> Children<'_> {
        let last = self.nodes.get(id).map_or(NONE, |node| node.last_child);
        let next = self.nodes.get(index(last)).map_or(NONE, |node| node.next);
        Children::Linked {
            tree: self,
            next,
            last,
        }
    }

    /// Builds the indexes, once the tree is complete.
    pub(super) fn finish(&mut self) {
        self.list_by_name();
        let mut counts = vec![0_u32; self.nodes.len()];
        for node in self.nodes.iter().skip(1) {
            if let Some(count) = counts.get_mut(index(node.parent)) {
                *count = count.saturating_add(1);
            }
        }
        let is_large = |id: &NodeId| counts.get(*id).is_some_and(|count| *count >= MANY_CHILDREN);
        let large: Vec<NodeId> = (0..self.nodes.len()).filter(is_large).collect();
        drop(counts);
        let mut lists = HashMap::default();
        for id in large {
            let mut names: HashMap<Option<Symbol>, Vec<u32>> = HashMap::default();
            let (mut others, mut known) = (Vec::new(), true);
            for child in self.children(id) {
                match self.symbol(child) {
                    Some(name) => names.entry(Some(name)).or_default().push(number(child)),
                    None if others.len() < MOST_OTHERS => others.push(number(child)),
                    None => known = false,
                }
            }
            if known {
                names.insert(None, others);
            }
            if let Some(block) = self.nodes.get_mut(id) {
                block.shape = Shape::LargeBlock;
            }
            lists.insert(id, names);
        }
        self.index = lists;
        let mut upstreams = HashMap::default();
        for http in self.http_blocks() {
            for upstream in self.named(http, "upstream").filter(|id| self.is_block(*id)) {
                upstreams
                    .entry(self.argument(upstream, 0).to_ascii_lowercase())
                    .or_insert(upstream);
            }
        }
        self.upstreams = upstreams;
        let mut passes = self.every_of(|name| PASSES.contains(&name));
        passes.retain(|id| self.in_http(*id));
        self.passes = passes;
    }

    /// Every `*_pass` of `http`, in order.
    pub(super) fn passes(&self) -> &[NodeId] {
        &self.passes
    }

    /// The `upstream` block of a name.
    pub(super) fn upstream(&self, name: &str) -> Option<NodeId> {
        let lower = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(name.to_ascii_lowercase())
        } else {
            Cow::Borrowed(name)
        };
        self.upstreams.get(lower.as_ref()).copied()
    }

    /// The children among which those of this name are.
    fn candidates(&self, block: NodeId, name: Option<Symbol>) -> Children<'_> {
        let shape = self.nodes.get(block).map(|node| node.shape);
        // Most blocks are small, and need not be looked up.
        let names = (shape == Some(Shape::LargeBlock))
            .then(|| self.index.get(&block))
            .flatten();
        let Some(names) = names else {
            return self.linked(block);
        };
        match (names.get(&name), name) {
            (Some(listed), _) => Children::Listed(listed.iter()),
            (None, Some(_)) => Children::Listed([].iter()),
            (None, None) => self.linked(block),
        }
    }

    /// The directives of one name in a block, in order.
    pub(super) fn named<'a>(&'a self, block: NodeId, name: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.of_symbol(block, directives::symbol(name), name)
    }

    fn of_symbol<'a>(
        &'a self,
        block: NodeId,
        symbol: Option<Symbol>,
        name: &'a str,
    ) -> impl Iterator<Item = NodeId> + 'a {
        self.candidates(block, symbol)
            .filter(move |id| self.is(*id, symbol, name))
    }

    /// The first directive of this name in a block.
    pub(super) fn first(&self, block: NodeId, name: &str) -> Option<NodeId> {
        self.named(block, name).next()
    }

    /// The block itself and everything around it, innermost first, ending with the main context.
    pub(super) fn around(&self, block: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = Some(block);
        std::iter::from_fn(move || {
            let current = next?;
            next = (current != ROOT).then(|| self.parent(current));
            Some(current)
        })
    }

    /// The directive in force for a block: from the nearest level that has it.
    pub(super) fn nearest(&self, block: NodeId, name: &str) -> Option<NodeId> {
        self.nearest_all(block, name).next()
    }

    /// All directives of this name at the nearest level that has one.
    pub(super) fn nearest_all<'a>(
        &'a self,
        block: NodeId,
        name: &'a str,
    ) -> impl Iterator<Item = NodeId> + 'a {
        let symbol = directives::symbol(name);
        // Most directives that somebody asks for stand nowhere.
        let nowhere = symbol.is_some_and(|symbol| self.is_nowhere(symbol));
        let level = self
            .around(block)
            .take_while(move |_| !nowhere)
            .find(|level| self.of_symbol(*level, symbol, name).next().is_some());
        level
            .into_iter()
            .flat_map(move |level| self.of_symbol(level, symbol, name))
    }

    /// The `http` blocks.
    pub(super) fn http_blocks(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.named(ROOT, "http")
    }

    /// True when the directive is somewhere in an `http` block.
    pub(super) fn in_http(&self, id: NodeId) -> bool {
        let mut top = id;
        while self.parent(top) != ROOT {
            top = self.parent(top);
        }
        top != ROOT && self.symbol(top) == self.http
    }

    /// The file that a directive stands in; `None` for what was made up.
    pub(super) fn file_of(&self, id: NodeId) -> Option<&SourceFile> {
        self.files.get(index(self.nodes.get(id)?.file))
    }

    pub(super) fn place(&self, id: NodeId) -> Place {
        let (Some(file), Some(node)) = (self.file_of(id), self.nodes.get(id)) else {
            return Place::default();
        };
        let (line, column) = file.line_and_column(index(node.position));
        Place {
            file: file.path.clone(),
            line,
            column,
        }
    }

    /// The bytes of a line of a file, counted from 1; empty when there is no such line.
    pub(super) fn line(&self, path: &str, line: u32) -> &[u8] {
        let file = self.paths.get(path).and_then(|file| self.files.get(*file));
        file.map(|file| file.line(line)).unwrap_or_default()
    }

    /// The source line of a place, at most 200 bytes.
    pub(super) fn excerpt(&self, place: &Place) -> String {
        let line = self.line(&place.file, place.line);
        let shown = line.get(..EXCERPT_BYTES).unwrap_or(line);
        String::from_utf8_lossy(shown).trim_end().to_owned()
    }

    /// A directive as it is written, words joined by one space.
    pub(super) fn written(&self, id: NodeId) -> String {
        let mut text = self.name(id).to_owned();
        for argument in self.arguments(id) {
            text.push(' ');
            text.push_str(argument);
        }
        text
    }
}
