//! Apache's error log: lines into entries, `AH` codes into symptoms.
//!
//! One request often writes two or three lines from one thread; what only one of them says (the upstream, the
//! path) is known for all of them. A message names a symptom, seldom a cause. To add a signature: one row in
//! [`SIGNATURES`], the more telling row first.

use crate::evidence::{ErrorEntry, Symptom, Zone};

/// A message part, the error numbers with which it means something (empty: any), and what it means. First
/// match wins.
pub static SIGNATURES: &[(&str, &[&str], Symptom)] = &[
    ("AH00957", &["111", "61"], Symptom::ConnectionRefused),
    ("AH00957", &["113"], Symptom::HostUnreachable),
    ("AH00957", &["101"], Symptom::NetworkUnreachable),
    ("AH00957", &["99"], Symptom::NoLocalAddress),
    ("AH00957", &["13", "1"], Symptom::PermissionDenied),
    ("AH00957", &["70007", "110"], Symptom::ConnectTimeout),
    ("AH00957", &["24", "23"], Symptom::SlotsExhausted),
    ("AH00957", &[], Symptom::ConnectFailed),
    ("AH00939", &["111", "61"], Symptom::ConnectionRefused),
    ("AH00939", &["113"], Symptom::HostUnreachable),
    ("AH00939", &["101"], Symptom::NetworkUnreachable),
    ("AH00939", &["99"], Symptom::NoLocalAddress),
    ("AH00939", &["70007", "110"], Symptom::ConnectTimeout),
    ("AH00939", &[], Symptom::ConnectFailed),
    ("AH02454", &["2"], Symptom::SocketMissing),
    ("AH02454", &["13", "1"], Symptom::PermissionDenied),
    ("AH02454", &["111"], Symptom::ConnectionRefused),
    ("AH02454", &["11", "70007", "110"], Symptom::AcceptQueueFull),
    ("AH02454", &[], Symptom::ConnectFailed),
    ("AH00952", &["24", "23"], Symptom::SlotsExhausted),
    ("AH00952", &[], Symptom::SocketRefused),
    ("AH00950", &[], Symptom::NoForwardPath),
    ("AH00958", &[], Symptom::NoForwardPath),
    ("AH00956", &[], Symptom::SourceBindFailed),
    ("AH00938", &[], Symptom::SourceBindFailed),
    (
        "AH00898: DNS lookup failure for",
        &["EAI 2", "EAI -2", "EAI 5", "EAI -5", "670002"],
        Symptom::NameNotFound,
    ),
    ("AH00898: DNS lookup failure for", &[], Symptom::NameServerFailed),
    ("AH00898: Unexpected Upgrade", &[], Symptom::UpgradeFailed),
    ("AH02900", &[], Symptom::UpgradeFailed),
    ("AH00898: Corrupt status line", &[], Symptom::MalformedResponse),
    (
        "interim responses from origin server",
        &[],
        Symptom::MalformedResponse,
    ),
    (
        "AH00898: Malformed connection header",
        &[],
        Symptom::InvalidHeader,
    ),
    ("AH00898: Error during SSL Handshake", &[], Symptom::TlsFailed),
    ("AH01961", &[], Symptom::TlsNotEnabled),
    ("AH00961", &[], Symptom::TlsNotEnabled),
    ("AH02268", &[], Symptom::TlsClientCertificate),
    (
        "AH02039: Certificate Verification: Error (10)",
        &[],
        Symptom::TlsDate,
    ),
    (
        "AH02039: Certificate Verification: Error (9)",
        &[],
        Symptom::TlsDate,
    ),
    ("AH02039", &[], Symptom::TlsUntrusted),
    ("AH02040", &[], Symptom::TlsUntrusted),
    ("AH02004", &[], Symptom::TlsDate),
    ("AH02411", &[], Symptom::TlsName),
    ("AH02005", &[], Symptom::TlsName),
    ("wrong version number", &[], Symptom::TlsWrongVersion),
    ("packet length too long", &[], Symptom::TlsWrongVersion),
    ("record layer failure", &[], Symptom::TlsWrongVersion),
    ("alert number 112", &[], Symptom::TlsAlert),
    ("alert number 116", &[], Symptom::TlsClientCertificate),
    ("alert number 70", &[], Symptom::TlsVersion),
    ("SSL routines::unsupported protocol", &[], Symptom::TlsVersion),
    ("SSL routines::dh key too small", &[], Symptom::TlsVersion),
    ("legacy renegotiation disabled", &[], Symptom::TlsVersion),
    ("no protocols available", &[], Symptom::TlsVersion),
    ("AH02003", &[], Symptom::TlsFailed),
    ("AH10273", &[], Symptom::Http2Mismatch),
    ("AH10274", &[], Symptom::Http2Mismatch),
    ("AH01102", &["70007"], Symptom::HeaderTimeout),
    ("AH01102", &["104"], Symptom::ResetBeforeHeader),
    ("AH01102", &[], Symptom::ClosedBeforeHeader),
    ("AH10124", &[], Symptom::HeaderTooBig),
    ("AH10404", &["104"], Symptom::ResetBeforeHeader),
    ("AH10404", &["70014"], Symptom::ClosedBeforeHeader),
    ("AH10404", &["70007"], Symptom::HeaderTimeout),
    ("AH10404", &["28"], Symptom::HeaderTooBig),
    ("AH10404", &[], Symptom::InvalidHeader),
    ("AH02429", &[], Symptom::InvalidHeader),
    ("AH02430", &[], Symptom::InvalidHeader),
    ("AH01106", &[], Symptom::InvalidHeader),
    ("AH01587", &[], Symptom::ConflictingLength),
    ("AH02555", &[], Symptom::ConflictingLength),
    ("AH01590", &[], Symptom::MalformedResponse),
    ("AH01110", &["20014", "22"], Symptom::RefusedAnswer),
    ("AH01110", &["104", "70008", "70014", "70007"], Symptom::BodyCut),
    ("AH01068", &[], Symptom::FastCgiMismatch),
    ("AH01031", &[], Symptom::FastCgiMismatch),
    ("AH01080", &[], Symptom::FastCgiMismatch),
    ("AH01075", &["70007"], Symptom::HeaderTimeout),
    ("AH01075", &["104"], Symptom::ResetBeforeHeader),
    ("AH01071", &[], Symptom::BackendStderr),
    ("AH01067", &[], Symptom::ClosedBeforeHeader),
    ("AH00992", &["70007"], Symptom::HeaderTimeout),
    ("AH00992", &[], Symptom::ClosedBeforeHeader),
    ("AH01097", &["70007"], Symptom::SendTimeout),
    ("AH01084", &["70007"], Symptom::SendTimeout),
    ("AH01084", &["104", "32"], Symptom::SendFailed),
    ("AH00940", &[], Symptom::NoLiveUpstreams),
    ("AH00941", &[], Symptom::NoLiveUpstreams),
    ("AH00934", &[], Symptom::NoLiveUpstreams),
    ("AH01167", &[], Symptom::NoLiveUpstreams),
    ("AH01170", &[], Symptom::NoLiveUpstreams),
    ("AH01171", &[], Symptom::NoLiveUpstreams),
    ("AH00959", &[], Symptom::PeerMarkedDown),
    ("AH00484", &[], Symptom::SlotsExhausted),
    ("AH00161", &[], Symptom::SlotsExhausted),
    ("server reached MaxRequestWorkers", &[], Symptom::SlotsExhausted),
    ("AH00051", &[], Symptom::WorkerCrashed),
    ("AH00052", &[], Symptom::WorkerCrashed),
    ("AH00526", &[], Symptom::ConfigurationRejected),
    ("AH00072", &[], Symptom::ConfigurationRejected),
];

/// Messages that only go along with a more telling one of the same request.
const COMPANIONS: [&str; 5] = ["AH01067", "AH01106", "AH00992", "AH01084", "AH01097"];

/// The longest line that is kept.
const KEEP_BYTES: usize = 1_000;
/// Lines of one thread within this time belong to one request.
pub(in crate::proxy) const TOGETHER_MS: i64 = 50;

/// What a message means, with the error number in front of it (`111`, `EAI 2`).
pub fn symptom(message: &str, error: Option<&str>) -> Option<Symptom> {
    SIGNATURES
        .iter()
        .find(|(part, errors, _)| {
            message.contains(part)
                && (errors.is_empty() || error.is_some_and(|error| errors.contains(&error)))
        })
        .map(|(_, _, symptom)| *symptom)
}

/// A line, with the thread that wrote it.
struct Line {
    entry: ErrorEntry,
    thread: Option<String>,
}

/// Reads the lines of an error log. `zone` is that of its times.
pub fn entries(bytes: &[u8], file: &str, zone: impl Into<Zone>) -> Vec<ErrorEntry> {
    let zone = zone.into();
    let mut lines: Vec<Line> = bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let line = String::from_utf8_lossy(line.get(..line.len().min(16 * 1024))?);
            read(line.trim_end_matches('\r'), file, zone)
        })
        .collect();
    join(&mut lines);
    lines.into_iter().map(|line| line.entry).collect()
}

/// Reads one line; `None` when it does not begin like one.
pub fn entry(line: &str, file: &str, zone: impl Into<Zone>) -> Option<ErrorEntry> {
    read(line, file, zone.into()).map(|line| line.entry)
}

/// The parts of one line, as they stand.
pub(in crate::proxy) struct Parts<'l> {
    /// The text between the first brackets.
    pub(in crate::proxy) stamp: &'l str,
    /// `error`, `warn`, ….
    pub(in crate::proxy) level: &'l str,
    /// `client`, with its port.
    pub(in crate::proxy) client: Option<&'l str>,
    /// `remote`: the upstream, in some modules.
    pub(in crate::proxy) remote: Option<&'l str>,
    /// Process and thread.
    pub(in crate::proxy) process: Option<&'l str>,
    /// The error number before the message.
    pub(in crate::proxy) error: Option<&'l str>,
    /// What follows.
    pub(in crate::proxy) message: &'l str,
}

/// Takes a line apart; `None` when it does not begin with a field.
pub(in crate::proxy) fn parts(line: &str) -> Option<Parts<'_>> {
    let (stamp, mut rest) = bracketed(line)?;
    let mut parts = Parts {
        stamp,
        level: "",
        client: None,
        remote: None,
        process: None,
        error: None,
        message: "",
    };
    let mut first = true;
    loop {
        rest = rest.trim_start();
        if let Some((field, after)) = bracketed(rest) {
            if let Some(client) = field.strip_prefix("client ") {
                parts.client = Some(client);
            } else if let Some(remote) = field.strip_prefix("remote ") {
                parts.remote = Some(remote);
            } else if let Some(process) = field.strip_prefix("pid ") {
                parts.process = Some(process);
            } else if first {
                parts.level = field.rsplit(':').next().unwrap_or(field);
            } else {
                break;
            }
            first = false;
            rest = after;
        } else if let Some((number, after)) = error_number(rest) {
            parts.error = Some(number);
            rest = after;
        } else {
            break;
        }
    }
    parts.message = rest;
    Some(parts)
}

fn read(line: &str, file: &str, zone: Zone) -> Option<Line> {
    let parts = parts(line)?;
    let symptom = symptom(parts.message, parts.error)
        .or_else(|| (parts.level == "emerg").then_some(Symptom::ConfigurationRejected))
        .or_else(|| (parts.error == Some("24")).then_some(Symptom::SlotsExhausted));
    let entry = ErrorEntry {
        at_ms: Some(time_ms(parts.stamp, zone)?),
        level: parts.level.to_owned(),
        pid: parts
            .process
            .and_then(|process| process.split([':', ' ']).next())
            .and_then(|pid| pid.parse().ok()),
        connection: parts
            .client
            .and_then(|client| client.rsplit(':').next())
            .and_then(|port| port.parse().ok()),
        client: parts.client.map(str::to_owned),
        upstream: parts.remote.map(str::to_owned).or_else(|| upstream(parts.message)),
        request: path(parts.message).map(|path| format!("GET {path} HTTP/1.1")),
        message: parts.message.chars().take(KEEP_BYTES).collect(),
        symptom,
        file: file.to_owned(),
        text: line.chars().take(KEEP_BYTES).collect(),
        ..ErrorEntry::default()
    };
    let thread = parts.process.map(str::to_owned);
    Some(Line { entry, thread })
}

/// True for a message that only goes along with a more telling one of the same request.
pub(in crate::proxy) fn is_companion(message: &str) -> bool {
    COMPANIONS.iter().any(|code| message.contains(code))
}

/// True for what says why TLS failed, where another line only says that it did.
pub(in crate::proxy) fn is_tls_detail(symptom: Symptom) -> bool {
    matches!(
        symptom,
        Symptom::TlsDate
            | Symptom::TlsName
            | Symptom::TlsUntrusted
            | Symptom::TlsWrongVersion
            | Symptom::TlsAlert
            | Symptom::TlsVersion
            | Symptom::TlsClientCertificate
    )
}

/// `[field] rest`.
fn bracketed(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix('[')?.split_once(']')
}

/// `(111)Connection refused: rest`, `(EAI 2)Name or service not known: rest`.
fn error_number(text: &str) -> Option<(&str, &str)> {
    let (number, after) = text.strip_prefix('(')?.split_once(')')?;
    let plain = number.strip_prefix("EAI ").unwrap_or(number);
    let digits = plain.strip_prefix('-').unwrap_or(plain);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((number, after.split_once(": ").map_or("", |(_, rest)| rest)))
}

/// The upstream that a message names: an address with its port, or a socket's path.
pub(in crate::proxy) fn upstream(message: &str) -> Option<String> {
    const BEFORE: [&str; 4] = [
        "attempt to connect to ",
        "from remote server ",
        "request body failed to ",
        "enable ssl support for ",
    ];
    if let Some((_, rest)) = message.split_once("Unix domain socket ") {
        let path = rest.split(" (").next()?;
        return Some(format!("unix:{path}"));
    }
    for before in ["worker for (", "connection for ("] {
        if let Some((_, rest)) = message.split_once(before) {
            return rest.split(')').next().map(str::to_owned);
        }
    }
    let after = BEFORE
        .iter()
        .find_map(|before| message.split_once(before).map(|(_, rest)| rest))?;
    let word = after.split([' ', '(', ';']).next()?.trim_end_matches(',');
    (!word.is_empty()).then(|| word.to_owned())
}

/// The path that a message names.
fn path(message: &str) -> Option<String> {
    let (_, rest) = message.split_once(" returned by ")?;
    let path = rest.split(' ').next()?;
    path.starts_with('/').then(|| path.to_owned())
}

/// Lets the lines of one request share what only one of them says.
fn join(lines: &mut [Line]) {
    let mut open: std::collections::HashMap<String, Vec<usize>> = std::collections::HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(thread) = line.thread.clone() else {
            continue;
        };
        let group = open.entry(thread).or_default();
        let belongs = group.last().and_then(|last| lines.get(*last)).is_none_or(|last| {
            let near = match (last.entry.at_ms, line.entry.at_ms) {
                (Some(last), Some(this)) => this.saturating_sub(last) <= TOGETHER_MS,
                _ => false,
            };
            let other = match (&last.entry.client, &line.entry.client) {
                (Some(last), Some(this)) => last != this,
                _ => false,
            };
            near && !other
        });
        if !belongs {
            groups.push(std::mem::take(group));
        }
        group.push(index);
    }
    groups.extend(open.into_values());
    for group in groups {
        share(lines, &group);
    }
}

fn share(lines: &mut [Line], group: &[usize]) {
    let all = || group.iter().filter_map(|index| lines.get(*index));
    let client = all().find_map(|line| line.entry.client.clone());
    let connection = all().find_map(|line| line.entry.connection);
    let upstream = all().find_map(|line| line.entry.upstream.clone());
    let request = all().find_map(|line| line.entry.request.clone());
    let telling = all().any(|line| line.entry.symptom.is_some() && !is_companion(&line.entry.message));
    let detailed = all().any(|line| line.entry.symptom.is_some_and(is_tls_detail));
    for index in group {
        let Some(Line { entry, .. }) = lines.get_mut(*index) else {
            continue;
        };
        entry.client = entry.client.take().or_else(|| client.clone());
        entry.connection = entry.connection.or(connection);
        entry.upstream = entry.upstream.take().or_else(|| upstream.clone());
        entry.request = entry.request.take().or_else(|| request.clone());
        if telling && is_companion(&entry.message) || detailed && entry.symptom == Some(Symptom::TlsFailed) {
            entry.symptom = None;
        }
    }
}

/// `Sun Nov 22 14:00:25.771177 2026`, local time, to milliseconds since 1970.
fn time_ms(stamp: &str, zone: Zone) -> Option<i64> {
    let mut words = stamp.split_ascii_whitespace().skip(1);
    let (month, day, time, year) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = crate::proxy::month(month)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut parts = time.split(':').map(str::parse::<i8>);
    let time = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let milliseconds: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let whole = crate::proxy::civil_ms(year.parse().ok()?, month, day.parse().ok()?, time, zone)?;
    whole.checked_add(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &[u8] = b"[Sun Nov 22 19:56:47.936610 2026] [proxy:error] [pid 11:tid 14] (111)Connection refused: AH00957: http: attempt to connect to 127.0.0.1:9000 (127.0.0.1:9000) failed\n[Sun Nov 22 19:56:47.936679 2026] [proxy_http:error] [pid 11:tid 14] [client 127.0.0.1:49514] AH01114: HTTP: failed to make connection to backend: 127.0.0.1\n";

    #[test]
    fn the_lines_of_one_request_share_what_they_know() {
        let entries = entries(REFUSED, "error.log", 0);
        assert_eq!(entries[0].symptom, Some(Symptom::ConnectionRefused));
        assert_eq!(entries[0].client.as_deref(), Some("127.0.0.1:49514"));
        assert_eq!(entries[0].level, "error");
        assert_eq!(entries[0].pid, Some(11));
        assert_eq!(entries[0].at_ms, Some(1_795_377_407_936));
        assert_eq!(entries[1].upstream.as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(entries[1].symptom, None);
    }

    #[test]
    fn the_line_that_says_why_stands_before_the_one_that_says_that() {
        let text = b"[Sun Nov 22 14:00:30.983901 2026] [proxy_http:warn] [pid 3:tid 8] (28)No space left on device: [client 127.0.0.1:47714] AH10124: header size is over the limit allowed by ResponseFieldSize (8192 bytes). Bad response header: 'Set-Cookie: a=x'\n[Sun Nov 22 14:00:30.983949 2026] [proxy_http:warn] [pid 3:tid 8] [client 127.0.0.1:47714] AH01106: bad HTTP/1.1 header returned by /header-9k (GET)\n";
        let entries = entries(text, "e", 0);
        let symptoms: Vec<_> = entries.iter().map(|entry| entry.symptom).collect();
        assert_eq!(symptoms, [Some(Symptom::HeaderTooBig), None]);
        assert_eq!(entries[0].request.as_deref(), Some("GET /header-9k HTTP/1.1"));
    }

    #[test]
    fn error_numbers_tell_symptoms_of_one_code_apart() {
        let line = |number: &str| {
            entry(&format!("[Sun Nov 22 14:00:30.98 2026] [proxy_http:error] [pid 1:tid 2] ({number})x: [client 127.0.0.1:1] AH01102: error reading status line from remote server 127.0.0.1:9005"), "e", 0)
                .and_then(|entry| entry.symptom)
        };
        assert_eq!(line("70007"), Some(Symptom::HeaderTimeout));
        assert_eq!(line("104"), Some(Symptom::ResetBeforeHeader));
        assert_eq!(line("20014"), Some(Symptom::ClosedBeforeHeader));
        let name = entry(
            "[Sun Nov 22 14:00:30.98 2026] [proxy:error] [pid 1:tid 2] (EAI 2)Name or service not known: [client 127.0.0.1:51070] AH00898: DNS lookup failure for: gone.test returned by /",
            "e",
            0,
        );
        assert_eq!(name.and_then(|entry| entry.symptom), Some(Symptom::NameNotFound));
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in [
            "",
            "[",
            "[]",
            "[a b c d e]",
            "[Sun Foo 22 1:1:1 2026] x",
            "[Sun Nov 99 1:1:1.é 2026] (",
        ] {
            assert_eq!(entry(line, "e", 0), None, "{line:?}");
        }
    }
}
