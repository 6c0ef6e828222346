//! Asking a forward proxy for a connection to the target: CONNECT, SOCKS4 and SOCKS5.
//!
//! It says how the proxy answered and leaves the connection ready for what goes through it. It sends no
//! request to the target. To add a kind of proxy: a variant of [`Tunnel`] and a function that opens it.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::Instant;

use serde::Serialize;

use super::handshake::Session;
use super::{Secret, error_words};
use crate::evidence::End;

/// The longest head of an answer to CONNECT.
const HEAD_BYTES: usize = 64 * 1024;

/// How a forward proxy is asked for a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tunnel {
    /// HTTP CONNECT to this host and port.
    Connect(String, u16),
    /// SOCKS4 to this host and port, the name resolved here.
    Socks4(String, u16),
    /// SOCKS4, version a: the proxy resolves the name.
    Socks4a(String, u16),
    /// SOCKS5, the name resolved here.
    Socks5(String, u16),
    /// SOCKS5, the proxy resolves the name.
    Socks5h(String, u16),
}

impl Tunnel {
    /// The tunnel that a proxy of this scheme is asked for.
    pub fn through(scheme: &str, host: &str, port: u16) -> Self {
        let host = host.to_owned();
        match scheme {
            "socks4" => Self::Socks4(host, port),
            "socks4a" => Self::Socks4a(host, port),
            "socks5" => Self::Socks5(host, port),
            "socks5h" => Self::Socks5h(host, port),
            _ => Self::Connect(host, port),
        }
    }

    /// True when the proxy speaks HTTP, so that a request can also be put to it directly.
    pub fn is_http(&self) -> bool {
        matches!(self, Self::Connect(..))
    }
}

/// How the proxy answered.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// The connection to the target stands.
    pub(super) stands: bool,
    /// The status of the answer to CONNECT.
    pub(super) status: Option<u16>,
    /// What came so far of an answer that is a refusal.
    pub(super) head: Vec<u8>,
    /// What went wrong, in words.
    pub(super) error: Option<String>,
    /// User and password were refused, or are wanted.
    pub(super) wants_credentials: bool,
    /// How the connection ended, when it did.
    pub(super) end: Option<End>,
}

impl Opened {
    fn failed(error: impl Into<String>) -> Self {
        Self {
            error: Some(error.into()),
            ..Self::default()
        }
    }

    fn broken(error: &std::io::Error, what: &str) -> Self {
        let (end, words) = match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => (End::TimedOut, "no answer in time".to_owned()),
            ErrorKind::UnexpectedEof => (End::Closed, "the proxy closed the connection".to_owned()),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
                (End::Reset, "the proxy reset the connection".to_owned())
            }
            _ => (End::Closed, error_words(error)),
        };
        Self {
            end: Some(end),
            ..Self::failed(format!("{words} {what}"))
        }
    }
}

/// Asks for the tunnel.
pub(super) fn open(
    session: &mut Session,
    tunnel: &Tunnel,
    secret: Option<&Secret>,
    deadline: Instant,
) -> Opened {
    match tunnel {
        Tunnel::Connect(host, port) => connect(session, host, *port, secret, deadline),
        Tunnel::Socks4(host, port) | Tunnel::Socks4a(host, port) => {
            let remote = matches!(tunnel, Tunnel::Socks4a(..));
            match resolved(host, remote, deadline) {
                Err(error) => Opened::failed(error),
                Ok(address) => socks4(session, host, address, *port, secret, deadline)
                    .unwrap_or_else(|error| Opened::broken(&error, "to the SOCKS request")),
            }
        }
        Tunnel::Socks5(host, port) | Tunnel::Socks5h(host, port) => {
            let remote = matches!(tunnel, Tunnel::Socks5h(..));
            match resolved(host, remote, deadline) {
                Err(error) => Opened::failed(error),
                Ok(address) => socks5(session, host, address, *port, secret, deadline)
                    .unwrap_or_else(|error| Opened::broken(&error, "to the SOCKS request")),
            }
        }
    }
}

/// The address of the target, where this side has to know it.
fn resolved(host: &str, remote: bool, deadline: Instant) -> Result<Option<IpAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(Some(address));
    }
    if remote {
        return Ok(None);
    }
    addresses(host, deadline)
        // IPv4 first: not every SOCKS proxy knows the other kind of address.
        .map(|found| {
            found
                .iter()
                .find(|address| address.is_ipv4())
                .or(found.first())
                .copied()
        })
        .and_then(|found| found.map(Some).ok_or_else(|| format!("{host} does not resolve here")))
}

/// What the system answers for a name, within the time there is.
pub(super) fn addresses(host: &str, deadline: Instant) -> Result<Vec<IpAddr>, String> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let (sender, receiver) = mpsc::channel();
    let name = host.to_owned();
    // getaddrinfo cannot be given a limit, so its thread is left behind when it takes too long.
    std::thread::spawn(move || {
        let answer = (name.as_str(), 0_u16)
            .to_socket_addrs()
            .map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        let _ = sender.send(answer);
    });
    match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(_)) => Err(format!("{host} does not resolve here")),
        Err(_) => Err(format!("{host} is not resolved in time")),
    }
}

fn connect(
    session: &mut Session,
    host: &str,
    port: u16,
    secret: Option<&Secret>,
    deadline: Instant,
) -> Opened {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let login = secret.map_or_else(String::new, |secret| {
        format!("Proxy-Authorization: {}\r\n", secret.basic())
    });
    let request = format!(
        "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: fix502/{}\r\n{login}\r\n",
        env!("CARGO_PKG_VERSION")
    );
    session.set_limit(deadline.saturating_duration_since(Instant::now()));
    // A proxy that refuses may have answered before it read all of this.
    let written = session.write_all(request.as_bytes());
    let mut opened = Opened::default();
    // Byte by byte: what comes after the head belongs to the target.
    while !opened.head.ends_with(b"\r\n\r\n") && !opened.head.ends_with(b"\n\n") {
        if opened.head.len() >= HEAD_BYTES {
            opened.error = Some("the answer to CONNECT has no end".to_owned());
            opened.end = Some(End::Capped);
            return opened;
        }
        let mut byte = [0_u8; 1];
        if let Err(error) = read(session, &mut byte, deadline) {
            let error = written.as_ref().err().unwrap_or(&error);
            let broken = Opened::broken(error, "to CONNECT");
            return Opened {
                head: opened.head,
                ..broken
            };
        }
        opened.head.extend(byte);
    }
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    opened.status = match response.parse(&opened.head) {
        Ok(_) => response.code,
        Err(_) => None,
    };
    match opened.status {
        Some(200..=299) => opened.stands = true,
        Some(status) => {
            opened.wants_credentials = status == 407;
            opened.error = Some(format!("the proxy answered {status} to CONNECT"));
        }
        None => opened.error = Some("the answer to CONNECT is no HTTP".to_owned()),
    }
    opened
}

fn read(session: &mut Session, buffer: &mut [u8], deadline: Instant) -> std::io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(ErrorKind::TimedOut.into());
    }
    session.set_limit(left);
    session.read_exact(buffer)
}

fn socks5(
    session: &mut Session,
    host: &str,
    address: Option<IpAddr>,
    port: u16,
    secret: Option<&Secret>,
    deadline: Instant,
) -> std::io::Result<Opened> {
    let refused = |error: &str| Opened {
        wants_credentials: true,
        ..Opened::failed(error)
    };
    session.set_limit(deadline.saturating_duration_since(Instant::now()));
    session.write_all(if secret.is_some() {
        &[5, 2, 0, 2]
    } else {
        &[5, 1, 0]
    })?;
    let mut chosen = [0_u8; 2];
    read(session, &mut chosen, deadline)?;
    match (chosen, secret) {
        ([5, 0], _) => {}
        ([5, 2], Some(secret)) => {
            let mut login = vec![1];
            for part in [secret.user(), secret.password()] {
                let Ok(length) = u8::try_from(part.len()) else {
                    return Ok(Opened::failed("user or password are too long for SOCKS5"));
                };
                login.push(length);
                login.extend(part.bytes());
            }
            session.write_all(&login)?;
            let mut answer = [0_u8; 2];
            read(session, &mut answer, deadline)?;
            if answer[1] != 0 {
                return Ok(refused("the SOCKS proxy refused user and password"));
            }
        }
        ([5, 0xff], Some(_)) => {
            return Ok(Opened::failed("the SOCKS proxy wants another way to log in"));
        }
        ([5, 0xff], None) => return Ok(refused("the SOCKS proxy wants user and password")),
        _ => return Ok(Opened::failed("what answered does not speak SOCKS5")),
    }
    let mut request = vec![5, 1, 0];
    match address {
        Some(IpAddr::V4(address)) => {
            request.push(1);
            request.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            request.push(4);
            request.extend(address.octets());
        }
        None => {
            let Ok(length) = u8::try_from(host.len()) else {
                return Ok(Opened::failed("the host name is too long for SOCKS5"));
            };
            request.extend([3, length]);
            request.extend(host.bytes());
        }
    }
    request.extend(port.to_be_bytes());
    session.write_all(&request)?;
    let mut head = [0_u8; 4];
    read(session, &mut head, deadline)?;
    if head[0] != 5 {
        return Ok(Opened::failed("what answered does not speak SOCKS5"));
    }
    if head[1] != 0 {
        let words = match head[1] {
            1 => "a general failure",
            2 => "not allowed by its rules",
            3 => "network unreachable",
            4 => "host unreachable",
            5 => "connection refused",
            6 => "the way is too long",
            7 => "CONNECT is not supported",
            8 => "this kind of address is not supported",
            _ => "an unknown failure",
        };
        return Ok(Opened::failed(format!("the SOCKS proxy says: {words}")));
    }
    // The address it uses there is read past; nothing depends on it.
    let length = match head[3] {
        1 => 4,
        4 => 16,
        _ => {
            let mut length = [0_u8; 1];
            read(session, &mut length, deadline)?;
            usize::from(length[0])
        }
    };
    read(session, &mut vec![0; length + 2], deadline)?;
    Ok(Opened {
        stands: true,
        ..Opened::default()
    })
}

fn socks4(
    session: &mut Session,
    host: &str,
    address: Option<IpAddr>,
    port: u16,
    secret: Option<&Secret>,
    deadline: Instant,
) -> std::io::Result<Opened> {
    let address = match address {
        Some(IpAddr::V4(address)) => Some(address),
        Some(IpAddr::V6(_)) => return Ok(Opened::failed("SOCKS4 reaches no IPv6 address")),
        None => None,
    };
    let mut request = vec![4, 1];
    request.extend(port.to_be_bytes());
    // 0.0.0.1 says that a name follows (SOCKS4a).
    request.extend(address.unwrap_or(Ipv4Addr::new(0, 0, 0, 1)).octets());
    request.extend(secret.map_or("", Secret::user).bytes());
    request.push(0);
    if address.is_none() {
        request.extend(host.bytes());
        request.push(0);
    }
    session.set_limit(deadline.saturating_duration_since(Instant::now()));
    session.write_all(&request)?;
    let mut answer = [0_u8; 8];
    read(session, &mut answer, deadline)?;
    Ok(match answer[1] {
        90 => Opened {
            stands: true,
            ..Opened::default()
        },
        92 | 93 => Opened {
            wants_credentials: true,
            ..Opened::failed("the SOCKS proxy refused the user")
        },
        91 => Opened::failed("the SOCKS proxy says: rejected or failed"),
        _ => Opened::failed("what answered does not speak SOCKS4"),
    })
}
