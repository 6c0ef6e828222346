//! The report for a person at a terminal.

use std::io::{self, Write};

use super::Report;

/// How the terminal wants it.
#[derive(Clone, Copy, Debug)]
pub struct TextStyle {
    /// Colours and emphasis.
    pub color: bool,
    /// `✓ ! ✗ ? –` and arrows, or ASCII.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// 0 quiet, 1 usual, 2 all evidence.
    pub detail: u8,
}

/// Writes the report in this style.
pub fn render(report: &Report, style: &TextStyle, out: &mut dyn Write) -> io::Result<()> {
    let _ = style;
    writeln!(out, "{}", report.verdict.title)
}

/// Writes the report for a file or a pipe.
pub(super) fn render_plain(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    render(
        report,
        &TextStyle {
            color: false,
            unicode: true,
            width: 100,
            detail: 1,
        },
        out,
    )
}
