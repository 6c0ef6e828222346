//! The front door: reads a request, finds its way through the configuration, asks the upstream, and answers
//! and logs as nginx 1.22 does.
//!
//! It reads the same file that the diagnosis reads, so the two cannot disagree about what is configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::page::{self, Logs};
use super::serve::Connection;
use super::upstream::{self, Answer, Failure};
use crate::evidence::{Endpoint, Handler, LogTarget, Observed, Pass, PeerAddress, Protocol, Route};
use crate::host::{Host, ListDirectory, ReadFile, TemporaryDirectory};
use crate::proxy::nginx::{self, Config, Environment};
use crate::proxy::{FileBytes, Files, RouteRequest};

/// How long a client may take to send its request.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);

/// A proxy on one port.
pub(super) struct FrontDoor {
    directory: Arc<TemporaryDirectory>,
    config: Config,
    logs: Logs,
    port: u16,
    connections: AtomicU64,
}

/// The configuration files below the root.
struct Below(Host);

impl Files for Below {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        match self.0.ask(&ReadFile::start(path, 1 << 20)) {
            Observed::Seen(content) => Ok(FileBytes {
                bytes: content.bytes.0,
                modified_ms: content.modified_ms,
                truncated: content.truncated,
            }),
            Observed::Absent => Err("no such file".to_owned()),
            Observed::Unavailable(obstacle) => Err(obstacle.to_string()),
        }
    }

    fn list(&self, directory: &str) -> Vec<String> {
        self.0
            .ask(&ListDirectory {
                path: directory.to_owned(),
            })
            .into_seen()
            .unwrap_or_default()
    }
}

/// One request on its way.
struct Request<'a> {
    line: String,
    host: String,
    agent: String,
    number: u64,
    route: &'a Route,
}

impl FrontDoor {
    pub(super) fn open(directory: Arc<TemporaryDirectory>, port: u16) -> Self {
        let files = Below(Host::live(
            Some(directory.path().to_path_buf()),
            Duration::from_mins(1),
        ));
        let environment = Environment {
            version: Some((1, 22, 1)),
            ..Environment::default()
        };
        Self {
            config: nginx::read(super::MAIN_FILE, &files, &environment),
            logs: Logs::new(Arc::clone(&directory)),
            directory,
            port,
            connections: AtomicU64::new(0),
        }
    }

    /// Serves one connection, with one request.
    pub(super) fn answer(&self, mut client: Connection<'_>) {
        let number = self.connections.fetch_add(2, Ordering::Relaxed) + 1;
        let head = client.read_head(CLIENT_LIMIT);
        let text = String::from_utf8_lossy(&head);
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default().to_owned();
        let header = |wanted: &str| {
            text.split("\r\n").skip(1).find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
            })
        };
        let words: Vec<&str> = line.split(' ').collect();
        let [method, target, _] = words.as_slice() else {
            let (page, _) = page::error_page(400, &self.logs.date());
            let _ = client.write(page.as_bytes());
            return client.finish();
        };
        let host = header("host").unwrap_or_default();
        let route = self.config.route(&RouteRequest {
            local_address: Some(std::net::Ipv4Addr::LOCALHOST.into()),
            port: self.port,
            unix_socket: None,
            tls: false,
            host: host.clone(),
            method: (*method).to_owned(),
            target: (*target).to_owned(),
            ..RouteRequest::default()
        });
        let Some(route) = route else {
            return client.finish();
        };
        let request = Request {
            agent: header("user-agent").unwrap_or_else(|| "-".to_owned()),
            line: line.clone(),
            host,
            number,
            route: &route,
        };
        let (status, body_bytes) = match &route.handler {
            Handler::Pass(pass) => self.pass(&mut client, &request, pass),
            Handler::Return { status, .. } => self.page(&mut client, *status),
            Handler::Local(_) | Handler::Unknown => self.page(&mut client, 404),
        };
        // nginx writes this line when it has sent the answer and before it closes the connection.
        for LogTarget { target, .. } in &route.settings.access_logs {
            self.logs
                .access(target, &request.line, &status, body_bytes, &request.agent);
        }
        client.finish();
    }

    fn page(&self, client: &mut Connection<'_>, status: u16) -> (String, usize) {
        let (page, length) = page::error_page(status, &self.logs.date());
        let _ = client.write(page.as_bytes());
        (status.to_string(), length)
    }

    /// Hands the request on; the status and the length of the body, as logged.
    fn pass(&self, client: &mut Connection<'_>, request: &Request<'_>, pass: &Pass) -> (String, usize) {
        let alive: Vec<Endpoint> = pass
            .peers
            .iter()
            .filter(|peer| !peer.down)
            .filter_map(|peer| match &peer.address {
                PeerAddress::Ip(address) => Some(Endpoint::Tcp(*address)),
                PeerAddress::Unix(path) => Some(Endpoint::Unix(path.clone())),
                PeerAddress::Name(_) => None,
            })
            .collect();
        if let (Some(name), []) = (&pass.runtime_name, alive.as_slice()) {
            let message = format!("no resolver defined to resolve {}", name.name);
            self.error(request, "error", &message, None);
            return self.page(client, 502);
        }
        let Some(endpoint) = alive.first() else {
            let failure = Failure::no_peer();
            self.error(
                request,
                failure.level,
                &failure.message,
                Some(&url(pass, None, request)),
            );
            return self.page(client, 502);
        };
        let dialled = url(pass, Some(endpoint), request);
        let asked = upstream::ask(
            self.directory.path(),
            request.route,
            pass,
            endpoint,
            client.stop_flag(),
        );
        match asked {
            Err(failure) => {
                self.error(request, failure.level, &failure.message, Some(&dialled));
                self.page(client, failure.status)
            }
            Ok(Answer::NotHttp(bytes)) => {
                // What has no status line counts as HTTP/0.9 and is passed on as it is.
                let message =
                    "upstream sent no valid HTTP/1.0 header while reading response header from upstream";
                self.error(request, "error", message, Some(&dialled));
                let _ = client.write(&bytes);
                ("009".to_owned(), bytes.len())
            }
            Ok(Answer::Http {
                status,
                phrase,
                headers,
                body,
                cut,
            }) => {
                let mut head = format!(
                    "HTTP/1.1 {status} {phrase}\r\nServer: {}\r\nDate: {}\r\n",
                    page::SERVER,
                    self.logs.date()
                );
                for (name, value) in headers {
                    let hidden = ["server", "date", "connection", "keep-alive", "transfer-encoding"];
                    if !hidden.contains(&name.to_ascii_lowercase().as_str()) {
                        head.extend([name.as_str(), ": ", value.as_str(), "\r\n"]);
                    }
                }
                head.push_str("Connection: close\r\n\r\n");
                if let Some(message) = cut {
                    self.error(request, "error", message, Some(&dialled));
                }
                let _ = client.write(&[head.as_bytes(), &body].concat());
                (status.to_string(), body.len())
            }
        }
    }

    fn error(&self, request: &Request<'_>, level: &str, message: &str, upstream: Option<&str>) {
        let server = request
            .route
            .server
            .as_ref()
            .map(|server| server.name.as_str())
            .unwrap_or_default();
        let upstream = upstream.map_or_else(String::new, |url| format!(" upstream: \"{url}\","));
        let message = format!(
            "{message}, client: 127.0.0.1, server: {server}, request: \"{}\",{upstream} host: \"{}\"",
            request.line, request.host
        );
        for LogTarget { target, .. } in &request.route.settings.error_logs {
            self.logs.error(target, level, request.number, &message);
        }
    }
}

/// The upstream as the log names it.
fn url(pass: &Pass, endpoint: Option<&Endpoint>, request: &Request<'_>) -> String {
    let scheme = match (pass.protocol, pass.tls) {
        (Protocol::Http, true) => "https",
        (Protocol::Http, false) => "http",
        (other, _) => other.directive_prefix(),
    };
    let target = request.route.request_target.as_deref().unwrap_or("/");
    match endpoint {
        Some(Endpoint::Tcp(address)) => format!("{scheme}://{address}{target}"),
        Some(Endpoint::Unix(path)) => format!("{scheme}://unix:{path}:{target}"),
        None => format!("{scheme}://{}{target}", pass.proxy_host),
    }
}
