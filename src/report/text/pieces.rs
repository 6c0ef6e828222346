//! What was sent: what each piece was taken for, and what was not used.

use super::super::Report;
use super::layout::{Page, Tone};

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
