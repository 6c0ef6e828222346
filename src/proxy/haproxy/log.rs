//! `HAProxy`'s log: termination states and the messages of checks and resources.
//!
//! The first letter of a termination state says who ended the session (`S` the server, `s` the server's
//! timeout, `P` the proxy, `C`/`c` the client), the second in which phase (`C` connecting, `H` waiting for the
//! header, `D` the body, `Q` the queue). To add one: a row in [`STATES`] or [`MESSAGES`].

use crate::evidence::{AccessEntry, ErrorEntry, Symptom};
use crate::proxy::month;

/// The first two letters of a termination state, and what they mean.
pub static STATES: [(&str, Symptom); 8] = [
    ("SC", Symptom::ConnectFailed),
    ("sC", Symptom::ConnectTimeout),
    ("SH", Symptom::ClosedBeforeHeader),
    ("sH", Symptom::HeaderTimeout),
    ("PH", Symptom::RefusedAnswer),
    ("SD", Symptom::BodyCut),
    ("sD", Symptom::BodyCut),
    ("sQ", Symptom::NoLiveUpstreams),
];

/// A part of a message and what it means. First match wins.
pub static MESSAGES: [(&str, Symptom); 19] = [
    ("check backlog size on the server", Symptom::AcceptQueueFull),
    ("no free ports", Symptom::NoLocalAddress),
    ("Out of local source ports", Symptom::NoLocalAddress),
    ("Source port range exhausted", Symptom::NoLocalAddress),
    (
        "Cannot bind to source address before connect()",
        Symptom::SourceBindFailed,
    ),
    ("info: \"Connection refused\"", Symptom::ConnectionRefused),
    ("info: \"No route to host\"", Symptom::HostUnreachable),
    ("reason: Layer4 timeout", Symptom::ConnectTimeout),
    ("info: \"General socket error", Symptom::ConnectFailed),
    ("reason: Layer6", Symptom::TlsFailed),
    ("reason: Layer7", Symptom::PeerMarkedDown),
    ("DNS NX status", Symptom::NameNotFound),
    ("No IP for server", Symptom::NameNotFound),
    ("DNS timeout status", Symptom::NameServerFailed),
    ("DNS refused status", Symptom::NameServerFailed),
    ("has no server available!", Symptom::NoLiveUpstreams),
    ("could not resolve address", Symptom::NameUnknownAtStart),
    ("reached process FD limit", Symptom::SlotsExhausted),
    (
        "reached the configured maximum connection limit",
        Symptom::SlotsExhausted,
    ),
];

/// What one line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The request, when the line is of one.
    pub access: Option<AccessEntry>,
    /// The failure, when it tells of one.
    pub error: Option<ErrorEntry>,
    /// The termination state, all its letters.
    pub state: Option<String>,
}

/// Reads one line of the form that `option httplog` gives, of a format with the same words, or a message.
/// `None`: no line of `HAProxy`'s.
pub fn line(text: &str, file: &str) -> Option<Line> {
    let body = match text.split_once("haproxy[") {
        Some((_, rest)) => rest.split_once("]: ")?.1,
        None => text,
    };
    if let Some(line) = request(body, text, file) {
        return Some(line);
    }
    let symptom = MESSAGES
        .iter()
        .find(|(part, _)| body.contains(part))
        .map(|(_, symptom)| *symptom);
    // Without the tag only a message that nobody else writes is taken.
    let tagged = body.len() != text.len();
    if !tagged
        && !(symptom.is_some()
            && (body.contains("Server ") || body.contains("backend ") || body.contains("[ALERT]")))
    {
        return None;
    }
    let upstream = ["Server ", "for backend ", "backend ", "proxy "]
        .iter()
        .find_map(|mark| {
            let (_, rest) = body.split_once(mark)?;
            let word = rest.split([' ', ':', ',', '.']).next()?;
            (!word.is_empty()).then(|| word.to_owned())
        });
    Some(Line {
        error: symptom.map(|symptom| ErrorEntry {
            level: "error".to_owned(),
            message: body.chars().take(1_000).collect(),
            upstream,
            symptom: Some(symptom),
            file: file.to_owned(),
            text: text.chars().take(1_000).collect(),
            ..ErrorEntry::default()
        }),
        ..Line::default()
    })
}

/// The first two letters of a termination state.
fn state_of(word: &str) -> Option<&str> {
    let first = word.get(..2)?;
    let mut letters = first.chars();
    (matches!(word.len(), 2 | 4)
        && letters.next().is_some_and(|c| "-CSPRULIDKscF".contains(c))
        && letters.next().is_some_and(|c| "-RQCHDLT".contains(c))
        && word.chars().all(|c| c.is_ascii_alphabetic() || c == '-'))
    .then_some(first)
}

fn request(body: &str, text: &str, file: &str) -> Option<Line> {
    let words: Vec<&str> = body.split([' ', '|']).filter(|word| !word.is_empty()).collect();
    // `backend/server` and three or more times with slashes between them, or the times with names.
    let server = words.iter().find(|word| {
        word.split_once('/').is_some_and(|(backend, server)| {
            !backend.is_empty()
                && !server.is_empty()
                && !server.contains('/')
                && !backend.starts_with('"')
                && !backend.starts_with("HTTP")
                && !backend.chars().all(|c| c.is_ascii_digit() || "-+.:".contains(c))
        })
    })?;
    let timed = words.iter().position(|word| {
        word.split('/').count() == 5
            && word
                .split('/')
                .all(|part| part.trim_start_matches(['-', '+']).parse::<u64>().is_ok())
    });
    let status: u16 = words.iter().find_map(|word| {
        (word.len() == 3)
            .then(|| word.parse::<u16>().ok())
            .flatten()
            .filter(|status| *status >= 100)
    })?;
    let state = words
        .iter()
        .skip(1)
        .find(|word| state_of(word).is_some() && **word != "-")?;
    if timed.is_none() && !body.contains('|') {
        return None;
    }
    let line = body
        .split_once('"')
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(request, _)| request.to_owned())
        .or_else(|| {
            body.split('|')
                .next()
                .filter(|first| first.contains(" HTTP/"))
                .map(str::to_owned)
        });
    let at_ms = words
        .iter()
        .find_map(|word| word.strip_prefix('[').and_then(|word| word.strip_suffix(']')))
        .and_then(time_ms);
    let meaning = state_of(state)?;
    let client = words
        .first()
        .map(|word| (*word).to_owned())
        .filter(|word| word.contains(':'));
    let mut symptom = STATES
        .iter()
        .find(|(letters, _)| *letters == meaning)
        .map(|(_, symptom)| *symptom);
    if server.ends_with("<NOSRV>") && symptom.is_some() {
        symptom = Some(Symptom::NoLiveUpstreams);
    }
    // What the connection layer says about itself (`%[bc_err_str]` and its like in a format of one's own).
    if symptom == Some(Symptom::ConnectFailed) {
        symptom = Some(match () {
            () if body.contains("SSL handshake failure") => Symptom::TlsFailed,
            () if body.contains("Connection refused") => Symptom::ConnectionRefused,
            () if body.contains("during SSL handshake") => Symptom::TlsAborted,
            () => Symptom::ConnectFailed,
        });
    }
    Some(Line {
        access: Some(AccessEntry {
            at_ms,
            client: client.clone(),
            request: line.clone(),
            status: Some(status),
            upstream_addr: Some((*server).to_owned()),
            upstream_status: (meaning == "--").then(|| status.to_string()),
            upstream_header_time: (meaning == "--").then(|| "0".to_owned()),
            text: text.chars().take(1_000).collect(),
            ..AccessEntry::default()
        }),
        error: symptom.map(|symptom| ErrorEntry {
            at_ms,
            level: "error".to_owned(),
            message: format!("{status} with termination state {state}"),
            client,
            request: line,
            upstream: Some((*server).to_owned()),
            symptom: Some(symptom),
            file: file.to_owned(),
            text: text.chars().take(1_000).collect(),
            ..ErrorEntry::default()
        }),
        state: Some((*state).to_owned()),
    })
}

/// `22/Nov/2026:14:28:28.813`, in the time zone of the server, which it does not name.
fn time_ms(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(':')?;
    let mut date = date.split('/');
    let day = date.next()?.parse().ok()?;
    let month = month(date.next()?)?;
    let year = date.next()?.parse().ok()?;
    let mut parts = time.split([':', '.']);
    let mut number = || parts.next()?.parse::<i8>().ok();
    let time = (number()?, number()?, number()?);
    crate::proxy::civil_ms(year, month, day, time, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symptom_of(text: &str) -> Option<Symptom> {
        line(text, "haproxy.log")?.error?.symptom
    }

    #[test]
    fn termination_states_are_read() {
        let head = "<134>Nov 22 14:28:28 haproxy[18312]: 127.0.0.1:51826 [22/Nov/2026:14:28:28.813] f be/s1 0/0/0/-1/0";
        for (rest, expected) in [
            (
                "502 209 - - SH-- 1/1/0/0/0 0/0 \"GET /x HTTP/1.1\"",
                Some(Symptom::ClosedBeforeHeader),
            ),
            (
                "504 198 - - sH-- 1/1/0/0/0 0/0 \"GET /x HTTP/1.1\"",
                Some(Symptom::HeaderTimeout),
            ),
            (
                "502 209 - - PH-- 1/1/0/0/0 0/0 \"GET /x HTTP/1.1\"",
                Some(Symptom::RefusedAnswer),
            ),
            (
                "503 217 - - SC-- 1/1/0/0/1 0/0 \"GET /x HTTP/1.1\"",
                Some(Symptom::ConnectFailed),
            ),
            ("502 84 - - ---- 1/1/0/0/0 0/0 \"GET /x HTTP/1.1\"", None),
        ] {
            let found = line(&format!("{head} {rest}"), "h").expect("a line");
            assert_eq!(found.error.and_then(|entry| entry.symptom), expected, "{rest}");
            assert_eq!(
                found.access.and_then(|entry| entry.upstream_addr).as_deref(),
                Some("be/s1")
            );
        }
    }

    #[test]
    fn a_backend_without_a_server_is_no_refusal() {
        let text = "haproxy[1]: 127.0.0.1:51886 [22/Nov/2026:14:28:32.878] f be_app/<NOSRV> 0/-1/-1/-1/0 503 217 - - SC-- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\"";
        assert_eq!(symptom_of(text), Some(Symptom::NoLiveUpstreams));
    }

    #[test]
    fn messages_of_checks_are_read() {
        let text = "haproxy[7]: Server be/s1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms.";
        assert_eq!(symptom_of(text), Some(Symptom::ConnectionRefused));
        assert_eq!(
            line(text, "h").and_then(|line| line.error?.upstream).as_deref(),
            Some("be/s1")
        );
    }

    #[test]
    fn other_lines_are_left_alone() {
        for text in [
            "",
            "127.0.0.1 - - [22/Nov/2026:14:28:28 +0000] \"GET /a/b HTTP/1.1\" 502 157 \"-\" \"curl/8\"",
            "GET /a HTTP/1.1|502|us=502|ua=127.0.0.1:9001",
            "é haproxy[",
        ] {
            assert_eq!(line(text, "h"), None, "{text}");
        }
    }
}
