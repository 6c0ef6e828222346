//! The URL that a request is handed on to: taken apart, and made canonical as httpd's scheme modules do.

use super::passes::without_socket;
use super::uri;
use crate::evidence::Protocol;

/// A URL of a backend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Url {
    /// In lower case.
    pub(super) scheme: String,
    /// In lower case, IPv6 without brackets.
    pub(super) host: String,
    /// As written; `None` without one.
    pub(super) port: Option<String>,
    /// From the first slash after the host on, that slash included.
    pub(super) rest: String,
    /// The socket it is reached over.
    pub(super) socket: Option<String>,
}

impl Url {
    /// Takes a URL apart. `None`: it has no scheme or no `//`.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let (url, socket) = without_socket(written);
        let (scheme, after) = url.split_once("://")?;
        if scheme.is_empty()
            || !scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        {
            return None;
        }
        let end = after.find('/').unwrap_or(after.len());
        let (authority, rest) = after.split_at(end);
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = if let Some(inner) = host_and_port.strip_prefix('[') {
            let (host, after) = inner.split_once(']').unwrap_or((inner, ""));
            (host, after.strip_prefix(':'))
        } else {
            match host_and_port.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (host_and_port, None),
            }
        };
        Some(Self {
            scheme: scheme.to_ascii_lowercase(),
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| !port.is_empty()).map(str::to_owned),
            rest: rest.to_owned(),
            socket,
        })
    }

    /// The port as a number: the default of the scheme without one; `None` for one that is no number
    /// (`81x`).
    pub(super) fn port_number(&self) -> Option<u16> {
        match &self.port {
            Some(port) => port.parse().ok(),
            None => Some(default_port(&self.scheme)),
        }
    }

    /// The text after `://` up to the path.
    pub(super) fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match &self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

/// Default ports of the schemes.
pub(super) fn default_port(scheme: &str) -> u16 {
    match scheme {
        "https" | "wss" | "h2" => 443,
        "ajp" => 8009,
        "fcgi" => 8000,
        "scgi" => 4000,
        "uwsgi" => 3031,
        "ftp" => 21,
        _ => 80,
    }
}

/// The protocol of a scheme, whether TLS is spoken, and the module that speaks it.
pub(super) fn protocol(scheme: &str) -> Option<(Protocol, bool, &'static str)> {
    Some(match scheme {
        "http" => (Protocol::Http, false, "proxy_http_module"),
        "https" => (Protocol::Http, true, "proxy_http_module"),
        "ws" => (Protocol::Http, false, "proxy_wstunnel_module"),
        "wss" => (Protocol::Http, true, "proxy_wstunnel_module"),
        "h2c" => (Protocol::Http, false, "proxy_http2_module"),
        "h2" => (Protocol::Http, true, "proxy_http2_module"),
        "fcgi" => (Protocol::FastCgi, false, "proxy_fcgi_module"),
        "ajp" => (Protocol::Ajp, false, "proxy_ajp_module"),
        "scgi" => (Protocol::Scgi, false, "proxy_scgi_module"),
        "uwsgi" => (Protocol::Uwsgi, false, "proxy_uwsgi_module"),
        _ => return None,
    })
}

/// How the path of a URL becomes that of the request that goes upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Canonical {
    /// It stays as it is.
    Not,
    /// It is escaped.
    Escaped,
    /// It is escaped, only `%2F` stays (`AllowEncodedSlashes NoDecode` since 2.4.57).
    SlashesKept,
}

/// The request target that goes upstream: `path` follows the host in the URL, `query` is the client's. `None`:
/// the path cannot be escaped, and the request is answered with 400.
pub(super) fn request_target(path: &str, query: Option<&str>, canonical: Canonical) -> Option<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = match canonical {
        Canonical::Not => path.to_owned(),
        Canonical::Escaped => escape(path, false)?,
        Canonical::SlashesKept => escape(path, true)?,
    };
    Some(match query {
        Some(query) => format!("/{path}?{query}"),
        None => format!("/{path}"),
    })
}

/// `ap_proxy_canonenc` for a path that is decoded; with `keep_slashes`, up to its `%2F`. `None`: there is a `%`
/// without two digits where they are looked at.
fn escape(path: &str, keep_slashes: bool) -> Option<String> {
    const PLAIN: &[u8] = b"~$-_.+!*'(),;:@&=/";
    let mut out = String::with_capacity(path.len());
    let bytes = crate::proxy::nginx::uri::bytes_of(path);
    let mut index = 0_usize;
    while let Some(byte) = bytes.get(index).copied() {
        if keep_slashes && byte == b'%' {
            let end = index.saturating_add(3);
            if uri::escaped(&bytes, index)? == b'/' {
                out.extend(bytes.get(index..end)?.iter().map(|byte| char::from(*byte)));
                index = end;
                continue;
            }
        }
        index = index.saturating_add(1);
        if byte.is_ascii_alphanumeric() || PLAIN.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for half in [byte >> 4, byte & 15] {
                out.push(
                    char::from_digit(u32::from(half), 16)
                        .unwrap_or('0')
                        .to_ascii_uppercase(),
                );
            }
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("http://h:81x/y").unwrap_or_default();
        assert_eq!((url.host.as_str(), url.port.as_deref()), ("h", Some("81x")));
        assert_eq!(url.port_number(), None);
        let url = Url::parse("https://[::1]/").unwrap_or_default();
        assert_eq!((url.host.as_str(), url.port_number()), ("::1", Some(443)));
        assert_eq!(url.authority(), "[::1]");
        assert_eq!(Url::parse("h:80"), None);
        let url = Url::parse("unix:/s|fcgi://php").unwrap_or_default();
        assert_eq!(url.socket.as_deref(), Some("/s"));
    }

    #[test]
    fn a_path_is_escaped_for_the_backend() {
        assert_eq!(
            request_target("/a b%?#/é", Some("q=%20"), Canonical::Escaped).as_deref(),
            Some("/a%20b%25%3F%23/%C3%A9?q=%20")
        );
        assert_eq!(request_target("", None, Canonical::Escaped).as_deref(), Some("/"));
        let kept = |path| request_target(path, None, Canonical::SlashesKept);
        assert_eq!(kept("/a%2fb%41 ").as_deref(), Some("/a%2fb%2541%20"));
        assert_eq!(kept("/a%"), None);
    }
}
