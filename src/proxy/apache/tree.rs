//! The statements of a configuration after its conditions, macros and includes were followed: an arena, so
//! that neither depth nor dropping can overflow the stack.

use std::sync::Arc;

use super::lexer::Word;
use crate::evidence::Place;

/// The longest excerpt of a source line, in bytes.
const EXCERPT_BYTES: usize = 200;

/// The index of a statement.
pub type StatementId = usize;

/// The root stands for the main server and has no name.
pub const ROOT: StatementId = 0;

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Arc<[u8]>,
    pub(super) modified_ms: Option<i64>,
    /// Where each line begins.
    line_starts: Vec<u32>,
}

impl SourceFile {
    pub(super) fn new(path: String, bytes: Arc<[u8]>, modified_ms: Option<i64>) -> Self {
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(ends.map(|(index, _)| u32::try_from(index.saturating_add(1)).unwrap_or(u32::MAX)))
            .collect();
        Self {
            path,
            bytes,
            modified_ms,
            line_starts,
        }
    }

    /// A line's bytes, counted from 1.
    pub(super) fn line(&self, line: u32) -> &[u8] {
        let index = usize::try_from(line).unwrap_or(0).saturating_sub(1);
        let start_of = |index: usize| {
            let start = self.line_starts.get(index)?;
            usize::try_from(*start).ok()
        };
        let Some(start) = start_of(index) else {
            return &[];
        };
        let end = start_of(index.saturating_add(1)).map_or(self.bytes.len(), |next| next.saturating_sub(1));
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// One directive or section that the server takes in.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// As written, sections without `<` and `>` (`ProxyPass`, `Location`).
    pub name: String,
    /// The words after the name; of a section, those before its last `>`.
    pub arguments: Vec<Word>,
    /// Everything after the name as the server keeps it, `${…}` already replaced.
    pub raw: String,
    /// Which file, in the order of reading.
    pub(super) file: usize,
    /// Line and byte column, from 1.
    pub(super) line: u32,
    pub(super) column: u32,
    /// The last line it takes.
    pub last_line: u32,
    /// It came out of a macro; then its place is in the macro's body.
    pub from_macro: bool,
    /// The section it stands in.
    pub parent: StatementId,
    /// It is a section.
    pub is_section: bool,
    /// Links instead of lists, which would take more room than the statements; [`ROOT`]: none.
    pub(super) first_child: u32,
    pub(super) last_child: u32,
    pub(super) next_sibling: u32,
}

impl Statement {
    /// The name compared as the server compares it.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// An argument's text, counted from 0; empty when there is none.
    pub fn argument(&self, index: usize) -> &str {
        self.arguments.get(index).map_or("", |word| word.text.as_str())
    }
}

/// All statements, and the files they are from.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) statements: Vec<Statement>,
    pub(super) files: Vec<SourceFile>,
    empty: Statement,
}

impl Tree {
    pub(super) fn new() -> Self {
        Self {
            statements: vec![Statement {
                is_section: true,
                ..Statement::default()
            }],
            files: Vec::new(),
            empty: Statement::default(),
        }
    }

    pub(super) fn get(&self, id: StatementId) -> &Statement {
        self.statements.get(id).unwrap_or(&self.empty)
    }

    pub(super) fn push(&mut self, parent: StatementId, mut statement: Statement) -> StatementId {
        let id = self.statements.len();
        statement.parent = parent;
        self.statements.push(statement);
        let link = u32::try_from(id).unwrap_or(0);
        let before = self.statements.get_mut(parent).map_or(0, |parent| {
            if parent.first_child == 0 {
                parent.first_child = link;
            }
            std::mem::replace(&mut parent.last_child, link)
        });
        if let Some(before) = usize::try_from(before).ok().filter(|before| *before != ROOT)
            && let Some(before) = self.statements.get_mut(before)
        {
            before.next_sibling = link;
        }
        id
    }

    pub(super) fn children(&self, id: StatementId) -> impl Iterator<Item = StatementId> + '_ {
        let link = |link: u32| usize::try_from(link).ok().filter(|id| *id != ROOT);
        let mut next = link(self.get(id).first_child);
        std::iter::from_fn(move || {
            let current = next?;
            next = link(self.get(current).next_sibling);
            Some(current)
        })
    }

    /// The children of one name, in order.
    pub(super) fn named<'a>(
        &'a self,
        section: StatementId,
        name: &'a str,
    ) -> impl Iterator<Item = StatementId> + 'a {
        self.children(section).filter(move |id| self.get(*id).is(name))
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
            next = Some(self.get(current).parent).filter(|parent| *parent != ROOT);
            Some(current)
        })
    }

    pub(super) fn place(&self, id: StatementId) -> Place {
        let statement = self.get(id);
        self.place_at(statement.file, statement.line, statement.column)
    }

    pub(super) fn place_at(&self, file: usize, line: u32, column: u32) -> Place {
        let file = self.files.get(file);
        Place {
            file: file.map(|file| file.path.clone()).unwrap_or_default(),
            line,
            column,
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
