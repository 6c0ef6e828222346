//! What nginx writes: its error pages, its dates, and the lines of its logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

use crate::host::{Clock, Host, TemporaryDirectory};

/// The server that the front door is.
pub(super) const SERVER: &str = "nginx/1.22.1";

/// A whole answer with the page that nginx has built in for this status; the second part is the length of
/// its body, in bytes.
pub(super) fn error_page(status: u16, date: &str) -> (String, usize) {
    let phrase = phrase(status);
    let body = format!(
        "<html>\r\n<head><title>{phrase}</title></head>\r\n<body>\r\n<center><h1>{phrase}</h1></center>\r\n\
         <hr><center>{SERVER}</center>\r\n</body>\r\n</html>\r\n"
    );
    let head = format!(
        "HTTP/1.1 {phrase}\r\nServer: {SERVER}\r\nDate: {date}\r\nContent-Type: text/html\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let length = body.len();
    (head + &body, length)
}

fn phrase(status: u16) -> String {
    let words = match status {
        400 => "Bad Request",
        404 => "Not Found",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => "",
    };
    format!("{status} {words}").trim_end().to_owned()
}

/// The logs, in the time of the host's clock.
pub(super) struct Logs {
    directory: Arc<TemporaryDirectory>,
    clock: Host,
    moment: AtomicU32,
}

impl Logs {
    pub(super) fn new(directory: Arc<TemporaryDirectory>) -> Self {
        Self {
            directory,
            // The demo's own questions are no part of the recording.
            clock: Host::live(None, Duration::from_secs(3600)),
            moment: AtomicU32::new(0),
        }
    }

    fn time(&self, format: &str, local: bool) -> String {
        let reading = self
            .clock
            .ask(&Clock {
                moment: self.moment.fetch_add(1, Ordering::Relaxed),
            })
            .into_seen()
            .unwrap_or_default();
        let offset = Offset::from_seconds(if local { reading.offset_s } else { 0 }).unwrap_or(Offset::UTC);
        Timestamp::from_millisecond(reading.now_ms)
            .unwrap_or_default()
            .to_zoned(TimeZone::fixed(offset))
            .strftime(format)
            .to_string()
    }

    /// For the Date header.
    pub(super) fn date(&self) -> String {
        self.time("%a, %d %b %Y %H:%M:%S GMT", false)
    }

    /// One line of an error log, such as `[error] 7#7: *3 …`.
    pub(super) fn error(&self, file: &str, level: &str, connection: u64, message: &str) {
        let time = self.time("%Y/%m/%d %H:%M:%S", true);
        let pid = std::process::id();
        self.append(
            file,
            &format!("{time} [{level}] {pid}#{pid}: *{connection} {message}\n"),
        );
    }

    /// One line of an access log, in the format `combined`.
    pub(super) fn access(&self, file: &str, request: &str, status: &str, body_bytes: usize, agent: &str) {
        let time = self.time("%d/%b/%Y:%H:%M:%S %z", true);
        self.append(
            file,
            &format!("127.0.0.1 - - [{time}] \"{request}\" {status} {body_bytes} \"-\" \"{agent}\"\n"),
        );
    }

    fn append(&self, file: &str, line: &str) {
        // A full disk shows in the diagnosis as a log without lines.
        let _ = self.directory.append(file, line.as_bytes());
    }
}
