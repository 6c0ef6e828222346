//! From files to statements: sections, conditions, macros, includes, in the order in which httpd goes
//! through them while it reads (`EXEC_ON_READ`).
//!
//! Nothing here recurses: open files, macros and sections stand on stacks, so that no nesting overflows.
//! What httpd would do without end is bounded: see the limits below.

mod containers;
mod includes;
mod macros;
mod on_read;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::lexer::{Lines, LogicalLine, next_word, number, words};
use super::modules::Modules;
use super::tree::{New, ROOT, SourceFile, StatementId, Tree};
use super::{Environment, conditions, paths};
use crate::evidence::{ConfigProblem, Place, ProblemLevel};
use crate::proxy::Files;
use macros::Macro;

/// httpd's own limit of nested includes.
const DEEPEST_INCLUDE: usize = 128;
/// httpd's own limit of nested directories in one include.
const DEEPEST_DIRECTORY: usize = 20;
/// No configuration has more statements, includes and macros counted each time.
const MOST_STATEMENTS: usize = 1_000_000;
/// Files that are opened, each inclusion counted.
const MOST_INCLUDES: usize = 200_000;
/// A line may be this long, in bytes: httpd's limit.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// All values put in place of `${…}` together, and all macro lines, in bytes; besides [`EXPANDED_TIMES`] what
/// was read.
const MOST_EXPANDED: usize = 16 * 1024 * 1024;
const EXPANDED_TIMES: usize = 4;
/// What a line of a macro counts besides its text, in bytes.
const MACRO_LINE_BYTES: usize = 32;
/// How often a text counts that does not stand in a file: its words take room as well.
const NEW_TEXT_TIMES: usize = 4;
/// Modules and skipped sections beyond this number say nothing new.
const MOST_TOLD: usize = 10_000;
/// Problems beyond this number say nothing new.
const MOST_PROBLEMS: usize = 500;

/// Where lines come from.
enum Source {
    File(Lines),
    Macro {
        name: String,
        used: Arc<Macro>,
        values: Vec<String>,
        next: usize,
    },
}

struct Frame {
    source: Source,
    file: usize,
    /// How many containers were open when this file began; a macro shares those of the file it is used in.
    floor: usize,
}

/// What is open.
enum Open {
    Section(StatementId),
    /// A condition that holds, by its name, with its place and the section it stands in.
    Condition(Box<str>, u32, StatementId),
}

impl Open {
    /// The section that statements go to while this is what was opened last.
    fn section(&self) -> StatementId {
        match self {
            Self::Section(id) | Self::Condition(_, _, id) => *id,
        }
    }
}

/// Names of containers with the places they are written at, one after the other.
#[derive(Default)]
struct Names {
    texts: String,
    /// Where each begins in the text, and in its file.
    starts: Vec<(u32, u32)>,
}

impl Names {
    fn push(&mut self, name: &str, at: u32) {
        self.starts.push((number(self.texts.len()), at));
        self.texts.push_str(name);
    }

    fn get(&self, at: usize) -> Option<(&str, u32)> {
        let (start, place) = *self.starts.get(at)?;
        let end = self
            .starts
            .get(at.saturating_add(1))
            .map_or(self.texts.len(), |next| size(next.0));
        Some((self.texts.get(size(start)..end).unwrap_or_default(), place))
    }

    fn last(&self) -> &str {
        let last = self.starts.len().checked_sub(1);
        last.and_then(|last| self.get(last)).map_or("", |(name, _)| name)
    }

    fn truncate(&mut self, count: usize) {
        if let Some((start, _)) = self.starts.get(count) {
            self.texts.truncate(size(*start));
            self.starts.truncate(count);
        }
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// What reading gives.
pub(super) struct Reading {
    pub(super) tree: Tree,
    pub(super) errors: Vec<ConfigProblem>,
    pub(super) modules: Modules,
    pub(super) loaded: Vec<(String, String, Place)>,
    pub(super) server_root: String,
    /// `${NAME}` that nothing defines.
    pub(super) undefined: Vec<(String, Place)>,
    /// `<IfModule>`s that did not hold, with what they asked.
    pub(super) skipped: Vec<(String, String, Place)>,
    pub(super) full: bool,
}

struct Reader<'a> {
    files: &'a dyn Files,
    environment: &'a Environment,
    tree: Tree,
    errors: Vec<ConfigProblem>,
    known: BTreeMap<String, Result<usize, String>>,
    frames: Vec<Frame>,
    open: Vec<Open>,
    /// Names of the containers that are being skipped.
    skipping: Names,
    modules: Modules,
    loaded: Vec<(String, String, Place)>,
    server_root: String,
    defines: BTreeSet<String>,
    /// By lower-case name: httpd's tables do not look at case.
    values: HashMap<String, String>,
    macros: HashMap<String, Arc<Macro>>,
    undefined: Vec<(String, Place)>,
    skipped: Vec<(String, String, Place)>,
    expanded: usize,
    /// Bytes of all files.
    read: usize,
    /// It was told that no more is expanded.
    told_expanded: bool,
    /// It was told that sections are nested too deeply.
    told_depth: bool,
    opened: usize,
    full: bool,
}

/// Reads the main file with everything it includes.
pub(super) fn read_all(main_file: &str, files: &dyn Files, environment: &Environment) -> Reading {
    let mut modules = Modules::default();
    for name in environment.static_modules() {
        modules.add(name);
    }
    if environment.part {
        modules.take_every();
    }
    let mut reader = Reader {
        files,
        environment,
        tree: Tree::new(),
        errors: Vec::new(),
        known: BTreeMap::new(),
        frames: Vec::new(),
        open: Vec::new(),
        skipping: Names::default(),
        modules,
        loaded: Vec::new(),
        server_root: environment.server_root.clone(),
        defines: environment.defines.iter().cloned().collect(),
        values: HashMap::new(),
        macros: HashMap::new(),
        undefined: Vec::new(),
        skipped: Vec::new(),
        expanded: 0,
        read: 0,
        told_expanded: false,
        told_depth: false,
        opened: 0,
        full: false,
    };
    let main_file = paths::absolute(&environment.server_root, main_file);
    match reader.load(&main_file) {
        Ok(file) => {
            reader.push_file(file);
            reader.run();
        }
        Err(reason) => {
            let place = Place {
                file: main_file.clone(),
                ..Place::default()
            };
            reader.error(
                "config-unreadable",
                place,
                format!("cannot read {main_file}: {reason}"),
            );
        }
    }
    Reading {
        tree: reader.tree,
        errors: reader.errors,
        modules: reader.modules,
        loaded: reader.loaded,
        server_root: reader.server_root,
        undefined: reader.undefined,
        skipped: reader.skipped,
        full: reader.full,
    }
}

impl Reader<'_> {
    fn error(&mut self, rule: &str, place: Place, message: String) {
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

    fn load(&mut self, path: &str) -> Result<usize, String> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let outcome = self.files.read(path).map(|read| {
            let index = self.tree.files.len();
            self.read = self.read.saturating_add(read.bytes.len());
            self.tree.files.push(SourceFile::new(
                path.to_owned(),
                Arc::from(read.bytes),
                read.modified_ms,
            ));
            if read.truncated {
                let place = Place {
                    file: path.to_owned(),
                    ..Place::default()
                };
                self.error(
                    "file-truncated",
                    place,
                    format!("{path} is too long, only its beginning was read"),
                );
            }
            index
        });
        self.known.insert(path.to_owned(), outcome.clone());
        outcome
    }

    fn push_file(&mut self, file: usize) {
        self.opened = self.opened.saturating_add(1);
        if self.opened > MOST_INCLUDES {
            self.full = true;
            let place = self.tree.whole_file(file);
            self.error(
                "too-many-directives",
                place,
                format!("more than {MOST_INCLUDES} files are included: the rest is not read"),
            );
            return;
        }
        let bytes = self.tree.files.get(file).map(|file| Arc::clone(&file.bytes));
        self.frames.push(Frame {
            source: Source::File(Lines::new(bytes.unwrap_or_else(|| Arc::from(Vec::new())))),
            file,
            floor: self.open.len(),
        });
    }

    fn file(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.file)
    }

    fn floor(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.floor)
    }

    fn place(&self, line: &LogicalLine, offset: usize) -> Place {
        self.tree.place_at(self.file(), line.place(offset))
    }

    /// How many bytes may still be put in place of variables and macros.
    fn room(&self) -> usize {
        let most = MOST_EXPANDED.saturating_add(self.read.saturating_mul(EXPANDED_TIMES));
        most.saturating_sub(self.expanded)
    }

    fn tell_expanded(&mut self, place: Place) {
        if !self.told_expanded {
            self.told_expanded = true;
            let message = "macros and variables make too much text: the rest is not put in place".to_owned();
            self.error("too-many-directives", place, message);
        }
    }

    /// The next line, from where reading is.
    fn next_line(&mut self) -> Option<LogicalLine> {
        let room = self.room();
        let frame = self.frames.last_mut()?;
        match &mut frame.source {
            Source::File(lines) => lines.next_line(),
            Source::Macro {
                used, values, next, ..
            } => {
                let bytes = self.tree.files.get(frame.file).map(|file| Arc::clone(&file.bytes))?;
                let line = used.line(*next, &bytes, values)?;
                *next = next.saturating_add(1);
                let counted = if line.whole {
                    line.text.len().saturating_add(MACRO_LINE_BYTES)
                } else {
                    let text = line.text.len().saturating_mul(NEW_TEXT_TIMES);
                    text.saturating_add(MACRO_LINE_BYTES.saturating_mul(2))
                };
                self.expanded = self.expanded.saturating_add(counted);
                if counted > room {
                    let place = self.place(&line, 0);
                    self.tell_expanded(place);
                    return None;
                }
                Some(line)
            }
        }
    }

    fn run(&mut self) {
        while !self.frames.is_empty() {
            let Some(line) = self.next_line() else {
                self.end_of_source();
                continue;
            };
            if self.full {
                self.frames.clear();
                break;
            }
            if line.text.len() > LONGEST_LINE {
                let place = self.place(&line, 0);
                let message = format!("a line is longer than {LONGEST_LINE} bytes");
                self.error("syntax", place, message);
                continue;
            }
            if !self.skipping.starts.is_empty() {
                self.skip(line);
            } else if !line.text.is_empty() && !line.text.starts_with('#') {
                self.line(line);
            }
        }
    }

    /// A file or a macro is used up.
    fn end_of_source(&mut self) {
        let Some(frame) = self.frames.last() else { return };
        let (floor, file) = (frame.floor, frame.file);
        if matches!(frame.source, Source::File(_)) {
            let skipping = self.skipping.get(0);
            if let Some((message, at)) =
                skipping.map(|(name, at)| (format!("expected </{name}> before the end of the file"), at))
            {
                let place = self.first_column(file, at);
                self.error("syntax", place, message);
                self.skipping.truncate(0);
            }
            while self.open.len() > floor {
                match self.open.pop() {
                    Some(Open::Section(id)) => {
                        let place = self.tree.place(id);
                        let message = format!("<{}> is not closed", self.tree.get(id).name());
                        self.error("syntax", place, message);
                    }
                    Some(Open::Condition(name, line, _)) => {
                        let place = self.first_column(file, line);
                        let message = format!("<{name}> is not closed, which the server does not notice");
                        self.error("syntax", place, message);
                        if let Some(last) = self.errors.last_mut() {
                            last.level = ProblemLevel::Warning;
                        }
                    }
                    None => break,
                }
            }
        }
        self.frames.pop();
    }

    /// The line of a place, without its column.
    fn first_column(&self, file: usize, at: u32) -> Place {
        Place {
            column: 1,
            ..self.tree.place_at(file, at)
        }
    }

    /// Puts the values of variables in place.
    fn expand(&mut self, line: LogicalLine) -> LogicalLine {
        if !line.text.contains("${") {
            return line;
        }
        let before = line.text.len();
        let mut unknown = Vec::new();
        let bound = self.room();
        let room = LONGEST_LINE.min(bound.div_euclid(NEW_TEXT_TIMES).saturating_add(before));
        let mut refused = false;
        let expanded = line.expand(
            room,
            |name| {
                let defined = self.values.get(&name.to_ascii_lowercase());
                defined
                    .or_else(|| self.environment.variables.get(name))
                    .map(String::as_str)
            },
            |name, at| {
                refused |= self.values.contains_key(&name.to_ascii_lowercase());
                if unknown.len() < MOST_PROBLEMS {
                    unknown.push((name.to_owned(), at));
                }
            },
        );
        if refused {
            let place = self.place(&expanded, 0);
            self.tell_expanded(place);
        }
        let more = expanded.text.len().saturating_sub(before);
        self.expanded = self.expanded.saturating_add(more.saturating_mul(NEW_TEXT_TIMES));
        for (name, at) in unknown {
            // A colon belongs to RewriteMap and the like.
            if !name.contains(':') && self.undefined.len() < MOST_PROBLEMS {
                let place = self.tree.place_at(self.file(), at);
                self.undefined.push((name, place));
            }
        }
        expanded
    }

    /// A line in a container that does not apply: only containers are counted.
    fn skip(&mut self, line: LogicalLine) {
        if !line.text.contains('<') && !line.text.contains("${") {
            return;
        }
        let line = self.expand(line);
        let Some((name, _, _, next)) = next_word(&line.text, 0) else {
            return;
        };
        let Some(name) = name.strip_prefix('<') else {
            return;
        };
        if let Some(closing) = name.strip_prefix('/') {
            let mut characters = closing.chars();
            characters.next_back();
            let closing = characters.as_str();
            let depth = self.skipping.starts.len();
            if closing.eq_ignore_ascii_case(self.skipping.last()) {
                self.skipping.truncate(depth.saturating_sub(1));
            } else {
                let place = self.place(&line, 0);
                let message = format!("expected </{}> but saw </{closing}>", self.skipping.last());
                self.error("syntax", place, message);
                let is = |at: usize| {
                    self.skipping
                        .get(at)
                        .is_some_and(|(name, _)| name.eq_ignore_ascii_case(closing))
                };
                let known = (0..depth).rev().take(containers::MOST_LOOKED_AT).find(|at| is(*at));
                if let Some(known) = known {
                    self.skipping.truncate(known);
                }
            }
        } else {
            let alone = next >= line.text.len();
            let name = name.strip_suffix('>').filter(|_| alone).unwrap_or(name);
            self.skipping.push(name, line.place(0));
        }
    }

    fn line(&mut self, line: LogicalLine) {
        let written = line.text.clone();
        let line = self.expand(line);
        let Some((word, _, _, next)) = next_word(&line.text, 0) else {
            return;
        };
        if let Some(rest) = word.strip_prefix("</") {
            self.close(&line, &written, rest);
            return;
        }
        let rest = line.text.get(next..).unwrap_or_default().to_owned();
        if let Some(name) = word.strip_prefix('<') {
            self.open_container(&line, name, &rest, next);
            return;
        }
        if self.on_read(&line, &word, &rest, next) {
            return;
        }
        let arguments = words(&line, next);
        self.push(New {
            name: &word,
            first: &word,
            line: &line,
            words: &arguments,
            rest: next,
            file: 0,
            from_macro: false,
            is_section: false,
        });
    }

    /// The innermost section that is open.
    fn section(&self) -> StatementId {
        self.open.last().map_or(ROOT, Open::section)
    }

    fn push(&mut self, mut statement: New<'_>) -> Option<StatementId> {
        if self.tree.len() >= MOST_STATEMENTS {
            if !self.full {
                self.full = true;
                let place = self.place(statement.line, 0);
                let message = format!("more than {MOST_STATEMENTS} directives: the rest is not read");
                self.error("too-many-directives", place, message);
            }
            return None;
        }
        statement.file = self.file();
        statement.from_macro = self
            .frames
            .last()
            .is_some_and(|frame| matches!(frame.source, Source::Macro { .. }));
        Some(self.tree.push(self.section(), &statement))
    }
}
