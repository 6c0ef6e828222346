//! Logs of application servers, line by line: what happened to their workers.

use super::counts::Counts;
use super::signatures::{self, Meaning};
use super::time::line_ms;
use crate::evidence::Zone;

/// The reader.
#[derive(Debug)]
pub(super) struct Log {
    zone: Zone,
}

impl Log {
    pub(super) fn new(zone: Zone) -> Self {
        Self { zone }
    }

    /// Reads one line. An application may write anything, so no line is foreign.
    pub(super) fn line(&self, line: &[u8], counts: &mut Counts) -> bool {
        let at_ms = line_ms(line, self.zone);
        let counted = match at_ms {
            Some(at_ms) => counts.at(at_ms),
            None => counts.takes_undated(),
        };
        if counted && let Meaning::Event(kind) = signatures::application(line) {
            // uwsgi writes many of its lines without a time: the line before was near.
            counts.event(kind, at_ms.or_else(|| counts.before_ms()), line);
        }
        true
    }
}
