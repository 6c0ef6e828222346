//! The request as an ordinary client makes it, directly or through a proxy (step 7).
//!
//! Directly it is a well-kept client; through a proxy it is written on the bare connection: a friendly client keeps to itself with what status and which headers a
//! proxy refuses a tunnel, and that is what step 7 wants to know.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::client;
use super::exchange::{self, Framing, Stream, TlsOptions};
use super::handshake::{self, Session};
use super::secret::with_header;
use super::tunnel::{self, Tunnel};
use super::{Live, Query, Secret, microseconds};
use crate::evidence::{
    Connect, End, Endpoint, Handshake, Observed, Obstacle, RouteStage, errno, proxy_header,
};

/// How much of an answer is read: its head is what counts.
const KEEP_BYTES: u64 = 64 * 1024;
/// How many addresses of a name are tried.
const MOST_ADDRESSES: usize = 4;

/// Fetches a URL by one way. Users and passwords travel beside the question and are never recorded.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Fetch {
    /// The URL.
    pub url: String,
    /// `http://`, `https://` or `socks5://` proxy without user information; `None`: directly.
    pub proxy: Option<String>,
    /// User and password for the proxy.
    #[serde(skip)]
    pub secret: Option<Secret>,
    /// User and password for the target.
    #[serde(skip)]
    pub authorization: Option<Secret>,
    /// Limit in milliseconds.
    pub limit_ms: u64,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fetched {
    /// Status.
    pub status: Option<u16>,
    /// `Server` header.
    pub server: Option<String>,
    /// Headers that tell who answered (`Via`, `X-Squid-Error`, `Proxy-Status`, …).
    pub markers: Vec<(String, String)>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The proxy answered CONNECT with this status.
    pub proxy_status: Option<u16>,
    /// How long it took.
    pub took_us: u64,
    /// How long name and connection of the proxy took, when it took the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<u64>,
    /// How far it came, when no answer of the target came.
    pub failed_at: Option<RouteStage>,
    /// The proxy wants user and password, or refused those it got.
    pub wants_credentials: bool,
}

impl Query for Fetch {
    type Answer = Fetched;
    const NAME: &'static str = "fetch";

    fn perform(&self, live: &Live) -> Observed<Fetched> {
        let began = Instant::now();
        let Some(target) = Place::parse(&self.url) else {
            return Observed::Unavailable(Obstacle::Failed("the URL cannot be fetched".to_owned()));
        };
        let proxy = match self.proxy.as_deref().map(Place::parse) {
            Some(None) => return Observed::Unavailable(Obstacle::Failed("the proxy is no URL".to_owned())),
            Some(Some(proxy)) => Some(proxy),
            None => None,
        };
        let mut fetched = Fetched::default();
        let deadline = began + live.within(self.limit_ms);
        let outcome = if proxy.is_none() {
            self.directly(deadline, &mut fetched)
        } else {
            self.go(&target, proxy.as_ref(), deadline, &mut fetched)
        };
        if let Err((stage, error)) = outcome {
            fetched.failed_at = Some(stage);
            fetched.error = Some(error);
        }
        fetched.took_us = microseconds(began.elapsed());
        for secret in self.secret.iter().chain(&self.authorization) {
            for (_, value) in &mut fetched.markers {
                *value = secret.masked(value);
            }
            fetched.server = fetched.server.map(|server| secret.masked(&server));
        }
        Observed::Seen(fetched)
    }
}

/// Where it failed, and how.
type Failure = (RouteStage, String);

impl Fetch {
    fn directly(&self, deadline: Instant, fetched: &mut Fetched) -> Result<(), Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        let answer = client::get(&self.url, self.authorization.as_ref(), left)?;
        fetched.status = Some(answer.status);
        for (name, value) in answer.headers {
            fetched.keep(&name, &value);
        }
        Ok(())
    }

    fn go(
        &self,
        target: &Place,
        proxy: Option<&Place>,
        deadline: Instant,
        fetched: &mut Fetched,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let mut stream = first_hop(proxy.unwrap_or(target), deadline)?;
        fetched.connect_us = Some(microseconds(began.elapsed()));
        let mut absolute = false;
        if let Some(proxy) = proxy {
            if proxy.scheme == "https" {
                stream = within_tls(stream, &proxy.host, deadline, RouteStage::ProxyTls)?;
            }
            let tunnel = Tunnel::through(&proxy.scheme, &target.host, target.port);
            absolute = tunnel.is_http() && target.scheme == "http";
            if !absolute {
                stream = self.through(stream, &tunnel, deadline, fetched)?;
            }
        }
        if target.scheme == "https" {
            stream = within_tls(stream, &target.host, deadline, RouteStage::TargetTls)?;
        }
        let authority = target.authority();
        let request_target = if absolute {
            format!("http://{authority}{}", target.path)
        } else {
            target.path.clone()
        };
        let mut request = format!(
            "GET {request_target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: fix502/{}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
            env!("CARGO_PKG_VERSION")
        )
        .into_bytes();
        if let Some(secret) = &self.authorization {
            request = with_header(&request, "Authorization", &secret.basic());
        }
        if let (Some(secret), true) = (&self.secret, absolute) {
            request = with_header(&request, "Proxy-Authorization", &secret.basic());
        }
        let mut session = Session::plain(stream);
        session.set_limit(deadline.saturating_duration_since(Instant::now()));
        // A peer that closes while we write may have answered already.
        let _ = std::io::Write::write_all(&mut session, &request)
            .and_then(|()| std::io::Write::flush(&mut session));
        let heard = exchange::listen(&mut session, Vec::new(), Framing::Http, KEEP_BYTES, deadline);
        fetched.status = fetched.read(&heard.kept);
        if fetched.status.is_some() {
            fetched.wants_credentials = fetched.status == Some(407);
            return Ok(());
        }
        let words = match (heard.kept.is_empty(), heard.end) {
            (false, _) => "what answered is no HTTP",
            (true, End::TimedOut) => "no answer in time",
            (true, End::Reset) => "the connection was reset before an answer",
            (true, End::TlsFailed) => "TLS failed before an answer",
            (true, _) => "the connection was closed without an answer",
        };
        Err((RouteStage::Answer, words.to_owned()))
    }

    /// Through the tunnel of a proxy.
    fn through(
        &self,
        stream: Stream,
        tunnel: &Tunnel,
        deadline: Instant,
        fetched: &mut Fetched,
    ) -> Result<Stream, Failure> {
        let mut session = Session::plain(stream);
        let opened = tunnel::open(&mut session, tunnel, self.secret.as_ref(), deadline);
        fetched.proxy_status = opened.status;
        if opened.stands {
            return Ok(Stream::Within(Box::new(session)));
        }
        fetched.read(&opened.head);
        fetched.wants_credentials = opened.wants_credentials;
        let error = opened
            .error
            .unwrap_or_else(|| "the proxy opened no tunnel".to_owned());
        Err((RouteStage::Tunnel, error))
    }
}

impl Fetched {
    /// Keeps the headers that tell who answered; the status.
    fn read(&mut self, bytes: &[u8]) -> Option<u16> {
        let mut headers = [httparse::EMPTY_HEADER; 100];
        let mut response = httparse::Response::new(&mut headers);
        response.parse(bytes).ok()?;
        for header in response.headers.iter() {
            let name = header.name.to_ascii_lowercase();
            self.keep(&name, &String::from_utf8_lossy(header.value));
        }
        response.code
    }

    /// Keeps a header, by its lower-case name, if it tells who answered.
    fn keep(&mut self, name: &str, value: &str) {
        let value: String = value.chars().take(200).collect();
        if name == "server" && !value.is_empty() {
            self.server = Some(value);
        } else if proxy_header(name).is_some() {
            self.markers.push((name.to_owned(), value));
        }
    }
}

/// Connects to the first of the addresses that takes the connection.
fn first_hop(place: &Place, deadline: Instant) -> Result<Stream, Failure> {
    let addresses = tunnel::addresses(&place.host, deadline).map_err(|error| (RouteStage::Name, error))?;
    let mut last = "the name has no address".to_owned();
    for address in addresses.into_iter().take(MOST_ADDRESSES) {
        let endpoint = Endpoint::Tcp(SocketAddr::new(address, place.port));
        let left = deadline.saturating_duration_since(Instant::now());
        match exchange::connect(&endpoint, left.max(Duration::from_millis(1))) {
            Ok(stream) => return Ok(stream),
            Err(Connect::Failed(number)) => {
                last = format!("{endpoint}: {}", errno::text(number).to_lowercase());
            }
            Err(_) => last = format!("{endpoint}: no answer to the connection"),
        }
    }
    Err((RouteStage::Connect, last))
}

fn within_tls(stream: Stream, host: &str, deadline: Instant, stage: RouteStage) -> Result<Stream, Failure> {
    let (facts, session) = handshake::shake(stream, &TlsOptions::of_client(host), deadline);
    match session {
        Ok(session) => Ok(Stream::Within(Box::new(session))),
        Err(end) => Err((stage, tls_words(&facts, end))),
    }
}

fn tls_words(facts: &Handshake, end: End) -> String {
    let why = match (&facts.not_tls, &facts.error, end) {
        (Some(_), _, _) => "what answered is no TLS",
        (None, _, End::TimedOut) => "no answer in time",
        (None, Some(error), _) => error,
        (None, None, _) => "the connection ended",
    };
    format!("the TLS handshake failed: {why}")
}

/// Scheme, host, port and path of a URL that was checked when it was read.
struct Place {
    scheme: String,
    host: String,
    port: u16,
    path: String,
}

impl Place {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let usual = match scheme {
            "https" => 443,
            "http" => 80,
            _ => 1080,
        };
        let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            (host, port.strip_prefix(':'))
        } else {
            authority
                .split_once(':')
                .map_or((authority, None), |(host, port)| (host, Some(port)))
        };
        Some(Self {
            scheme: scheme.to_owned(),
            host: host.to_owned(),
            port: match port {
                None => usual,
                Some(port) => port.parse().ok()?,
            },
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }

    /// As the Host header names it.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let usual = if self.scheme == "https" { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}
