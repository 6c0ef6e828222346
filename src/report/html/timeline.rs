//! Errors over time as a plot in the page, with what happened on the host marked in it.

use std::fmt::Write as _;

use super::markup::Markup;
use crate::evidence::{LogAccount, Snapshot};
use crate::report::history::{self, Event, utc};
use crate::report::logbook;

/// Heights in pixels. Across, everything is a share of the width, so that text keeps its size on a telephone.
const TOP: i64 = 26;
const BARS: i64 = 110;
const HEIGHT: i64 = TOP + BARS + 2;

/// The whole width, in hundredths of a percent.
const WIDTH: i64 = 10_000;

/// Marks of events closer than this would hide each other: the width of a label on a narrow screen.
const MARK: i64 = 900;

/// Columns of the plot.
const COLUMNS: i64 = 60;

/// A shorter stretch of time than this many columns is not drawn.
const FEWEST_COLUMNS: i64 = 12;

/// Marks in the plot; more would hide each other.
const MOST_EVENTS: usize = 9;

/// Events this long before the first error can have brought it about.
const BEFORE_MS: i64 = 15 * 60 * 1000;

/// Errors with their times.
struct Errors {
    /// When, and how many at that time or in the step that begins there.
    points: Vec<(i64, u64)>,
    first: i64,
    last: i64,
    /// No column is narrower than the steps in which they were counted.
    step: i64,
    /// Which they are.
    what: String,
}

/// The errors of the whole logs, counted; else the lines of the error log that were kept.
fn errors(snapshot: &Snapshot) -> Option<Errors> {
    snapshot
        .log
        .account
        .as_ref()
        .and_then(counted)
        .or_else(|| kept(snapshot))
}

fn counted(account: &LogAccount) -> Option<Errors> {
    let points: Vec<(i64, u64)> = logbook::failures(account)
        .flat_map(|count| &count.series)
        .map(|step| (step.at_ms, step.count))
        .collect();
    let first = logbook::failures(account).filter_map(|count| count.first_ms).min()?;
    let last = logbook::failures(account).filter_map(|count| count.last_ms).max()?;
    let total: u64 = points.iter().map(|(_, count)| *count).sum();
    let step = i64::try_from(account.step_s).unwrap_or(60).saturating_mul(1_000);
    (total > 0).then(|| Errors {
        points,
        first,
        last,
        step,
        what: format!("{total} lines of failed requests in the error logs"),
    })
}

fn kept(snapshot: &Snapshot) -> Option<Errors> {
    let mut times: Vec<i64> = snapshot
        .log
        .errors()
        .filter(|entry| entry.symptom.is_some())
        .filter_map(|entry| entry.at_ms)
        .collect();
    times.sort_unstable();
    Some(Errors {
        first: *times.first()?,
        last: *times.last()?,
        step: 0,
        what: format!("{} lines of the error log about this route", times.len()),
        points: times.into_iter().map(|at| (at, 1)).collect(),
    })
}

/// Draws the plot; nothing when no error has a time.
pub(super) fn draw(out: &mut Markup, snapshot: &Snapshot) {
    let Some(errors) = errors(snapshot) else {
        return;
    };
    let (first, last) = (errors.first, errors.last);
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
    let step = step_ms(end.saturating_sub(begin), errors.step);
    // A short burst is drawn at the end of a short stretch of time, not as one block.
    let begin = begin.min(end.saturating_sub(step.saturating_mul(FEWEST_COLUMNS - 1)));
    let origin = begin.div_euclid(step).saturating_mul(step);
    let columns = end
        .saturating_sub(origin)
        .div_euclid(step)
        .saturating_add(1)
        .clamp(1, COLUMNS + 1);
    let mut counts = vec![0_u64; usize::try_from(columns).unwrap_or(1)];
    for (at, lines) in &errors.points {
        let column = usize::try_from(at.saturating_sub(origin).div_euclid(step)).unwrap_or(usize::MAX);
        if let Some(count) = counts.get_mut(column) {
            *count = count.saturating_add(*lines);
        }
    }
    let highest = counts.iter().copied().max().unwrap_or(1).max(1);
    out.raw("<h2>When</h2>");
    out.element(
        "p",
        &format!("{}: first {}, last {}", errors.what, utc(first), utc(last)),
    );
    let x_of = |at: i64| {
        let span = columns.saturating_mul(step).max(1);
        at.saturating_sub(origin).clamp(0, span).saturating_mul(WIDTH) / span
    };
    let words = format!(
        "Errors for each {}: at most {highest}, from {} to {}",
        step_words(step),
        utc(origin),
        utc(end)
    );
    let bottom = TOP + BARS;
    // Writing to a string cannot fail; only numbers and this program's own words are written here.
    let mut svg = String::new();
    let _ = write!(
        svg,
        "<figure><div class=\"plot\"><div class=\"scale\"><span>{highest}</span><span>0</span></div>\
         <svg height=\"{HEIGHT}\" role=\"img\" aria-label=\"{words}\">\
         <line class=\"axis\" x1=\"0\" y1=\"{bottom}\" x2=\"100%\" y2=\"{bottom}\"/>\
         <line class=\"axis\" x1=\"0\" y1=\"{TOP}\" x2=\"100%\" y2=\"{TOP}\"/>",
    );
    for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let column = i64::try_from(column).unwrap_or(0);
        let left = column.saturating_mul(WIDTH) / columns;
        let right = column.saturating_add(1).saturating_mul(WIDTH) / columns;
        let high = i64::try_from(u128::from(*count) * 1000 / u128::from(highest)).unwrap_or(1000);
        let height = (high * BARS / 1000).max(2);
        let _ = write!(
            svg,
            "<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{}: {count}</title></rect>",
            percent(left),
            bottom - height,
            percent(right - left),
            utc(origin.saturating_add(column.saturating_mul(step)))
        );
    }
    for (x, label) in marks(&events, x_of) {
        // A label at the edge stays inside.
        let anchor = match x {
            ..MARK => "start",
            x if x > WIDTH - MARK => "end",
            _ => "middle",
        };
        let x = percent(x);
        let _ = write!(
            svg,
            "<line class=\"event\" x1=\"{x}\" y1=\"{}\" x2=\"{x}\" y2=\"{bottom}\"/>\
             <text x=\"{x}\" y=\"{}\" text-anchor=\"{anchor}\">{label}</text>",
            TOP - 8,
            TOP - 12,
        );
    }
    let _ = write!(
        svg,
        "</svg></div><div class=\"ends\"><span>{}</span><span>{}</span></div>",
        utc(origin),
        utc(origin.saturating_add(columns.saturating_mul(step)))
    );
    out.raw(&svg);
    let marked = if events.is_empty() {
        ""
    } else {
        " The numbers above are the events below."
    };
    out.classed(
        "figcaption",
        "",
        &format!("Errors for each {}.{marked}", step_words(step)),
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
    let sentences = logbook::sentences(snapshot);
    if !sentences.is_empty() {
        out.raw("<ul class=\"events\">");
        for sentence in sentences {
            out.raw("<li>").text(&sentence).raw("</li>");
        }
        out.raw("</ul>");
    }
}

/// Where the marks of the events stand and what is written above them: `1`, or `2-4` where several fall on
/// nearly the same place. The events come oldest first.
fn marks(events: &[&Event], x_of: impl Fn(i64) -> i64) -> Vec<(i64, String)> {
    let mut marks: Vec<(i64, usize, usize)> = Vec::new();
    for (index, event) in events.iter().enumerate() {
        let x = x_of(event.at_ms);
        match marks.last_mut() {
            Some((known, _, last)) if x - *known < MARK => *last = index + 1,
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

/// `12.34%`, of hundredths.
fn percent(hundredths: i64) -> String {
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}

/// The width of a column for a span: a round time, not below the least.
fn step_ms(span_ms: i64, least_ms: i64) -> i64 {
    const STEPS: [i64; 14] = [
        1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400,
    ];
    let wanted = (span_ms.max(0) / COLUMNS).max(least_ms);
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
