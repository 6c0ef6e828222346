//! One conversation, byte by byte: connect, perhaps TLS, write a request, keep what comes back.
//!
//! A friendly HTTP client would hide what a diagnosis needs: which call failed with which errno, the bytes
//! of a broken header, whether the peer closed or reset.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use socket2::{Domain, SockAddr, Socket, Type};

use super::handshake::{self, Session};
use super::secret::with_header;
use super::tunnel::{self, Tunnel};
use super::{Identity, Live, Query, Secret, microseconds, platform};
use crate::evidence::{Bytes, Connect, End, Endpoint, Exchange, Observed, Obstacle, SecondRequest, errno};

/// How the end of an answer is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Framing {
    /// An HTTP/1 answer: by its length or chunks; what is no HTTP ends at the first pause.
    #[default]
    Http,
    /// Anything: ends when the peer closes, or at the first pause after the first byte.
    Raw,
}

/// TLS on the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TlsOptions {
    /// Name sent as SNI; `None`: no SNI.
    pub server_name: Option<String>,
    /// Versions offered.
    pub versions: TlsVersions,
    /// Protocols offered by ALPN.
    pub alpn: Vec<String>,
    /// Verify the chain against this PEM file; `Some("")`: against the roots of the system.
    pub roots: Option<String>,
    /// The name that the certificate has to be good for, when the chain is verified.
    pub verify_name: Option<String>,
}

impl TlsOptions {
    /// As a client of today offers it to this host.
    pub fn of_client(host: &str) -> Self {
        Self {
            // An address is never sent as SNI.
            server_name: host.parse::<std::net::IpAddr>().is_err().then(|| host.to_owned()),
            alpn: vec!["http/1.1".to_owned()],
            ..Self::default()
        }
    }
}

/// TLS versions offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    #[default]
    Both,
    /// 1.2 alone.
    Only12,
    /// 1.3 alone.
    Only13,
}

/// Connects, speaks, listens.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExchangeQuery {
    /// Where: `127.0.0.1:80` or `unix:/run/app.sock`.
    pub endpoint: String,
    /// TLS, when it is wanted.
    pub tls: Option<TlsOptions>,
    /// Bytes to send.
    pub request: Bytes,
    /// How the end of the answer is recognised.
    pub framing: Framing,
    /// Limit for connecting, in milliseconds.
    pub connect_limit_ms: u64,
    /// Limit from the request to the last byte, in milliseconds; 0: only connect.
    pub answer_limit_ms: u64,
    /// How many bytes of the answer are kept.
    pub keep_bytes: u64,
    /// Send the request again on the same connection after this pause, in milliseconds.
    pub again_after_ms: Option<u64>,
    /// As whom, and in whose network.
    pub identity: Identity,
    /// Distinguishes repetitions of one exchange within a run.
    pub moment: u32,
    /// TLS with the forward proxy at the endpoint, before anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_tls: Option<TlsOptions>,
    /// The connection that the forward proxy at the endpoint is asked for, before `tls`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tunnel: Option<Tunnel>,
    /// User and password for the target: sent as `Authorization`, never recorded.
    #[serde(skip)]
    pub authorization: Option<Secret>,
    /// User and password for the forward proxy: never recorded.
    #[serde(skip)]
    pub proxy_authorization: Option<Secret>,
}

impl Query for ExchangeQuery {
    type Answer = Exchange;
    const NAME: &'static str = "exchange";

    fn perform(&self, live: &Live) -> Observed<Exchange> {
        let Some(endpoint) = Endpoint::parse(&self.endpoint) else {
            return Observed::Unavailable(Obstacle::Failed(format!("{:?} is no endpoint", self.endpoint)));
        };
        let endpoint = match (endpoint, self.identity.mounts_of) {
            (Endpoint::Unix(path), Some(pid)) => Endpoint::Unix(format!("/proc/{pid}/root{path}")),
            (Endpoint::Unix(path), None) => {
                Endpoint::Unix(live.located(&path).to_string_lossy().into_owned())
            }
            (endpoint, _) => endpoint,
        };
        let mut query = self.clone();
        if let Some(secret) = &self.authorization {
            query.request.0 = with_header(&query.request.0, "Authorization", &secret.basic());
        }
        if let (Some(secret), None) = (&self.proxy_authorization, &self.tunnel) {
            query.request.0 = with_header(&query.request.0, "Proxy-Authorization", &secret.basic());
        }
        let (connect_limit, answer_limit) = (
            live.within(self.connect_limit_ms),
            live.within(self.connect_limit_ms + self.answer_limit_ms),
        );
        self.identity
            .act(move || converse(&query, &endpoint, connect_limit, answer_limit))
            .map_or_else(Observed::Unavailable, |mut exchange| {
                for secret in self.authorization.iter().chain(&self.proxy_authorization) {
                    secret.mask(&mut exchange.bytes.0);
                }
                Observed::Seen(exchange)
            })
    }
}

/// A connected stream of either family.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(Socket),
    /// Within a session with a forward proxy.
    Within(Box<Session>),
}

impl Stream {
    pub(super) fn set_limit(&self, limit: Duration) {
        // A zero timeout is an error to the socket interface; a millisecond says the same here.
        let least = limit.max(Duration::from_millis(1));
        let limit = Some(least);
        let _ = match self {
            Self::Within(session) => {
                session.set_limit(least);
                Ok(())
            }
            Self::Tcp(stream) => stream
                .set_read_timeout(limit)
                .and_then(|()| stream.set_write_timeout(limit)),
            Self::Unix(stream) => stream
                .set_read_timeout(limit)
                .and_then(|()| stream.set_write_timeout(limit)),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
            Self::Within(session) => session.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(buffer),
            Self::Unix(stream) => stream.write(buffer),
            Self::Within(session) => session.write(buffer),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Tcp(_) | Self::Unix(_) => Ok(()),
            Self::Within(session) => session.flush(),
        }
    }
}

pub(super) fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Stream, Connect> {
    let failed = |error: &std::io::Error| match platform::linux_errno(error) {
        Some(errno::ETIMEDOUT) => Connect::TimedOut,
        Some(number) => Connect::Failed(number),
        None if matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock) => Connect::TimedOut,
        None => Connect::Failed(errno::EINVAL),
    };
    let (domain, address) = match endpoint {
        Endpoint::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
        Endpoint::Unix(path) => (
            Domain::UNIX,
            SockAddr::unix(path).map_err(|error| failed(&error))?,
        ),
    };
    let socket = Socket::new(domain, Type::STREAM, None).map_err(|error| failed(&error))?;
    match endpoint {
        Endpoint::Tcp(_) => {
            socket
                .connect_timeout(&address, limit)
                .map_err(|error| failed(&error))?;
            let _ = socket.set_tcp_nodelay(true);
            Ok(Stream::Tcp(socket.into()))
        }
        Endpoint::Unix(_) => {
            // Non-blocking, as a proxy does it: a full accept queue says EAGAIN instead of waiting.
            socket.set_nonblocking(true).map_err(|error| failed(&error))?;
            socket.connect(&address).map_err(|error| failed(&error))?;
            socket.set_nonblocking(false).map_err(|error| failed(&error))?;
            Ok(Stream::Unix(socket))
        }
    }
}

fn converse(
    query: &ExchangeQuery,
    endpoint: &Endpoint,
    connect_limit: Duration,
    limit: Duration,
) -> Exchange {
    let began = Instant::now();
    let mut exchange = Exchange::default();
    let connected = connect(endpoint, connect_limit);
    exchange.connect_us = microseconds(began.elapsed());
    exchange.total_us = exchange.connect_us;
    let stream = match connected {
        Ok(stream) => stream,
        Err(how) => {
            exchange.connect = how;
            return exchange;
        }
    };
    exchange.connect = Connect::Connected;
    if let Stream::Tcp(stream) = &stream {
        exchange.local_port = stream.local_addr().ok().map(|address| address.port());
    }
    if query.answer_limit_ms == 0 {
        return exchange;
    }
    let deadline = began + limit;
    let stream = match reach(stream, query, &mut exchange, deadline) {
        Ok(stream) => stream,
        Err(end) => {
            exchange.end = end;
            exchange.total_us = microseconds(began.elapsed());
            return exchange;
        }
    };
    let mut session = match &query.tls {
        None => Session::plain(stream),
        Some(options) => {
            let (facts, session) = handshake::shake(stream, options, deadline);
            exchange.tls = Some(facts);
            match session {
                Ok(session) => session,
                Err(end) => {
                    exchange.end = end;
                    exchange.total_us = microseconds(began.elapsed());
                    return exchange;
                }
            }
        }
    };
    let answer_deadline = (Instant::now() + Duration::from_millis(query.answer_limit_ms)).min(deadline);
    let heard = talk(&mut session, query, answer_deadline);
    exchange.sent_bytes = heard.sent_bytes;
    exchange.first_byte_us = heard.first_byte_us;
    exchange.received_bytes = heard.received_bytes;
    exchange.end = heard.end;
    exchange.bytes = Bytes(heard.kept);
    exchange.total_us = microseconds(began.elapsed());
    if let (Some(alert), Some(facts)) = (session.late_alert(), exchange.tls.as_mut()) {
        facts.alert = facts.alert.or(Some(alert));
        facts
            .error
            .get_or_insert_with(|| format!("the peer sent alert {alert} after the handshake"));
    }
    if let Some(pause_ms) = query.again_after_ms
        && exchange.end == End::Complete
    {
        exchange.second = Some(again(&mut session, query, pause_ms, deadline));
    }
    exchange
}

/// From the connection to the stream on which the target is spoken to: past TLS with a forward proxy and its
/// tunnel. What the proxy said instead of opening one is kept in the exchange.
fn reach(
    mut stream: Stream,
    query: &ExchangeQuery,
    exchange: &mut Exchange,
    deadline: Instant,
) -> Result<Stream, End> {
    if let Some(options) = &query.proxy_tls {
        let (facts, session) = handshake::shake(stream, options, deadline);
        match session {
            Ok(session) => stream = Stream::Within(Box::new(session)),
            Err(end) => {
                exchange.tls = Some(facts);
                exchange.tunnel_error = Some("the TLS handshake with the forward proxy failed".to_owned());
                return Err(end);
            }
        }
    }
    let Some(tunnel) = &query.tunnel else {
        return Ok(stream);
    };
    let mut session = Session::plain(stream);
    let asked = Instant::now();
    let deadline = (asked + Duration::from_millis(query.answer_limit_ms)).min(deadline);
    let opened = tunnel::open(&mut session, tunnel, query.proxy_authorization.as_ref(), deadline);
    exchange.tunnel_status = opened.status;
    if opened.stands {
        return Ok(Stream::Within(Box::new(session)));
    }
    exchange.tunnel_error = opened.error;
    if !opened.head.is_empty() {
        exchange.first_byte_us = Some(microseconds(asked.elapsed()));
    }
    let heard = if opened.end.is_none() && opened.status.is_some() {
        // A refusal without a length on a connection that stays open is not waited out.
        let deadline = deadline.min(Instant::now() + Duration::from_secs(2));
        listen(
            &mut session,
            opened.head,
            Framing::Http,
            query.keep_bytes,
            deadline,
        )
    } else {
        Heard {
            received_bytes: opened.head.len() as u64,
            kept: opened.head,
            end: opened.end.unwrap_or(End::Closed),
            ..Heard::default()
        }
    };
    exchange.received_bytes = heard.received_bytes;
    exchange.bytes = Bytes(heard.kept);
    Err(heard.end)
}

#[derive(Default)]
pub(super) struct Heard {
    sent_bytes: u64,
    first_byte_us: Option<u64>,
    received_bytes: u64,
    pub(super) kept: Vec<u8>,
    pub(super) end: End,
}

fn talk(session: &mut Session, query: &ExchangeQuery, deadline: Instant) -> Heard {
    session.set_limit(deadline.saturating_duration_since(Instant::now()));
    // A peer that closes while we write may have answered already, so reading goes on after an error.
    let written = session.write_all(&query.request.0);
    let mut heard = listen(session, Vec::new(), query.framing, query.keep_bytes, deadline);
    if written.is_ok() {
        heard.sent_bytes = query.request.0.len() as u64;
    }
    heard
}

/// Reads an answer to its end; `kept` came already.
pub(super) fn listen(
    session: &mut Session,
    kept: Vec<u8>,
    framing: Framing,
    keep_bytes: u64,
    deadline: Instant,
) -> Heard {
    let mut heard = Heard {
        received_bytes: kept.len() as u64,
        kept,
        ..Heard::default()
    };
    if framing == Framing::Http && complete(&heard.kept, heard.received_bytes) {
        heard.end = End::Complete;
        return heard;
    }
    let asked = Instant::now();
    let keep = usize::try_from(keep_bytes).unwrap_or(usize::MAX);
    let mut buffer = [0_u8; 16 * 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            heard.end = End::TimedOut;
            return heard;
        }
        // Something that is not HTTP tells no length: a pause ends it.
        let pausing = heard.received_bytes > 0 && (framing == Framing::Raw || !could_be_http(&heard.kept));
        session.set_limit(if pausing {
            left.min(Duration::from_millis(150))
        } else {
            left
        });
        match session.read(&mut buffer) {
            Ok(0) => {
                heard.end = End::Closed;
                return heard;
            }
            Ok(count) => {
                if heard.first_byte_us.is_none() {
                    heard.first_byte_us = Some(microseconds(asked.elapsed()));
                }
                heard.received_bytes += count as u64;
                let room = keep.saturating_sub(heard.kept.len()).min(count);
                heard.kept.extend_from_slice(&buffer[..room]);
                if framing == Framing::Http && complete(&heard.kept, heard.received_bytes) {
                    heard.end = End::Complete;
                    return heard;
                }
                if heard.received_bytes > 8 << 20 {
                    heard.end = End::Capped;
                    return heard;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                heard.end = if pausing { End::Complete } else { End::TimedOut };
                return heard;
            }
            Err(error) => {
                heard.end = match error.kind() {
                    ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => End::Reset,
                    ErrorKind::UnexpectedEof => End::Closed,
                    _ if session.is_tls() => End::TlsFailed,
                    _ => End::Reset,
                };
                return heard;
            }
        }
    }
}

/// Sends the request once more on a connection that was kept.
fn again(session: &mut Session, query: &ExchangeQuery, pause_ms: u64, deadline: Instant) -> SecondRequest {
    let pause = Duration::from_millis(pause_ms).min(deadline.saturating_duration_since(Instant::now()));
    session.set_limit(pause);
    let began = Instant::now();
    let mut buffer = [0_u8; 1];
    // Waiting by reading notices at once when the peer closes first.
    let closed_before = match session.read(&mut buffer) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
        ),
    };
    let idle_us = microseconds(began.elapsed());
    if closed_before {
        return SecondRequest {
            idle_us,
            closed_before,
            received_bytes: 0,
            end: End::Closed,
        };
    }
    let heard = talk(session, query, deadline);
    SecondRequest {
        idle_us,
        closed_before,
        received_bytes: heard.received_bytes,
        end: heard.end,
    }
}

fn could_be_http(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(5)];
    b"HTTP/".starts_with(start)
}

/// True when the kept bytes show that the answer has ended: by Content-Length, the last chunk, or a status
/// that has no body.
fn complete(kept: &[u8], received_bytes: u64) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = response.parse(kept) else {
        return false;
    };
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    match response.code {
        Some(204 | 304) => return true,
        Some(100..=199) => return false,
        _ => {}
    }
    if header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        return kept.ends_with(b"0\r\n\r\n");
    }
    header("content-length")
        .and_then(|value| value.parse::<u64>().ok())
        .is_some_and(|length| received_bytes >= (head as u64).saturating_add(length))
}
