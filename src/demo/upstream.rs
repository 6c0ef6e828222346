//! One conversation with an upstream, under nginx's rules: its timeouts, its one buffer for the head of the
//! answer, the header lines it refuses, and its words for each failure.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustls::pki_types::ServerName;
use socket2::SockAddr;

use super::serve::Connection;
use crate::evidence::{Endpoint, Pass, Route, Setting};
use crate::proxy::request;

/// What came back.
pub(super) enum Answer {
    /// An HTTP answer.
    Http {
        status: u16,
        phrase: String,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
        /// What the log says when the answer ended too early.
        cut: Option<&'static str>,
    },
    /// Something else.
    NotHttp(Vec<u8>),
}

/// Why the client gets a page of the front door.
pub(super) struct Failure {
    pub(super) status: u16,
    pub(super) level: &'static str,
    pub(super) message: String,
}

impl Failure {
    fn new(status: u16, level: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            level,
            message: message.into(),
        }
    }

    /// The group has nobody to ask.
    pub(super) fn no_peer() -> Self {
        Self::new(502, "error", "no live upstreams while connecting to upstream")
    }

    /// A failed read.
    fn read(error: &io::Error, doing: &str) -> Self {
        if error.kind() == ErrorKind::TimedOut {
            return Self::new(
                504,
                "error",
                format!("upstream timed out (110: Connection timed out) while {doing} upstream"),
            );
        }
        Self::new(
            502,
            "error",
            format!("recv() failed ({}) while {doing} upstream", words(error)),
        )
    }
}

/// `111: Connection refused`.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    format!("{}: {text}", error.raw_os_error().unwrap_or_default())
}

const READING_HEADER: &str = "reading response header from";

/// Asks the upstream what the proxy would ask it for this route.
pub(super) fn ask(
    root: &Path,
    route: &Route,
    pass: &Pass,
    endpoint: &Endpoint,
    stop: &AtomicBool,
) -> Result<Answer, Failure> {
    let limit = |setting: &Option<Setting<u64>>| {
        Duration::from_millis(setting.as_ref().map_or(60_000, |setting| setting.value))
    };
    let read_limit = limit(&route.settings.read_timeout);
    let mut connection = connect(root, endpoint, limit(&route.settings.connect_timeout), stop)?;
    if pass.tls {
        return Err(greet(&mut connection, read_limit));
    }
    connection.write(&request::as_proxy(route, pass)).map_err(|error| {
        Failure::new(
            502,
            "error",
            format!(
                "send() failed ({}) while sending request to upstream",
                words(&error)
            ),
        )
    })?;
    let room = route
        .settings
        .buffer_size
        .as_ref()
        .map_or(4_096, |setting| usize::try_from(setting.value).unwrap_or(4_096));
    let mut kept = Vec::new();
    let mut buffer = [0; 4_096];
    let length = loop {
        if !b"HTTP/".iter().zip(&kept).all(|(wanted, byte)| wanted == byte) {
            return Ok(Answer::NotHttp(rest(&mut connection, kept, read_limit)));
        }
        if let Some(length) = head_length(&kept)? {
            break length;
        }
        let left = room.saturating_sub(kept.len()).min(buffer.len());
        if left == 0 {
            return Err(header("sent too big header"));
        }
        let into = buffer.get_mut(..left).unwrap_or_default();
        match connection.read(into, read_limit) {
            Ok(0) => return Err(header("prematurely closed connection")),
            Ok(count) => kept.extend_from_slice(into.get(..count).unwrap_or_default()),
            Err(error) => return Err(Failure::read(&error, READING_HEADER)),
        }
    };
    let body = kept.split_off(length);
    Ok(answer(&mut connection, &kept, body, read_limit))
}

fn header(what: &str) -> Failure {
    Failure::new(
        502,
        "error",
        format!("upstream {what} while {READING_HEADER} upstream"),
    )
}

fn connect<'a>(
    root: &Path,
    endpoint: &Endpoint,
    limit: Duration,
    stop: &'a AtomicBool,
) -> Result<Connection<'a>, Failure> {
    let (address, to) = match endpoint {
        Endpoint::Tcp(address) => (Ok(SockAddr::from(*address)), String::new()),
        Endpoint::Unix(path) => (
            SockAddr::unix(root.join(path.trim_start_matches('/'))),
            format!(" to unix:{path}"),
        ),
    };
    address
        .and_then(|address| Connection::connect(&address, limit, stop))
        .map_err(|error| {
            if error.kind() == ErrorKind::TimedOut {
                let message = "upstream timed out (110: Connection timed out) while connecting to upstream";
                return Failure::new(504, "error", message);
            }
            // The level is that of nginx: what a visitor cannot bring about is critical.
            let level = match error.kind() {
                ErrorKind::NotFound | ErrorKind::PermissionDenied => "crit",
                _ => "error",
            };
            let message = format!(
                "connect(){to} failed ({}) while connecting to upstream",
                words(&error)
            );
            Failure::new(502, level, message)
        })
}

/// Says hello in TLS. No upstream of the demo understands it, so the hello never succeeds.
fn greet(connection: &mut Connection<'_>, limit: Duration) -> Failure {
    let failed = |reason: &str| {
        Failure::new(
            502,
            "error",
            format!("{reason} while SSL handshaking to upstream"),
        )
    };
    let closed = || failed("peer closed connection in SSL handshake");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let session = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| {
            builder
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth()
        })
        .and_then(|config| {
            let name = ServerName::from(std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST));
            rustls::ClientConnection::new(Arc::new(config), name)
        });
    let Ok(mut session) = session else {
        return closed();
    };
    let mut hello = Vec::new();
    if session.write_tls(&mut hello).is_err() || connection.write(&hello).is_err() {
        return closed();
    }
    let mut buffer = [0; 4_096];
    match connection.read(&mut buffer, limit) {
        Ok(0) => closed(),
        // 20 to 23 are the types of TLS records; anything else is another language.
        Ok(_) if !(20..=23).contains(&buffer[0]) => {
            failed("SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number)")
        }
        Ok(_) => closed(),
        Err(error) if error.kind() == ErrorKind::TimedOut => Failure::new(
            504,
            "error",
            "upstream timed out (110: Connection timed out) while SSL handshaking to upstream",
        ),
        Err(error) => failed(&format!("SSL_do_handshake() failed ({})", words(&error))),
    }
}

/// The length of a complete head, in bytes; `None`: more has to come. A line that nginx refuses ends it at once.
fn head_length(bytes: &[u8]) -> Result<Option<usize>, Failure> {
    let mut start = 0;
    let mut first = true;
    while let Some(end) = bytes
        .get(start..)
        .unwrap_or_default()
        .iter()
        .position(|byte| *byte == b'\n')
    {
        let line = bytes.get(start..start + end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        start += end + 1;
        if line.is_empty() {
            return Ok(Some(start));
        }
        if !first && let Some(position) = refused_at(line) {
            let shown = String::from_utf8_lossy(line.get(..position).unwrap_or_default());
            let byte = line.get(position).copied().unwrap_or_default();
            return Err(header(&format!(
                "sent invalid header: \"{shown}\\x{byte:02x}...\""
            )));
        }
        first = false;
    }
    Ok(None)
}

/// Where nginx stops reading a header line: a blank or control character in the name, NUL or CR in the value.
fn refused_at(line: &[u8]) -> Option<usize> {
    let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
    line.iter().enumerate().position(|(index, byte)| {
        if index < colon {
            *byte <= b' ' || *byte == 0x7f
        } else {
            matches!(byte, 0 | b'\r')
        }
    })
}

fn answer(connection: &mut Connection<'_>, head: &[u8], mut body: Vec<u8>, limit: Duration) -> Answer {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.lines();
    let mut words = lines.next().unwrap_or_default().splitn(3, ' ').skip(1);
    let status = words.next().and_then(|word| word.parse().ok()).unwrap_or(200);
    let phrase = words.next().unwrap_or_default().to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    let announced: Option<usize> = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse().ok());
    let mut cut = None;
    let mut buffer = [0; 4_096];
    while body.len() < announced.unwrap_or(1 << 20) {
        match connection.read(&mut buffer, limit) {
            Ok(0) => {
                cut = announced.map(|_| "upstream prematurely closed connection while reading upstream");
                break;
            }
            Ok(count) => body.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                cut = Some("upstream timed out (110: Connection timed out) while reading upstream");
                break;
            }
            Err(_) => {
                cut = Some("readv() failed (104: Connection reset by peer) while reading upstream");
                break;
            }
        }
    }
    Answer::Http {
        status,
        phrase,
        headers,
        body,
        cut,
    }
}

/// Everything up to the end.
fn rest(connection: &mut Connection<'_>, mut kept: Vec<u8>, limit: Duration) -> Vec<u8> {
    let mut buffer = [0; 4_096];
    while kept.len() < 64 * 1024 {
        match connection.read(&mut buffer, limit) {
            Ok(count) if count > 0 => kept.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            _ => break,
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(head: &str) -> Option<String> {
        head_length(head.as_bytes()).err().map(|failure| failure.message)
    }

    #[test]
    fn header_lines_are_refused_in_the_words_of_nginx() {
        // The messages are captures of nginx 1.22.1.
        for (line, shown) in [
            ("this is no header", r"this\x20..."),
            ("X-A: b\0c", r"X-A: b\x00..."),
            ("X-A: b\rc", r"X-A: b\x0d..."),
            ("X B: c", r"X\x20..."),
        ] {
            let expected = format!(
                "upstream sent invalid header: \"{shown}\" while reading response header from upstream"
            );
            let head = format!("HTTP/1.1 200 OK\r\n{line}\r\n\r\n");
            assert_eq!(refusal(&head).as_deref(), Some(expected.as_str()), "{line:?}");
        }
    }

    #[test]
    fn header_lines_that_nginx_takes_are_taken() {
        let head = "HTTP/1.1 200 OK\r\nX_A: b\r\nEmpty:\r\nName\r\nX: a:b c\r\n\r\n";
        assert_eq!(head_length(head.as_bytes()).ok().flatten(), Some(head.len()));
        assert!(matches!(head_length(b"HTTP/1.1 200 OK\r\nX: y\r\n"), Ok(None)));
    }
}
