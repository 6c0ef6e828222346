//! The configurations among the pieces, and the way of the failed request through them.

use std::collections::BTreeMap;

use super::kind::Kind;
use super::split::Piece;
use super::subject;
use crate::evidence::{
    Endpoint, ErrorEntry, Handler, NameAndPort, Observed, Obstacle, Pass, Peer, PeerAddress, Place, Protocol,
    ProxyKind, Route, Setting, Snapshot, Target,
};
use crate::proxy::{self, Around, Configuration, Extent, FileBytes, Files, RouteRequest};

/// Files that were sent, by their names.
struct Sent(BTreeMap<String, Vec<u8>>);

impl Files for Sent {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let bytes = self.0.get(path).ok_or_else(|| "not among what was sent".to_owned())?;
        Ok(FileBytes {
            bytes: bytes.clone(),
            ..FileBytes::default()
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let directory = format!("{}/", directory.trim_end_matches('/'));
        self.0
            .keys()
            .filter_map(|path| path.strip_prefix(&directory))
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect()
    }
}

/// Reads the configuration of a proxy from the pieces; `None`: none of them is of it.
pub(super) fn read(pieces: &[Piece], kind: ProxyKind) -> Option<Configuration> {
    let mut files = BTreeMap::new();
    let mut paths = Vec::new();
    let mut extent = Extent::Unknown;
    for piece in pieces {
        match piece.kind {
            Kind::NginxDump if kind == ProxyKind::Nginx => {
                for (path, text) in dumped(&piece.text) {
                    paths.push(path.clone());
                    files.insert(path, text.into_bytes());
                }
                extent = Extent::Whole;
            }
            Kind::Config(of) if of == kind => {
                // In a ticket a part keeps the line numbers that it has there.
                let (name, line) = match piece.name.rsplit_once(':') {
                    Some((name, line)) => (name, line.parse::<usize>().unwrap_or(1)),
                    None => (piece.name.as_str(), 1),
                };
                let name = if files.contains_key(name) {
                    piece.name.as_str()
                } else {
                    name
                };
                let mut text = "\n".repeat(line.saturating_sub(1).min(100_000));
                text.push_str(&piece.text);
                paths.push(name.to_owned());
                files.insert(name.to_owned(), text.into_bytes());
            }
            _ => {}
        }
    }
    if paths.is_empty() {
        return None;
    }
    // The main file first: the others may be parts that it includes.
    paths.sort_by_key(|path| {
        let text = files
            .get(path)
            .map(|bytes| String::from_utf8_lossy(bytes))
            .unwrap_or_default();
        let main = text
            .lines()
            .any(|line| line.trim_start().starts_with("http {") || line.trim_start().starts_with("events"));
        !main
    });
    proxy::read(kind, &paths, extent, &Sent(files), &Around::default())
}

/// The files of `nginx -T`.
fn dumped(text: &str) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(path) = line
            .strip_prefix("# configuration file ")
            .and_then(|rest| rest.strip_suffix(':'))
        {
            files.push((path.to_owned(), String::new()));
        } else if let Some((_, content)) = files.last_mut() {
            content.push_str(line);
            content.push('\n');
        }
    }
    files
}

/// The way of the target through a configuration: by the listeners that it has, for nobody says by which one
/// the request came.
pub(super) fn route(configuration: &Configuration, target: &Target) -> Option<Route> {
    let listeners = configuration.summary().listeners;
    let port = |address: &str| address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    let mut ways: Vec<(u16, bool)> = vec![(target.port, target.scheme == "https")];
    ways.extend(
        listeners
            .iter()
            .filter_map(|listen| Some((port(&listen.address)?, listen.tls))),
    );
    ways.push((80, false));
    ways.into_iter().find_map(|(port, tls)| {
        let route = configuration.route(&RouteRequest {
            port,
            tls,
            host: target.host.clone(),
            method: "GET".to_owned(),
            target: target.path.clone(),
            ..RouteRequest::default()
        })?;
        matches!(route.handler, Handler::Pass(_) | Handler::Return { .. }).then_some(route)
    })
}

/// True when a route can lead to the upstream that a line names.
pub(super) fn leads_to(route: &Route, entry: &ErrorEntry) -> bool {
    let (Handler::Pass(pass), Some(upstream)) = (&route.handler, &entry.upstream) else {
        return entry.upstream.is_none();
    };
    let upstream = subject::short(upstream);
    pass.has_variables
        || pass.group.as_ref().is_some_and(|group| group.name == upstream)
        || pass.peers.iter().any(|peer| match &peer.address {
            PeerAddress::Ip(address) => address.to_string() == upstream,
            PeerAddress::Unix(path) => format!("unix:{path}") == upstream,
            PeerAddress::Name(_) => true,
        })
}

/// The way as the line itself tells it, where no configuration was sent.
pub(super) fn route_of_line(kind: ProxyKind, entry: &ErrorEntry) -> Option<Route> {
    let upstream = entry.upstream.as_deref()?;
    let (scheme, rest) = upstream.split_once("://").unwrap_or(("http", upstream));
    let protocol = match scheme {
        "fastcgi" | "fcgi" => Protocol::FastCgi,
        "uwsgi" => Protocol::Uwsgi,
        "scgi" => Protocol::Scgi,
        "grpc" | "grpcs" => Protocol::Grpc,
        "memcached" => Protocol::Memcached,
        "ajp" => Protocol::Ajp,
        _ => Protocol::Http,
    };
    let short = subject::short(upstream);
    let address = match Endpoint::parse(&short) {
        Some(Endpoint::Tcp(address)) => Some(PeerAddress::Ip(address)),
        Some(Endpoint::Unix(path)) => Some(PeerAddress::Unix(path)),
        None => short.rsplit_once(':').and_then(|(name, port)| {
            Some(PeerAddress::Name(NameAndPort {
                name: name.to_owned(),
                port: port.parse().ok()?,
            }))
        }),
    };
    // nginx names a group where no peer was left to dial.
    let group = address.is_none().then(|| crate::evidence::Group {
        name: short.clone(),
        ..crate::evidence::Group::default()
    });
    let target = entry.request.as_deref().and_then(|request| request.split(' ').nth(1));
    Some(Route {
        proxy: kind,
        handler: Handler::Pass(Box::new(Pass {
            protocol,
            tls: matches!(scheme, "https" | "grpcs" | "suwsgi"),
            written: format!("{scheme}://{short}"),
            proxy_host: rest.split('/').next().unwrap_or(rest).to_owned(),
            peers: address
                .map(|address| Peer {
                    address,
                    place: Place::default(),
                    max_fails: 1,
                    fail_timeout_ms: 10_000,
                    ..Peer::default()
                })
                .into_iter()
                .collect(),
            group,
            ..Pass::default()
        })),
        request_target: target.map(str::to_owned),
        ..Route::default()
    })
    .map(|mut route| {
        if kind == ProxyKind::Nginx {
            // What nginx does unless it is told otherwise.
            route.settings.tls_server_name = Some(Setting {
                value: false,
                place: None,
            });
        }
        route
    })
}

/// The configuration and the way for a snapshot.
pub(super) fn join(
    pieces: &[Piece],
    kind: Option<ProxyKind>,
    entry: Option<&ErrorEntry>,
    snapshot: &mut Snapshot,
) {
    let kinds = match kind {
        Some(kind) => vec![kind],
        None => vec![ProxyKind::Nginx, ProxyKind::Apache, ProxyKind::Squid],
    };
    let read = kinds.into_iter().find_map(|kind| read(pieces, kind));
    let not_sent = || Obstacle::Failed("no configuration was sent".to_owned());
    match &read {
        Some(configuration) => {
            snapshot.config = Observed::Seen(configuration.summary());
            let route = route(configuration, &snapshot.target);
            // Where the configuration does not lead to what the log names, the log is nearer to the truth.
            let fits = match (&route, entry) {
                (Some(route), Some(entry)) => leads_to(route, entry),
                (route, _) => route.is_some(),
            };
            if fits {
                snapshot.route = route.into();
            }
            if let Observed::Seen(summary) = &mut snapshot.config {
                let found = configuration.lint(&Snapshot::default());
                (summary.lint, summary.suppressed) = (found.problems, found.suppressed);
            }
        }
        None => snapshot.config = Observed::Unavailable(not_sent()),
    }
    if snapshot.route.seen().is_none() {
        snapshot.route = match (
            kind,
            entry.and_then(|entry| route_of_line(kind.unwrap_or_default(), entry)),
        ) {
            (Some(_), Some(route)) => Observed::Seen(route),
            _ => Observed::Unavailable(not_sent()),
        };
    }
}
