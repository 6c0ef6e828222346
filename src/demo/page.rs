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
            clock: Host::live(None, Duration::from_hours(1)),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Symptom;
    use crate::host::ReadFile;
    use crate::proxy::nginx::{access_log, error_log};

    #[test]
    fn the_pages_have_the_length_of_those_of_nginx() {
        // As captured from nginx 1.22.1.
        assert_eq!(error_page(502, "-").1, 157);
        assert_eq!(error_page(504, "-").1, 167);
        assert_eq!(error_page(500, "-").1, 177);
    }

    #[test]
    fn the_lines_are_read_back_as_those_of_nginx() {
        let directory = Arc::new(TemporaryDirectory::new("page-test").expect("a directory"));
        let logs = Logs::new(Arc::clone(&directory));
        let message = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, \
                       server: shop.test, request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:9/\", host: \"a\"";
        logs.error("error.log", "error", 3, message);
        logs.access("access.log", "GET / HTTP/1.1", "502", 157, "curl/8");
        let host = Host::live(Some(directory.path().to_path_buf()), Duration::from_secs(5));
        let read = |name: &str| {
            host.ask(&ReadFile::start(name, 10_000))
                .into_seen()
                .expect("it was written")
                .bytes
                .0
        };
        let reading = host.ask(&Clock { moment: 0 }).into_seen().expect("a clock");
        let near = |at_ms: Option<i64>| (reading.now_ms - at_ms.expect("a time")).abs() < 60_000;

        let entries = error_log::entries(&read("/error.log"), "/error.log", reading.offset_s);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].symptom, Some(Symptom::ConnectionRefused));
        assert_eq!(entries[0].upstream.as_deref(), Some("http://127.0.0.1:9/"));
        assert!(near(entries[0].at_ms));

        let entries = access_log::entries(&read("/access.log"), access_log::COMBINED);
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].status, Some(502));
        assert!(near(entries[0].at_ms));
    }
}
