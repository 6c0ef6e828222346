//! Applications that misbehave, each in one way.

use std::time::Duration;

use super::serve::Connection;

/// What an application does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Answers 200, as it should.
    Answers,
    /// Answers 502 of its own.
    Answers502,
    /// Sends more header than fits a page of memory.
    BigHeader,
    /// Goes away without an answer.
    Crashes,
    /// Sends a line in the header that is no header.
    InvalidHeader,
    /// Thinks for a while.
    Slow,
    /// Is an SSH server.
    Ssh,
    /// Announces more than it sends.
    Truncated,
}

/// How long the slow application thinks.
const SLOW: Duration = Duration::from_millis(600);
/// How long a request may take to arrive.
const REQUEST_LIMIT: Duration = Duration::from_secs(2);
/// The page of an application that works.
const PAGE: &str = "<!doctype html><title>Shop</title><p>Your cart is empty.</p>\n";

/// Answers one connection.
pub(super) fn answer(mut connection: Connection<'_>, behaviour: Behaviour) {
    if behaviour == Behaviour::Ssh {
        let _ = connection.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n");
        // A request is no greeting in its language: it hangs up.
        let _ = connection.read_head(REQUEST_LIMIT);
        connection.finish();
        return;
    }
    let request = connection.read_head_or_garbage(REQUEST_LIMIT);
    if request.is_empty() || behaviour == Behaviour::Crashes {
        connection.finish();
        return;
    }
    if !is_request(&request) {
        let _ = connection.write(response("400 Bad Request", "", "this is no HTTP request\n").as_bytes());
        connection.finish();
        return;
    }
    if behaviour == Behaviour::Slow {
        connection.wait(SLOW);
    }
    let bytes = match behaviour {
        Behaviour::Answers502 => response("502 Bad Gateway", "", "the payment service did not answer\n"),
        Behaviour::BigHeader => {
            let cookie = format!("Set-Cookie: basket={}; Path=/\r\n", "x".repeat(1_000));
            response("200 OK", &cookie.repeat(6), PAGE)
        }
        Behaviour::InvalidHeader => response("200 OK", "Cache Control: no-store\r\n", PAGE),
        Behaviour::Truncated => response("200 OK", "", PAGE)
            .strip_suffix("Your cart is empty.</p>\n")
            .unwrap_or_default()
            .to_owned(),
        Behaviour::Answers | Behaviour::Slow | Behaviour::Crashes | Behaviour::Ssh => {
            response("200 OK", "", PAGE)
        }
    };
    let _ = connection.write(bytes.as_bytes());
    connection.finish();
}

fn is_request(bytes: &[u8]) -> bool {
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    matches!(words.as_slice(), [method, _, version] if method.is_ascii() && version.starts_with(b"HTTP/1."))
}

fn response(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nServer: shop\r\nContent-Type: text/html\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
