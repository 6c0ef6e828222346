//! The way of the request as a picture in text.

use super::layout::{Page, Span, Tone, columns};
use crate::report::Report;
use crate::report::way::{Hop, hops};

/// Draws the way, when something is known about it.
pub(super) fn draw(page: &mut Page<'_>, report: &Report) {
    let hops = hops(report);
    if hops.len() < 2 {
        return;
    }
    page.blank();
    if !draw_in_a_row(page, &hops) {
        draw_in_a_column(page, &hops);
    }
}

fn arrows(page: &Page<'_>, hop: &Hop) -> (&'static str, Tone) {
    match (hop.broken, page.style.unicode) {
        (false, true) => ("──▶", Tone::Faint),
        (true, true) => ("──✗", Tone::Bad),
        (false, false) => ("-->", Tone::Faint),
        (true, false) => ("--x", Tone::Bad),
    }
}

fn draw_in_a_row(page: &mut Page<'_>, hops: &[Hop]) -> bool {
    let mut top: Vec<Span> = Vec::new();
    let mut below: Vec<Span> = Vec::new();
    let mut total = 0;
    for (index, hop) in hops.iter().enumerate() {
        let tone = if hop.broken { Tone::Bad } else { Tone::Plain };
        let label = page.span(&hop.label, if hop.broken { Tone::Strong } else { Tone::Plain });
        let under = page.span(&hop.under, if hop.broken { tone } else { Tone::Faint });
        let last = index + 1 == hops.len();
        // The place below may reach under the arrow that follows, but not up to the next place.
        let reach = if last { 0 } else { 3 };
        let wide = columns(&label.text).max(columns(&under.text).saturating_sub(reach));
        if index > 0 {
            let (arrow, tone) = arrows(page, hop);
            top.push(Span {
                text: format!(" {arrow} "),
                tone,
            });
            total += 5;
        }
        let until = |width: usize, span: &Span| plain(" ".repeat(width.saturating_sub(columns(&span.text))));
        let after_label = until(wide, &label);
        let after_under = until(if last { 0 } else { wide + 5 }, &under);
        total += wide;
        below.extend([under, after_under]);
        top.extend([label, after_label]);
    }
    if total > page.full_width() {
        return false;
    }
    page.line(top);
    if hops.iter().any(|hop| !hop.under.is_empty()) {
        page.line(below);
    }
    true
}

fn plain(text: String) -> Span {
    Span {
        text,
        tone: Tone::Plain,
    }
}

fn draw_in_a_column(page: &mut Page<'_>, hops: &[Hop]) {
    let widest = hops
        .iter()
        .map(|hop| columns(&page.clean(&hop.label)))
        .max()
        .unwrap_or(0);
    for (index, hop) in hops.iter().enumerate() {
        let (arrow, tone) = arrows(page, hop);
        let label_tone = if hop.broken { Tone::Strong } else { Tone::Plain };
        let under_tone = if hop.broken { Tone::Bad } else { Tone::Faint };
        let start = if index == 0 {
            String::new()
        } else {
            format!("  {arrow} ")
        };
        let edge = 6 + widest + 2;
        let label = page.clean(&hop.label);
        let fits = edge + columns(&page.clean(&hop.under)) <= page.full_width();
        if hop.under.is_empty() || !fits {
            page.labelled(&[(&start, tone)], columns(&start), &label, label_tone);
            if !hop.under.is_empty() {
                page.labelled(&[], 6, &hop.under, under_tone);
            }
        } else {
            page.labelled(
                &[(&start, tone), (&hop.label, label_tone)],
                edge,
                &hop.under,
                under_tone,
            );
        }
    }
}
