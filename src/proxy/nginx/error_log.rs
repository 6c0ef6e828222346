//! The error log: lines into entries, messages into symptoms.
//!
//! A message names a symptom, seldom a cause. To add a signature: one row in [`SIGNATURES`], in the words
//! of the server's source, the more telling row first.

use crate::evidence::{ErrorEntry, Symptom, Zone};

/// A message part (all of the words must occur, in order) and what it means. First match wins.
pub static SIGNATURES: &[(&[&str], Symptom)] = &[
    (&["host not found in upstream"], Symptom::NameUnknownAtStart),
    (&["no resolver defined to resolve"], Symptom::NoResolver),
    (
        &["could not be resolved (3: Host not found)"],
        Symptom::NameNotFound,
    ),
    (&["could not be resolved ("], Symptom::NameServerFailed),
    (&["while resolving, resolver:"], Symptom::NameServerFailed),
    (
        &["bind(", "failed (", "while connecting to upstream"],
        Symptom::SourceBindFailed,
    ),
    (&["socket() failed (24:"], Symptom::SlotsExhausted),
    (&["accept", "failed (24:"], Symptom::SlotsExhausted),
    (&["socket() failed (97:"], Symptom::SocketRefused),
    (
        &["socket() failed (", "while connecting to upstream"],
        Symptom::SocketRefused,
    ),
    (&["worker_connections are not enough"], Symptom::SlotsExhausted),
    (&["the new socket has number"], Symptom::SlotsExhausted),
    (&["worker process", "exited on signal"], Symptom::WorkerCrashed),
    (&["no live upstreams while connecting"], Symptom::NoLiveUpstreams),
    (&["upstream server temporarily disabled"], Symptom::PeerMarkedDown),
    (
        &["failed (111:", "while connecting to upstream"],
        Symptom::ConnectionRefused,
    ),
    // The numbers of macOS (sys/errno.h) and of Windows (winsock2.h).
    (
        &["failed (61:", "while connecting to upstream"],
        Symptom::ConnectionRefused,
    ),
    (
        &["failed (10061:", "while connecting to upstream"],
        Symptom::ConnectionRefused,
    ),
    (
        &["failed (60:", "while connecting to upstream"],
        Symptom::ConnectTimeout,
    ),
    (
        &["failed (10060:", "while connecting to upstream"],
        Symptom::ConnectTimeout,
    ),
    (
        &["failed (65:", "while connecting to upstream"],
        Symptom::HostUnreachable,
    ),
    (
        &["failed (10065:", "while connecting to upstream"],
        Symptom::HostUnreachable,
    ),
    (
        &["failed (51:", "while connecting to upstream"],
        Symptom::NetworkUnreachable,
    ),
    (
        &["failed (10051:", "while connecting to upstream"],
        Symptom::NetworkUnreachable,
    ),
    (
        &["failed (10013:", "while connecting to upstream"],
        Symptom::PermissionDenied,
    ),
    (
        &["failed (49:", "while connecting to upstream"],
        Symptom::NoLocalAddress,
    ),
    (
        &["failed (10049:", "while connecting to upstream"],
        Symptom::NoLocalAddress,
    ),
    (
        &["failed (35:", "while connecting to upstream"],
        Symptom::AcceptQueueFull,
    ),
    (
        &["failed (2:", "while connecting to upstream"],
        Symptom::SocketMissing,
    ),
    (
        &["failed (13:", "while connecting to upstream"],
        Symptom::PermissionDenied,
    ),
    (
        &["failed (1:", "while connecting to upstream"],
        Symptom::PermissionDenied,
    ),
    (
        &["failed (11:", "while connecting to upstream"],
        Symptom::AcceptQueueFull,
    ),
    (
        &["failed (113:", "while connecting to upstream"],
        Symptom::HostUnreachable,
    ),
    (
        &["failed (101:", "while connecting to upstream"],
        Symptom::NetworkUnreachable,
    ),
    (
        &["failed (99:", "while connecting to upstream"],
        Symptom::NoLocalAddress,
    ),
    (
        &["failed (110:", "while connecting to upstream"],
        Symptom::ConnectTimeout,
    ),
    (
        &["connect()", "failed (", "while connecting to upstream"],
        Symptom::ConnectFailed,
    ),
    (
        &["upstream timed out", "while connecting to upstream"],
        Symptom::ConnectTimeout,
    ),
    (
        &["upstream timed out", "while SSL handshaking"],
        Symptom::TlsAborted,
    ),
    (
        &["upstream timed out", "while reading response header"],
        Symptom::HeaderTimeout,
    ),
    (&["upstream timed out", "while sending"], Symptom::SendTimeout),
    (
        &["upstream timed out", "while reading upstream"],
        Symptom::BodyCut,
    ),
    (&["certificate verify error: (10:"], Symptom::TlsDate),
    (&["certificate verify error: (9:"], Symptom::TlsDate),
    (&["certificate verify error:"], Symptom::TlsUntrusted),
    (&["upstream SSL certificate does not match"], Symptom::TlsName),
    (
        &["wrong version number", "SSL handshaking to upstream"],
        Symptom::TlsWrongVersion,
    ),
    (
        &["packet length too long", "SSL handshaking to upstream"],
        Symptom::TlsWrongVersion,
    ),
    (
        &["record layer failure", "SSL handshaking to upstream"],
        Symptom::TlsWrongVersion,
    ),
    (
        &["http request", "SSL handshaking to upstream"],
        Symptom::TlsWrongVersion,
    ),
    (&["alert number 116"], Symptom::TlsClientCertificate),
    (&["certificate required"], Symptom::TlsClientCertificate),
    (
        &["alert bad certificate", "SSL handshaking to upstream"],
        Symptom::TlsClientCertificate,
    ),
    (&["alert number 70"], Symptom::TlsVersion),
    (&["unsupported protocol", "to upstream"], Symptom::TlsVersion),
    (&["no protocols available"], Symptom::TlsVersion),
    (&["no shared cipher"], Symptom::TlsVersion),
    (&["no ciphers available"], Symptom::TlsVersion),
    (&["key too small", "to upstream"], Symptom::TlsVersion),
    (&["legacy renegotiation disabled"], Symptom::TlsVersion),
    (&["insufficient security"], Symptom::TlsVersion),
    (
        &["alert number", "SSL handshaking to upstream"],
        Symptom::TlsAlert,
    ),
    (
        &["peer closed connection in SSL handshake", "to upstream"],
        Symptom::TlsAborted,
    ),
    (&["SSL_do_handshake() failed", "to upstream"], Symptom::TlsAborted),
    (&["upstream sent too big header"], Symptom::HeaderTooBig),
    (&["upstream sent too large http2 header"], Symptom::HeaderTooBig),
    (&["upstream sent invalid header"], Symptom::InvalidHeader),
    (&["upstream sent no valid HTTP/1.0 header"], Symptom::NotHttp),
    (
        &["upstream sent duplicate header line: \"Content-Length"],
        Symptom::ConflictingLength,
    ),
    (
        &["upstream sent duplicate header line: \"Transfer-Encoding"],
        Symptom::ConflictingLength,
    ),
    (
        &["\"Content-Length\" and \"Transfer-Encoding\" headers at the same time"],
        Symptom::ConflictingLength,
    ),
    (
        &["upstream sent unknown \"Transfer-Encoding\""],
        Symptom::ConflictingLength,
    ),
    (
        &["upstream sent invalid \"Content-Length\""],
        Symptom::ConflictingLength,
    ),
    (
        &["upstream sent invalid chunked response"],
        Symptom::MalformedResponse,
    ),
    (&["upstream sent invalid status"], Symptom::MalformedResponse),
    (
        &["upstream sent unsupported FastCGI protocol version"],
        Symptom::FastCgiMismatch,
    ),
    (&["upstream sent unexpected FastCGI"], Symptom::FastCgiMismatch),
    (&["upstream sent invalid FastCGI"], Symptom::FastCgiMismatch),
    (&["upstream sent too large http2 frame"], Symptom::Http2Mismatch),
    (&["upstream sent goaway with error"], Symptom::Http2Mismatch),
    (&["upstream rejected request with error"], Symptom::Http2Mismatch),
    (&["upstream sent unexpected http2 frame"], Symptom::Http2Mismatch),
    (&["connection upgrade in subrequest"], Symptom::UpgradeFailed),
    (
        &["prematurely closed connection while reading response header"],
        Symptom::ClosedBeforeHeader,
    ),
    (
        &["prematurely closed FastCGI stdout while reading response header"],
        Symptom::ClosedBeforeHeader,
    ),
    (
        &["prematurely closed FastCGI request while reading response header"],
        Symptom::ClosedBeforeHeader,
    ),
    (
        &["failed (104:", "while reading response header"],
        Symptom::ResetBeforeHeader,
    ),
    (
        &["failed (104:", "while sending request to upstream"],
        Symptom::SendFailed,
    ),
    (
        &["failed (104:", "while sending to upstream"],
        Symptom::SendFailed,
    ),
    (
        &["failed (32:", "while sending request to upstream"],
        Symptom::SendFailed,
    ),
    (&["failed (32:", "while sending to upstream"], Symptom::SendFailed),
    (
        &["prematurely closed", "while reading upstream"],
        Symptom::BodyCut,
    ),
    (&["failed (104:", "while reading upstream"], Symptom::BodyCut),
    (
        &["a client request body is buffered to a temporary file"],
        Symptom::BodyBuffered,
    ),
    (&["rewrite or internal redirection cycle"], Symptom::RedirectCycle),
    (&["FastCGI sent in stderr"], Symptom::BackendStderr),
];

/// What a message means for a 502; `None`: nothing.
pub fn symptom(level: &str, message: &str) -> Option<Symptom> {
    // One pass for all words of the table; only rows with a word in the message are looked at.
    crate::proxy::logs::nginx_rows(message)
        .filter_map(|row| SIGNATURES.get(row))
        .find(|(words, _)| contains_in_order(message, words))
        .map(|(_, symptom)| *symptom)
        .or_else(|| (level == "emerg").then_some(Symptom::ConfigurationRejected))
}

pub(in crate::proxy) fn contains_in_order(text: &str, words: &[&str]) -> bool {
    let mut rest = text;
    words.iter().all(|word| match rest.find(word) {
        Some(position) => {
            rest = rest.get(position + word.len()..).unwrap_or_default();
            true
        }
        None => false,
    })
}

/// The longest line that is kept.
const KEEP_BYTES: usize = 1_000;

/// Reads the lines of an error log. `zone` is that of its times.
pub fn entries(bytes: &[u8], file: &str, zone: impl Into<Zone>) -> Vec<ErrorEntry> {
    let zone = zone.into();
    let mut entries: Vec<ErrorEntry> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&line[..line.len().min(16 * 1024)]);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            continue;
        }
        match entry(line, file, zone) {
            Some(entry) => entries.push(entry),
            None => {
                // What a FastCGI application writes to stderr may hold line ends: the request, the
                // upstream and the real message then follow in a later line.
                if let Some(last) = entries.last_mut() {
                    continue_entry(last, line);
                }
            }
        }
    }
    entries
}

/// Reads one line; `None` when it does not begin like one.
pub fn entry(line: &str, file: &str, zone: impl Into<Zone>) -> Option<ErrorEntry> {
    let mut words = line.splitn(4, ' ');
    let (date, time, level, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let level = level.strip_prefix('[')?.strip_suffix(']')?;
    let at_ms = time_ms(date, time, zone.into())?;
    let (process, rest) = rest.split_once(": ")?;
    let pid = process.split('#').next()?.parse().ok();
    let (connection, rest) = match rest.strip_prefix('*').and_then(|rest| rest.split_once(' ')) {
        Some((number, rest)) => (number.parse().ok(), rest),
        None => (None, rest),
    };
    let mut entry = ErrorEntry {
        at_ms: Some(at_ms),
        level: level.to_owned(),
        pid,
        connection,
        file: file.to_owned(),
        text: kept(line),
        ..ErrorEntry::default()
    };
    fields(&mut entry, rest);
    Some(entry)
}

/// The beginning of a text, at most so many characters.
fn kept(text: &str) -> String {
    if text.len() <= KEEP_BYTES {
        return text.to_owned();
    }
    text.chars().take(KEEP_BYTES).collect()
}

fn continue_entry(entry: &mut ErrorEntry, line: &str) {
    if entry.message.len() < KEEP_BYTES {
        let joined = format!("{} {line}", entry.message);
        entry.text.push(' ');
        entry.text.extend(line.chars().take(KEEP_BYTES));
        fields(entry, &joined);
    }
}

/// Cuts `, client: …, server: …` off the message. A field's text may hold ", " itself, so each field ends
/// where the next known one begins.
fn fields(entry: &mut ErrorEntry, rest: &str) {
    const NAMES: [&str; 7] = [
        ", client: ",
        ", server: ",
        ", request: \"",
        ", subrequest: \"",
        ", upstream: \"",
        ", host: \"",
        ", referrer: \"",
    ];
    let mut starts: Vec<(usize, &str)> = Vec::new();
    let mut from = 0;
    for name in NAMES {
        if let Some(position) = rest.get(from..).and_then(|part| part.find(name)) {
            starts.push((from + position, name));
            from += position + name.len();
        }
    }
    let message_end = starts.first().map_or(rest.len(), |(start, _)| *start);
    let message = rest.get(..message_end).unwrap_or(rest);
    entry.message = kept(message);
    entry.symptom = symptom(&entry.level, message);
    for (index, (start, name)) in starts.iter().enumerate() {
        let end = starts.get(index + 1).map_or(rest.len(), |(next, _)| *next);
        let value = rest.get(start + name.len()..end).unwrap_or_default();
        let value = if name.ends_with('"') {
            value.trim_end_matches('"')
        } else {
            value
        };
        let value = Some(kept(value));
        match name.trim_start_matches(", ").split(':').next() {
            Some("client") => entry.client = value,
            Some("server") => entry.server = value,
            Some("request") => entry.request = value,
            Some("upstream") => entry.upstream = value,
            Some("host") => entry.host = value,
            _ => {}
        }
    }
}

/// `2026/11/22 13:50:56`, local time, to milliseconds since 1970.
fn time_ms(date: &str, time: &str, zone: Zone) -> Option<i64> {
    let mut parts = date.split('/');
    let year: i16 = parts.next()?.parse().ok()?;
    let month: i8 = parts.next()?.parse().ok()?;
    let day: i8 = parts.next()?.parse().ok()?;
    let mut parts = time.split(':');
    let hour: i8 = parts.next()?.parse().ok()?;
    let minute: i8 = parts.next()?.parse().ok()?;
    let second: i8 = parts.next()?.parse().ok()?;
    crate::proxy::civil_ms(year, month, day, (hour, minute, second), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_connection_is_read_whole() {
        let line = "2026/11/22 13:50:56 [error] 27368#27368: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: app.test, request: \"GET /a, b HTTP/1.1\", upstream: \"http://127.0.0.1:9001/a\", host: \"127.0.0.1:8081\"";
        let entry = entry(line, "error.log", 3600).expect("a line");
        assert_eq!(entry.symptom, Some(Symptom::ConnectionRefused));
        assert_eq!(entry.request.as_deref(), Some("GET /a, b HTTP/1.1"));
        assert_eq!(entry.upstream.as_deref(), Some("http://127.0.0.1:9001/a"));
        assert_eq!(entry.host.as_deref(), Some("127.0.0.1:8081"));
        assert_eq!(entry.connection, Some(1));
        assert_eq!(entry.at_ms, Some(1_795_351_856_000));
    }

    #[test]
    fn symptoms_of_one_family_are_told_apart() {
        let of = |text| symptom("error", text);
        assert_eq!(
            of("connect() to unix:/a failed (2: No such file or directory) while connecting to upstream"),
            Some(Symptom::SocketMissing)
        );
        assert_eq!(
            of("upstream timed out (110: Connection timed out) while connecting to upstream"),
            Some(Symptom::ConnectTimeout)
        );
        assert_eq!(
            of("upstream timed out (110: Connection timed out) while reading response header from upstream"),
            Some(Symptom::HeaderTimeout)
        );
        assert_eq!(
            of("gone.test could not be resolved (3: Host not found)"),
            Some(Symptom::NameNotFound)
        );
        assert_eq!(
            of("upstream prematurely closed connection while reading upstream"),
            Some(Symptom::BodyCut)
        );
        assert_eq!(of("client closed connection"), None);
        assert_eq!(
            symptom("emerg", "unexpected \"}\" in /etc/nginx/nginx.conf:3"),
            Some(Symptom::ConfigurationRejected)
        );
    }

    #[test]
    fn stderr_with_line_ends_is_joined() {
        let text = b"2026/11/22 13:50:56 [error] 1#1: *1 FastCGI sent in stderr: \"PHP message: one\ntwo\" while reading response header from upstream, client: 1.2.3.4, server: _, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"a\"\n";
        let entries = entries(text, "e", 0);
        assert_eq!(entries.len(), 1);
        assert_eq!(
            entries[0].upstream.as_deref(),
            Some("fastcgi://unix:/run/php.sock:")
        );
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in [
            "",
            " ",
            "[",
            "2026/11/22 13:50:56 [error]",
            "2026/99/22 13:50:56 [error] 1#1: x",
            "\u{1b}[31m",
        ] {
            assert_eq!(entry(line, "e", 0), None, "{line:?}");
        }
    }
}
