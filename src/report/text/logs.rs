//! What the logs say: the course of the errors as a line of blocks, and a few sentences.

use super::Report;
use super::layout::{Page, Tone};
use crate::report::history::utc;
use crate::report::logbook;

/// Left edge of the sentences.
const EDGE: usize = 7;

/// Adds the block, when the logs were read and tell of failed requests.
pub(super) fn draw(page: &mut Page<'_>, report: &Report) {
    let snapshot = &report.snapshot;
    let mut sentences = logbook::sentences(snapshot);
    if sentences.is_empty() {
        return;
    }
    if page.style.detail < 2 {
        sentences.truncate(6);
    }
    page.blank();
    let mut label = "Logs";
    if let Some(book) = logbook::logbook(snapshot)
        && book.spark.len() > 1
    {
        let drawn = logbook::drawn(&book.spark, page.style.unicode);
        page.labelled(&[(label, Tone::Strong)], EDGE, &format!("[{drawn}]"), Tone::Bad);
        let words = format!(
            "from {}, each column {} min",
            utc(book.spark_from_ms),
            book.spark_step_s / 60
        );
        page.prose(EDGE, &words, Tone::Faint);
        label = "";
    }
    for sentence in sentences {
        page.labelled(&[(label, Tone::Strong)], EDGE, &sentence, Tone::Plain);
        label = "";
    }
}
