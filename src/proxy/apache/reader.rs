//! From files to statements: sections, conditions, macros, includes, in the order in which httpd goes
//! through them while it reads (`EXEC_ON_READ`).
//!
//! Nothing here recurses: open files, macros and sections stand on stacks, so that no nesting overflows.
//! What httpd would do without end is bounded: see the limits below.

mod containers;
mod includes;
mod macros;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::lexer::{Lines, LogicalLine, next_word, words};
use super::modules::Modules;
use super::tree::{ROOT, SourceFile, Statement, StatementId, Tree};
use super::{Environment, conditions, paths};
use crate::evidence::{ConfigProblem, Place, ProblemLevel};
use crate::proxy::Files;

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
/// All values put in place of `${…}` together, and all macro lines, in bytes.
const MOST_EXPANDED: usize = 48 * 1024 * 1024;
/// Problems beyond this number say nothing new.
const MOST_PROBLEMS: usize = 500;

/// Where lines come from.
enum Source {
    File(Lines),
    Macro {
        name: String,
        lines: std::vec::IntoIter<LogicalLine>,
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
    /// A condition that holds, by its name.
    Condition(String, u32),
}

struct Macro {
    parameters: Vec<String>,
    body: Vec<LogicalLine>,
    file: usize,
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
    skipping: Vec<(String, u32)>,
    modules: Modules,
    loaded: Vec<(String, String, Place)>,
    server_root: String,
    defines: BTreeSet<String>,
    /// By lower-case name: httpd's tables do not look at case.
    values: HashMap<String, String>,
    macros: HashMap<String, Macro>,
    undefined: Vec<(String, Place)>,
    skipped: Vec<(String, String, Place)>,
    expanded: usize,
    opened: usize,
    full: bool,
}

/// Reads the main file with everything it includes.
pub(super) fn read_all(main_file: &str, files: &dyn Files, environment: &Environment) -> Reading {
    let mut modules = Modules::default();
    for name in environment.static_modules() {
        modules.add(name);
    }
    let mut reader = Reader {
        files,
        environment,
        tree: Tree::new(),
        errors: Vec::new(),
        known: BTreeMap::new(),
        frames: Vec::new(),
        open: Vec::new(),
        skipping: Vec::new(),
        modules,
        loaded: Vec::new(),
        server_root: environment.server_root.clone(),
        defines: environment.defines.iter().cloned().collect(),
        values: HashMap::new(),
        macros: HashMap::new(),
        undefined: Vec::new(),
        skipped: Vec::new(),
        expanded: 0,
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
            let place = self.tree.place_at(file, 0, 0);
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
        let (line, column) = line.place(offset);
        self.tree.place_at(self.file(), line, column)
    }

    fn run(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            let line = match &mut frame.source {
                Source::File(lines) => lines.next_line(),
                Source::Macro { lines, .. } => lines.next(),
            };
            let Some(line) = line else {
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
            if !self.skipping.is_empty() {
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
            if let Some((name, line)) = self.skipping.first().cloned() {
                let place = self.tree.place_at(file, line, 1);
                self.error(
                    "syntax",
                    place,
                    format!("expected </{name}> before the end of the file"),
                );
                self.skipping.clear();
            }
            while self.open.len() > floor {
                match self.open.pop() {
                    Some(Open::Section(id)) => {
                        let place = self.tree.place(id);
                        let name = self.tree.get(id).name.clone();
                        self.error("syntax", place, format!("<{name}> is not closed"));
                    }
                    Some(Open::Condition(name, line)) => {
                        let place = self.tree.place_at(file, line, 1);
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

    /// Puts the values of variables in place.
    fn expand(&mut self, line: LogicalLine) -> LogicalLine {
        if !line.text.contains("${") {
            return line;
        }
        let before = line.text.len();
        let mut unknown = Vec::new();
        let room = LONGEST_LINE.min(MOST_EXPANDED.saturating_sub(self.expanded));
        let expanded = line.expand(
            room,
            |name| {
                let defined = self.values.get(&name.to_ascii_lowercase());
                defined.or_else(|| self.environment.variables.get(name)).cloned()
            },
            |name, line, column| unknown.push((name.to_owned(), line, column)),
        );
        self.expanded = self
            .expanded
            .saturating_add(expanded.text.len().saturating_sub(before));
        for (name, line, column) in unknown {
            // A colon belongs to RewriteMap and the like.
            if !name.contains(':') && self.undefined.len() < MOST_PROBLEMS {
                let place = self.tree.place_at(self.file(), line, column);
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
            let expected = self.skipping.last().map(|(name, _)| name.clone()).unwrap_or_default();
            if closing.eq_ignore_ascii_case(&expected) {
                self.skipping.pop();
            } else {
                let place = self.place(&line, 0);
                self.error(
                    "syntax",
                    place,
                    format!("expected </{expected}> but saw </{closing}>"),
                );
                let known = self
                    .skipping
                    .iter()
                    .rposition(|(name, _)| name.eq_ignore_ascii_case(closing));
                if let Some(known) = known {
                    self.skipping.truncate(known);
                }
            }
        } else {
            let alone = next >= line.text.len();
            let name = name.strip_suffix('>').filter(|_| alone).unwrap_or(name);
            let (number, _) = line.place(0);
            self.skipping.push((name.to_owned(), number));
        }
    }

    fn line(&mut self, line: LogicalLine) {
        let written = line.text.clone();
        let line = self.expand(line);
        let Some((word, start, _, next)) = next_word(&line.text, 0) else {
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
        let (number, column) = line.place(start);
        self.push(Statement {
            name: word,
            arguments,
            raw: rest,
            line: number,
            column,
            last_line: line.last_line,
            ..Statement::default()
        });
    }

    fn push(&mut self, mut statement: Statement) -> Option<StatementId> {
        if self.tree.statements.len() >= MOST_STATEMENTS {
            if !self.full {
                self.full = true;
                let place = self.tree.place_at(self.file(), statement.line, statement.column);
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
        let parent = self.open.iter().rev().find_map(|open| match open {
            Open::Section(id) => Some(*id),
            Open::Condition(..) => None,
        });
        Some(self.tree.push(parent.unwrap_or(ROOT), statement))
    }

    /// Directives that act while the file is read. False: it is an ordinary one.
    fn on_read(&mut self, line: &LogicalLine, name: &str, rest: &str, next: usize) -> bool {
        let arguments = words(line, next);
        let argument = |index: usize| arguments.get(index).map_or("", |word| word.text.as_str());
        let place = self.place(line, 0);
        match name.to_ascii_lowercase().as_str() {
            "include" | "includeoptional" => {
                if arguments.len() == 1 {
                    let optional = name.len() > "include".len();
                    self.include(argument(0), optional, &place);
                } else {
                    self.error("syntax", place, format!("{name} takes one argument"));
                }
            }
            "define" => {
                let key = argument(0).to_owned();
                if arguments.is_empty() || arguments.len() > 2 {
                    self.error("syntax", place, "Define takes one or two arguments".to_owned());
                } else if key.contains(':') {
                    self.error(
                        "syntax",
                        place,
                        "a variable's name must not contain \":\"".to_owned(),
                    );
                } else {
                    if arguments.len() == 2 {
                        self.values.insert(key.to_ascii_lowercase(), argument(1).to_owned());
                    }
                    self.defines.insert(key);
                }
            }
            "undefine" => {
                self.defines.remove(argument(0));
                self.values.remove(&argument(0).to_ascii_lowercase());
            }
            "loadmodule" => {
                if arguments.len() == 2 {
                    self.modules.add(argument(0));
                    self.loaded
                        .push((argument(0).to_owned(), argument(1).to_owned(), place));
                } else {
                    self.error("syntax", place, "LoadModule takes two arguments".to_owned());
                }
            }
            "serverroot" => argument(0).clone_into(&mut self.server_root),
            "use" if self.modules.has("macro_module") => self.use_macro(line, rest),
            "undefmacro" if self.modules.has("macro_module") => {
                if self.macros.remove(&argument(0).to_lowercase()).is_none() {
                    let message = format!("cannot remove undefined macro \"{}\"", argument(0));
                    self.error("macro-undefined", place, message);
                }
            }
            "loadfile" | "defaultruntimedir" | "macroignoreemptyargs" | "macroignorebadnesting" => {}
            "error" => {
                self.error("error-directive", place, format!("Error: {}", argument(0)));
            }
            _ => return false,
        }
        true
    }
}
