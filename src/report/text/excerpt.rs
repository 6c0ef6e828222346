//! The line of a configuration that a finding speaks of, as a compiler would show it.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::layout::{Page, columns};
use crate::evidence::{ConfigProblem, Place, Snapshot};

/// Shows the source line of this place, when it was read and the page has room; false: not shown.
pub(super) fn show(page: &mut Page<'_>, snapshot: &Snapshot, place: &Place) -> bool {
    problem_at(snapshot, place).is_some_and(|problem| draw(page, place, &problem.excerpt))
}

/// Shows this source line of this place with a mark below the statement at its column; false: the page has no
/// room, or there is no text.
pub(super) fn draw(page: &mut Page<'_>, place: &Place, line: &str) -> bool {
    // A tab is as wide as a blank here, so that the marks stand below the words; all else is escaped.
    let line = line.replace('\t', " ");
    let column = usize::try_from(place.column).unwrap_or(0).saturating_sub(1);
    // Without a column, or with one that lies outside of the line, the whole line is meant.
    let begin = Some(column)
        .filter(|begin| place.column > 0 && *begin < line.len() && line.is_char_boundary(*begin))
        .unwrap_or_default();
    let begin = line.len() - line.split_at(begin).1.trim_start().len();
    let (before, from) = line.split_at(begin);
    let marked = page.clean(statement(from));
    let before = page.clean(before);
    let source = page.clean(&line);
    let room = page.width().saturating_sub(12 + place.line.to_string().len());
    let source = console::truncate_str(&source, room, "...").into_owned();
    let start = before.len();
    let end = source.trim_end().len().min(start + marked.len());
    if start >= end {
        return false;
    }
    let path = page.clean(&place.file);
    let snippet = Snippet::source(source.as_str())
        .path(path.as_str())
        .line_start(usize::try_from(place.line).unwrap_or(1))
        .annotation(AnnotationKind::Primary.span(start..end));
    let renderer = Renderer::plain().decor_style(if page.style.unicode {
        DecorStyle::Unicode
    } else {
        DecorStyle::Ascii
    });
    let text = renderer.render(&[Group::with_level(Level::ERROR).element(snippet)]);
    if text.lines().any(|line| columns(line) + 2 > page.width()) {
        return false;
    }
    for line in text.lines() {
        page.quoted(2, line);
    }
    true
}

/// The statement at the start of a text: up to the `;` or `{` that ends it, quotes and variables in braces
/// respected; a text of another kind of configuration to its end.
fn statement(text: &str) -> &str {
    let mut quote = None;
    let mut before = ' ';
    for (at, character) in text.char_indices() {
        match (quote, character) {
            (Some(open), _) if character == open && before != '\\' => quote = None,
            (None, '"' | '\'') if before == ' ' => quote = Some(character),
            (None, ';') if before != '\\' => return text.get(..=at).unwrap_or(text),
            (None, '{') if before != '$' => return text.get(..at).unwrap_or(text).trim_end(),
            _ => {}
        }
        before = character;
    }
    text.trim_end()
}

fn problem_at<'a>(snapshot: &'a Snapshot, place: &Place) -> Option<&'a ConfigProblem> {
    let summary = snapshot.config.seen()?;
    summary
        .errors
        .iter()
        .chain(&summary.lint)
        .find(|problem| problem.place.file == place.file && problem.place.line == place.line)
}
