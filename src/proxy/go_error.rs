//! The errors of Go's network library, which Caddy and Traefik log as they are.

use crate::evidence::Symptom;

/// A part of an error and what it means. First match wins, so the more telling row stands first.
static ERRORS: [(&str, Symptom); 44] = [
    ("fcgi: invalid header version", Symptom::FastCgiMismatch),
    ("no such host", Symptom::NameNotFound),
    ("server misbehaving", Symptom::NameServerFailed),
    ("lookup ", Symptom::NameServerFailed),
    (
        "first record does not look like a TLS handshake",
        Symptom::TlsWrongVersion,
    ),
    (
        "server gave HTTP response to HTTPS client",
        Symptom::TlsWrongVersion,
    ),
    ("certificate has expired or is not yet valid", Symptom::TlsDate),
    ("certificate signed by unknown authority", Symptom::TlsUntrusted),
    ("certificate is not trusted", Symptom::TlsUntrusted),
    ("certificate is valid for", Symptom::TlsName),
    ("cannot validate certificate for", Symptom::TlsName),
    ("doesn't contain any IP SANs", Symptom::TlsName),
    ("certificate is not valid for any names", Symptom::TlsName),
    ("tls: certificate required", Symptom::TlsClientCertificate),
    ("tls: bad certificate", Symptom::TlsClientCertificate),
    ("tls: protocol version not supported", Symptom::TlsVersion),
    (
        "server selected unsupported protocol version",
        Symptom::TlsVersion,
    ),
    ("tls: unrecognized name", Symptom::TlsAlert),
    ("tls: handshake failure", Symptom::TlsAlert),
    ("tls: internal error", Symptom::TlsAlert),
    ("TLS handshake timeout", Symptom::TlsAborted),
    ("connect: connection refused", Symptom::ConnectionRefused),
    ("connect: no such file or directory", Symptom::SocketMissing),
    ("connect: permission denied", Symptom::PermissionDenied),
    ("connect: operation not permitted", Symptom::PermissionDenied),
    ("connect: no route to host", Symptom::HostUnreachable),
    ("connect: network is unreachable", Symptom::NetworkUnreachable),
    (
        "connect: cannot assign requested address",
        Symptom::NoLocalAddress,
    ),
    (
        "connect: resource temporarily unavailable",
        Symptom::AcceptQueueFull,
    ),
    ("no upstreams available", Symptom::NoLiveUpstreams),
    ("no available server", Symptom::NoLiveUpstreams),
    ("server response headers exceeded", Symptom::HeaderTooBig),
    ("malformed MIME header", Symptom::InvalidHeader),
    (
        "message cannot contain multiple Content-Length",
        Symptom::ConflictingLength,
    ),
    ("too many transfer encodings", Symptom::ConflictingLength),
    ("unsupported transfer encoding", Symptom::ConflictingLength),
    ("bad Content-Length", Symptom::ConflictingLength),
    ("backend tried to switch", Symptom::UpgradeFailed),
    ("too many 1xx informational responses", Symptom::MalformedResponse),
    ("http2: frame too large", Symptom::Http2Mismatch),
    ("malformed HTTP ", Symptom::NotHttp),
    ("timeout awaiting response headers", Symptom::HeaderTimeout),
    ("aborting with incomplete response", Symptom::BodyCut),
    ("http: server closed idle connection", Symptom::ClosedBeforeHeader),
];

/// What an error means for a 502; `None`: nothing.
pub(super) fn symptom(error: &str) -> Option<Symptom> {
    if let Some((_, symptom)) = ERRORS.iter().find(|(part, _)| error.contains(part)) {
        return Some(*symptom);
    }
    if error.contains("dial ") && error.contains("i/o timeout") {
        return Some(Symptom::ConnectTimeout);
    }
    if error.contains("write: broken pipe") || error.contains("write: connection reset by peer") {
        return Some(Symptom::SendFailed);
    }
    if error.contains("read: connection reset by peer") {
        return Some(Symptom::ResetBeforeHeader);
    }
    if error == "EOF" || error.ends_with(": EOF") || error.contains("unexpected EOF") {
        return Some(Symptom::ClosedBeforeHeader);
    }
    None
}

/// The address that an error names: `dial tcp 127.0.0.1:8080: connect: …`, `dial unix /run/a.sock: …`.
pub(super) fn upstream(error: &str) -> Option<String> {
    if let Some((_, rest)) = error.split_once("dial unix ") {
        let path = rest.split(": ").next()?;
        return Some(format!("unix:{path}"));
    }
    if let Some((_, rest)) = error.split_once("dial tcp ") {
        let address = rest.split(": ").next()?;
        return (!address.starts_with("lookup")).then(|| address.to_owned());
    }
    // `read tcp 10.0.0.1:40000->10.0.0.2:80: read: …`.
    let (_, rest) = error.split_once("->")?;
    rest.split(": ").next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_told_apart() {
        for (error, expected, address) in [
            (
                "dial tcp 127.0.0.1:8080: connect: connection refused",
                Some(Symptom::ConnectionRefused),
                Some("127.0.0.1:8080"),
            ),
            (
                "dial tcp: lookup app on 127.0.0.11:53: no such host",
                Some(Symptom::NameNotFound),
                None,
            ),
            (
                "dial tcp: lookup app on 10.0.0.2:53: read udp 10.0.0.1:1->10.0.0.2:53: i/o timeout",
                Some(Symptom::NameServerFailed),
                Some("10.0.0.2:53"),
            ),
            (
                "dial tcp 10.0.0.9:80: i/o timeout",
                Some(Symptom::ConnectTimeout),
                Some("10.0.0.9:80"),
            ),
            (
                "read tcp 10.0.0.1:4->10.0.0.2:80: read: connection reset by peer",
                Some(Symptom::ResetBeforeHeader),
                Some("10.0.0.2:80"),
            ),
            ("EOF", Some(Symptom::ClosedBeforeHeader), None),
            ("context canceled", None, None),
        ] {
            assert_eq!(symptom(error), expected, "{error}");
            if expected != Some(Symptom::NameServerFailed) {
                assert_eq!(upstream(error).as_deref(), address, "{error}");
            }
        }
    }
}
