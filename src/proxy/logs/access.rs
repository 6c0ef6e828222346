//! Access logs of nginx and Apache, line by line, by their format.

use super::counts::Counts;
use super::requests::path;
use super::time::{access, epoch, number, numeric};
use crate::proxy::nginx::access_log::AccessFormat;

/// The reader, with what it keeps from line to line.
#[derive(Debug)]
pub(super) struct AccessLog {
    format: AccessFormat,
    /// The time of the line before as written, and as a time.
    written: Vec<u8>,
    at_ms: Option<i64>,
}

impl AccessLog {
    pub(super) fn new(format: AccessFormat) -> Self {
        Self {
            format,
            written: Vec::new(),
            at_ms: None,
        }
    }

    /// Reads one line; false when it has not this format.
    pub(super) fn line(&mut self, line: &[u8], counts: &mut Counts) -> bool {
        let (mut status, mut request, mut local, mut precise) = (None, &b""[..], None, None);
        let whole = self.format.visit(line, |name, value| match name {
            "status" => status = number(value).and_then(|status| u16::try_from(status).ok()),
            "request" => request = value,
            "request_uri" | "uri" if request.is_empty() => request = value,
            "time_local" | "time_iso8601" => local = Some(value),
            "msec" => precise = epoch(value),
            _ => {}
        });
        // A format that ends otherwise than its line (a line cut off) still told its status.
        let Some(status) = status.filter(|_| whole || !request.is_empty()) else {
            return false;
        };
        if let Some(local) = local
            && *local != *self.written
        {
            self.written = local.get(..local.len().min(64)).unwrap_or_default().to_vec();
            self.at_ms = access(local).or_else(|| numeric(local, 0));
        }
        let at_ms = precise.or_else(|| local.and(self.at_ms));
        let counted = match at_ms {
            Some(at_ms) => counts.at(at_ms),
            None => counts.takes_undated(),
        };
        if counted {
            counts.requests.count(status, path(request), at_ms);
        }
        true
    }
}
