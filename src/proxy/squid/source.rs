//! Files, lines and statements: what Squid does to a text before it looks at a directive.
//!
//! Physical lines are cut as `fgets` cuts them (8191 bytes, a carriage return or a NUL ends the text), comments
//! and empty lines fall out even between continued lines, macros are replaced, `if` is evaluated, `include`
//! is followed. What stops Squid is noted and the reading goes on.

use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::Environment;
use super::glob;
use super::lines::{Joined, Macros, Segment, physical_lines};
use super::words::{self, Fault, Word};
use crate::evidence::{ConfigFile, ConfigProblem, Place, ProblemLevel};
use crate::proxy::Files;

/// Squid refuses deeper includes.
const MAX_DEPTH: u32 = 16;
/// No sound configuration includes more files; beyond that a tree of includes is not followed.
const MAX_INCLUSIONS: usize = 4096;

/// Problems beyond this number say nothing new.
pub(super) const MOST_PROBLEMS: usize = 500;
/// No configuration has more directives, includes counted each time.
const MOST_STATEMENTS: usize = 1_000_000;

/// Bytes of files that are included more than once, beyond the first time: more says nothing new.
const MOST_REPEATED_BYTES: usize = 8 << 20;
/// One line start in this many is kept.
const LINES_PER_MARK: usize = 64;

/// Where a directive begins; the rest is read again from there when it is asked for.
#[derive(Clone, Copy, Debug)]
struct Stored {
    offset: u32,
    line: u32,
    /// At most [`MAX_INCLUSIONS`] of them.
    file: u16,
    quoted_values: bool,
}

/// One directive with everything after it, made from the bytes of its file.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement {
    /// The joined line, and behind it what stood in quotes.
    text: String,
    name_end: usize,
    line_end: usize,
    words: Vec<Word>,
    /// Which file, by its number in [`Source::files`].
    pub(super) file: usize,
    /// 1-based line and column of the directive.
    pub(super) line: u32,
    pub(super) column: u32,
    /// Values may be quoted here (`configuration_includes_quoted_values on`).
    pub(super) quoted_values: bool,
    /// Bytes and how they lie in the file, to find the place of a word.
    segments: Vec<Segment>,
}

impl Statement {
    /// Cuts a joined line.
    fn new(text: String, segments: Vec<Segment>, file: usize, quoted_values: bool) -> (Self, Option<Fault>) {
        let mut statement = Self {
            name_end: text.bytes().position(words::is_separator).unwrap_or(text.len()),
            line_end: text.len(),
            text,
            segments,
            file,
            quoted_values,
            ..Self::default()
        };
        (statement.line, statement.column) = statement.position(0);
        let (words, fault) = words::cut(&mut statement.text, statement.name_end, quoted_values);
        statement.words = words;
        (statement, fault)
    }

    /// The directive, in the case in which it is written.
    pub(super) fn name(&self) -> &str {
        self.text.get(..self.name_end).unwrap_or_default()
    }

    /// Everything after it, as one line.
    pub(super) fn rest(&self) -> &str {
        self.text.get(self.name_end..self.line_end).unwrap_or_default()
    }

    /// How many words there are after it.
    pub(super) fn count(&self) -> usize {
        self.words.len()
    }

    /// The words after it.
    pub(super) fn words(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator + Clone {
        self.words.iter().map(|word| word.text(&self.text))
    }

    /// The words from one on.
    pub(super) fn words_from(&self, from: usize) -> impl Iterator<Item = &str> + Clone {
        self.words().skip(from)
    }

    /// A word after the directive; empty text when there are fewer.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word.text(&self.text))
    }

    /// A word was written in quotes that Squid understands.
    pub(super) fn is_quoted(&self, index: usize) -> bool {
        self.words
            .get(index)
            .is_some_and(|word| word.is_quoted(self.line_end))
    }

    /// Line and column of a byte of the joined line.
    fn position(&self, offset: usize) -> (u32, u32) {
        let offset = words::number(offset);
        let index = self.segments.partition_point(|segment| segment.offset <= offset);
        let segment = index
            .checked_sub(1)
            .and_then(|index| self.segments.get(index))
            .copied()
            .unwrap_or_default();
        let into = offset.saturating_sub(segment.offset);
        (segment.line, segment.column.saturating_add(into))
    }
}

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Arc<[u8]>,
    modified_ms: Option<i64>,
    /// Where every 64th line starts.
    marks: Vec<usize>,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) files: Vec<SourceFile>,
    stored: Vec<Stored>,
    /// How far into its line a statement begins, by file and offset, where a line is longer than a piece.
    pieces: HashMap<(u16, u32), usize>,
    pub(super) errors: Vec<ConfigProblem>,
    macros: Macros,
    /// There were more problems than are kept.
    pub(super) too_many: bool,
}

impl Source {
    /// How many statements there are.
    pub(super) fn count(&self) -> usize {
        self.stored.len()
    }

    /// A statement, by its number.
    pub(super) fn statement(&self, number: usize) -> Option<Statement> {
        let stored = self.stored.get(number)?;
        let file = usize::from(stored.file);
        let bytes = self.files.get(file)?.bytes.as_ref();
        let offset = usize::try_from(stored.offset).ok()?;
        let into = self.pieces.get(&(stored.file, stored.offset)).copied().unwrap_or(0);
        let mut joined = Joined::default();
        for piece in physical_lines(bytes, offset, stored.line, into) {
            if joined.take(&piece) {
                break;
            }
        }
        let (text, segments, _) = joined.statement(&self.macros)?;
        Some(Statement::new(text, segments, file, stored.quoted_values).0)
    }

    /// Where a statement begins.
    pub(super) fn place(&self, statement: &Statement) -> Place {
        self.place_at(statement.file, statement.line, statement.column)
    }

    /// Where a word of a statement stands.
    pub(super) fn word_place(&self, statement: &Statement, index: usize) -> Place {
        match statement.words.get(index) {
            Some(word) => {
                let offset = word.offset(&statement.text, statement.line_end);
                let (line, column) = statement.position(offset);
                self.place_at(statement.file, line, column)
            }
            None => self.place(statement),
        }
    }

    fn place_at(&self, file: usize, line: u32, column: u32) -> Place {
        Place {
            file: self.files.get(file).map(|file| file.path.clone()).unwrap_or_default(),
            line,
            column,
        }
    }

    /// The line of a place, at most 200 bytes of it.
    pub(super) fn excerpt(&self, place: &Place) -> String {
        let Some(file) = self.files.iter().find(|file| file.path == place.file) else {
            return String::new();
        };
        let index = usize::try_from(place.line).unwrap_or(0).saturating_sub(1);
        let Some(start) = file.marks.get(index / LINES_PER_MARK) else {
            return String::new();
        };
        let rest = file.bytes.get(*start..).unwrap_or_default();
        let line = rest
            .split(|byte| *byte == b'\n')
            .nth(index % LINES_PER_MARK)
            .unwrap_or_default();
        let mut text = String::from_utf8_lossy(line.get(..200).unwrap_or(line)).into_owned();
        text.truncate(text.trim_end_matches(['\r', '\u{fffd}']).len());
        text
    }

    /// The files in the order in which they were read first.
    pub(super) fn config_files(&self) -> Vec<ConfigFile> {
        let files = self.files.iter();
        files
            .map(|file| ConfigFile {
                path: file.path.clone(),
                bytes: u64::try_from(file.bytes.len()).unwrap_or(u64::MAX),
                modified_ms: file.modified_ms,
            })
            .collect()
    }

    /// The files again, path and bytes.
    pub(super) fn contents(&self) -> Vec<(&str, &[u8])> {
        let files = self.files.iter();
        files.map(|file| (file.path.as_str(), file.bytes.as_ref())).collect()
    }

    /// Notes something that Squid refuses or complains of.
    pub(super) fn problem(
        &self,
        rule: &str,
        level: ProblemLevel,
        place: Place,
        message: String,
    ) -> ConfigProblem {
        ConfigProblem {
            rule: rule.to_owned(),
            level,
            message,
            excerpt: self.excerpt(&place),
            place,
            ..ConfigProblem::default()
        }
    }
}

/// Reads the main file with everything it includes.
pub(super) fn read_all(main_file: &str, files: &dyn Files, environment: &Environment) -> Source {
    let mut reader = Reader {
        files,
        environment,
        source: Source {
            macros: Macros {
                service_name: environment.service_name.clone(),
                process_name: environment.process_name.clone(),
                process_number: environment.process_number.to_string(),
            },
            ..Source::default()
        },
        numbers: HashMap::default(),
        repeated_bytes: 0,
        entered: HashSet::default(),
        stack: Vec::new(),
        inclusions: 0,
        quoted_values: false,
        full: false,
    };
    match reader.load(main_file) {
        Ok(number) => reader.file(number),
        Err(reason) => {
            let place = Place {
                file: main_file.to_owned(),
                ..Place::default()
            };
            let message = format!("the configuration file cannot be read: {reason}");
            let problem = reader
                .source
                .problem("include-unreadable", ProblemLevel::Error, place, message);
            reader.source.errors.push(problem);
        }
    }
    reader.source
}

struct Reader<'a> {
    files: &'a dyn Files,
    environment: &'a Environment,
    source: Source,
    numbers: HashMap<String, usize>,
    stack: Vec<usize>,
    inclusions: usize,
    quoted_values: bool,
    /// The limit of statements is reached, and told.
    full: bool,
    /// Bytes of files that were included again.
    repeated_bytes: usize,
    /// Files that were followed.
    entered: HashSet<usize>,
}

impl Reader<'_> {
    fn load(&mut self, path: &str) -> Result<usize, String> {
        if let Some(number) = self.numbers.get(path) {
            return Ok(*number);
        }
        let content = self.files.read(path)?;
        let ends = content.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let later = ends.skip(LINES_PER_MARK.saturating_sub(1)).step_by(LINES_PER_MARK);
        let marks = std::iter::once(0).chain(later.map(|(index, _)| index.saturating_add(1)));
        let marks = marks.collect();
        let number = self.source.files.len();
        self.source.files.push(SourceFile {
            path: path.to_owned(),
            bytes: content.bytes.into(),
            modified_ms: content.modified_ms,
            marks,
        });
        self.numbers.insert(path.to_owned(), number);
        if content.truncated {
            let place = self.source.place_at(number, 0, 0);
            let message = "the file is too large to be read whole, the rest of it is not known".to_owned();
            let problem = self
                .source
                .problem("include-unreadable", ProblemLevel::Warning, place, message);
            self.source.errors.push(problem);
        }
        Ok(number)
    }

    fn error(&mut self, rule: &str, file: usize, position: (u32, u32), message: String) {
        if self.source.errors.len() < MOST_PROBLEMS {
            let place = self.source.place_at(file, position.0, position.1);
            let problem = self.source.problem(rule, ProblemLevel::Error, place, message);
            self.source.errors.push(problem);
        } else {
            self.source.too_many = true;
        }
    }

    /// A file that a line includes: one that was read before counts against a limit.
    fn again(&mut self, number: usize, file: usize, position: (u32, u32)) {
        if !self.entered.insert(number) {
            let bytes = self.source.files.get(number).map_or(0, |file| file.bytes.len());
            let before = self.repeated_bytes;
            self.repeated_bytes = before.saturating_add(bytes);
            if self.repeated_bytes > MOST_REPEATED_BYTES {
                if before <= MOST_REPEATED_BYTES {
                    let message =
                        "files are included again and again: not all of them are followed".to_owned();
                    self.error("include-depth", file, position, message);
                }
                return;
            }
        }
        self.file(number);
    }

    fn file(&mut self, number: usize) {
        let Some(bytes) = self.source.files.get(number).map(|file| file.bytes.clone()) else {
            return;
        };
        self.stack.push(number);
        let mut conditions: Vec<(bool, (u32, u32))> = Vec::new();
        let mut hidden = 0_usize;
        let mut joined = Joined::default();
        for piece in physical_lines(&bytes, 0, 1, 0) {
            if !joined.take(&piece) {
                continue;
            }
            let statement = std::mem::take(&mut joined).statement(&self.source.macros);
            let Some((line, segments, begin)) = statement else {
                continue;
            };
            let position = segments
                .first()
                .map_or((0, 0), |segment| (segment.line, segment.column));
            if let Some(expression) = keyword(&line, "if") {
                let value = condition(expression);
                if value.is_none() {
                    let message = format!("\"{expression}\" is not a condition that Squid can evaluate");
                    self.error("condition", number, position, message);
                }
                let value = value.unwrap_or(false);
                hidden = hidden.saturating_add(usize::from(!value));
                conditions.push((value, position));
            } else if keyword(&line, "endif").is_some() {
                match conditions.pop() {
                    Some((value, _)) => hidden = hidden.saturating_sub(usize::from(!value)),
                    None => self.error(
                        "condition",
                        number,
                        position,
                        "\"endif\" without \"if\"".to_owned(),
                    ),
                }
            } else if keyword(&line, "else").is_some() {
                if let Some((value, _)) = conditions.last_mut() {
                    *value = !*value;
                    hidden = if *value {
                        hidden.saturating_sub(1)
                    } else {
                        hidden.saturating_add(1)
                    };
                } else {
                    self.error(
                        "condition",
                        number,
                        position,
                        "\"else\" without \"if\"".to_owned(),
                    );
                }
            } else if hidden == 0 {
                self.line(number, line, segments, begin);
            }
        }
        for (_, position) in conditions {
            self.error(
                "condition",
                number,
                position,
                "\"if\" without \"endif\"".to_owned(),
            );
        }
        self.stack.pop();
    }

    fn line(&mut self, file: usize, line: String, segments: Vec<Segment>, (offset, into): (usize, usize)) {
        let is_include = line.len() >= 9
            && line
                .strip_prefix("include")
                .is_some_and(|rest| rest.bytes().next().is_some_and(words::is_separator));
        let position = segments
            .first()
            .map_or((0, 0), |segment| (segment.line, segment.column));
        if is_include {
            let line = line.strip_prefix("include").unwrap_or_default();
            self.include(file, position, line);
            return;
        }
        let quoted_values = self.quoted_values;
        let (statement, fault) = Statement::new(line, segments, file, quoted_values);
        if let Some(fault) = fault {
            let position = statement.position(fault.offset);
            self.error("syntax", file, position, fault.message);
        }
        if statement.name() == "configuration_includes_quoted_values" {
            self.quoted_values = statement.word(0) == "on";
        }
        let (Ok(number), Ok(offset)) = (u16::try_from(file), u32::try_from(offset)) else {
            return;
        };
        match self.source.stored.len() {
            known if known < MOST_STATEMENTS => {
                if into > 0 {
                    self.source.pieces.insert((number, offset), into);
                }
                self.source.stored.push(Stored {
                    offset,
                    line: position.0,
                    file: number,
                    quoted_values,
                });
            }
            MOST_STATEMENTS if !self.full => {
                self.full = true;
                let message = format!("more than {MOST_STATEMENTS} directives: the rest is not read");
                let place = self.source.place_at(file, position.0, position.1);
                let problem = self
                    .source
                    .problem("too-many-directives", ProblemLevel::Error, place, message);
                self.source.errors.push(problem);
            }
            _ => {}
        }
    }

    fn include(&mut self, file: usize, position: (u32, u32), patterns: &str) {
        let mut found = Vec::new();
        for pattern in words::shell_words(patterns) {
            let absolute = if pattern.starts_with('/') {
                pattern.clone()
            } else {
                let directory = self.environment.working_directory.trim_end_matches('/');
                format!("{directory}/{pattern}")
            };
            if found.len() > MAX_INCLUSIONS {
                break;
            }
            if self.numbers.contains_key(&absolute) {
                found.push(absolute);
                continue;
            }
            let matches = glob::expand(&absolute, self.files);
            if matches.is_empty() {
                let message =
                    format!("include \"{pattern}\" finds no file, and Squid does not start without one");
                self.error("include-missing", file, position, message);
            }
            found.extend(matches);
        }
        for path in found {
            let depth = words::number(self.stack.len());
            self.inclusions = self.inclusions.saturating_add(1);
            if self.inclusions > MAX_INCLUSIONS {
                if self.inclusions == MAX_INCLUSIONS.saturating_add(1) {
                    let message = format!("more than {MAX_INCLUSIONS} inclusions, the rest is not followed");
                    self.error("include-depth", file, position, message);
                }
                return;
            }
            match self.load(&path) {
                Ok(number) if self.stack.contains(&number) => {
                    let message = format!("{path} includes itself, and Squid gives up at depth {MAX_DEPTH}");
                    self.error("include-loop", file, position, message);
                }
                Ok(_) if depth > MAX_DEPTH => {
                    let message = format!("includes are nested deeper than {MAX_DEPTH} files");
                    self.error("include-depth", file, position, message);
                }
                Ok(number) => self.again(number, file, position),
                Err(reason) => {
                    let message = format!("{path} cannot be read: {reason}");
                    self.error("include-unreadable", file, position, message);
                }
            }
        }
    }
}

/// What follows a keyword of the preprocessor, when the line is one.
fn keyword<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    if word == "if" {
        (rest.is_empty() || rest.starts_with([' ', '\t'])).then_some(rest.trim())
    } else {
        rest.is_empty().then_some(rest)
    }
}

/// `true`, `false`, or two whole numbers with `=` between them; `None`: Squid stops at this.
fn condition(expression: &str) -> Option<bool> {
    match expression {
        "true" => Some(true),
        "false" => Some(false),
        _ => {
            let (left, right) = expression.split_once('=')?;
            Some(words::integer(left.trim())? == words::integer(right.trim())?)
        }
    }
}
