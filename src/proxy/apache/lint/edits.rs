//! Changes of a file, where it is certain what has to be written.

use super::super::{Config, ROOT, StatementId, Word};
use crate::evidence::TextEdit;

/// The bytes of a line of the file that a statement is in.
fn line_of(config: &Config, id: StatementId, line: u32) -> &[u8] {
    let file = config.tree.files.get(config.statement(id).file());
    file.map_or(&[], |file| file.line(line))
}

fn column(index: usize) -> Option<u32> {
    u32::try_from(index).ok()?.checked_add(1)
}

/// Writes a directive in a line of its own before the statement, or before the outermost section around it
/// below its server.
pub(super) fn insert_in_server(config: &Config, id: StatementId, directive: &str) -> Option<TextEdit> {
    let is_server = |section: StatementId| section == ROOT || config.statement(section).is("VirtualHost");
    let mut at = id;
    while !is_server(config.statement(at).parent()) {
        at = config.statement(at).parent();
    }
    if config.statement(at).from_macro() {
        return None;
    }
    let place = config.place(at);
    let line = line_of(config, at, place.line);
    let before = line.get(..usize::try_from(place.column).ok()?.checked_sub(1)?)?;
    let indent = before.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let indent = String::from_utf8_lossy(before.get(..indent)?).into_owned();
    Some(TextEdit {
        file: place.file,
        start: (place.line, 1),
        end: (place.line, 1),
        replacement: format!("{indent}{directive}\n"),
    })
}

/// Adds a word at the end of a directive.
pub(super) fn append(config: &Config, id: StatementId, word: &str) -> Option<TextEdit> {
    let statement = config.statement(id);
    if statement.from_macro() || statement.is_section() {
        return None;
    }
    let end = line_of(config, id, statement.last_line()).trim_ascii_end().len();
    let at = (statement.last_line(), column(end)?);
    Some(TextEdit {
        file: config.place(id).file,
        start: at,
        end: at,
        replacement: format!(" {word}"),
    })
}

/// Writes another word in place of one that stands in the file as it is.
pub(super) fn replace(config: &Config, id: StatementId, word: &Word, by: &str) -> Option<TextEdit> {
    let statement = config.statement(id);
    let (line, from) = config.tree.line_and_column(statement.file(), word.at);
    let start = usize::try_from(from).ok()?.checked_sub(1)?;
    let end = start.checked_add(word.text.len())?;
    let written = line_of(config, id, line).get(start..end)?;
    if statement.from_macro() || word.quoted || written != word.text.as_bytes() {
        return None;
    }
    Some(TextEdit {
        file: config.place(id).file,
        start: (line, from),
        end: (line, column(end)?),
        replacement: by.to_owned(),
    })
}

/// Writes another name for a directive.
pub(super) fn rename(config: &Config, id: StatementId, name: &str) -> Option<TextEdit> {
    let statement = config.statement(id);
    let word = Word {
        text: statement.name(),
        at: statement.at(),
        quoted: false,
    };
    replace(config, id, &word, name)
}
