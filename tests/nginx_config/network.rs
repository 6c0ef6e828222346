//! The network of the routing oracle: a namespace of its own, peers that keep what they are sent, and a
//! client that asks many things on one connection.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Puts the calling thread, and what it starts, into a network of its own. False when that is not allowed.
pub(super) fn alone() -> bool {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).is_ok()
        && Command::new("ip")
            .args(["link", "set", "lo", "up"])
            .status()
            .is_ok_and(|status| status.success())
}

/// A socket to listen on or to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    Unix(PathBuf),
    Ip(SocketAddr),
}

/// One connection.
pub(super) trait Stream: Read + Write {}
impl Stream for UnixStream {}
impl Stream for TcpStream {}

impl Address {
    pub(super) fn connect(&self) -> std::io::Result<Box<dyn Stream>> {
        let limit = Some(Duration::from_secs(10));
        Ok(match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(limit)?;
                Box::new(stream)
            }
            Self::Ip(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(limit)?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

/// What one peer was sent: its number and the request's head.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) peer: usize,
    pub(super) head: String,
}

/// All that was heard since the last layout.
pub(super) type Heads = Arc<Mutex<Vec<Heard>>>;

fn serve(peer: usize, heads: &Heads, mut stream: impl Stream) {
    let mut head = Vec::new();
    let mut piece = [0_u8; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) => head.extend_from_slice(&piece[..count]),
        }
    }
    if head.is_empty() {
        return;
    }
    // One character for each byte, so that nothing is lost.
    let text = head.iter().map(|byte| char::from(*byte)).collect();
    let number = {
        let mut heads = heads.lock().unwrap();
        heads.push(Heard { peer, head: text });
        heads.len() - 1
    };
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nX-Heard: {number}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
}

/// Listens on all addresses until the test program ends.
pub(super) fn start_peers(addresses: &[Address]) -> Heads {
    let heads = Heads::default();
    for (peer, address) in addresses.iter().enumerate() {
        let heads = Arc::clone(&heads);
        match address {
            Address::Unix(path) => {
                let listener = UnixListener::bind(path).unwrap();
                std::thread::spawn(move || {
                    listener
                        .incoming()
                        .flatten()
                        .for_each(|stream| serve(peer, &heads, stream));
                });
            }
            Address::Ip(address) => {
                let listener = TcpListener::bind(address).unwrap();
                std::thread::spawn(move || {
                    listener
                        .incoming()
                        .flatten()
                        .for_each(|stream| serve(peer, &heads, stream));
                });
            }
        }
    }
    heads
}

/// A running nginx of this test; ended when dropped.
pub(super) struct Server(Child);

impl Server {
    /// Starts nginx and waits for all sockets. `None`: it refused its configuration.
    pub(super) fn start(program: &Path, directory: &Path, file: &Path, sockets: &[Address]) -> Option<Self> {
        let child = Command::new(program)
            .arg("-p")
            .arg(directory)
            .arg("-c")
            .arg(file)
            .arg("-e")
            .arg(directory.join("error.log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self(child);
        let begun = Instant::now();
        while sockets.iter().any(|socket| socket.connect().is_err()) {
            if server.0.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "nginx does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The number of the request that a peer heard.
    pub(super) heard: Option<usize>,
    pub(super) body: Vec<u8>,
}

/// The first answer in what was read: its length and whether the connection goes on. `None`: not complete.
fn answer(bytes: &[u8], bodyless: bool) -> Option<(usize, bool, Answer)> {
    let head_length = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..head_length]).into_owned();
    let mut answer = Answer {
        status: head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0),
        ..Answer::default()
    };
    let (mut length, mut goes_on, mut chunked) = (None, true, false);
    for line in head.lines().skip(1) {
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<usize>().ok(),
            "connection" => goes_on = !value.trim().eq_ignore_ascii_case("close"),
            "transfer-encoding" => chunked = true,
            "x-heard" => answer.heard = value.trim().parse().ok(),
            _ => {}
        }
    }
    let rest = &bytes[head_length..];
    if bodyless || matches!(answer.status, 204 | 304) {
        return Some((head_length, goes_on, answer));
    }
    if chunked {
        let end = rest.windows(5).position(|window| window == b"0\r\n\r\n")? + 5;
        answer.body = rest[..end].to_vec();
        return Some((head_length + end, goes_on, answer));
    }
    let length = length.unwrap_or(0);
    answer.body = rest.get(..length)?.to_vec();
    Some((head_length + length, goes_on, answer))
}

/// Sends all requests on as few connections as the server allows, and gives the answers in order. A request
/// is its bytes and whether its answer has no body. `None`: the connection was closed without an answer. There
/// are fewer answers than requests when the server is gone.
pub(super) fn ask_all(address: &Address, requests: &[(Vec<u8>, bool)]) -> Vec<Option<Answer>> {
    let mut answers = Vec::with_capacity(requests.len());
    while answers.len() < requests.len() {
        let batch = &requests[answers.len()..(answers.len() + 50).min(requests.len())];
        let Ok(mut stream) = address.connect() else {
            break;
        };
        let all: Vec<u8> = batch.iter().flat_map(|(bytes, _)| bytes.iter().copied()).collect();
        let _ = stream.write_all(&all);
        let mut waiting: VecDeque<&(Vec<u8>, bool)> = batch.iter().collect();
        let mut read = Vec::new();
        let mut piece = vec![0_u8; 65536];
        let before = answers.len();
        'connection: while !waiting.is_empty() {
            while let Some((_, bodyless)) = waiting.front() {
                let Some((length, goes_on, answer)) = answer(&read, *bodyless) else {
                    break;
                };
                read.drain(..length);
                waiting.pop_front();
                answers.push(Some(answer));
                if !goes_on {
                    break 'connection;
                }
            }
            if waiting.is_empty() {
                break;
            }
            match stream.read(&mut piece) {
                Ok(0) | Err(_) => break,
                Ok(count) => read.extend_from_slice(&piece[..count]),
            }
        }
        if answers.len() == before {
            answers.push(None);
        }
    }
    answers
}
