//! Errors over time as a plot in the page, with what happened on the host marked in it.

use std::fmt::Write as _;

use super::markup::Markup;
use crate::evidence::Snapshot;
use crate::report::history::{self, Event, utc};

/// Size of the drawing, in its own units.
const WIDTH: i64 = 900;
const LEFT: i64 = 44;
const RIGHT: i64 = 12;
const TOP: i64 = 26;
const BARS: i64 = 110;
const HEIGHT: i64 = TOP + BARS + 28;

/// Columns of the plot.
const COLUMNS: i64 = 60;

/// A shorter stretch of time than this many columns is not drawn.
const FEWEST_COLUMNS: i64 = 12;

/// Marks in the plot; more would hide each other.
const MOST_EVENTS: usize = 9;

/// Events this long before the first error can have brought it about.
const BEFORE_MS: i64 = 15 * 60 * 1000;

/// Draws the plot; nothing when no error has a time.
pub(super) fn draw(out: &mut Markup, snapshot: &Snapshot) {
    let mut errors: Vec<i64> = snapshot
        .log
        .errors()
        .filter(|entry| entry.symptom.is_some())
        .filter_map(|entry| entry.at_ms)
        .collect();
    let from = "lines of the error log about this route";
    errors.sort_unstable();
    let (Some(first), Some(last)) = (errors.first().copied(), errors.last().copied()) else {
        return;
    };
    let all = history::events(snapshot);
    let mut events: Vec<&Event> = all
        .iter()
        .filter(|event| {
            event.at_ms >= first.saturating_sub(BEFORE_MS) && event.at_ms <= last.saturating_add(60_000)
        })
        .take(MOST_EVENTS)
        .collect();
    events.reverse();
    let begin = events.first().map_or(first, |event| event.at_ms.min(first));
    let end = events.last().map_or(last, |event| event.at_ms.max(last));
    let step = step_ms(end.saturating_sub(begin));
    // A short burst is drawn at the end of a short stretch of time, not as one block.
    let begin = begin.min(end.saturating_sub(step.saturating_mul(FEWEST_COLUMNS - 1)));
    let origin = begin.div_euclid(step).saturating_mul(step);
    let columns = end
        .saturating_sub(origin)
        .div_euclid(step)
        .saturating_add(1)
        .clamp(1, COLUMNS + 1);
    let mut counts = vec![0_u64; usize::try_from(columns).unwrap_or(1)];
    for at in &errors {
        let column = usize::try_from(at.saturating_sub(origin).div_euclid(step)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(column) {
            *count = count.saturating_add(1);
        }
    }
    let highest = counts.iter().copied().max().unwrap_or(1).max(1);
    out.raw("<h2>When</h2>");
    out.element(
        "p",
        &format!(
            "{} {from}: first {}, last {}",
            errors.len(),
            utc(first),
            utc(last)
        ),
    );
    let plot = WIDTH - LEFT - RIGHT;
    let x_of = |at: i64| {
        let span = columns.saturating_mul(step).max(1);
        LEFT + at.saturating_sub(origin).clamp(0, span).saturating_mul(plot) / span
    };
    let mut svg = String::new();
    let words = format!(
        "Errors for each {}: at most {highest}, from {} to {}",
        step_words(step),
        utc(origin),
        utc(end)
    );
    let bottom = TOP + BARS;
    // Writing to a string cannot fail; only numbers and this program's own words are written here.
    let _ = write!(
        svg,
        "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{words}\">\
         <line class=\"axis\" x1=\"{LEFT}\" y1=\"{bottom}\" x2=\"{}\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"{LEFT}\" y1=\"{TOP}\" x2=\"{}\" y2=\"{TOP}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{highest}</text>\
         <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>",
        WIDTH - RIGHT,
        WIDTH - RIGHT,
        LEFT - 6,
        TOP + 5,
        LEFT - 6,
    );
    for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let column = i64::try_from(column).unwrap_or(0);
        let left = LEFT + column.saturating_mul(plot) / columns;
        let right = LEFT + column.saturating_add(1).saturating_mul(plot) / columns;
        let high = i64::try_from(u128::from(*count) * 1000 / u128::from(highest)).unwrap_or(1000);
        let height = (high * BARS / 1000).max(2);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{}: {count}</title></rect>",
            bottom - height,
            (right - left - 1).max(1),
            utc(origin.saturating_add(column.saturating_mul(step)))
        );
    }
    for (x, label) in marks(&events, x_of) {
        let _ = write!(
            svg,
            "<line class=\"event\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
            TOP - 8,
            TOP - 12,
        );
    }
    let _ = write!(
        svg,
        "<text x=\"{LEFT}\" y=\"{}\">{}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text></svg>",
        bottom + 20,
        utc(origin),
        WIDTH - RIGHT,
        bottom + 20,
        utc(origin.saturating_add(columns.saturating_mul(step)))
    );
    out.raw(&svg);
    out.classed(
        "figcaption",
        "",
        &format!("Errors for each {}.", step_words(step)),
    );
    out.raw("</figure>");
    if !events.is_empty() {
        out.raw("<ol class=\"events\">");
        for event in events {
            out.raw("<li>")
                .text(&format!("{}: {}", utc(event.at_ms), event.what))
                .raw("</li>");
        }
        out.raw("</ol>");
    }
}

/// Where the marks of the events stand and what is written above them: `1`, or `2-4` where several fall on
/// nearly the same place. The events come oldest first.
fn marks(events: &[&Event], x_of: impl Fn(i64) -> i64) -> Vec<(i64, String)> {
    let mut marks: Vec<(i64, usize, usize)> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let x = x_of(event.at_ms);
        match marks.last_mut() {
            Some((known, _, last)) if x - *known < 30 => *last = index + 1,
            _ => marks.push((x, index + 1, index + 1)),
        }
    }
    marks
        .into_iter()
        .map(|(x, first, last)| {
            let label = if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            };
            (x, label)
        })
        .collect()
}

/// The width of a column for a span: a round time.
fn step_ms(span_ms: i64) -> i64 {
    const STEPS: [i64; 14] = [
        1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400,
    ];
    let wanted = span_ms.max(0) / COLUMNS;
    STEPS
        .into_iter()
        .map(|seconds| seconds * 1000)
        .find(|step| *step >= wanted)
        // Beyond two months the columns are whole days, as many as are needed.
        .unwrap_or_else(|| (wanted / 86_400_000).saturating_add(1).saturating_mul(86_400_000))
}

fn step_words(step: i64) -> String {
    let seconds = step / 1000;
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    if count == 1 {
        unit.to_owned()
    } else {
        format!("{count} {unit}s")
    }
}
