//! Small servers on loopback, each in threads that end with the tests: a target and proxies of every kind.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A key for these tests only; the certificate is good for localhost.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBuQkew/oDIrwwqrw
OxkqquvopjBYhInp8w01e+nGjgyhRANCAASbUYJmoW9qJQfQsLkRkaoeIv9isIr2
wJ6mqZdvlrxwrIPOx59VesPBdX6s+16YYyQE1t+wjEVsLUw1OhrGv0N7
-----END PRIVATE KEY-----
";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBmDCCAT2gAwIBAgIUDnVa6ULBLonF/aJSBr0oSNpfZrgwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKcHJveHkudGVzdDAgFw0yNjExMjIxODIyNDdaGA8yMTI2MTAy
OTE4MjI0N1owFTETMBEGA1UEAwwKcHJveHkudGVzdDBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABJtRgmahb2olB9CwuRGRqh4i/2KwivbAnqapl2+WvHCsg87Hn1V6
w8F1fqz7XphjJATW37CMRWwtTDU6Gsa/Q3ujaTBnMB0GA1UdDgQWBBRx2WUAcJPO
PlnWmi4nPZdPGip07TAfBgNVHSMEGDAWgBRx2WUAcJPOPlnWmi4nPZdPGip07TAP
BgNVHRMBAf8EBTADAQH/MBQGA1UdEQQNMAuCCWxvY2FsaG9zdDAKBggqhkjOPQQD
AgNJADBGAiEAlrDsqyPahOJRN7dpdNN6pH3E4gAORLj9PiapE9yByN4CIQC4xgQv
8C+TWfb2/VYZVGd3eLwFebOduBm/7kuuOxmWSQ==
-----END CERTIFICATE-----
";

/// A connection, plain or within TLS, whose reads can be limited.
pub(super) trait Stream: Read + Write + Send {
    fn limit(&self, limit: Option<Duration>);
}

impl Stream for TcpStream {
    fn limit(&self, limit: Option<Duration>) {
        let _ = self.set_read_timeout(limit);
    }
}

impl Stream for rustls::StreamOwned<rustls::ServerConnection, TcpStream> {
    fn limit(&self, limit: Option<Duration>) {
        let _ = self.sock.set_read_timeout(limit);
    }
}

/// What arrived at a server: the heads of requests, or for SOCKS the kind of address and the login.
pub(super) type Arrived = Arc<Mutex<Vec<String>>>;

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) arrived: Arrived,
}

impl Server {
    pub(super) fn arrived(&self) -> Vec<String> {
        self.arrived.lock().expect("no server panics").clone()
    }
}

/// Serves every connection in a thread of its own.
pub(super) fn serve(tls: bool, handle: impl Fn(&mut dyn Stream, &Arrived) + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a listener has an address");
    let arrived = Arrived::default();
    let (kept, handle) = (Arc::clone(&arrived), Arc::new(handle));
    let config = tls.then(server_config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (kept, handle, config) = (Arc::clone(&kept), Arc::clone(&handle), config.clone());
            std::thread::spawn(move || match config {
                None => {
                    let mut stream = stream;
                    handle(&mut stream, &kept);
                }
                Some(config) => {
                    let session = rustls::ServerConnection::new(config).expect("the configuration is whole");
                    let mut stream = rustls::StreamOwned::new(session, stream);
                    handle(&mut stream, &kept);
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                }
            });
        }
    });
    Server { address, arrived }
}

fn server_config() -> Arc<rustls::ServerConfig> {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("the key reads");
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).expect("the certificate reads");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions are known")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("key and certificate belong together");
    Arc::new(config)
}

/// The head of a request, as it came.
pub(super) fn head(stream: &mut dyn Stream) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.extend(byte);
    }
    String::from_utf8(head).ok()
}

pub(super) fn answer(stream: &mut dyn Stream, status: u16, headers: &str, body: &str) {
    let _ = write!(
        stream,
        "HTTP/1.1 {status} Answer\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
        body.len()
    );
    let _ = stream.flush();
}

/// A target that answers this status and repeats the request in its answer.
pub(super) fn target(tls: bool, status: u16) -> Server {
    serve(tls, move |stream, arrived| {
        if let Some(head) = head(stream) {
            arrived.lock().expect("no server panics").push(head.clone());
            let login = header(&head, "authorization").unwrap_or_default().to_owned();
            let decoded = login.strip_prefix("Basic ").and_then(decoded).unwrap_or_default();
            answer(
                stream,
                status,
                &format!("Server: target/1.0\r\nX-Cache: {login}\r\n"),
                &format!("{head}\n{decoded}\n"),
            );
        }
    })
}

fn decoded(token: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
    String::from_utf8(bytes).ok()
}

pub(super) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// A proxy that answers everything with this.
pub(super) fn fixed(status: u16, headers: &'static str) -> Server {
    serve(false, move |stream, arrived| {
        if let Some(head) = head(stream) {
            arrived.lock().expect("no server panics").push(head);
            answer(stream, status, headers, "what the proxy says");
        }
    })
}

/// A proxy that takes connections and says nothing.
pub(super) fn hanging() -> Server {
    serve(false, |stream, arrived| {
        arrived.lock().expect("no server panics").push(String::new());
        stream.limit(Some(Duration::from_mins(1)));
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.read(&mut [0; 4096]);
    })
}

/// An HTTP forward proxy that relays, for those that log in as `login` where one is given. A wrong login is
/// repeated in the refusal.
pub(super) fn forward(tls: bool, login: Option<&'static str>) -> Server {
    serve(tls, move |stream, arrived| {
        let Some(head) = head(stream) else { return };
        arrived.lock().expect("no server panics").push(head.clone());
        let given = header(&head, "proxy-authorization").unwrap_or_default();
        let decoded = given.strip_prefix("Basic ").and_then(decoded);
        if login.is_some() && decoded.as_deref() != login {
            let headers = format!("Proxy-Authenticate: Basic realm=\"{given}\"\r\n");
            return answer(stream, 407, &headers, &format!("{decoded:?} is not known"));
        }
        let mut words = head.split(' ');
        let (method, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method == "CONNECT" {
            let Ok(mut target) = TcpStream::connect(place) else {
                return answer(stream, 502, "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n", "");
            };
            let _ = write!(stream, "HTTP/1.1 200 Connection established\r\n\r\n");
            let _ = stream.flush();
            return relay(stream, &mut target);
        }
        let rest = place.strip_prefix("http://").expect("a proxy gets the absolute form");
        let (authority, path) = rest.split_once('/').expect("a URL has a path");
        let Ok(mut target) = TcpStream::connect(authority) else {
            return answer(stream, 503, "X-Squid-Error: ERR_CONNECT_FAIL 111\r\n", "");
        };
        let kept: Vec<&str> = head
            .lines()
            .skip(1)
            .filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"))
            .collect();
        let _ = write!(
            target,
            "GET /{path} HTTP/1.1\r\n{}\r\n",
            kept.join("\r\n") + "\r\n"
        );
        let mut all = Vec::new();
        let _ = target.read_to_end(&mut all);
        let text = String::from_utf8_lossy(&all);
        let (line, rest) = text.split_once("\r\n").unwrap_or((&text, ""));
        let _ = write!(stream, "{line}\r\nVia: 1.1 relay.test (relay/2.0)\r\n{rest}");
        let _ = stream.flush();
    })
}

/// A SOCKS5 proxy, for those that log in where a login is given.
pub(super) fn socks5(login: Option<&'static str>) -> Server {
    serve(false, move |stream, arrived| {
        let _ = socks5_talk(stream, arrived, login);
    })
}

fn socks5_talk(stream: &mut dyn Stream, arrived: &Arrived, login: Option<&str>) -> std::io::Result<()> {
    let mut two = [0_u8; 2];
    stream.read_exact(&mut two)?;
    let mut methods = vec![0; usize::from(two[1])];
    stream.read_exact(&mut methods)?;
    let wanted = if login.is_some() { 2 } else { 0 };
    if !methods.contains(&wanted) {
        return stream.write_all(&[5, 0xff]);
    }
    stream.write_all(&[5, wanted])?;
    if let Some(login) = login {
        stream.read_exact(&mut two[..1])?;
        let mut parts = Vec::new();
        for _ in 0..2 {
            stream.read_exact(&mut two[..1])?;
            let mut part = vec![0; usize::from(two[0])];
            stream.read_exact(&mut part)?;
            parts.push(String::from_utf8_lossy(&part).into_owned());
        }
        let given = parts.join(":");
        let refused = u8::from(given != login);
        arrived.lock().expect("no server panics").push(given);
        stream.write_all(&[1, refused])?;
        if refused == 1 {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request)?;
    let host = match request[3] {
        1 => {
            let mut bytes = [0; 4];
            stream.read_exact(&mut bytes)?;
            Ipv4Addr::from(bytes).to_string()
        }
        4 => {
            let mut bytes = [0; 16];
            stream.read_exact(&mut bytes)?;
            format!("[{}]", Ipv6Addr::from(bytes))
        }
        _ => {
            stream.read_exact(&mut two[..1])?;
            let mut name = vec![0; usize::from(two[0])];
            stream.read_exact(&mut name)?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    let mut port = [0; 2];
    stream.read_exact(&mut port)?;
    let place = format!("{host}:{}", u16::from_be_bytes(port));
    arrived.lock().expect("no server panics").push(place.clone());
    let Ok(mut target) = TcpStream::connect(&place) else {
        return stream.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    stream.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 1])?;
    stream.flush()?;
    relay(stream, &mut target);
    Ok(())
}

/// Passes bytes to and fro until one side ends.
fn relay(one: &mut dyn Stream, other: &mut dyn Stream) {
    let limit = Some(Duration::from_millis(5));
    one.limit(limit);
    other.limit(limit);
    while pass(one, other) && pass(other, one) {}
}

fn pass(from: &mut dyn Stream, to: &mut dyn Stream) -> bool {
    let mut buffer = [0; 16 * 1024];
    match from.read(&mut buffer) {
        Ok(0) => false,
        Ok(count) => to.write_all(&buffer[..count]).is_ok() && to.flush().is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}
