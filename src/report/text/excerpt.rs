//! The line of a configuration that a finding speaks of, as a compiler would show it.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::layout::{Page, columns};
use crate::evidence::{ConfigProblem, Place, Snapshot};

/// Shows the source line of this place, when it was read and the page has room; false: not shown.
pub(super) fn show(page: &mut Page<'_>, snapshot: &Snapshot, place: &Place) -> bool {
    problem_at(snapshot, place).is_some_and(|problem| draw(page, place, &problem.excerpt))
}

/// Shows this source line of this place; false: the page has no room, or there is no text.
pub(super) fn draw(page: &mut Page<'_>, place: &Place, line: &str) -> bool {
    // A tab is as wide as a blank here, so that the marks stand below the words; all else is escaped.
    let source = page.clean(&line.replace('\t', " "));
    let room = page.width().saturating_sub(12 + place.line.to_string().len());
    let source = console::truncate_str(&source, room, "...").into_owned();
    let words = source.trim();
    let start = source.len() - source.trim_start().len();
    if words.is_empty() {
        return false;
    }
    let path = page.clean(&place.file);
    let snippet = Snippet::source(source.as_str())
        .path(path.as_str())
        .line_start(usize::try_from(place.line).unwrap_or(1))
        .annotation(AnnotationKind::Primary.span(start..start + words.len()));
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

fn problem_at<'a>(snapshot: &'a Snapshot, place: &Place) -> Option<&'a ConfigProblem> {
    let summary = snapshot.config.seen()?;
    summary
        .errors
        .iter()
        .chain(&summary.lint)
        .find(|problem| problem.place.file == place.file && problem.place.line == place.line)
}
