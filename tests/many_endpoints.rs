//! An upstream of two hundred servers: each is told for what it is, never too many are asked at a time, and the
//! report stays one that can be read.

#![expect(clippy::disallowed_methods, reason = "a test listens on loopback")]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fix502::evidence::{Connect, End, ProbeKind};
use fix502::finding::StepId;
use fix502::host::Host;
use fix502::options::parse_target;
use fix502::steps::{self, Plan};
use fix502::verdict;

/// The connections at all listeners together that their client has not closed, and the most there ever were.
#[derive(Default)]
struct Open {
    streams: Vec<TcpStream>,
    peak: usize,
}

impl Open {
    /// Counts a new connection. Those that the client closed before are gone, however late their servers look.
    fn add(&mut self, stream: &TcpStream) {
        self.streams.retain(|stream| {
            let _ = stream.set_nonblocking(true);
            let ended = matches!(stream.peek(&mut [0]), Ok(0))
                || stream
                    .peek(&mut [0])
                    .is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock);
            let _ = stream.set_nonblocking(false);
            !ended
        });
        self.streams.extend(stream.try_clone().ok());
        self.peak = self.peak.max(self.streams.len());
    }
}

fn serve(open: &Arc<Mutex<Open>>, answers: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let open = Arc::clone(open);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            open.lock().expect("no server panics").add(&stream);
            std::thread::spawn(move || {
                let mut head = [0; 4096];
                let read = stream.read(&mut head).unwrap_or_default();
                if answers && read > 0 {
                    let _ = stream
                        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
                } else if read > 0 {
                    // Until the client gives up.
                    let _ = stream.read(&mut head);
                }
            });
        }
    });
    address
}

/// How long each server may take: so long that a busy machine is not taken for a server that hangs. To measure the time
/// of it all on a quiet one, `FIX502_READ_TIMEOUT_MS=660` (a probe waits three times as long: 2 s).
fn read_timeout_ms() -> u64 {
    std::env::var("FIX502_READ_TIMEOUT_MS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(5_000)
}

#[test]
#[expect(clippy::print_stderr, reason = "the time is for whoever looks")]
fn two_hundred_servers_are_told_apart_with_less_than_64_connections_at_a_time() {
    let open = Arc::new(Mutex::new(Open::default()));
    let mut closed = Vec::new();
    let mut text = String::from("events {}\nhttp {\n  upstream many {\n");
    for number in 0..200 {
        let address = match number % 10 {
            // Bound and not listening: refuses, and nobody else gets the port.
            3 => {
                let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)
                    .expect("a socket");
                socket
                    .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
                    .expect("loopback has a free port");
                let address = socket.local_addr().ok().and_then(|address| address.as_socket());
                closed.push(socket);
                address.expect("a bound socket has an address")
            }
            7 => serve(&open, false),
            _ => serve(&open, true),
        };
        writeln!(text, "    server {address};").expect("a string takes all");
    }
    let front = serve(&Arc::default(), true);
    write!(
        text,
        "  }}\n  server {{ listen {front}; location / {{ proxy_pass http://many; proxy_connect_timeout 2s; \
         proxy_read_timeout {}ms; }} }}\n}}\n",
        read_timeout_ms()
    )
    .expect("a string takes all");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let config = directory.path().join("nginx.conf");
    std::fs::write(&config, text).expect("the directory is ours");

    let plan = Plan {
        target: parse_target(&format!("http://{front}/")).expect("a URL"),
        config_files: vec![config.to_string_lossy().into_owned()],
        attempts: 1,
        attempts_fixed: true,
        deadline_ms: 60_000,
        skipped: vec![StepId::Firewall],
        ..Plan::default()
    };
    let host = Host::live(None, Duration::from_millis(plan.deadline_ms));
    let began = Instant::now();
    let (ready, times) = (
        Mutex::new(Vec::new()),
        |times: &[(StepId, Duration)], step: StepId| {
            times
                .iter()
                .find(|(ready, _)| *ready == step)
                .map_or(Duration::ZERO, |(_, at)| *at)
        },
    );
    let snapshot = steps::collect(&host, &plan, &|step, _| {
        ready.lock().expect("no thread panics").push((step, began.elapsed()));
    });
    let took = began.elapsed();
    let ready = ready.into_inner().expect("no thread panics");
    // Between configuration and firewall lie names and probes.
    let probes = times(&ready, StepId::Firewall).saturating_sub(times(&ready, StepId::Config));

    let mut counts = [0; 4];
    for evidence in &snapshot.endpoints {
        let exchange = evidence.probe(ProbeKind::AsProxy).expect("each was asked");
        counts[match (&exchange.connect, exchange.end) {
            (Connect::Failed(_), _) => 1,
            (Connect::Connected, End::TimedOut) if exchange.received_bytes == 0 => 2,
            (Connect::Connected, _) if exchange.received_bytes > 0 => 0,
            _ => 3,
        }] += 1;
    }
    assert_eq!(counts, [160, 20, 20, 0]);
    let peak = open.lock().expect("no server panics").peak;
    eprintln!(
        "200 endpoints: probed in {probes:?}, the whole walk {took:?}, at most {peak} connections at a time"
    );
    assert!((2..=64).contains(&peak), "{peak}");

    let diagnosis = verdict::decide(&snapshot);
    let line = steps::summarise(StepId::Upstream, &snapshot, &diagnosis);
    assert!(line.summary.contains("40 of 200 endpoints fail"), "{line:#?}");
    assert!(
        line.summary.contains("20 connection refused")
            && line.summary.contains("20 took the connection, no answer"),
        "{line:#?}"
    );
    assert!(
        line.details
            .iter()
            .any(|detail| detail.starts_with("160: answered 200")),
        "{line:#?}"
    );
    assert!(line.details.len() < 20, "{line:#?}");
    assert!(
        diagnosis.findings.len() < 20,
        "{} findings",
        diagnosis.findings.len()
    );
}
