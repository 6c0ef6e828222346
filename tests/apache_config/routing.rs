//! Random virtual hosts and proxied paths, asked of the real server and foretold by the route.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]
#![expect(clippy::print_stdout, reason = "the counts are worth seeing")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Dice, Disk, environment, program, report, seed_and_factor};
use fix502::evidence::{Handler, Peer, PeerAddress, Route};
use fix502::proxy::RouteRequest;
use fix502::proxy::apache::{self, Config};

const MODULES: &str = "/usr/lib/apache2/modules";

/// Requests for each configuration: few, as a difference shows after many configurations sooner than after many
/// requests.
const REQUESTS: usize = 250;

/// The addresses that httpd listens on, each at a port of its own.
const LISTENERS: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// How many backends there are, each on a port of its own.
const BACKENDS: usize = 4;

/// A backend that says which it is and what it was asked.
fn echo(listener: TcpListener, name: usize) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut stream = stream;
                loop {
                    let mut first = String::new();
                    if reader.read_line(&mut first).unwrap_or(0) == 0 {
                        return;
                    }
                    let mut host = String::new();
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                            break;
                        }
                        if line.to_ascii_lowercase().starts_with("host:") {
                            line[5..].trim().clone_into(&mut host);
                        }
                    }
                    let target = first.split(' ').nth(1).unwrap_or_default();
                    let body = format!("{name}|{host}|{target}");
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
}

/// A running httpd of this test; ended when dropped.
struct Server(Child);

impl Server {
    fn start(file: &Path, sockets: &[SocketAddr]) -> Self {
        let child = Command::new(program().unwrap())
            .args(["-X", "-f"])
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self(child);
        let begun = Instant::now();
        while sockets.iter().any(|address| TcpStream::connect(address).is_err()) {
            let ended = server.0.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < Duration::from_secs(20),
                "httpd does not start ({ended:?}):\n{}",
                std::fs::read_to_string(file).unwrap()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One connection of a client.
struct Client {
    address: SocketAddr,
    open: Option<BufReader<TcpStream>>,
}

impl Client {
    /// Status and body.
    fn ask(&mut self, host: &str, target: &str) -> (u16, String) {
        for _ in 0..3 {
            if self.open.is_none() {
                let stream = TcpStream::connect(self.address).unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                stream.set_nodelay(true).unwrap();
                self.open = Some(BufReader::new(stream));
            }
            let reader = self.open.as_mut().unwrap();
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            if reader.get_mut().write_all(request.as_bytes()).is_err() {
                self.open = None;
                continue;
            }
            match answer(reader) {
                Some((status, body, kept)) => {
                    if !kept {
                        self.open = None;
                    }
                    return (status, body);
                }
                None => self.open = None,
            }
        }
        (0, String::new())
    }
}

/// Reads one answer: status, body, whether the connection stays.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<(u16, String, bool)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let status = line.split(' ').nth(1)?.trim().parse().ok()?;
    let (mut length, mut kept) = (None, true);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header).ok()? == 0 || header == "\r\n" {
            break;
        }
        let lower = header.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse::<usize>().ok();
        } else if lower.starts_with("connection: close") {
            kept = false;
        }
    }
    let mut body = Vec::new();
    if let Some(length) = length {
        body.resize(length, 0);
        reader.read_exact(&mut body).ok()?;
    } else {
        reader.read_to_end(&mut body).ok()?;
        kept = false;
    }
    Some((status, String::from_utf8_lossy(&body).into_owned(), kept))
}

struct Layout<'a> {
    dice: &'a mut Dice,
    backends: &'a [u16],
}

impl Layout<'_> {
    fn url(&mut self) -> String {
        let port = self.backends[self.dice.roll(self.backends.len())];
        let path = self.dice.one(&["", "", "/", "/", "/u", "/u/", "/U%20x/"]);
        format!("http://127.0.0.1:{port}{path}")
    }

    fn passes(&mut self, into: &mut String) {
        for _ in 0..self.dice.roll(5) {
            let path = self
                .dice
                .one(&["/", "/a", "/a/", "/a/b", "/ab", "/b/", "/a//b", "/l", "/A"]);
            match self.dice.roll(8) {
                0 => writeln!(into, "ProxyPass {path} !").unwrap(),
                1 => {
                    let pattern =
                        self.dice
                            .one(&["^/a", "^/a/(.*)$", "b$", "^/(.)/b", "^(/ab.*)$", "/l(.*)"]);
                    let tail = self.dice.one(&["", "", "/$1", "$1", "/x/$0"]);
                    let url = self.url();
                    let url = url.trim_end_matches('/');
                    if self.dice.chance(15) {
                        writeln!(into, "ProxyPassMatch {pattern} !").unwrap();
                    } else if tail != "$1" {
                        writeln!(into, "ProxyPassMatch {pattern} {url}{tail}").unwrap();
                    }
                }
                2 => writeln!(
                    into,
                    "ProxyPass {path} balancer://{}",
                    self.dice
                        .one(&["one", "two/x", "none", "peers", "peers", "peers/", "PEERS"])
                )
                .unwrap(),
                _ => {
                    let url = self.url();
                    let flag = self
                        .dice
                        .one(&["", "", "", " nocanon", " noquery", " retry=0", " timeout=9"]);
                    writeln!(into, "ProxyPass {path} {url}{flag}").unwrap();
                }
            }
        }
        if self.dice.chance(30) {
            self.indirect(into);
        }
        for _ in 0..self.dice.roll(3) {
            let section = self.dice.one(&[
                "Location /l",
                "Location /a",
                "Location /a/",
                "Location /a*",
                "Location /",
                "LocationMatch ^/a",
                "LocationMatch b$",
                "Location ~ ^/l/x",
                "Location /l/x",
            ]);
            let name = section.split(' ').next().unwrap();
            writeln!(into, "<{section}>").unwrap();
            match self.dice.roll(8) {
                6 => {
                    let url = self.url();
                    writeln!(into, "SetHandler proxy:{}", url.trim_end_matches('/')).unwrap();
                }
                7 => into.push_str("SetHandler none\n"),
                0 => into.push_str("ProxyPass !\n"),
                1 => {
                    let url = self.url();
                    let pass = if self.dice.chance(50) {
                        format!("ProxyPass {url}\n")
                    } else {
                        String::new()
                    };
                    writeln!(
                        into,
                        "{pass}Redirect {}",
                        self.dice
                            .one(&["301 /l/x /r", "302 /r", "gone", "gone /a/b", "303 /a /r"])
                    )
                    .unwrap();
                }
                2 if name == "LocationMatch" => {
                    let url = self.url();
                    writeln!(into, "ProxyPassMatch {}", url.trim_end_matches('/')).unwrap();
                }
                3 => into.push_str("ProxyPreserveHost On\n"),
                _ => {
                    let url = self.url();
                    writeln!(into, "ProxyPass {url}").unwrap();
                }
            }
            writeln!(into, "</{name}>").unwrap();
        }
        if self.dice.chance(25) {
            writeln!(into, "ProxyPreserveHost {}", self.dice.one(&["On", "Off"])).unwrap();
        }
        if self.dice.chance(20) {
            writeln!(
                into,
                "{}",
                self.dice.one(&[
                    "Redirect 302 /b /r",
                    "RedirectMatch 301 ^/ab /r",
                    "Redirect gone /a/b"
                ])
            )
            .unwrap();
        }
        if self.dice.chance(30) {
            into.push_str("RewriteEngine On\n");
            for _ in 0..=self.dice.roll(4) {
                for _ in 0..[0, 0, 1, 2][self.dice.roll(4)] {
                    writeln!(
                        into,
                        "RewriteCond {}",
                        self.dice.one(&[
                            "%{HTTP_HOST} ^a",
                            "%{HTTP_HOST} ^a [OR]",
                            "%{REQUEST_URI} ^/b [OR]",
                            "%{HTTP_HOST} !^(.)\\. [OR]",
                            "%{QUERY_STRING} q=(.)",
                            "%{REQUEST_URI} ^/b",
                            "%{REQUEST_URI} ^/a",
                            "%{REQUEST_FILENAME} !^/[ab]",
                            "%{REQUEST_METHOD} =GET [NC]",
                            "%{SERVER_NAME} ^a",
                            "%{SERVER_NAME} =a.test",
                        ])
                    )
                    .unwrap();
                }
                let url = self.url();
                let url = url.trim_end_matches('/');
                let rule = match self.dice.roll(12) {
                    0 => format!(
                        "^/b(.*)$ {url}/$1 [P{}]",
                        self.dice
                            .one(&["", "", ",B", ",NE", ",B,NE", ",B=/", ",B,BNE=/", ",B,BNP"])
                    ),
                    1 => "^/ab /forbidden [F]".to_owned(),
                    2 => "^/l/(.*) /a/$1 [PT]".to_owned(),
                    3 => "^/a/b /l [R=302,L]".to_owned(),
                    4 => format!("/x$ {url}/%1x?z=1 [P,QSA]"),
                    5 => "^/a/?(.*) /l/$1 [R=307]".to_owned(),
                    6 => "^/b/(.*) http://elsewhere.test/$1".to_owned(),
                    7 => format!("^(http|/l).*b(.*)$ {url}/q$1$2 [P]"),
                    8 => "^/a(.*) /b$1".to_owned(),
                    9 => "b(.*)$ /a$1 [PT]".to_owned(),
                    10 => format!("^/[al] - [{}]", self.dice.one(&["P", "L", "S=1", "C"])),
                    _ => "^/B(.*) /b$1 [NC,PT]".to_owned(),
                };
                writeln!(into, "RewriteRule {rule}").unwrap();
            }
        }
        if self.dice.chance(8) {
            // Rules that see what the ones before them made of the path.
            let url = self.url();
            let url = url.trim_end_matches('/');
            let first = self
                .dice
                .one(&["^/a(.*) /b$1", "^/[al] - [P]", "^/a(.*) /b$1 [R=307]"]);
            let seen = self.dice.one(&[
                "%{REQUEST_URI} ^/a",
                "%{REQUEST_URI} ^/b",
                "%{REQUEST_FILENAME} b",
            ]);
            writeln!(
                into,
                "RewriteEngine On\nRewriteRule {first}\nRewriteCond {seen}\nRewriteRule ^(.*/)?[ab](.*)$ {url}/s/$2 [P]"
            )
            .unwrap();
        }
        if self.dice.chance(12) {
            // An answer of the server's own, and the page that stands for it.
            let page = self.dice.one(&["/a/x", "/b?e=1", "/ab", "/l/x", "/doc", "/doc"]);
            writeln!(into, "Redirect gone /e\nErrorDocument 410 {page}").unwrap();
            if page == "/doc" {
                let answer = self.dice.one(&["[F]", "[R=303]", "[G]"]);
                writeln!(into, "RewriteEngine On\nRewriteRule ^/doc /x {answer}").unwrap();
            }
            if self.dice.chance(30) {
                let redirect = self.dice.one(&["307 /all", "307 /e /some"]);
                writeln!(into, "<Location /e>\nRedirect {redirect}\n</Location>").unwrap();
            }
        }
        if self.dice.chance(15) {
            let (status, page) = (
                self.dice.one(&["403", "410"]),
                self.dice.one(&["/a/x", "/b?e=1", "/ab", "gone"]),
            );
            writeln!(into, "ErrorDocument {status} {page}").unwrap();
        }
        if self.dice.chance(10) {
            writeln!(into, "ProxyPassInherit {}", self.dice.one(&["On", "Off"])).unwrap();
        }
        if self.dice.chance(10) {
            writeln!(into, "UseCanonicalName {}", self.dice.one(&["On", "Off"])).unwrap();
        }
        if self.dice.chance(10) {
            writeln!(into, "MergeSlashes {}", self.dice.one(&["On", "Off"])).unwrap();
        }
        if self.dice.chance(25) {
            let option = self.dice.one(&[
                "Inherit",
                "InheritBefore",
                "InheritDown",
                "InheritDownBefore",
                "IgnoreInherit",
            ]);
            writeln!(into, "RewriteOptions {option}").unwrap();
        }
        if self.dice.chance(20) {
            writeln!(
                into,
                "AllowEncodedSlashes {}",
                self.dice.one(&["On", "NoDecode", "Off"])
            )
            .unwrap();
        }
    }

    fn text(&mut self, directory: &Path, ports: [u16; LISTENERS.len()]) -> String {
        let root = directory.display();
        let mut text = format!("ServerRoot {root}\n");
        for module in [
            "mpm_event",
            "authz_core",
            "proxy",
            "proxy_http",
            "rewrite",
            "alias",
            "proxy_balancer",
            "slotmem_shm",
            "lbmethod_byrequests",
            "macro",
        ] {
            writeln!(text, "LoadModule {module}_module {MODULES}/mod_{module}.so").unwrap();
        }
        write!(
            text,
            "ServerName main.test\nPidFile pid\nErrorLog err\nLogLevel crit\nDefaultRuntimeDir {root}\nDocumentRoot {root}\n\
             Mutex pthread\nMaxKeepAliveRequests 0\nKeepAliveTimeout 60\nThreadsPerChild 8\nServerLimit 1\nMaxRequestWorkers 8\n\
             ThreadLimit 8\n",
        )
        .unwrap();
        for (address, port) in LISTENERS.iter().zip(ports) {
            let host = bracketed(*address);
            writeln!(text, "Listen {host}:{port}").unwrap();
        }
        let (one, two) = (self.backends[0], self.backends[1]);
        writeln!(
            text,
            "<Proxy balancer://one>\nBalancerMember http://127.0.0.1:{one}\n</Proxy>"
        )
        .unwrap();
        self.balancers(&mut text);
        self.macros(&mut text);
        writeln!(text, "BalancerMember balancer://two http://127.0.0.1:{two}/m").unwrap();
        self.passes(&mut text);
        for _ in 0..=self.dice.roll(5) {
            let mut addresses = String::new();
            for _ in 0..=usize::from(self.dice.chance(20)) {
                let port = ports[self.dice.roll(LISTENERS.len())].to_string();
                let host = self.dice.one(&[
                    "*",
                    "*",
                    "*",
                    "127.0.0.1",
                    "127.0.0.1",
                    "127.0.0.2",
                    "_default_",
                    "[::1]",
                    "[::]",
                    "0.0.0.0",
                    "[::ffff:127.0.0.1]",
                ]);
                let port = if self.dice.chance(15) { "*" } else { &port };
                write!(addresses, " {host}:{port}").unwrap();
            }
            writeln!(text, "<VirtualHost{addresses}>").unwrap();
            if self.dice.chance(80) {
                writeln!(
                    text,
                    "ServerName {}",
                    self.dice.one(&["a.test", "b.test", "c.test:99", "A.b.test"])
                )
                .unwrap();
            }
            if self.dice.chance(40) {
                writeln!(
                    text,
                    "ServerAlias {}",
                    self.dice
                        .one(&["*.test", "b.test", "x.test y.test", "?.test", "X.Test", "*.TEST"])
                )
                .unwrap();
            }
            self.passes(&mut text);
            text.push_str("</VirtualHost>\n");
        }
        if self.dice.chance(30) {
            let port = ports[self.dice.roll(LISTENERS.len())];
            writeln!(text, "Use Host {port} {}", self.dice.one(&["a.test", "m.test"])).unwrap();
        }
        text
    }

    /// Balancers with more than one peer of which one is to answer.
    fn balancers(&mut self, into: &mut String) {
        let mut url = || {
            let path = self.dice.one(&["", "", "/p", "/", "/q/"]);
            let port = self.backends[self.dice.roll(self.backends.len())];
            (format!("http://127.0.0.1:{port}"), path.to_owned())
        };
        let (first, path) = url();
        let (mut second, _) = url();
        while second == first {
            second = url().0;
        }
        let flags = [
            ("", " status=+D"),
            (" status=D", ""),
            ("", " status=d"),
            ("", " status=+H"),
            (" status=S", " status=+I"),
            (" lbset=1", ""),
            ("", " lbset=2"),
            (" status=D", " status=D"),
            (" status=+H", " loadfactor=3"),
            (" status=D-D", " status=d"),
        ];
        let (one, two) = flags[self.dice.roll(flags.len())];
        if self.dice.chance(50) {
            writeln!(
                into,
                "<Proxy balancer://peers>\nBalancerMember {first}{path}{one}\nBalancerMember {second}{path}{two}\n</Proxy>"
            )
            .unwrap();
        } else {
            writeln!(
                into,
                "BalancerMember balancer://peers {first}{path}{one}\nBalancerMember balancer://Peers {second}{path}{two}"
            )
            .unwrap();
        }
    }

    /// Macros and variables that passes use.
    fn macros(&mut self, into: &mut String) {
        let port = self.backends[self.dice.roll(self.backends.len())];
        let url = self.url();
        write!(
            into,
            "Define backend http://127.0.0.1:{port}\nDefine Path /d\n\
             <Macro Pass $path $url>\nProxyPass $path $url\n</Macro>\n\
             <Macro Section $name>\n<Location /l/$name>\nProxyPass {url}\n</Location>\n</Macro>\n\
             <Macro Host $port $name>\n<VirtualHost *:$port>\nServerName $name\nUse Pass /m/ ${{backend}}/$name/\n</VirtualHost>\n</Macro>\n"
        )
        .unwrap();
    }

    /// What stands behind a condition, a macro or a variable.
    fn indirect(&mut self, into: &mut String) {
        let path = self.dice.one(&["/d", "/d/", "${Path}", "${Path}/x", "/a"]);
        let line = match self.dice.roll(6) {
            0 => format!("Use Pass {path} ${{backend}}/y"),
            1 => format!("Use Section {}", self.dice.one(&["x", "a", "b/"])),
            2 => format!("ProxyPass {path} ${{BACKEND}}"),
            3 => format!(
                "ErrorDocument {}",
                self.dice.one(&[
                    "404 nothing",
                    "403 /a/x",
                    "503 \"no one\"",
                    "410 /b?e=1",
                    "403 //ab%20c"
                ])
            ),
            4 => format!(
                "SetHandler {}",
                self.dice.one(&["none", "server-status", "proxy:${backend}"])
            ),
            _ => {
                let (path, url) = (self.dice.one(&["/b", "/x"]), self.url());
                format!("ProxyPass {path} {url}")
            }
        };
        match self.dice.roll(8) {
            0 => writeln!(into, "<IfModule mod_proxy.c>\n{line}\n</IfModule>").unwrap(),
            1 => writeln!(into, "<IfModule !proxy_module>\n{line}\n</IfModule>").unwrap(),
            2 => writeln!(into, "<IfDefine backend>\n{line}\n</IfDefine>").unwrap(),
            3 => writeln!(into, "<IfDefine !Path>\n{line}\n</IfDefine>").unwrap(),
            4 => writeln!(into, "<IfVersion >= 2.4>\n{line}\n</IfVersion>").unwrap(),
            _ => writeln!(into, "{line}").unwrap(),
        }
    }

    fn target(&mut self) -> String {
        let mut path = String::new();
        for _ in 0..=self.dice.roll(4) {
            path.push_str(self.dice.one(&[
                "/", "/a", "/b", "/ab", "/l", "/x", "/d", "/m", "/e", "a", "b", "//", "/..", "/.", "%20",
                "%2F", "%2f", "..%2F", "%2e", "%25", "%3F", "+", ";", "/a/b", "%61", "~", "\"", "%c3%a9",
                "/B", "%zz", "%ff",
            ]));
        }
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        if self.dice.chance(25) {
            path.push_str(self.dice.one(&["?q=1", "?", "?a=%20b&c", "?q=x?y"]));
        }
        path
    }
}

/// The peer that is asked first while none has failed.
fn preferred(peers: &[Peer]) -> Option<&Peer> {
    let mut usable = peers.iter().filter(|peer| !peer.down);
    let reserve = usable.clone().find(|peer| peer.backup);
    usable.find(|peer| !peer.backup).or(reserve)
}

/// What the route says will come.
fn foretold(route: &Route, ports: &[u16]) -> String {
    match &route.handler {
        Handler::Pass(pass) => match preferred(&pass.peers) {
            None => "503".to_owned(),
            Some(peer) => {
                let PeerAddress::Ip(address) = &peer.address else {
                    return "5xx".to_owned();
                };
                let Some(backend) = ports.iter().position(|port| *port == address.port()) else {
                    return "5xx".to_owned();
                };
                let host = route.settings.request_headers.first().map(|(_, value)| value.clone());
                format!(
                    "{backend}|{}|{}",
                    host.unwrap_or_default(),
                    route.request_target.clone().unwrap_or_default()
                )
            }
        },
        Handler::Return { status, .. } => status.to_string(),
        Handler::Local(_) => "404".to_owned(),
        Handler::Unknown => "unknown".to_owned(),
    }
}

fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// A free port for each address, all of them different.
fn free_ports() -> [u16; LISTENERS.len()] {
    let held = LISTENERS.map(|address| TcpListener::bind((address, 0)).unwrap());
    let ports = held.each_ref().map(|listener| listener.local_addr().unwrap().port());
    let mut different = ports.to_vec();
    different.sort_unstable();
    different.dedup();
    if different.len() == ports.len() {
        ports
    } else {
        free_ports()
    }
}

#[test]
fn requests_go_where_the_real_server_sends_them() {
    if program().is_none() {
        return;
    }
    let (seed, factor) = seed_and_factor();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed.rotate_left(17));
    let mut backends = Vec::new();
    for name in 0..BACKENDS {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        backends.push(listener.local_addr().unwrap().port());
        echo(listener, name);
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("httpd.conf");
    let mut wrong = Vec::new();
    let (mut compared, mut proxied, mut left_out, mut rounds) = (0, 0, 0, 0);
    while compared < 20_000 * factor && wrong.is_empty() {
        rounds += 1;
        let ports = free_ports();
        let mut layout = Layout {
            dice: &mut dice,
            backends: &backends,
        };
        let text = layout.text(directory.path(), ports);
        std::fs::write(&file, &text).unwrap();
        let config: Config = apache::read(&file.display().to_string(), &Disk, &environment());
        let errors = config.summary().errors;
        assert!(errors.is_empty(), "{errors:?}\n{text}");
        let sockets: Vec<SocketAddr> = LISTENERS.into_iter().zip(ports).map(SocketAddr::from).collect();
        let server = Server::start(&file, &sockets);
        let mut clients: Vec<Client> = sockets
            .iter()
            .map(|address| Client {
                address: *address,
                open: None,
            })
            .collect();
        for _ in 0..REQUESTS {
            let which = layout.dice.roll(LISTENERS.len());
            let host = layout.dice.one(&[
                "a.test",
                "b.test",
                "c.test",
                "x.test",
                "X.TEST",
                "Y.test",
                "a.b.test",
                "A.TEST",
                "b.test:81",
                "none",
                "a.test.",
                "127.0.0.1",
                "main.test",
                "m.test",
                "[::1]",
                "127.0.0.2",
            ]);
            let target = layout.target();
            let route = config.route(&RouteRequest {
                local_address: Some(LISTENERS[which]),
                port: ports[which],
                host: host.to_owned(),
                method: "GET".to_owned(),
                target: target.clone(),
                ..RouteRequest::default()
            });
            let route = route.expect("something listens there");
            let matters = |reason: &String| !reason.starts_with("which index of");
            if route.undetermined.iter().any(matters) {
                left_out += 1;
                continue;
            }
            let expected = foretold(&route, &backends);
            // The peers here read lines of text: a byte that is none, as `[P,NE]` hands it on, ends the connection.
            if expected.chars().any(|character| u32::from(character) >= 0x0010_ff00) {
                left_out += 1;
                continue;
            }
            let (status, body) = clients[which].ask(host, &target);
            let found = if status == 200 { body } else { status.to_string() };
            let same =
                found == expected || (expected == "5xx" && (status == 400 || (500..600).contains(&status)));
            proxied += usize::from(status == 200);
            compared += 1;
            if !same {
                wrong.push(format!(
                    "after {compared} comparisons: {host} {target} on {}: httpd {found:?}, here {expected:?} {:?}",
                    ports[which], route.location
                ));
            }
        }
        drop(server);
        if let Some(first) = wrong.first() {
            report(&format!("{first}\n{text}"));
        }
        assert!(
            wrong.is_empty(),
            "{} differences after {compared} (seed {seed}, round {rounds}), first:\n{}\n{text}",
            wrong.len(),
            wrong[..wrong.len().min(6)].join("\n")
        );
    }
    println!(
        "{compared} requests of {rounds} configurations compared, {proxied} of them proxied, {left_out} left out"
    );
    assert!(
        proxied > compared / 10,
        "too few requests were proxied: {proxied} of {compared}"
    );
}
