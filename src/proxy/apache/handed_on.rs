//! A request that is handed on: balancer or worker, peers, the target that goes upstream, the settings.

use super::Config;
use super::directives;
use super::layers::Layers;
use super::passes;
use super::route::{Proxied, State, answer};
use super::settings::{self, Scope};
use super::target::{self, Canonical, Url};
use super::tree::{ROOT, StatementId};
use super::uri::EncodedSlashes;
use super::workers::{self, Backend};
use crate::evidence::{Group, Handler, NameAndPort, Named, Pass, Peer, PeerAddress, Protocol, Route};

/// The URL is known: worker, peers, target, settings.
pub(super) fn finish(state: &mut State<'_>, route: &mut Route, mut layers: Layers, proxied: &Proxied) {
    let config = state.config;
    layers.note_conditions(config);
    state.undetermined.append(&mut layers.undetermined);
    let location = config
        .tree
        .around(proxied.statement)
        .skip(1)
        .find(|section| !config.statement(*section).is("VirtualHost"));
    let shown = location.map_or_else(
        || {
            let statement = config.statement(proxied.statement);
            (
                proxied.statement,
                format!("{} {}", statement.name(), statement.argument(0)),
            )
        },
        |section| {
            let statement = config.statement(section);
            (section, format!("{} {}", statement.name(), statement.argument(0)))
        },
    );
    route.location = Some(Named {
        name: shown.1,
        place: config.place(shown.0),
    });
    let (written_url, socket_of_url) = passes::without_socket(&proxied.url);
    let is_balancer = written_url
        .get(..9)
        .is_some_and(|start| start.eq_ignore_ascii_case("balancer:"));
    let mut pass = Pass {
        written: proxied.written.clone(),
        place: config.place(proxied.statement),
        ..Pass::default()
    };
    let balancer = is_balancer
        .then(|| workers::balancer_for(config, state.server, &written_url))
        .flatten();
    if is_balancer && balancer.is_none() {
        // Nobody set up a balancer of this name, and no other module takes such URLs (AH01144).
        answer(state, route, 500, proxied.statement);
        return;
    }
    let worker = if is_balancer {
        None
    } else {
        workers::worker_for(config, state.server, &written_url)
    };
    let mut backend = worker.map(|worker| &worker.backend);
    let mut path = String::new();
    let mut scheme = String::new();
    if is_balancer {
        let after = written_url.split_once("://").map_or("", |(_, rest)| rest);
        let slash = after.find('/').unwrap_or(after.len());
        let below = after.get(slash..).filter(|path| !path.is_empty());
        below.unwrap_or("/").clone_into(&mut path);
        if let Some(balancer) = balancer {
            pass.group = Some(Group {
                name: balancer.name.clone(),
                place: config.place(balancer.section.unwrap_or(balancer.statement)),
                ..Group::default()
            });
            backend = workers::preferred(balancer);
            let first_set = backend.map_or(0, workers::set_of);
            pass.peers = balancer
                .members
                .iter()
                .filter_map(|member| {
                    let mut peer = peer(config, member, true)?;
                    // The sets that come later are asked when nobody is left in the first.
                    peer.backup |= workers::set_of(member) > first_set;
                    Some(peer)
                })
                .collect();
        }
        if let Some(url) = backend.and_then(|member| Url::parse(&member.url)) {
            scheme.clone_from(&url.scheme);
            path = format!("{}{path}", url.rest);
            pass.proxy_host = url.authority();
            if balancer.is_some_and(|balancer| balancer.members.len() > 1) {
                let differ = balancer
                    .into_iter()
                    .flat_map(|balancer| &balancer.members)
                    .any(|member| {
                        Url::parse(&member.url)
                            .is_none_or(|other| other.rest != url.rest || other.scheme != scheme)
                    });
                if differ {
                    state.unknown("the members of the balancer have different paths or schemes".to_owned());
                }
            }
        }
    } else if let Some(url) = Url::parse(&written_url) {
        scheme.clone_from(&url.scheme);
        path.clone_from(&url.rest);
        pass.proxy_host = url.authority();
        let worker_socket = worker.and_then(|worker| passes::without_socket(&worker.backend.url).1);
        let url = Url {
            socket: socket_of_url.or(worker_socket),
            ..url
        };
        match address(&url) {
            Some(address) => pass.peers.push(Peer {
                address,
                place: config.place(backend.map_or(proxied.statement, |backend| backend.statement)),
                max_conns: backend
                    .and_then(|backend| backend.parameter("max"))
                    .and_then(|(value, _)| value.parse().ok())
                    .unwrap_or(0),
                ..Peer::default()
            }),
            None => pass.runtime_name = None,
        }
    }
    let known = target::protocol(&scheme);
    if let Some((protocol, tls, _)) = known {
        pass.protocol = protocol;
        pass.tls = tls;
    }
    let query = state.query.as_deref().filter(|_| !proxied.as_is);
    if matches!(scheme.as_str(), "http" | "https" | "h2" | "h2c" | "ws" | "wss") {
        // What the server says of slashes is lost as soon as a section with core settings is merged over it:
        // all but `<Proxy>` have them.
        let plain_server = layers.sections.iter().all(|section| {
            let statement = config.statement(*section);
            let of_server = *section == ROOT || statement.is("VirtualHost");
            let of_proxy = statement.is("Proxy") || statement.is("ProxyMatch");
            of_server || (of_proxy && !has_core_directive(config, *section))
        });
        let slashes_kept = plain_server
            && encoded_slashes(config, state.server) == EncodedSlashes::Kept
            && config.environment.version_or_default() >= (2, 4, 57);
        // What is handed on as it is may not break the request line.
        let breaks = |character: char| character.is_ascii_control() || character == ' ';
        if proxied.as_is && path.contains(breaks) {
            answer(state, route, 403, proxied.statement);
            return;
        }
        let canonical = match (proxied.as_is, slashes_kept) {
            (true, _) => Canonical::Not,
            (false, true) => Canonical::SlashesKept,
            (false, false) => Canonical::Escaped,
        };
        let Some(target) = target::request_target(&path, query, canonical) else {
            answer(state, route, 400, proxied.statement);
            return;
        };
        route.request_target = Some(target);
    }
    // What a responder needs to find the script, as httpd makes it of the URL.
    let script = (pass.protocol == Protocol::FastCgi).then(|| path.clone());
    let mut found = settings::proxied(&Scope {
        config,
        server: state.server,
        layers: &layers,
        worker,
        backend,
        balancer,
        scheme: scheme.clone(),
    });
    let preserve = found.apache.as_ref().is_some_and(|apache| apache.preserve_host.value);
    if pass.tls {
        found.tls_name = Some(crate::evidence::Setting {
            value: if preserve {
                state.host.clone()
            } else {
                pass.proxy_host.split(':').next().unwrap_or_default().to_owned()
            },
            place: None,
        });
    }
    let sent = if preserve {
        state.request.host.clone()
    } else {
        pass.proxy_host.clone()
    };
    found.request_headers.push(("Host".to_owned(), sent));
    if let Some(apache) = found.apache.as_mut() {
        let module = known.map(|(_, _, module)| module);
        let needed = module
            .into_iter()
            .chain(pass.tls.then_some("ssl_module"))
            .chain(is_balancer.then_some("proxy_balancer_module"));
        for module in needed {
            let instead = module == "proxy_wstunnel_module" && config.modules.has("proxy_http_module");
            if !config.modules.has(module) && !instead {
                apache.missing_modules.push(module.to_owned());
            }
        }
    }
    if let Some(script) = script {
        found.parameters = vec![
            ("SCRIPT_FILENAME".to_owned(), script),
            ("SCRIPT_NAME".to_owned(), state.path.clone()),
            ("REQUEST_URI".to_owned(), state.request.target.clone()),
        ];
    }
    route.settings = found;
    route.handler = Handler::Pass(Box::new(pass));
}

/// Where a URL leads; `None` for a port that is no number.
fn address(url: &Url) -> Option<PeerAddress> {
    if let Some(path) = &url.socket {
        return Some(PeerAddress::Unix(path.clone()));
    }
    let port = url.port_number();
    if url.host.is_empty() {
        return None;
    }
    match (url.host.parse(), port) {
        (Ok(ip), Some(port)) => Some(PeerAddress::Ip(std::net::SocketAddr::new(ip, port))),
        (Err(_), Some(port)) => Some(PeerAddress::Name(NameAndPort {
            name: url.host.clone(),
            port,
        })),
        // The whole of it is looked up as a name.
        (_, None) => Some(PeerAddress::Name(NameAndPort {
            name: url.authority(),
            port: target::default_port(&url.scheme),
        })),
    }
}

fn peer(config: &Config, member: &Backend, in_balancer: bool) -> Option<Peer> {
    let url = Url::parse(&member.url)?;
    let retry = member
        .parameter("retry")
        .and_then(|(value, _)| settings::time_ms(value, 1000));
    let number = |name: &str| member.parameter(name).and_then(|(value, _)| value.parse().ok());
    Some(Peer {
        address: address(&url)?,
        place: config.place(member.statement),
        down: member.has_status('D') || member.has_status('S'),
        backup: member.has_status('H') || member.has_status('R'),
        max_fails: u32::from(in_balancer && !member.has_status('I')),
        fail_timeout_ms: retry.unwrap_or(60_000),
        max_conns: number("max").unwrap_or(0),
        resolve: false,
    })
}

/// `AllowEncodedSlashes` of a server. A virtual host takes over the main server's only as long as it has no
/// directive of httpd's core at all, of which `ServerName` is one.
pub(super) fn encoded_slashes(config: &Config, server: usize) -> EncodedSlashes {
    let section = config.servers.get(server).map_or(ROOT, |server| server.section);
    let own = config.tree.last(section, "AllowEncodedSlashes");
    let inherited = || {
        let has_own_core = has_core_directive(config, section);
        (!has_own_core).then(|| config.tree.last(ROOT, "AllowEncodedSlashes"))?
    };
    match own.or_else(inherited) {
        Some(id) => match config.statement(id).argument(0).to_ascii_lowercase().as_str() {
            "on" => EncodedSlashes::Decoded,
            "nodecode" => EncodedSlashes::Kept,
            _ => EncodedSlashes::Refused,
        },
        None => EncodedSlashes::Refused,
    }
}

/// A section has a directive of the core module, so that httpd gives it core settings of its own.
fn has_core_directive(config: &Config, section: StatementId) -> bool {
    /// Always there, but not of the core module.
    const OTHERS: &[&str] = &[
        "BufferedLogs",
        "CustomLog",
        "GlobalLog",
        "KeepAlive",
        "KeepAliveTimeout",
        "LogFormat",
        "LogIOTrackTTFB",
        "MaxKeepAliveRequests",
        "Suexec",
        "TransferLog",
    ];
    config.tree.children(section).any(|id| {
        let statement = config.statement(id);
        let name = if statement.is_section() {
            format!("<{}", statement.name())
        } else {
            statement.name().to_owned()
        };
        directives::modules_of(&name).contains(&"core_module")
            && !OTHERS.iter().any(|other| statement.is(other))
    })
}
