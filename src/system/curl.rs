//! What `curl -i`, `curl -sSI` and `curl -v` print: saved responses, and the errors of curl itself.

use crate::evidence::{Attempt, Bytes, Connect, End, Exchange, Observed, Obstacle, errno};

/// One answer, with what the talk around it says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SavedAnswer {
    /// The answer; without one, how the connection failed.
    pub attempt: Attempt,
    /// `http` or `https`, when the talk says so.
    pub scheme: Option<String>,
    /// The Host header that was sent.
    pub host: Option<String>,
    /// The path that was asked for.
    pub path: Option<String>,
}

/// The most that is kept of one answer.
const KEEP_BYTES: usize = 64 * 1024;

/// True for the line that an answer begins with, as it is or as `curl -v` prints it.
pub fn begins(line: &str) -> bool {
    status(line.strip_prefix("< ").unwrap_or(line)).is_some()
}

/// True for a line that only `curl -v` writes.
pub fn is_verbose(line: &str) -> bool {
    let marked = |mark: &str| {
        line.strip_prefix(mark)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    if matches!(line, "{" | "}") {
        return false;
    }
    if matches!(line, "<" | ">" | "*") {
        return true;
    }
    (marked("<") && (line.contains(':') || line.contains("HTTP/") || line.trim() == "<"))
        || line
            .strip_prefix("> ")
            .is_some_and(|rest| is_request(rest) || header(rest))
        || (line.starts_with("* ")
            && [
                "Trying ",
                "Connected to ",
                "connect to ",
                "Connection #",
                "Host ",
                "IPv4: ",
                "IPv6: ",
                "ALPN",
                "TLS",
                "SSL",
                "Server certificate",
                "Mark bundle",
                "Closing connection",
                "Could not resolve",
                "Failed to connect",
                "Empty reply",
                "Recv failure",
                "Request completely sent off",
                "Using HTTP",
                "using HTTP",
                "Operation timed out",
                "CAfile",
                "CApath",
                "subject:",
                "start date",
                "expire date",
                "issuer:",
                "subjectAltName",
            ]
            .iter()
            .any(|word| line.get(2..).unwrap_or_default().trim_start().starts_with(word)))
        || line.starts_with("curl: (")
        || line.starts_with("{ [") && line.ends_with("data]")
        || line.starts_with("} [") && line.ends_with("data]")
}

/// `GET /cart HTTP/1.1`.
fn is_request(line: &str) -> bool {
    let mut words = line.split(' ');
    words
        .next()
        .is_some_and(|method| !method.is_empty() && method.chars().all(|c| c.is_ascii_uppercase()))
        && words.nth(1).is_some_and(|version| version.starts_with("HTTP/"))
}

fn header(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, _)| {
        !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
    })
}

/// True for a line of a response's head.
pub fn is_header(line: &str) -> bool {
    header(line.trim_end_matches('\r')) || line.trim_end_matches('\r').ends_with(':') && !line.contains(' ')
}

fn status(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/")?;
    let (version, rest) = rest.split_once(' ')?;
    if !matches!(version, "1.0" | "1.1" | "2" | "2.0" | "3") {
        return None;
    }
    let digits = rest.split([' ', '\r']).next()?;
    (digits.len() == 3).then(|| digits.parse().ok()).flatten()
}

/// A page of an error that was saved without its head, as an answer with the status that its title names.
/// `None`: no such page.
pub fn page_alone(text: &str) -> Option<String> {
    let page = text.trim_start_matches('\u{feff}').trim_start();
    let begins = |with: &str| {
        page.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    if !begins("<html") && !begins("<!doctype html") {
        return None;
    }
    let between = |tag: &str| {
        let rest = page.split_once(&format!("<{tag}>"))?.1;
        rest.split('<').next()
    };
    let title = ["title", "h1"].into_iter().filter_map(between).find_map(|text| {
        let text = text.trim();
        let (number, words) = text.split_once(' ').unwrap_or((text, ""));
        let status: u16 = number.parse().ok()?;
        (500..600).contains(&status).then(|| format!("{status} {words}"))
    })?;
    Some(format!("HTTP/1.1 {title}\r\n\r\n{page}"))
}

/// Reads all answers of a text. Of a chain of interim and redirecting answers every one is given.
pub fn read(text: &str) -> Vec<SavedAnswer> {
    let mut answers: Vec<SavedAnswer> = Vec::new();
    let mut next = SavedAnswer::default();
    let mut raw = String::new();
    let mut open = false;
    let verbose = text.lines().any(|line| line.starts_with("< HTTP/"));
    let finish = |next: &mut SavedAnswer, raw: &mut String, answers: &mut Vec<SavedAnswer>| {
        if raw.is_empty() {
            return;
        }
        let bytes = std::mem::take(raw).into_bytes();
        let answer = SavedAnswer {
            attempt: answered(bytes),
            ..next.clone()
        };
        answers.push(answer);
    };
    for line in text.lines() {
        let line = line.trim_end_matches('\r');
        let plain = line.strip_prefix("< ").filter(|_| verbose).unwrap_or(line);
        if status(plain).is_some() && (!verbose || line.starts_with("< ")) {
            finish(&mut next, &mut raw, &mut answers);
            open = true;
            raw.push_str(plain);
            raw.push_str("\r\n");
        } else if let Some(rest) = line.strip_prefix("> ").filter(|_| !open || verbose) {
            asked(&mut next, rest);
        } else if line.starts_with("* ") || line == "*" || line.starts_with("curl: (") {
            said(&mut next, line);
            if let Some(exchange) = failed(line)
                && raw.is_empty()
                && answers.is_empty()
            {
                next.attempt.exchange = Observed::Seen(exchange);
            }
        } else if open && raw.len() < KEEP_BYTES {
            raw.push_str(if line == "<" && verbose { "" } else { plain });
            raw.push_str("\r\n");
        }
    }
    finish(&mut next, &mut raw, &mut answers);
    if answers.is_empty() && next.attempt.exchange.seen().is_some() {
        answers.push(next);
    }
    answers
}

fn answered(bytes: Vec<u8>) -> Attempt {
    let exchange = Exchange {
        connect: Connect::Connected,
        received_bytes: bytes.len() as u64,
        // A paste is cut at will: how the answer ended is not in it.
        end: End::Capped,
        bytes: Bytes(bytes),
        ..Exchange::default()
    };
    let mut attempt = super::http::attempt(Attempt {
        exchange: Observed::Seen(exchange),
        ..Attempt::default()
    });
    if attempt.status.is_none() {
        attempt.status = attempt
            .exchange
            .seen()
            .and_then(|exchange| status(&exchange.bytes.text()));
    }
    attempt
}

fn asked(answer: &mut SavedAnswer, line: &str) {
    let mut words = line.split(' ');
    if let (Some(_), Some(path), Some(version)) = (words.next(), words.next(), words.next())
        && version.starts_with("HTTP/")
        && path.starts_with('/')
    {
        answer.path = Some(path.to_owned());
    } else if let Some((name, value)) = line.split_once(": ")
        && name.eq_ignore_ascii_case("host")
    {
        answer.host = Some(value.trim().to_owned());
    }
}

fn said(answer: &mut SavedAnswer, line: &str) {
    if let Some(rest) = line.strip_prefix("* Connected to ") {
        let port = rest.split(" port ").nth(1).and_then(|rest| rest.split(' ').next());
        rest.split(" port ")
            .next()
            .unwrap_or_default()
            .clone_into(&mut answer.attempt.address);
        if port == Some("443") {
            answer.scheme = Some("https".to_owned());
        }
    } else if line.contains("SSL connection using") {
        answer.scheme = Some("https".to_owned());
    }
}

/// How curl itself failed, by its number.
fn failed(line: &str) -> Option<Exchange> {
    let (number, rest) = line.strip_prefix("curl: (")?.split_once(')')?;
    let (connect, end) = match number.parse::<u16>().ok()? {
        7 if rest.contains("refused") => (Connect::Failed(errno::ECONNREFUSED), End::NotStarted),
        7 if rest.contains("No route to host") => (Connect::Failed(errno::EHOSTUNREACH), End::NotStarted),
        28 if rest.contains("Connection timed out") => (Connect::TimedOut, End::NotStarted),
        28 => (Connect::Connected, End::TimedOut),
        52 => (Connect::Connected, End::Closed),
        56 if rest.contains("reset") => (Connect::Connected, End::Reset),
        _ => return None,
    };
    Some(Exchange {
        connect,
        end,
        ..Exchange::default()
    })
}

/// The obstacle of an attempt that stands only in a log: nobody saved what the client got.
pub fn not_saved() -> Obstacle {
    Obstacle::NotRecorded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_saved_response_is_read() {
        let answers = read(
            "HTTP/1.1 502 Bad Gateway\nServer: nginx/1.22.1\nContent-Length: 157\n\n<html>\n<hr><center>nginx/1.22.1</center>\n",
        );
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].attempt.status, Some(502));
        assert_eq!(answers[0].attempt.header("server"), Some("nginx/1.22.1"));
        assert!(answers[0].attempt.body.contains("<center>nginx"));
    }

    #[test]
    fn a_page_without_its_head_tells_the_status_in_its_title() {
        for page in [
            "<html>\r\n<head><title>502 Bad Gateway</title></head>",
            "\n<!DOCTYPE HTML PUBLIC \"x\">\n<html><head>\n<title>502 Proxy Error</title>",
            "<html><body><h1>502 Bad Gateway</h1>",
        ] {
            let saved = page_alone(page).unwrap_or_default();
            assert_eq!(
                read(&saved).first().and_then(|answer| answer.attempt.status),
                Some(502),
                "{page}"
            );
        }
        for other in [
            "<html><title>Shop</title>",
            "502 Bad Gateway",
            "<html><title>404 Not Found</title>",
        ] {
            assert_eq!(page_alone(other), None, "{other}");
        }
    }

    #[test]
    fn a_verbose_talk_tells_host_and_path() {
        let answers = read(
            "*   Trying 10.0.0.1:443...\n* Connected to shop.test (10.0.0.1) port 443 (#0)\n> GET /cart HTTP/1.1\n> Host: shop.test\n> \n< HTTP/1.1 503 Service Unavailable\n< server: envoy\n< \nupstream connect error\n* Connection #0 to host left intact\n",
        );
        assert_eq!(answers.len(), 1);
        assert_eq!(
            (answers[0].host.as_deref(), answers[0].path.as_deref()),
            (Some("shop.test"), Some("/cart"))
        );
        assert_eq!(answers[0].scheme.as_deref(), Some("https"));
        assert_eq!(answers[0].attempt.status, Some(503));
        assert!(answers[0].attempt.body.contains("upstream connect error"));
    }

    #[test]
    fn http_2_and_redirects_are_read() {
        let answers =
            read("HTTP/1.1 301 Moved\r\nLocation: /x\r\n\r\nHTTP/2 502 \r\nserver: cloudflare\r\n\r\n");
        assert_eq!(
            answers
                .iter()
                .filter_map(|answer| answer.attempt.status)
                .collect::<Vec<_>>(),
            [301, 502]
        );
    }

    #[test]
    fn a_refused_connection_is_an_answer_too() {
        let answers = read("curl: (7) Failed to connect to a.test port 80 after 1 ms: Connection refused\n");
        assert!(answers[0].attempt.exchange.seen().is_some_and(Exchange::refused));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_fail(text in "\\PC{0,300}") {
            let _ = read(&format!("HTTP/1.1 502 x\n{text}"));
        }
    }
}
