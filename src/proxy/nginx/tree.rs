//! The tree of directives: an arena, so that neither depth nor dropping can overflow the stack.

use std::collections::HashMap;
use std::sync::Arc;

use super::lexer::Word;
use super::location_select::PASSES;
use crate::evidence::Place;

/// The longest excerpt of a source line, in bytes.
const EXCERPT_BYTES: usize = 200;

/// A block with this many children gets an index of their names.
const MANY_CHILDREN: usize = 24;

/// The index of a directive in its [`Tree`].
pub(super) type NodeId = usize;

/// The root: it stands for the main context and has no name.
pub(super) const ROOT: NodeId = 0;

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Arc<[u8]>,
    pub(super) modified_ms: Option<i64>,
}

/// One directive.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) arguments: Vec<Word>,
    pub(super) file: usize,
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) parent: NodeId,
    /// It was written with `{`.
    pub(super) is_block: bool,
    pub(super) children: Vec<NodeId>,
}

/// All directives of a configuration, and the files they are from.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) files: Vec<SourceFile>,
    empty: Node,
    /// Children by name, for blocks with many: a lookup must not take the time of the whole `http` block.
    index: HashMap<NodeId, HashMap<String, Vec<NodeId>>>,
    /// `upstream` blocks of `http` by lower-case name; the first of a name counts.
    upstreams: HashMap<String, NodeId>,
    /// Where the lines of each file begin, by path, so that an excerpt need not look for its line.
    lines: HashMap<String, (usize, Vec<usize>)>,
    /// Every `*_pass` of `http`, in order: most rules begin with them.
    passes: Vec<NodeId>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![Node {
                is_block: true,
                ..Node::default()
            }],
            files: Vec::new(),
            empty: Node::default(),
            index: HashMap::new(),
            upstreams: HashMap::new(),
            lines: HashMap::new(),
            passes: Vec::new(),
        }
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        self.nodes.get(id).unwrap_or(&self.empty)
    }

    pub(super) fn push(&mut self, parent: NodeId, mut node: Node) -> NodeId {
        let id = self.nodes.len();
        node.parent = parent;
        self.nodes.push(node);
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.children.push(id);
        }
        id
    }

    pub(super) fn name(&self, id: NodeId) -> &str {
        &self.node(id).name
    }

    /// The text of one argument, counted from 0; empty when there is none.
    pub(super) fn argument(&self, id: NodeId, index: usize) -> &str {
        self.node(id)
            .arguments
            .get(index)
            .map_or("", |word| word.text.as_str())
    }

    /// All arguments' texts.
    pub(super) fn arguments(&self, id: NodeId) -> impl Iterator<Item = &str> {
        self.node(id).arguments.iter().map(|word| word.text.as_str())
    }

    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        self.node(id).children.iter().copied()
    }

    /// Builds the indexes, once the tree is complete.
    pub(super) fn finish(&mut self) {
        let large = self
            .nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.children.len() >= MANY_CHILDREN);
        self.index = large
            .map(|(id, node)| {
                let mut names: HashMap<String, Vec<NodeId>> = HashMap::new();
                for child in &node.children {
                    names.entry(self.name(*child).to_owned()).or_default().push(*child);
                }
                (id, names)
            })
            .collect();
        let mut upstreams = HashMap::new();
        for http in self.http_blocks() {
            for upstream in self.named(http, "upstream").filter(|id| self.node(*id).is_block) {
                upstreams
                    .entry(self.argument(upstream, 0).to_ascii_lowercase())
                    .or_insert(upstream);
            }
        }
        self.upstreams = upstreams;
        for (index, file) in self.files.iter().enumerate() {
            let ends = file.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            let starts = std::iter::once(0).chain(ends.map(|(at, _)| at.saturating_add(1)));
            self.lines
                .entry(file.path.clone())
                .or_insert_with(|| (index, starts.collect()));
        }
        self.passes = (0..self.nodes.len())
            .filter(|id| self.name(*id).ends_with("_pass") && PASSES.contains(&self.name(*id)))
            .filter(|id| self.in_http(*id))
            .collect();
    }

    /// Every `*_pass` of `http`, in order.
    pub(super) fn passes(&self) -> &[NodeId] {
        &self.passes
    }

    /// The `upstream` block of a name.
    pub(super) fn upstream(&self, name: &str) -> Option<NodeId> {
        self.upstreams.get(&name.to_ascii_lowercase()).copied()
    }

    /// The children among which those of this name are.
    fn candidates(&self, block: NodeId, name: &str) -> &[NodeId] {
        match self.index.get(&block) {
            Some(names) => names.get(name).map_or(&[], Vec::as_slice),
            None => &self.node(block).children,
        }
    }

    /// The directives of one name in a block, in order.
    pub(super) fn named<'a>(&'a self, block: NodeId, name: &'a str) -> impl Iterator<Item = NodeId> + 'a {
        self.candidates(block, name)
            .iter()
            .copied()
            .filter(move |id| self.name(*id) == name)
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
            next = (current != ROOT).then(|| self.node(current).parent);
            Some(current)
        })
    }

    /// The directive in force for a block: from the nearest level that has it.
    pub(super) fn nearest(&self, block: NodeId, name: &str) -> Option<NodeId> {
        self.around(block).find_map(|level| self.first(level, name))
    }

    /// All directives of this name at the nearest level that has one.
    pub(super) fn nearest_all(&self, block: NodeId, name: &str) -> Vec<NodeId> {
        self.around(block)
            .map(|level| self.named(level, name).collect::<Vec<_>>())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    /// The `http` blocks.
    pub(super) fn http_blocks(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.named(ROOT, "http")
    }

    /// True when the directive is somewhere in an `http` block.
    pub(super) fn in_http(&self, id: NodeId) -> bool {
        self.around(id)
            .any(|level| level != ROOT && self.node(level).parent == ROOT && self.name(level) == "http")
    }

    pub(super) fn place(&self, id: NodeId) -> Place {
        let node = self.node(id);
        Place {
            file: self
                .files
                .get(node.file)
                .map(|file| file.path.clone())
                .unwrap_or_default(),
            line: node.line,
            column: node.column,
        }
    }

    /// The bytes of a line of a file, counted from 1; empty when there is no such line.
    pub(super) fn line(&self, path: &str, line: u32) -> &[u8] {
        let wanted = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        // While the files are still being read there is no index.
        let (file, start, skipped) = match self.lines.get(path) {
            Some((index, starts)) => (
                self.files.get(*index),
                starts.get(wanted).copied().unwrap_or(usize::MAX),
                wanted,
            ),
            None => (self.files.iter().find(|file| file.path == path), 0, 0),
        };
        file.and_then(|file| file.bytes.get(start..))
            .and_then(|rest| rest.split(|byte| *byte == b'\n').nth(wanted.saturating_sub(skipped)))
            .unwrap_or_default()
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
