//! The bytes that a proxy sends to an upstream for a route: what a probe has to say to be treated alike.

use std::fmt::Write as _;

use crate::evidence::{Pass, Protocol, ProxyKind, Route};

/// The path used when the configuration leaves the request target open.
const FALLBACK_TARGET: &str = "/";

/// What the proxy sends for a GET of this route.
pub fn as_proxy(route: &Route, pass: &Pass) -> Vec<u8> {
    let target = route.request_target.as_deref().unwrap_or(FALLBACK_TARGET);
    match pass.protocol {
        Protocol::Http => http(target, &host_header(route, pass), route),
        Protocol::Ajp => ajp_ping(),
        Protocol::FastCgi => fastcgi(&route.settings.parameters),
        Protocol::Uwsgi => uwsgi(&route.settings.parameters),
        Protocol::Scgi => scgi(&route.settings.parameters),
        Protocol::Grpc => http2_preface(),
        Protocol::Memcached => format!("get {target}\r\n").into_bytes(),
    }
}

/// The Host header that goes upstream.
pub fn host_header(route: &Route, pass: &Pass) -> String {
    route
        .settings
        .request_headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"))
        .map_or_else(|| pass.proxy_host.clone(), |(_, value)| value.clone())
}

fn http(target: &str, host: &str, route: &Route) -> Vec<u8> {
    let version = route
        .settings
        .http_version
        .as_ref()
        .map_or("1.0", |setting| setting.value.as_str());
    let version = if version == "1.1" { "1.1" } else { "1.0" };
    let mut text = format!("GET {} HTTP/{version}\r\n", visible(target));
    if !host.is_empty() {
        let _ = write!(text, "Host: {}\r\n", visible(host));
    }
    let mut has_connection = false;
    for (name, value) in &route.settings.request_headers {
        // A header whose value only the running server knows is left out rather than sent wrong.
        let skip = name.eq_ignore_ascii_case("host") || value.is_empty() || value.contains('$');
        if name.eq_ignore_ascii_case("connection") {
            has_connection = true;
        }
        if !skip {
            let _ = write!(text, "{}: {}\r\n", visible(name), visible(value));
        }
    }
    added(&mut text, route);
    if !has_connection {
        text.push_str(if keeps(route) {
            "Connection: Keep-Alive\r\n"
        } else {
            "Connection: close\r\n"
        });
    }
    text.push_str(concat!(
        "User-Agent: fix502/",
        env!("CARGO_PKG_VERSION"),
        "\r\nAccept: */*\r\n\r\n"
    ));
    text.into_bytes()
}

/// True for a server that asks the upstream to keep the connection without being told to.
fn keeps(route: &Route) -> bool {
    match route.proxy {
        ProxyKind::Apache => route
            .settings
            .apache
            .as_ref()
            .is_some_and(|apache| apache.reuse.value && apache.worker.is_some()),
        ProxyKind::Squid => true,
        ProxyKind::Haproxy | ProxyKind::Nginx => false,
    }
}

/// The headers that Apache and Squid add by themselves.
fn added(text: &mut String, route: &Route) {
    match route.proxy {
        ProxyKind::Apache => {
            text.push_str("X-Forwarded-For: 127.0.0.1\r\n");
            if let Some(server) = route.server.as_ref().filter(|server| !server.name.is_empty()) {
                let _ = write!(text, "X-Forwarded-Server: {}\r\n", visible(&server.name));
            }
        }
        ProxyKind::Squid => {
            let Some(squid) = &route.settings.squid else {
                return;
            };
            if squid.via.value && !squid.visible_hostname.value.is_empty() {
                let _ = write!(
                    text,
                    "Via: 1.1 {} (squid)\r\n",
                    visible(&squid.visible_hostname.value)
                );
            }
            if squid.forwarded_for.value == "on" {
                text.push_str("X-Forwarded-For: 127.0.0.1\r\n");
            }
        }
        ProxyKind::Haproxy | ProxyKind::Nginx => {}
    }
}

/// The same plain request with extra header lines.
pub fn http_with(route: &Route, pass: &Pass, extra: &str) -> Vec<u8> {
    let target = route.request_target.as_deref().unwrap_or(FALLBACK_TARGET);
    let mut bytes = http(target, &host_header(route, pass), route);
    // Before the empty line that ends the head.
    let end = bytes.len().saturating_sub(2);
    bytes.splice(end..end, extra.bytes());
    bytes
}

/// A plain request that keeps the connection.
pub fn http_kept(route: &Route, pass: &Pass) -> Vec<u8> {
    let target = route.request_target.as_deref().unwrap_or(FALLBACK_TARGET);
    let host = host_header(route, pass);
    format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: fix502/{}\r\nAccept: */*\r\n\r\n",
        visible(target),
        visible(&host),
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// What `mod_proxy_hcheck` sends: HTTP/1.0 without a kept connection, or 1.1.
pub fn health_check(method: &str, path: &str, host: &str, newer: bool) -> Vec<u8> {
    let version = if newer { "1.1" } else { "1.0" };
    format!(
        "{} {} HTTP/{version}\r\nHost: {}\r\nUser-Agent: fix502/{}\r\nConnection: close\r\n\r\n",
        visible(method),
        visible(path),
        visible(host),
        env!("CARGO_PKG_VERSION")
    )
    .into_bytes()
}

/// No line ends or spaces may slip into a request line or header.
fn visible(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// AJP's `CPing`: whoever speaks the protocol answers it with `CPong` at once.
fn ajp_ping() -> Vec<u8> {
    vec![0x12, 0x34, 0x00, 0x01, 0x0a]
}

/// The HTTP/2 connection preface with an empty SETTINGS frame.
pub fn http2_preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
    bytes
}

/// A `FastCGI` request (role responder, connection closed afterwards).
pub fn fastcgi(parameters: &[(String, String)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in completed(parameters) {
        length(&mut content, name.len());
        length(&mut content, value.len());
        content.extend(name.bytes());
        content.extend(value.bytes());
    }
    content.truncate(60_000);
    let mut bytes = record(1, &[0, 1, 0, 0, 0, 0, 0, 0]);
    bytes.extend(record(4, &content));
    bytes.extend(record(4, &[]));
    bytes.extend(record(5, &[]));
    bytes
}

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(0).to_be_bytes();
    let mut bytes = vec![1, kind, 0, 1, high, low, 0, 0];
    bytes.extend(content);
    bytes
}

fn length(bytes: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(short) if short < 128 => bytes.push(short),
        _ => bytes.extend((u32::try_from(length).unwrap_or(0) | 0x8000_0000).to_be_bytes()),
    }
}

/// A uwsgi request.
pub fn uwsgi(parameters: &[(String, String)]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in completed(parameters) {
        for text in [&name, &value] {
            content.extend(u16::try_from(text.len()).unwrap_or(0).to_le_bytes());
            content.extend(text.bytes());
        }
    }
    content.truncate(60_000);
    let mut bytes = vec![0];
    bytes.extend(u16::try_from(content.len()).unwrap_or(0).to_le_bytes());
    bytes.push(0);
    bytes.extend(content);
    bytes
}

fn scgi(parameters: &[(String, String)]) -> Vec<u8> {
    let mut content = b"CONTENT_LENGTH\x000\0SCGI\x001\0".to_vec();
    for (name, value) in completed(parameters) {
        content.extend(name.bytes().chain([0]).chain(value.bytes()).chain([0]));
    }
    let mut bytes = format!("{}:", content.len()).into_bytes();
    bytes.extend(content);
    bytes.push(b',');
    bytes
}

/// The parameters with what every responder needs, and without values that only the server knows.
fn completed(parameters: &[(String, String)]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in parameters {
        let value = if value.contains('$') {
            String::new()
        } else {
            value.clone()
        };
        match all.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => all.push((name.clone(), value)),
        }
    }
    for (name, value) in [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_URI", "/"),
        ("PATH_INFO", ""),
        ("QUERY_STRING", ""),
        ("CONTENT_LENGTH", ""),
    ] {
        if !all
            .iter()
            .any(|(known, known_value)| known == name && (!known_value.is_empty() || value.is_empty()))
        {
            all.retain(|(known, _)| known != name);
            all.push((name.to_owned(), value.to_owned()));
        }
    }
    all
}

/// What a `FastCGI` answer holds: standard output joined, standard error joined.
pub fn fastcgi_streams(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let [1, kind, _, _, high, low, padding, _, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let content = after.get(..length.min(after.len())).unwrap_or_default();
        match kind {
            6 => out.extend_from_slice(content),
            7 => err.extend_from_slice(content),
            _ => {}
        }
        rest = after.get(length + usize::from(*padding)..).unwrap_or_default();
    }
    (out, err)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_cannot_smuggle_a_line() {
        let mut route = Route {
            request_target: Some("/a\r\nX: y".to_owned()),
            ..Route::default()
        };
        route
            .settings
            .request_headers
            .push(("X-A".to_owned(), "b\r\nEvil: 1".to_owned()));
        let text = String::from_utf8(as_proxy(&route, &Pass::default())).expect("text");
        assert!(!text.contains("\r\nEvil") && !text.contains("\r\nX: y"), "{text}");
    }

    #[test]
    fn fastcgi_records_are_taken_apart() {
        let mut bytes = record(6, b"Status: 200\r\n\r\nok");
        bytes.extend(record(7, b"warning"));
        bytes.extend(record(3, &[0; 8]));
        assert_eq!(
            fastcgi_streams(&bytes),
            (b"Status: 200\r\n\r\nok".to_vec(), b"warning".to_vec())
        );
        assert_eq!(fastcgi_streams(b"HTTP/1.1 200"), (Vec::new(), Vec::new()));
    }
}
