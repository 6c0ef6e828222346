//! Listening sockets of the demo, and connections that end in time.
//!
//! Every wait is cut into slices, so that a demo that is told to stop does so within a moment.

#![expect(
    clippy::disallowed_methods,
    reason = "the demo is a server of its own: it measures its own timeouts, as the proxy it stands for does"
)]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

/// The longest wait without a look at the flag.
const SLICE: Duration = Duration::from_millis(20);

fn bound() -> io::Result<(Socket, u16)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let port = socket
        .local_addr()?
        .as_socket()
        .map(|address| address.port())
        .ok_or_else(|| io::Error::other("the socket has no port"))?;
    Ok((socket, port))
}

fn listening(socket: Socket) -> io::Result<Socket> {
    socket.listen(128)?;
    // On Linux this is also the limit of accept().
    socket.set_read_timeout(Some(SLICE))?;
    Ok(socket)
}

/// A listening socket on a loopback port that the kernel chose.
pub(super) fn listen() -> io::Result<(Socket, u16)> {
    let (socket, port) = bound()?;
    Ok((listening(socket)?, port))
}

/// A loopback port that is taken, so that nobody else gets it, but refuses connections.
pub(super) fn reserve() -> io::Result<(Socket, u16)> {
    bound()
}

/// A listening unix socket.
pub(super) fn listen_unix(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&SockAddr::unix(path)?)?;
    listening(socket)
}

/// Starts a thread of the demo.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(format!("demo-{name}")).spawn(work)
}

/// Serves each connection in a thread of its own, until the flag is set; all of them have ended then.
pub(super) fn each(socket: &Socket, stop: &AtomicBool, serve: &(dyn Fn(Connection<'_>) + Sync)) {
    std::thread::scope(|scope| {
        while !stop.load(Ordering::Relaxed) {
            match socket.accept() {
                Ok((accepted, _)) => {
                    scope.spawn(move || serve(Connection::new(accepted, stop)));
                }
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                // Out of descriptors, for example: it may pass.
                Err(_) => std::thread::sleep(SLICE),
            }
        }
    });
}

/// A stream that gives up when the demo ends.
pub(super) struct Connection<'a> {
    socket: Socket,
    stop: &'a AtomicBool,
}

impl<'a> Connection<'a> {
    pub(super) fn new(socket: Socket, stop: &'a AtomicBool) -> Self {
        Self { socket, stop }
    }

    /// Connects.
    pub(super) fn connect(address: &SockAddr, limit: Duration, stop: &'a AtomicBool) -> io::Result<Self> {
        let socket = Socket::new(address.domain(), Type::STREAM, None)?;
        if address.is_unix() {
            // Non-blocking, as nginx does it: a full accept queue is an error, not a wait.
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            socket.set_nonblocking(false)?;
        } else {
            socket.connect_timeout(address, limit)?;
        }
        Ok(Self::new(socket, stop))
    }

    pub(super) fn stop_flag(&self) -> &'a AtomicBool {
        self.stop
    }

    /// Reads what is there, waiting up to `limit` for it; 0 is the end.
    pub(super) fn read(&mut self, buffer: &mut [u8], limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::ConnectionAborted.into());
            }
            self.socket
                .set_read_timeout(Some(left.min(SLICE).max(Duration::from_millis(1))))?;
            match self.socket.read(buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) => {}
                other => return other,
            }
        }
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.set_write_timeout(Some(Duration::from_secs(1)))?;
        self.socket.write_all(bytes)
    }

    /// Reads up to the empty line that ends a head, or what came before a limit.
    pub(super) fn read_head(&mut self, limit: Duration) -> Vec<u8> {
        let mut head = Vec::new();
        let mut buffer = [0; 4096];
        while head.len() < 32 * 1024 && !ends_head(&head) {
            match self.read(&mut buffer, limit) {
                Ok(count) if count > 0 => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
                _ => break,
            }
        }
        head
    }

    /// As [`Self::read_head`]; what does not begin like a request of HTTP ends with its first bytes.
    pub(super) fn read_head_or_garbage(&mut self, limit: Duration) -> Vec<u8> {
        let mut first = [0; 4096];
        let count = self.read(&mut first, limit).unwrap_or(0);
        let mut head = first.get(..count).unwrap_or_default().to_vec();
        if head.first().is_some_and(u8::is_ascii_uppercase) && !ends_head(&head) {
            head.extend(self.read_head(limit));
        }
        head
    }

    /// Waits, unless the demo ends or the peer goes away.
    pub(super) fn wait(&mut self, time: Duration) {
        let _ = self.read(&mut [0; 64], time);
    }

    /// Says that no more will be sent and lets the peer finish, so that it sees an end and not a reset.
    pub(super) fn finish(mut self) {
        let _ = self.socket.shutdown(std::net::Shutdown::Write);
        let mut buffer = [0; 4096];
        while matches!(self.read(&mut buffer, Duration::from_millis(200)), Ok(count) if count > 0) {}
    }
}

fn ends_head(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"\r\n\r\n")
}
