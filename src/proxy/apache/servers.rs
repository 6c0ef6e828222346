//! Listeners and virtual hosts, and the choice among them for one request, as httpd's `vhost.c` makes it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Config;
use super::tree::{ROOT, StatementId};
use crate::evidence::Listen;
use crate::proxy::RouteRequest;

/// The host part of an address in `<VirtualHost>` or `Listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// `*`, `_default_`, `0.0.0.0`, `[::]`, or none at all.
    Any,
    /// A literal address.
    Ip(IpAddr),
    /// A name that the server resolves when it starts.
    Name(String),
}

/// One address of a `<VirtualHost>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port; 0 for every port.
    pub port: u16,
    /// The host as written.
    pub written: String,
}

/// One `Listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The host.
    pub host: Host,
    /// It is an IPv6 address; `None` when the address family is not written.
    pub ipv6: Option<bool>,
    /// The port.
    pub port: u16,
    /// The second argument (`https`), in lower case.
    pub protocol: Option<String>,
    /// The directive.
    pub statement: StatementId,
}

/// The main server or a virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The `<VirtualHost>`; [`ROOT`] for the main server.
    pub section: StatementId,
    /// Its addresses; empty for the main server.
    pub addresses: Vec<Address>,
    /// `ServerName` without scheme and port, inherited where it is not set.
    pub name: Option<String>,
    /// The `ServerName` of this very server.
    pub name_statement: Option<StatementId>,
    /// `ServerAlias`es in order, each with its directive.
    pub aliases: Vec<(String, StatementId)>,
}

impl Server {
    /// Its own names, `ServerName` first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.name.as_deref().filter(|_| self.name_statement.is_some());
        own.into_iter()
            .chain(self.aliases.iter().map(|(alias, _)| alias.as_str()))
    }

    /// Whether `ServerName` or an alias is this name. Plain aliases come before those with `*` and `?`.
    pub fn has_name(&self, host: &str) -> bool {
        let exact = |name: &str| name.eq_ignore_ascii_case(host);
        if self.name.as_deref().is_some_and(exact) {
            return true;
        }
        let lower = host.to_ascii_lowercase();
        self.aliases.iter().any(|(alias, _)| {
            if alias.contains(['*', '?']) {
                strcasecmp_match(alias.to_ascii_lowercase().as_bytes(), lower.as_bytes())
            } else {
                exact(alias)
            }
        })
    }
}

/// `ap_strcasecmp_match`: `*` for any text, `?` for one byte.
fn strcasecmp_match(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0_usize, 0_usize);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p = p.saturating_add(1);
            }
            Some(expected) if *expected == b'?' || expected == byte => {
                p = p.saturating_add(1);
                t = t.saturating_add(1);
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                p = star.saturating_add(1);
                t = from.saturating_add(1);
                retry = Some((star, t));
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|rest| *rest == b'*')
}

/// Takes `host:port`, `[v6]:port`, `host` or (with `bare_port`) `port` apart.
fn address(written: &str, bare_port: bool) -> (Host, String, Option<u16>) {
    if bare_port && let Ok(port) = written.parse() {
        return (Host::Any, "*".to_owned(), Some(port));
    }
    let (host, port) = if let Some(rest) = written.strip_prefix('[') {
        let (host, after) = rest.split_once(']').unwrap_or((rest, ""));
        (host, after.strip_prefix(':'))
    } else {
        match written.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (written, None),
        }
    };
    let port = port.and_then(|port| if port == "*" { Some(0) } else { port.parse().ok() });
    let kind = match host {
        "*" | "_default_" | "" => Host::Any,
        _ => match host.split('%').next().unwrap_or(host).parse::<IpAddr>() {
            Ok(ip) if ip.is_unspecified() => Host::Any,
            Ok(ip) => Host::Ip(plain(ip)),
            Err(_) => Host::Name(host.to_owned()),
        },
    };
    (kind, host.to_owned(), port)
}

/// An IPv4 address that is written as an IPv6 one is that IPv4 address.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// All `Listen` directives; they count wherever they stand.
pub(super) fn listeners(config: &Config) -> Vec<Listener> {
    let mut found = Vec::new();
    for (id, statement) in config.statements() {
        if !statement.is("Listen") {
            continue;
        }
        let written = statement.argument(0);
        let (host, text, port) = address(written, true);
        let ipv6 = match &host {
            Host::Any if text.contains(':') => Some(true),
            Host::Any if text == "0.0.0.0" => Some(false),
            Host::Any | Host::Name(_) => None,
            Host::Ip(ip) => Some(ip.is_ipv6()),
        };
        if let Some(port) = port {
            found.push(Listener {
                host,
                ipv6,
                port,
                protocol: statement
                    .arguments()
                    .get(1)
                    .map(|word| word.text.to_ascii_lowercase()),
                statement: id,
            });
        }
    }
    found
}

/// The main server and all virtual hosts.
pub(super) fn servers(config: &Config) -> Vec<Server> {
    let tree = &config.tree;
    let mut servers = vec![server(config, ROOT)];
    let main_name = servers.first().and_then(|main| main.name.clone());
    for section in tree
        .named(ROOT, "VirtualHost")
        .filter(|id| tree.get(*id).is_section())
    {
        let mut host = server(config, section);
        if host.name_statement.is_none() {
            let any = host.addresses.iter().any(|address| address.host == Host::Any);
            host.name = if any {
                main_name.clone()
            } else {
                // The name is what the address resolves to; that is not known here.
                None
            };
        }
        servers.push(host);
    }
    servers
}

fn server(config: &Config, section: StatementId) -> Server {
    let tree = &config.tree;
    let addresses = if section == ROOT {
        Vec::new()
    } else {
        let words = tree.get(section).arguments().iter();
        words
            .map(|word| {
                let (host, written, port) = address(word.text, false);
                Address {
                    host,
                    port: port.unwrap_or(0),
                    written,
                }
            })
            .collect()
    };
    let name_statement = tree.last(section, "ServerName");
    let name = name_statement.map(|id| {
        let written = tree.get(id).argument(0);
        let host = written.split_once("://").map_or(written, |(_, rest)| rest);
        address(host, false).1
    });
    let aliases = tree
        .named(section, "ServerAlias")
        .flat_map(|id| {
            let words = tree.get(id).arguments().iter();
            words.map(move |word| (word.text.to_owned(), id))
        })
        .collect();
    Server {
        section,
        addresses,
        name,
        name_statement,
        aliases,
    }
}

/// The listeners as a summary shows them.
pub(super) fn shown_listeners(config: &Config) -> Vec<Listen> {
    let mut found: Vec<Listen> = Vec::new();
    for listener in &config.listeners {
        let shown = shown(config, listener);
        if !found.iter().any(|known| known.address == shown.address) {
            found.push(shown);
        }
    }
    found
}

/// One listener as evidence.
pub(super) fn shown(config: &Config, listener: &Listener) -> Listen {
    let host = match &listener.host {
        Host::Any if listener.ipv6 == Some(true) => "[::]".to_owned(),
        Host::Any => "*".to_owned(),
        Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
        Host::Ip(ip) => ip.to_string(),
        Host::Name(name) => name.clone(),
    };
    let local = match &listener.host {
        Host::Ip(ip) => *ip,
        Host::Any | Host::Name(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    };
    let server = chains(config, local, listener.port).map_or(0, |chain| chain.first);
    Listen {
        address: format!("{host}:{}", listener.port),
        tls: is_tls(config, server),
        proxy_protocol: false,
        place: config.place(listener.statement),
    }
}

/// `SSLEngine on` (or `optional`) for a server.
pub(super) fn is_tls(config: &Config, server: usize) -> bool {
    config
        .server_setting(server, "SSLEngine")
        .is_some_and(|id| config.statement(id).argument(0).eq_ignore_ascii_case("on"))
}

/// The hosts that share an address and port.
struct Chain {
    /// `None`: any address.
    ip: Option<IpAddr>,
    port: u16,
    /// The server of the chain for requests whose name fits none.
    first: usize,
    /// All its hosts in order, each with the address that brought it here.
    members: Vec<(usize, usize)>,
}

/// Builds the chains in the order in which httpd looks through them, and gives the one of a connection.
fn chains(config: &Config, local: IpAddr, port: u16) -> Option<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let local = plain(local);
    for (index, server) in config.servers.iter().enumerate().skip(1) {
        let mut previous: Option<&Address> = None;
        for (number, address) in server.addresses.iter().enumerate() {
            let ip = match &address.host {
                Host::Any => None,
                Host::Ip(ip) => Some(*ip),
                // Not known here; a name of this machine's own loop is.
                Host::Name(name) if name.eq_ignore_ascii_case("localhost") => {
                    Some(if local == IpAddr::V6(Ipv6Addr::LOCALHOST) {
                        local
                    } else {
                        IpAddr::V4(Ipv4Addr::LOCALHOST)
                    })
                }
                Host::Name(_) => continue,
            };
            let known = chains
                .iter_mut()
                .find(|chain| chain.ip == ip && chain.port == address.port);
            match known {
                Some(chain) => {
                    let same = previous.is_some_and(|previous| {
                        previous.host == address.host && previous.port == address.port
                    });
                    if !same || ip.is_some() {
                        chain.members.push((index, number));
                    }
                }
                None => chains.push(Chain {
                    ip,
                    port: address.port,
                    first: index,
                    members: vec![(index, number)],
                }),
            }
            previous = Some(address);
        }
    }
    // The very port comes before every port, and an address before any address.
    let wanted = [(Some(local), port), (Some(local), 0), (None, port), (None, 0)];
    let found = wanted
        .into_iter()
        .find_map(|(ip, port)| chains.iter().position(|chain| chain.ip == ip && chain.port == port))?;
    (found < chains.len()).then(|| chains.swap_remove(found))
}

/// The listener and the server of a request.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) listener: Listener,
    /// The server that the connection belongs to until its name is known.
    pub(super) first: usize,
    pub(super) server: usize,
    /// Names in `<VirtualHost>` that only the running server could resolve.
    pub(super) unresolved: Vec<String>,
}

/// Chooses by address, port and name (lower case, without port).
pub(super) fn choose(config: &Config, request: &RouteRequest, host: &str) -> Option<Chosen> {
    if request.unix_socket.is_some() {
        return None;
    }
    let fits = |listener: &&Listener| {
        listener.port == request.port
            && match (&listener.host, request.local_address.map(plain)) {
                (Host::Ip(ip), Some(local)) => *ip == local,
                (Host::Any, Some(local)) => listener.ipv6 != Some(false) || local.is_ipv4(),
                (Host::Name(_), Some(_)) | (_, None) => true,
            }
    };
    let exact = |listener: &&Listener| fits(listener) && matches!(listener.host, Host::Ip(_));
    let listener = config
        .listeners
        .iter()
        .find(exact)
        .or_else(|| config.listeners.iter().find(fits))?
        .clone();
    let local = request.local_address.unwrap_or(match listener.host {
        Host::Ip(ip) => ip,
        Host::Any | Host::Name(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    });
    let unresolved = config
        .servers
        .iter()
        .flat_map(|server| &server.addresses)
        .filter_map(|address| match &address.host {
            Host::Name(name) if !name.eq_ignore_ascii_case("localhost") => Some(name.clone()),
            _ => None,
        })
        .collect();
    let chain = chains(config, local, request.port);
    let first = chain.as_ref().map_or(0, |chain| chain.first);
    let mut server = first;
    if let Some(chain) = chain.filter(|_| !host.is_empty()) {
        let named = chain
            .members
            .iter()
            .find(|(index, _)| config.servers.get(*index).is_some_and(|server| server.has_name(host)));
        let by_address = || {
            chain.members.iter().find(|(index, number)| {
                config
                    .servers
                    .get(*index)
                    .and_then(|server| server.addresses.get(*number))
                    .is_some_and(|address| address.written.eq_ignore_ascii_case(host))
            })
        };
        if let Some((index, _)) = named.or_else(by_address) {
            server = *index;
        }
    }
    Some(Chosen {
        listener,
        first,
        server,
        unresolved,
    })
}

/// The name of a Host header as httpd compares it: lower case, without port and a last dot. `None`: it is
/// answered with 400.
pub(super) fn plain_host(header: &str) -> Option<String> {
    let host = header.trim();
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (name, after) = rest.split_once(']')?;
        name.parse::<Ipv6Addr>().ok()?;
        (
            name,
            if after.is_empty() {
                None
            } else {
                Some(after.strip_prefix(':')?)
            },
        )
    } else {
        match host.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host, None),
        }
    };
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        let valid = port.bytes().all(|byte| byte.is_ascii_digit());
        if !valid || port.parse::<u16>().map_or(true, |port| port == 0) {
            return None;
        }
    }
    let good = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
                    | b':'
            )
    };
    if !name.bytes().all(good) || name.contains("..") || name.starts_with('.') {
        return None;
    }
    Some(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase())
}

/// The port of a Host header.
pub(super) fn port_of(header: &str) -> Option<u16> {
    let after = header.rsplit_once(']').map_or(header, |(_, after)| after);
    after.rsplit_once(':')?.1.trim().parse().ok()
}

/// The port of a server in URLs that lead to it: that of its `ServerName`; without one of its own that of its first
/// address, and then that of the main server.
pub(super) fn named_port(config: &Config, server: usize) -> Option<u16> {
    let main = config.servers.first()?;
    let server = config.servers.get(server)?;
    let named = |id: StatementId| {
        let name = config.statement(id).argument(0);
        port_of(name.split_once("://").map_or(name, |(_, rest)| rest))
    };
    if let Some(own) = server.name_statement {
        return named(own);
    }
    let address = server.addresses.first().map(|address| address.port);
    address
        .filter(|port| *port != 0)
        .or_else(|| main.name_statement.and_then(named))
}
