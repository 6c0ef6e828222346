//! One conversation over one connection, byte by byte.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a connection goes: `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/app.sock`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Endpoint {
    /// TCP.
    Tcp(SocketAddr),
    /// A unix stream socket.
    Unix(String),
}

impl Endpoint {
    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// The path, if it is a unix socket.
    pub fn unix(&self) -> Option<&str> {
        match self {
            Self::Tcp(_) => None,
            Self::Unix(path) => Some(path),
        }
    }

    /// Reads the text form; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Some(Self::Unix(path.to_owned()));
        }
        text.parse().ok().map(Self::Tcp)
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl Serialize for Endpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("neither ADDRESS:PORT nor unix:PATH"))
    }
}

/// Bytes that came from outside: serialised as text where they are UTF-8, as base64 where they are not.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl Bytes {
    /// As text, with what is no UTF-8 replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum BytesForm {
    Text(String),
    Base64(String),
}

/// The same, without a copy of the text: it may be megabytes of a log.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WrittenForm<'a> {
    Text(&'a str),
    Base64(String),
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        match std::str::from_utf8(&self.0) {
            Ok(text) => WrittenForm::Text(text),
            Err(_) => WrittenForm::Base64(base64::engine::general_purpose::STANDARD.encode(&self.0)),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        match BytesForm::deserialize(deserializer)? {
            BytesForm::Text(text) => Ok(Self(text.into_bytes())),
            BytesForm::Base64(text) => base64::engine::general_purpose::STANDARD
                .decode(text)
                .map(Self)
                .map_err(serde::de::Error::custom),
        }
    }
}

/// What one connection attempt and the talk over it gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exchange {
    /// How connecting ended.
    pub connect: Connect,
    /// How long connecting took.
    pub connect_us: u64,
    /// The port on this side, where it is TCP: some logs name their client by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_port: Option<u16>,
    /// TLS, when it was asked for and the connection stood.
    pub tls: Option<Handshake>,
    /// Bytes of the request that were written.
    pub sent_bytes: u64,
    /// From the end of the request to the first byte of the answer; `None`: none came.
    pub first_byte_us: Option<u64>,
    /// From the start of connecting to the end.
    pub total_us: u64,
    /// The first bytes received.
    pub bytes: Bytes,
    /// All bytes received, also those not kept.
    pub received_bytes: u64,
    /// How it ended.
    pub end: End,
    /// What a second request on the same connection gave, when one was asked for.
    pub second: Option<SecondRequest>,
    /// The status with which a forward proxy answered CONNECT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel_status: Option<u16>,
    /// Why a forward proxy gave no connection to the target, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel_error: Option<String>,
}

impl Exchange {
    /// True when the connection was refused (ECONNREFUSED).
    pub fn refused(&self) -> bool {
        self.connect.errno() == Some(errno::ECONNREFUSED)
    }

    /// True when the connection stood, whatever came after.
    pub fn connected(&self) -> bool {
        self.connect == Connect::Connected
    }
}

/// How connecting ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connect {
    /// The connection stands.
    Connected,
    /// The system call failed with this errno.
    Failed(i32),
    /// Nothing came back before the limit.
    #[default]
    TimedOut,
}

impl Connect {
    /// The errno, when the call failed.
    pub fn errno(&self) -> Option<i32> {
        match self {
            Self::Failed(errno) => Some(*errno),
            Self::Connected | Self::TimedOut => None,
        }
    }
}

/// The errno values of Linux that connecting can give.
#[expect(missing_docs, reason = "the names of errno(3)")]
pub mod errno {
    pub const ENOENT: i32 = 2;
    pub const EAGAIN: i32 = 11;
    pub const EACCES: i32 = 13;
    pub const EPERM: i32 = 1;
    pub const EADDRNOTAVAIL: i32 = 99;
    pub const EAFNOSUPPORT: i32 = 97;
    pub const ENETUNREACH: i32 = 101;
    pub const ECONNRESET: i32 = 104;
    pub const ETIMEDOUT: i32 = 110;
    pub const ECONNREFUSED: i32 = 111;
    pub const EHOSTUNREACH: i32 = 113;
    pub const EINVAL: i32 = 22;

    /// The text of an errno as the C library prints it.
    pub fn text(errno: i32) -> &'static str {
        match errno {
            ENOENT => "No such file or directory",
            EAGAIN => "Resource temporarily unavailable",
            EACCES => "Permission denied",
            EPERM => "Operation not permitted",
            EADDRNOTAVAIL => "Cannot assign requested address",
            EAFNOSUPPORT => "Address family not supported by protocol",
            ENETUNREACH => "Network is unreachable",
            ECONNRESET => "Connection reset by peer",
            ETIMEDOUT => "Connection timed out",
            ECONNREFUSED => "Connection refused",
            EHOSTUNREACH => "No route to host",
            EINVAL => "Invalid argument",
            _ => "system error",
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The peer closed in order (FIN).
    Closed,
    /// The whole answer is there.
    Complete,
    /// No connection, so nothing to end.
    #[default]
    NotStarted,
    /// The peer reset the connection (RST).
    Reset,
    /// The limit ran out.
    TimedOut,
    /// The byte cap was reached.
    Capped,
    /// The TLS layer failed.
    TlsFailed,
}

/// What a second request on a kept connection gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondRequest {
    /// Pause before it.
    pub idle_us: u64,
    /// The peer had closed the connection before it was sent.
    pub closed_before: bool,
    /// Bytes of the answer.
    pub received_bytes: u64,
    /// How it ended.
    pub end: End,
}

/// The facts of a TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handshake {
    /// It was completed.
    pub done: bool,
    /// The error in words, when it was not.
    pub error: Option<String>,
    /// The alert the peer sent, by number (40 handshake failure, 70 protocol version, 112 unrecognized
    /// name, 116 certificate required).
    pub alert: Option<u8>,
    /// `TLSv1.2`, `TLSv1.3`.
    pub version: Option<String>,
    /// Cipher suite.
    pub cipher: Option<String>,
    /// Protocol chosen by ALPN.
    pub alpn: Option<String>,
    /// The name sent as SNI.
    pub server_name: Option<String>,
    /// The peer asked for a client certificate.
    pub asked_client_certificate: bool,
    /// The certificates sent, the peer's own first.
    pub chain: Vec<Certificate>,
    /// Why the chain does not verify against the roots given; `None`: it does, or was not checked.
    pub verify_error: Option<String>,
    /// The first bytes that came instead of TLS, when they are not TLS.
    pub not_tls: Option<Bytes>,
}

/// One certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// DNS names and addresses it is good for.
    pub names: Vec<String>,
    /// Valid from, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Valid until, milliseconds since 1970.
    pub not_after_ms: i64,
}

/// What kind of service the first bytes give away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaks {
    /// A `FastCGI` record.
    FastCgi,
    /// HTTP/1.
    Http,
    /// An HTTP/2 frame.
    Http2,
    /// `MySQL` or `MariaDB` greeting.
    Mysql,
    /// Redis reply.
    Redis,
    /// SMTP greeting.
    Smtp,
    /// SSH banner.
    Ssh,
    /// A TLS record (alert or handshake).
    Tls,
    /// None of these.
    Unknown,
}
