//! Files, lines and statements: what Squid does to a text before it looks at a directive.
//!
//! Physical lines are cut as `fgets` cuts them (8191 bytes, a carriage return or a NUL ends the text), comments
//! and empty lines fall out even between continued lines, macros are replaced, `if` is evaluated, `include`
//! is followed. What stops Squid is noted and the reading goes on.

use std::collections::HashMap;

use super::Environment;
use super::glob;
use super::words::{self, Word};
use crate::evidence::{ConfigFile, ConfigProblem, Place, ProblemLevel};
use crate::proxy::Files;

/// The longest piece of a line that Squid takes at once, in bytes (`BUFSIZ` less the final NUL).
const LINE_BYTES: usize = 8191;
/// Squid refuses deeper includes.
const MAX_DEPTH: u32 = 16;
/// No sound configuration includes more files; beyond that a tree of includes is not followed.
const MAX_INCLUSIONS: usize = 4096;

/// Problems beyond this number say nothing new.
pub(super) const MOST_PROBLEMS: usize = 500;
/// No configuration has more directives, includes counted each time.
const MOST_STATEMENTS: usize = 1_000_000;

/// One directive with everything after it.
#[derive(Clone, Debug, Default)]
pub(super) struct Statement {
    /// The directive, in the case in which it is written.
    pub(super) name: String,
    /// Everything after it, as one line.
    pub(super) rest: String,
    /// The words after it.
    pub(super) words: Vec<Word>,
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

#[derive(Clone, Copy, Debug, Default)]
struct Segment {
    offset: usize,
    line: u32,
    column: u32,
}

impl Statement {
    /// A word after the directive; empty text when there are fewer.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word.text.as_str())
    }

    /// Line and column of a byte of the joined line.
    fn position(&self, offset: usize) -> (u32, u32) {
        let index = self.segments.partition_point(|segment| segment.offset <= offset);
        let segment = index
            .checked_sub(1)
            .and_then(|index| self.segments.get(index))
            .copied()
            .unwrap_or_default();
        let into = words::number(offset.saturating_sub(segment.offset));
        (segment.line, segment.column.saturating_add(into))
    }
}

/// One file that was read.
#[derive(Clone, Debug)]
pub(super) struct SourceFile {
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    modified_ms: Option<i64>,
    line_starts: Vec<usize>,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    pub(super) files: Vec<SourceFile>,
    pub(super) statements: Vec<Statement>,
    pub(super) errors: Vec<ConfigProblem>,
}

impl Source {
    /// Where a statement begins.
    pub(super) fn place(&self, statement: &Statement) -> Place {
        self.place_at(statement.file, statement.line, statement.column)
    }

    /// Where a word of a statement stands.
    pub(super) fn word_place(&self, statement: &Statement, index: usize) -> Place {
        match statement.words.get(index) {
            Some(word) => {
                let (line, column) = statement.position(word.offset);
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
        let Some(start) = file.line_starts.get(index) else {
            return String::new();
        };
        let rest = file.bytes.get(*start..).unwrap_or_default();
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
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
        files
            .map(|file| (file.path.as_str(), file.bytes.as_slice()))
            .collect()
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
        source: Source::default(),
        numbers: HashMap::new(),
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
}

impl Reader<'_> {
    fn load(&mut self, path: &str) -> Result<usize, String> {
        if let Some(number) = self.numbers.get(path) {
            return Ok(*number);
        }
        let content = self.files.read(path)?;
        let mut line_starts = vec![0];
        line_starts.extend(
            content
                .bytes
                .iter()
                .enumerate()
                .filter(|(_, byte)| **byte == b'\n')
                .map(|(index, _)| index.saturating_add(1)),
        );
        let number = self.source.files.len();
        self.source.files.push(SourceFile {
            path: path.to_owned(),
            bytes: content.bytes,
            modified_ms: content.modified_ms,
            line_starts,
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
        let place = self.source.place_at(file, position.0, position.1);
        if self.source.errors.len() < MOST_PROBLEMS {
            let problem = self.source.problem(rule, ProblemLevel::Error, place, message);
            self.source.errors.push(problem);
        }
    }

    fn file(&mut self, number: usize) {
        let Some(bytes) = self.source.files.get(number).map(|file| file.bytes.clone()) else {
            return;
        };
        self.stack.push(number);
        let mut conditions: Vec<(bool, (u32, u32))> = Vec::new();
        let mut hidden = 0_usize;
        let mut joined = Joined::default();
        for (line_number, column, piece) in physical_lines(&bytes) {
            let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0));
            let piece = piece.get(..end.unwrap_or(piece.len())).unwrap_or_default();
            let blank = piece.iter().take_while(|byte| words::is_blank(**byte)).count();
            let text = piece.get(blank..).unwrap_or_default();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let column = column.saturating_add(words::number(blank));
            joined.add(text, line_number, column);
            if joined.bytes.last() == Some(&b'\\') {
                joined.bytes.pop();
                continue;
            }
            let statement = std::mem::take(&mut joined).statement(self.environment);
            let Some((line, segments)) = statement else {
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
                self.line(number, &line, segments);
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

    fn line(&mut self, file: usize, line: &str, segments: Vec<Segment>) {
        let name_end = line.bytes().position(words::is_separator).unwrap_or(line.len());
        let (name, rest) = line.split_at(name_end);
        let (name, rest) = (name.to_owned(), rest.to_owned());
        let mut statement = Statement {
            quoted_values: self.quoted_values,
            file,
            segments,
            ..Statement::default()
        };
        (statement.line, statement.column) = statement.position(0);
        if name == "include" && line.len() >= 9 {
            self.include(&statement, &rest);
            return;
        }
        let (words, fault) = words::cut(&rest, name_end, statement.quoted_values);
        statement.words = words;
        if let Some(fault) = fault {
            let position = statement.position(fault.offset);
            self.error("syntax", file, position, fault.message);
        }
        statement.name = name;
        statement.rest = rest;
        if statement.name == "configuration_includes_quoted_values" {
            self.quoted_values = statement.word(0) == "on";
        }
        match self.source.statements.len() {
            known if known < MOST_STATEMENTS => self.source.statements.push(statement),
            MOST_STATEMENTS if !self.full => {
                self.full = true;
                let position = (statement.line, statement.column);
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

    fn include(&mut self, statement: &Statement, patterns: &str) {
        let position = (statement.line, statement.column);
        let file = statement.file;
        let mut found = Vec::new();
        for pattern in words::shell_words(patterns) {
            let absolute = if pattern.starts_with('/') {
                pattern.clone()
            } else {
                let directory = self.environment.working_directory.trim_end_matches('/');
                format!("{directory}/{pattern}")
            };
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
                Ok(number) => self.file(number),
                Err(reason) => {
                    let message = format!("{path} cannot be read: {reason}");
                    self.error("include-unreadable", file, position, message);
                }
            }
        }
    }
}

/// The lines as `fgets` gives them: line number, column of the first byte, bytes.
fn physical_lines(bytes: &[u8]) -> impl Iterator<Item = (u32, u32, &[u8])> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .enumerate()
        .flat_map(|(index, line)| {
            let pieces = line.chunks(LINE_BYTES).enumerate();
            pieces.map(move |(piece_index, piece)| {
                let column = words::number(piece_index.saturating_mul(LINE_BYTES).saturating_add(1));
                (words::number(index.saturating_add(1)), column, piece)
            })
        })
}

/// Lines that belong together.
#[derive(Default)]
struct Joined {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

impl Joined {
    fn add(&mut self, text: &[u8], line: u32, column: u32) {
        self.segments.push(Segment {
            offset: self.bytes.len(),
            line,
            column,
        });
        self.bytes.extend_from_slice(text);
    }

    /// The whole line with its macros replaced.
    fn statement(self, environment: &Environment) -> Option<(String, Vec<Segment>)> {
        let mut text = String::from_utf8_lossy(&self.bytes).into_owned();
        text.truncate(text.trim_end_matches([' ', '\t', '\r', '\n', '\x0b', '\x0c']).len());
        if text.contains("${") {
            text = text
                .replace("${service_name}", &environment.service_name)
                .replace("${process_name}", &environment.process_name)
                .replace("${process_number}", &environment.process_number.to_string());
        }
        (!text.is_empty()).then_some((text, self.segments))
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
