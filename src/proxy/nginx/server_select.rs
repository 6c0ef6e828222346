//! Servers: what they listen on, their names, and which of them takes a request.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use foldhash::{HashMap, HashSet};

use super::pattern;
use super::tree::NodeId;
use super::variables::State;
use super::{Config, RouteRequest, units};
use crate::evidence::Place;

/// What a `listen` binds to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Socket {
    /// An address, possibly the wildcard, and a port.
    Ip(SocketAddr),
    /// A name that only the machine can resolve, and a port.
    Name(String, u16),
    Unix(String),
}

/// One address of one server.
#[derive(Clone, Debug)]
pub(super) struct ListenEntry {
    pub(super) socket: Socket,
    pub(super) default_server: bool,
    pub(super) tls: bool,
    pub(super) proxy_protocol: bool,
    /// An IPv6 wildcard that takes IPv4 too.
    both_families: bool,
    /// `None`: the server has no `listen`, and nginx makes one up.
    pub(super) node: Option<NodeId>,
    server: NodeId,
}

impl ListenEntry {
    /// Where it is written; of one that is made up only the file is known.
    pub(super) fn place(&self, config: &Config) -> Place {
        match self.node {
            Some(node) => config.place(node),
            None => Place {
                line: 0,
                column: 0,
                ..config.place(self.server)
            },
        }
    }

    /// `127.0.0.1:80`, `*:80`, `[::]:443`, `unix:/run/x.sock`.
    pub(super) fn shown(&self) -> String {
        match &self.socket {
            Socket::Ip(address) if address.ip() == IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                format!("*:{}", address.port())
            }
            Socket::Ip(address) => address.to_string(),
            Socket::Name(name, port) => format!("{name}:{port}"),
            Socket::Unix(path) => format!("unix:{path}"),
        }
    }
}

/// One `server_name`.
#[derive(Clone, Debug)]
pub(super) struct ServerName {
    /// As written; lower-cased unless it is a regular expression; `$hostname` replaced.
    pub(super) text: String,
    pub(super) node: Option<NodeId>,
}

/// One `server` block of `http`.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) node: NodeId,
    pub(super) listens: Vec<ListenEntry>,
    pub(super) names: Vec<ServerName>,
}

/// All servers in configuration order.
pub(super) fn servers(config: &Config) -> Vec<Server> {
    let tree = &config.tree;
    let mut servers = Vec::new();
    for http in tree.http_blocks() {
        for node in tree.named(http, "server").filter(|node| tree.is_block(*node)) {
            let mut listens: Vec<ListenEntry> = Vec::new();
            for listen in tree.named(node, "listen") {
                add_listens(config, node, listen, &mut listens);
            }
            if listens.is_empty() {
                let port = if config.environment.master_is_root {
                    80
                } else {
                    8000
                };
                listens.push(ListenEntry {
                    socket: Socket::Ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)),
                    default_server: false,
                    tls: false,
                    proxy_protocol: false,
                    both_families: false,
                    node: None,
                    server: node,
                });
            }
            // `ssl on` was a way to say it before 1.25.1.
            let old_tls = tree
                .nearest(node, "ssl")
                .is_some_and(|ssl| units::flag(tree.argument(ssl, 0)) == Some(true));
            for listen in &mut listens {
                listen.tls |= old_tls;
            }
            let mut names: Vec<ServerName> = Vec::new();
            for line in tree.named(node, "server_name") {
                for name in tree.arguments(line) {
                    let text = if name == "$hostname" {
                        config.environment.hostname.to_ascii_lowercase()
                    } else if name.starts_with('~') {
                        name.to_owned()
                    } else {
                        name.to_ascii_lowercase()
                    };
                    names.push(ServerName {
                        text,
                        node: Some(line),
                    });
                }
            }
            if names.is_empty() {
                names.push(ServerName {
                    text: String::new(),
                    node: None,
                });
            }
            servers.push(Server { node, listens, names });
        }
    }
    servers
}

/// The addresses of one `listen` of a server.
fn add_listens(config: &Config, server: NodeId, node: NodeId, listens: &mut Vec<ListenEntry>) {
    let tree = &config.tree;
    let has = |wanted: &[&str]| tree.arguments(node).skip(1).any(|flag| wanted.contains(&flag));
    let (default_server, tls) = (has(&["default_server", "default"]), has(&["ssl", "quic"]));
    let (proxy_protocol, both_families) = (has(&["proxy_protocol"]), has(&["ipv6only=off"]));
    listens.extend(
        sockets(tree.argument(node, 0)).into_iter().map(|socket| ListenEntry {
            socket,
            default_server,
            tls,
            proxy_protocol,
            both_families,
            node: Some(node),
            server,
        }),
    );
}

/// The sockets of the first word of a `listen`; empty when nginx would refuse it.
pub(super) fn sockets(text: &str) -> Vec<Socket> {
    if let Some(path) = text.strip_prefix("unix:") {
        return vec![Socket::Unix(path.to_owned())];
    }
    let (host, ports) = if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return Vec::new();
        };
        (host, after.strip_prefix(':').unwrap_or("80"))
    } else if let Some((host, ports)) = text.rsplit_once(':') {
        (host, ports)
    } else if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        ("*", text)
    } else {
        (text, "80")
    };
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    let written: Option<IpAddr>;
    let addresses: &[IpAddr] = match host {
        "*" | "" => &[IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        "localhost" => &[IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        _ => {
            written = host.parse().ok();
            written.as_slice()
        }
    };
    let mut sockets = Vec::new();
    for port in (first..=last).filter(|port| *port != 0).take(4096) {
        let ip = |address: &IpAddr| Socket::Ip(SocketAddr::new(*address, port));
        sockets.extend(addresses.iter().map(ip));
        if addresses.is_empty() {
            sockets.push(Socket::Name(host.to_owned(), port));
        }
    }
    sockets
}

/// The server that takes a request, and the listener it came through.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) server: usize,
    pub(super) listen: ListenEntry,
    /// Text after `~` of the regular expression name that matched, whose captures are variables.
    pub(super) captures: Option<pattern::Captures>,
    /// The name did not decide: this is the default server.
    pub(super) by_default: bool,
    pub(super) undetermined: Vec<String>,
}

/// Chooses the server. `None`: nothing listens there.
pub(super) fn choose(config: &Config, request: &RouteRequest, host: &str) -> Option<Chosen> {
    let mut best: Option<Chosen> = None;
    for socket in candidates(config, request) {
        let Some(chosen) = choose_on(config, &socket, host) else {
            continue;
        };
        if !chosen.by_default {
            return Some(chosen);
        }
        best.get_or_insert(chosen);
    }
    best
}

/// The sockets that may take the connection: one when the local address is known.
fn candidates(config: &Config, request: &RouteRequest) -> Vec<Socket> {
    let all = || config.servers.iter().flat_map(|server| server.listens.iter());
    if let Some(path) = &request.unix_socket {
        return vec![Socket::Unix(path.clone())];
    }
    let on_port = |socket: &Socket| match socket {
        Socket::Ip(address) => address.port() == request.port,
        Socket::Name(_, port) => *port == request.port,
        Socket::Unix(_) => false,
    };
    let mut found: Vec<&ListenEntry> = Vec::new();
    for listen in all().filter(|listen| on_port(&listen.socket)) {
        if !found.iter().any(|known| known.socket == listen.socket) {
            found.push(listen);
        }
    }
    let v4 = Socket::Ip(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), request.port));
    let v6 = Socket::Ip(SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), request.port));
    let Some(address) = request.local_address else {
        let mut sockets: Vec<Socket> = found.into_iter().map(|listen| listen.socket.clone()).collect();
        sockets.sort_by_key(|socket| {
            if *socket == v4 {
                0
            } else if *socket == v6 {
                1
            } else {
                2
            }
        });
        return sockets;
    };
    let exact = Socket::Ip(SocketAddr::new(address, request.port));
    let dual = all().any(|listen| listen.socket == v6 && listen.both_families);
    let wanted = [
        Some(exact),
        address.is_ipv4().then_some(v4),
        (address.is_ipv6() || dual).then_some(v6),
    ];
    wanted
        .into_iter()
        .flatten()
        .find(|socket| found.iter().any(|listen| listen.socket == *socket))
        .into_iter()
        .collect()
}

/// The servers on a socket, in configuration order, each with its entry.
pub(super) fn servers_on<'a>(config: &'a Config, socket: &'a Socket) -> Vec<(usize, &'a ListenEntry)> {
    config
        .servers
        .iter()
        .enumerate()
        .filter_map(|(index, server)| {
            server
                .listens
                .iter()
                .find(|listen| listen.socket == *socket)
                .map(|listen| (index, listen))
        })
        .collect()
}

/// The name table of one socket: what nginx puts into its hashes, after conflicts.
#[derive(Default)]
struct Names<'a> {
    /// Exact names, also those of `.name`.
    exact: Vec<(&'a str, usize)>,
    /// `*.name` without the star: `(suffix, matches the suffix itself, server)`.
    heads: Vec<(&'a str, bool, usize)>,
    tails: Vec<(&'a str, usize)>,
    patterns: Vec<(&'a str, usize)>,
}

/// One name that is ignored because an earlier server has it.
pub(super) struct Conflict {
    pub(super) name: String,
    pub(super) node: Option<NodeId>,
}

fn names<'a>(config: &'a Config, servers: &[(usize, &ListenEntry)]) -> (Names<'a>, Vec<Conflict>) {
    let mut names = Names::default();
    let mut conflicts = Vec::new();
    let mut taken: HashSet<&str> = HashSet::default();
    let (mut heads, mut tails) = (HashSet::default(), HashSet::default());
    for (index, _) in servers {
        let Some(server) = config.servers.get(*index) else {
            continue;
        };
        for name in &server.names {
            let text = name.text.as_str();
            let mut conflict = || {
                conflicts.push(Conflict {
                    name: text.to_owned(),
                    node: name.node,
                });
            };
            if let Some(pattern) = text.strip_prefix('~') {
                names.patterns.push((pattern, *index));
            } else if let Some(suffix) = text.strip_prefix('.') {
                if !taken.insert(suffix) {
                    conflict();
                    continue;
                }
                if heads.insert(suffix) {
                    names.heads.push((suffix, true, *index));
                } else {
                    conflict();
                }
            } else if let Some(suffix) = text.strip_prefix("*.") {
                if heads.insert(suffix) {
                    names.heads.push((suffix, false, *index));
                } else {
                    conflict();
                }
            } else if let Some(prefix) = text.strip_suffix(".*") {
                if tails.insert(prefix) {
                    names.tails.push((prefix, *index));
                } else {
                    conflict();
                }
            } else if !taken.insert(text) {
                conflict();
            } else {
                names.exact.push((text, *index));
            }
        }
    }
    (names, conflicts)
}

/// The names that nginx ignores, for each socket in the order of the first `listen` of it.
pub(super) fn all_conflicts(config: &Config) -> Vec<Vec<Conflict>> {
    let mut numbers: HashMap<&Socket, usize> = HashMap::default();
    let mut sockets: Vec<Vec<(usize, &ListenEntry)>> = Vec::new();
    for (index, server) in config.servers.iter().enumerate() {
        for listen in &server.listens {
            let number = *numbers.entry(&listen.socket).or_insert(sockets.len());
            if number == sockets.len() {
                sockets.push(Vec::new());
            }
            // The same socket twice in one server is once in its table.
            if let Some(servers) = sockets.get_mut(number)
                && servers.last().is_none_or(|(last, _)| *last != index)
            {
                servers.push((index, listen));
            }
        }
    }
    sockets
        .iter()
        .filter(|servers| servers.len() > 1)
        .map(|servers| names(config, servers).1)
        .collect()
}

fn choose_on(config: &Config, socket: &Socket, host: &str) -> Option<Chosen> {
    let servers = servers_on(config, socket);
    let (default, default_listen) = servers
        .iter()
        .find(|(_, listen)| listen.default_server)
        .or(servers.first())?;
    let mut listen = (*default_listen).clone();
    // TLS and the PROXY protocol belong to the address, whoever of its servers asks for them.
    listen.tls = servers.iter().any(|(_, listen)| listen.tls);
    listen.proxy_protocol = servers.iter().any(|(_, listen)| listen.proxy_protocol);
    let mut chosen = Chosen {
        server: *default,
        listen,
        captures: None,
        by_default: true,
        undetermined: Vec::new(),
    };
    let (names, _) = names(config, &servers);
    let found = by_name(&names, host);
    if let Some(server) = found {
        chosen.server = server;
        chosen.by_default = false;
    } else if !host.is_empty() {
        for (pattern, server) in &names.patterns {
            let caseless = pattern.bytes().any(|byte| byte.is_ascii_uppercase());
            match pattern::matches(pattern, caseless, host) {
                Ok(Some(captures)) => {
                    chosen.server = *server;
                    chosen.captures = Some(captures);
                    chosen.by_default = false;
                    break;
                }
                Ok(None) => {}
                Err(reason) => chosen.undetermined.push(reason),
            }
        }
    }
    if let Some((_, listen)) = servers.iter().find(|(index, _)| *index == chosen.server) {
        (chosen.listen.node, chosen.listen.server) = (listen.node, listen.server);
    }
    Some(chosen)
}

fn by_name(names: &Names<'_>, host: &str) -> Option<usize> {
    if let Some((_, server)) = names.exact.iter().find(|(name, _)| *name == host) {
        return Some(*server);
    }
    if host.is_empty() {
        return None;
    }
    let head = names
        .heads
        .iter()
        .filter(|(suffix, itself, _)| {
            (*itself && *suffix == host)
                || host
                    .strip_suffix(suffix)
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        })
        .max_by_key(|(suffix, _, _)| suffix.len());
    if let Some((_, _, server)) = head {
        return Some(*server);
    }
    names
        .tails
        .iter()
        .filter(|(prefix, _)| {
            host.strip_prefix(prefix)
                .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
        })
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, server)| *server)
}

/// The host that nginx looks up for a Host header. `None`: it answers 400.
pub(super) fn plain_host(header: &str) -> Option<String> {
    if header.is_empty() {
        return Some(String::new());
    }
    let (mut end, mut last_dot) = (header.len(), None);
    let (mut literal, mut ended) = (false, false);
    for (index, byte) in header.bytes().enumerate() {
        match byte {
            b'.' if last_dot.is_some_and(|dot| dot + 1 == index) => return None,
            b'.' => last_dot = Some(index),
            b':' if !literal && !ended => {
                end = index;
                ended = true;
            }
            b'[' if index == 0 => literal = true,
            b']' if literal => {
                end = index + 1;
                (literal, ended) = (false, true);
            }
            b'/' | 0..=0x20 | 0x7f => return None,
            _ => {}
        }
    }
    if last_dot.is_some_and(|dot| dot + 1 == end) {
        end -= 1;
    }
    let name = header.get(..end)?;
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

/// Gives the state the server's captures.
pub(super) fn apply(chosen: &Chosen, state: &mut State<'_>) {
    state.undetermined.extend(chosen.undetermined.iter().cloned());
    if let Some(captures) = &chosen.captures {
        state.caught(captures.clone());
    }
}
