//! What was sent: what each piece was taken for, and what was not used.

use super::super::Report;
use super::layout::{Page, Tone};
use crate::evidence::{LogWindow, LogZone, ZoneSource};
use crate::report::history::utc;

/// More pieces than this are only counted.
const MOST: usize = 12;

/// Adds the block, when the report is about what was sent.
pub(super) fn draw(page: &mut Page<'_>, report: &Report) {
    let Some(pieces) = &report.snapshot.pieces else {
        return;
    };
    page.blank();
    let mut label = "Sent";
    for piece in pieces.used.iter().take(MOST) {
        let lines = if piece.lines == 1 {
            "1 line".to_owned()
        } else {
            format!("{} lines", piece.lines)
        };
        let text = format!("{}: {}, {lines}", piece.name, piece.kind);
        page.labelled(&[(label, Tone::Strong)], 9, &text, Tone::Plain);
        label = "";
    }
    if pieces.used.len() > MOST {
        page.prose(9, &format!("and {} more", pieces.used.len() - MOST), Tone::Faint);
    }
    if let Some(window) = &pieces.window {
        page.labelled(&[("Window", Tone::Strong)], 9, &window_words(window), Tone::Plain);
    }
    if let Some(zone) = &pieces.zone {
        page.labelled(&[("Zone", Tone::Strong)], 9, &zone_words(zone), Tone::Plain);
    }
    let mut label = "Not used";
    for piece in pieces.unused.iter().take(MOST) {
        let text = format!("{}: {}", piece.name, piece.why);
        page.labelled(&[(label, Tone::Warning)], 9, &text, Tone::Plain);
        label = "";
    }
    if pieces.unused.len() > MOST {
        page.prose(
            9,
            &format!("and {} more", pieces.unused.len() - MOST),
            Tone::Faint,
        );
    }
}

/// Which part of the logs counts.
fn window_words(window: &LogWindow) -> String {
    match (window.from_ms, window.newest_ms) {
        (Some(from_ms), Some(newest_ms)) => format!(
            "log lines from {} on, counted back from the newest line ({})",
            utc(from_ms),
            utc(newest_ms)
        ),
        (None, Some(_)) => "all log lines".to_owned(),
        _ => "no line has a time: nothing was left out".to_owned(),
    }
}

/// In which zone the times are that name none.
fn zone_words(zone: &LogZone) -> String {
    let minutes = zone.offset_s.unsigned_abs() / 60;
    let sign = if zone.offset_s < 0 { '-' } else { '+' };
    let name = if minutes == 0 {
        "UTC".to_owned()
    } else {
        format!("UTC{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    };
    match zone.known_by {
        ZoneSource::SharedRequests { count: 1 } => {
            format!("error logs are in {name}: a failed request stands in them and in the access log")
        }
        ZoneSource::SharedRequests { count } => {
            format!("error logs are in {name}: {count} failed requests stand in them and in the access log")
        }
        ZoneSource::Printed => format!("error logs are taken to be in {name}, as the access log is"),
        ZoneSource::Assumed => {
            "error logs are taken to be in UTC: nothing that was sent names their zone".to_owned()
        }
    }
}
