//! From files to statements: sections, conditions, macros, includes, in the order in which httpd goes
//! through them while it reads (`EXEC_ON_READ`).
//!
//! Nothing here recurses: open files, macros and sections stand on stacks, so that no nesting overflows.
//! What httpd would do without end is bounded: see the limits below.

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

    fn close(&mut self, line: &LogicalLine, written: &str, closing: &str) {
        let floor = self.floor();
        let name = closing.strip_suffix('>').unwrap_or(closing);
        let whole = written
            .strip_prefix("</")
            .and_then(|rest| rest.strip_suffix('>'))
            .unwrap_or_default();
        let inner = self.open.get(floor..).unwrap_or_default();
        let fits = |open: &Open, exact: bool| match open {
            Open::Section(id) => self.tree.get(*id).name.eq_ignore_ascii_case(name),
            Open::Condition(condition, _) => condition.eq_ignore_ascii_case(if exact { whole } else { name }),
        };
        match inner.last() {
            Some(last) if fits(last, true) => {
                if matches!(last, Open::Section(_)) && !closing.ends_with('>') {
                    let place = self.place(line, 0);
                    self.error("syntax", place, format!("</{name} has no closing \">\""));
                }
                self.open.pop();
            }
            Some(last) => {
                let message = match last {
                    Open::Section(id) => {
                        format!("expected </{}> but saw </{name}>", self.tree.get(*id).name)
                    }
                    Open::Condition(..) => format!("</{name}> without matching <{name}> section"),
                };
                let known = inner.iter().rposition(|open| fits(open, false));
                let place = self.place(line, 0);
                self.error("syntax", place, message);
                if let Some(known) = known {
                    self.open.truncate(floor.saturating_add(known));
                }
            }
            None => {
                let place = self.place(line, 0);
                self.error(
                    "syntax",
                    place,
                    format!("</{name}> without matching <{name}> section"),
                );
            }
        }
    }

    fn open_container(&mut self, line: &LogicalLine, name: &str, rest: &str, next: usize) {
        let (at, column) = line.place(0);
        let bare = name.strip_suffix('>').unwrap_or(name);
        if name.is_empty() {
            let place = self.place(line, 0);
            self.error("syntax", place, "\"<\" alone opens no section".to_owned());
            return;
        }
        if bare.eq_ignore_ascii_case("Macro") && self.modules.has("macro_module") {
            self.define_macro(line, rest);
            return;
        }
        if let Some(kind) = conditions::kind(bare) {
            let Some((argument, _)) = rest.rsplit_once('>') else {
                let place = self.place(line, 0);
                self.error(
                    "syntax",
                    place,
                    format!("<{bare}> directive missing closing \">\""),
                );
                self.open.push(Open::Condition(bare.to_owned(), at));
                return;
            };
            let context = conditions::Context {
                modules: &self.modules,
                defines: &self.defines,
                version: self.environment.version_or_default(),
                server_root: &self.server_root,
                files: self.files,
            };
            match conditions::holds(kind, argument, &context) {
                Ok(true) => self.open.push(Open::Condition(bare.to_owned(), at)),
                Ok(false) => {
                    if self.skipped.len() < MOST_STATEMENTS {
                        let place = self.place(line, 0);
                        self.skipped
                            .push((bare.to_owned(), argument.trim().to_owned(), place));
                    }
                    self.skipping.push((bare.to_owned(), at));
                }
                Err(message) => {
                    let place = self.place(line, 0);
                    self.error("syntax", place, message);
                    self.skipping.push((bare.to_owned(), at));
                }
            }
            return;
        }
        let raw_body = bare.eq_ignore_ascii_case("Perl")
            || bare.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("Lua"));
        if raw_body {
            self.skip_raw(line, bare);
            return;
        }
        // The words end at the last `>`; what follows it is of no meaning.
        let end = line.text.rfind('>').filter(|end| *end >= next);
        let mut arguments = words(line, next);
        if let Some(end) = end {
            let inside = line.text.get(next..end).unwrap_or_default();
            let count = super::lexer::split(inside);
            arguments.truncate(count.len());
            for (word, text) in arguments.iter_mut().zip(count) {
                word.text = text;
            }
        } else if !name.ends_with('>') {
            let place = self.place(line, 0);
            self.error(
                "syntax",
                place,
                format!("<{bare}> directive missing closing \">\""),
            );
        }
        let id = self.push(Statement {
            name: bare.to_owned(),
            arguments,
            raw: rest.to_owned(),
            line: at,
            column,
            last_line: line.last_line,
            is_section: true,
            ..Statement::default()
        });
        if let Some(id) = id {
            self.open.push(Open::Section(id));
        }
    }

    /// A section whose body is another language: up to its end, lines mean nothing here.
    fn skip_raw(&mut self, line: &LogicalLine, name: &str) {
        let end = format!("</{name}>");
        let place = self.place(line, 0);
        loop {
            match self.next_line_of_container() {
                Some(line) if line.text.eq_ignore_ascii_case(&end) => return,
                Some(_) => {}
                None => {
                    self.error("syntax", place, format!("<{name}> is not closed"));
                    return;
                }
            }
        }
    }

    /// The next line for a container that takes lines as they are: from a macro that ends, reading goes on
    /// in the file around it.
    fn next_line_of_container(&mut self) -> Option<LogicalLine> {
        loop {
            let frame = self.frames.last_mut()?;
            match &mut frame.source {
                Source::File(lines) => return lines.next_line(),
                Source::Macro { lines, .. } => match lines.next() {
                    Some(line) => return Some(line),
                    None => self.frames.pop(),
                },
            };
        }
    }

    fn define_macro(&mut self, line: &LogicalLine, rest: &str) {
        let place = self.place(line, 0);
        let Some((header, _)) = rest.rsplit_once('>') else {
            self.error(
                "syntax",
                place,
                "<Macro> directive missing closing \">\"".to_owned(),
            );
            return;
        };
        let mut header = super::lexer::split(header).into_iter();
        let Some(name) = header.next().filter(|name| !name.is_empty()) else {
            self.error("syntax", place, "<Macro> has no name".to_owned());
            return;
        };
        let parameters: Vec<String> = header.filter(|word| !word.starts_with('/')).collect();
        let mut seen = BTreeSet::new();
        if parameters
            .iter()
            .any(|name| name.is_empty() || !seen.insert(name.as_str()))
        {
            let message = format!("macro \"{name}\" has an empty parameter or one of them twice");
            self.error("syntax", place.clone(), message);
        }
        let file = self.file();
        let mut body = Vec::new();
        let mut depth = 1_usize;
        loop {
            let Some(line) = self.next_line_of_container() else {
                self.error("syntax", place, "expected token not found: </Macro>".to_owned());
                return;
            };
            if line.text.starts_with('#') {
                continue;
            }
            let first = next_word(&line.text, 0).map(|(word, ..)| word).unwrap_or_default();
            if first.eq_ignore_ascii_case("</Macro>") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            } else if first.eq_ignore_ascii_case("<Macro") {
                depth = depth.saturating_add(1);
            }
            body.push(line);
        }
        self.macros.insert(
            name.to_lowercase(),
            Macro {
                parameters,
                body,
                file,
            },
        );
    }

    fn use_macro(&mut self, line: &LogicalLine, rest: &str) {
        let place = self.place(line, 0);
        let mut values = super::lexer::split(rest);
        if values.is_empty() {
            self.error("syntax", place, "no macro name specified with Use".to_owned());
            return;
        }
        let name = values.remove(0).to_lowercase();
        let running = self
            .frames
            .iter()
            .rev()
            .take_while(|frame| matches!(frame.source, Source::Macro { .. }))
            .any(|frame| matches!(&frame.source, Source::Macro { name: open, .. } if *open == name));
        let Some(known) = self.macros.get(&name) else {
            self.error(
                "macro-undefined",
                place,
                format!("macro \"{name}\" is not defined"),
            );
            return;
        };
        if running {
            self.error(
                "macro-recursive",
                place,
                format!("recursive use of macro \"{name}\" is invalid"),
            );
            return;
        }
        if known.parameters.len() != values.len() {
            let message = format!(
                "macro \"{name}\" used with {} arguments instead of {}",
                values.len(),
                known.parameters.len()
            );
            self.error("macro-arguments", place, message);
            return;
        }
        let mut lines = Vec::with_capacity(known.body.len());
        let mut total = 0_usize;
        for line in &known.body {
            let text = substitute(&line.text, &known.parameters, &values);
            total = total.saturating_add(text.len());
            if self.expanded.saturating_add(total) > MOST_EXPANDED {
                break;
            }
            let changed = text != line.text;
            lines.push(if changed {
                LogicalLine::replaced(text, line)
            } else {
                line.clone()
            });
        }
        let file = known.file;
        self.expanded = self.expanded.saturating_add(total);
        let floor = self.floor();
        self.frames.push(Frame {
            source: Source::Macro {
                name,
                lines: lines.into_iter(),
            },
            file,
            floor,
        });
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

    fn include(&mut self, written: &str, optional: bool, place: &Place) {
        let path = paths::absolute(&self.server_root, written);
        let mut found = Vec::new();
        if let Err(message) = self.matching(&path, optional, &mut found) {
            self.error("include-missing", place.clone(), message);
        }
        // The last one pushed is read first.
        let mut files = Vec::new();
        for path in found {
            self.collect_files(&path, optional, place, &mut files);
        }
        let open = self
            .frames
            .iter()
            .filter(|frame| matches!(frame.source, Source::File(_)));
        if open.count() >= DEEPEST_INCLUDE && !files.is_empty() {
            let message = format!("includes are nested deeper than {DEEPEST_INCLUDE}");
            self.error("include-loop", place.clone(), message);
            return;
        }
        for file in files.into_iter().rev() {
            let running = self
                .frames
                .iter()
                .any(|frame| frame.file == file && matches!(frame.source, Source::File(_)));
            if running && !self.is_waiting(file) {
                let path = self.tree.files.get(file).map(|file| file.path.clone());
                let message = format!("{} includes itself", path.unwrap_or_default());
                self.error("include-loop", place.clone(), message);
                continue;
            }
            self.push_file(file);
        }
    }

    /// A frame of this file stands on the stack, but none of its lines was read: the file is only included
    /// next.
    fn is_waiting(&self, file: usize) -> bool {
        let mut frames = self.frames.iter().filter(|frame| frame.file == file);
        frames.all(|frame| matches!(&frame.source, Source::File(lines) if lines.is_fresh()))
    }

    /// The files that a path stands for: itself, or all that lie in a directory and below it.
    fn collect_files(&mut self, path: &str, optional: bool, place: &Place, into: &mut Vec<usize>) {
        let mut waiting = vec![(path.to_owned(), 0_usize)];
        while let Some((path, depth)) = waiting.pop() {
            match self.load(&path) {
                Ok(file) => into.push(file),
                Err(reason) if reason.contains("is a directory") => {
                    if depth > DEEPEST_DIRECTORY {
                        let message =
                            format!("{path} exceeds the nesting of {DEEPEST_DIRECTORY} directories");
                        self.error("include-loop", place.clone(), message);
                        continue;
                    }
                    let mut names = self.files.list(&path);
                    names.retain(|name| name != "." && name != "..");
                    names.sort_unstable_by(|left, right| right.cmp(left));
                    let path = path.trim_end_matches('/');
                    waiting.extend(
                        names
                            .into_iter()
                            .map(|name| (format!("{path}/{name}"), depth.saturating_add(1))),
                    );
                }
                Err(reason) => {
                    let missing = reason.contains("no such file");
                    if optional && missing {
                        continue;
                    }
                    let rule = if missing {
                        "include-missing"
                    } else {
                        "include-unreadable"
                    };
                    self.error(rule, place.clone(), format!("cannot open {path}: {reason}"));
                }
            }
        }
    }

    /// The paths a pattern stands for, sorted by bytes within each directory.
    fn matching(&self, pattern: &str, optional: bool, into: &mut Vec<String>) -> Result<(), String> {
        if !paths::is_pattern(pattern) {
            into.push(pattern.to_owned());
            return Ok(());
        }
        let mut found = vec![String::new()];
        let components: Vec<&str> = pattern.split('/').skip(1).collect();
        let last = components.len().saturating_sub(1);
        for (index, component) in components.iter().enumerate() {
            if !paths::is_pattern(component) {
                found = found.iter().map(|before| format!("{before}/{component}")).collect();
                continue;
            }
            let mut next = Vec::new();
            for before in &found {
                let directory = if before.is_empty() { "/" } else { before.as_str() };
                let mut names: Vec<String> = self.files.list(directory);
                names.retain(|name| {
                    name != "." && name != ".." && paths::fnmatch(component, name, false, true)
                });
                names.sort_unstable();
                let kept = names.into_iter().map(|name| format!("{before}/{name}"));
                let kept: Vec<String> = if index == last {
                    kept.collect()
                } else {
                    kept.filter(|path| self.is_directory(path)).collect()
                };
                if kept.is_empty() && !optional {
                    return Err(format!(
                        "no matches for the wildcard \"{component}\" in \"{directory}\""
                    ));
                }
                next.extend(kept);
            }
            found = next;
        }
        into.extend(found);
        Ok(())
    }

    fn is_directory(&self, path: &str) -> bool {
        matches!(self.files.read(path), Err(reason) if reason.contains("is a directory"))
    }
}

/// Puts arguments in place of parameters: from left to right, the longest of those that begin at one place;
/// those that begin with `@` are quoted.
fn substitute(text: &str, parameters: &[String], values: &[String]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    loop {
        let mut chosen: Option<(usize, usize)> = None;
        for (index, parameter) in parameters.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            let Some(found) = rest.find(parameter.as_str()) else {
                continue;
            };
            let better = chosen.is_none_or(|(at, other)| {
                let length = parameters.get(other).map_or(0, String::len);
                found < at || (found == at && length < parameter.len())
            });
            if better {
                chosen = Some((found, index));
            }
        }
        let Some((at, index)) = chosen else { break };
        let name = parameters.get(index).map_or("", String::as_str);
        let value = values.get(index).map_or("", String::as_str);
        out.push_str(rest.get(..at).unwrap_or_default());
        if name.starts_with('@') && name != value {
            out.push('"');
            for character in value.chars() {
                if character == '"' || character == '\\' {
                    out.push('\\');
                }
                out.push(character);
            }
            out.push('"');
        } else {
            out.push_str(value);
        }
        rest = rest.get(at.saturating_add(name.len())..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::substitute;

    #[test]
    fn the_longest_parameter_is_replaced_and_an_at_sign_quotes() {
        let names = ["$a", "$ab", "@c"].map(str::to_owned);
        let values = ["1", "2", "x \"y"].map(str::to_owned);
        assert_eq!(
            substitute("$a $ab $abc @c", &names, &values),
            "1 2 2c \"x \\\"y\""
        );
    }
}
