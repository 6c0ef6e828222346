//! One request through the configuration: port, URL, `http_access`, direct or peers, and what is sent there.

use std::net::{IpAddr, SocketAddr};

use super::access::{self, Verdict};
use super::matching::{Asked, Truth};
use super::peers::{self, Kind};
use super::ports::{Mode, Port};
use super::{Config, select, settings};
use crate::evidence::{
    Handler, NameAndPort, Named, Pass, Peer, PeerAddress, Place, PossibleReturn, Protocol, ProxyKind, Route,
    RouteSettings, Setting, SquidRefusal, SquidSettings, SquidWay,
};
use crate::proxy::RouteRequest;

/// The port that takes a connection: exactly this address, else every address.
fn port<'a>(config: &'a Config, request: &RouteRequest) -> Option<&'a Port> {
    if request.unix_socket.is_some() {
        return None;
    }
    let on_port = || config.ports.iter().filter(|port| port.number == request.port);
    let Some(local) = request.local_address else {
        return on_port().next();
    };
    let exact = on_port().find(|port| port.address == Some(local));
    let named = || on_port().find(|port| port.host.is_some());
    exact
        .or_else(|| on_port().find(|port| port.address.is_none() && port.host.is_none()))
        .or_else(named)
}

/// Where a request goes, or why it goes nowhere.
pub(super) fn route(config: &Config, request: &RouteRequest) -> Option<Route> {
    let port = port(config, request)?;
    let place = config.place_of(Some(port.statement));
    let (general, squid) = settings::general(config);
    let mut walk = Walk {
        config,
        port,
        route: Route {
            proxy: ProxyKind::Squid,
            listener: Some(config.listen(port)),
            server: Some(Named {
                name: format!("{} ({})", port.name, port.mode.name()),
                place: place.clone(),
            }),
            settings: general,
            ..Route::default()
        },
        squid,
        http_1_0: request.host.is_empty(),
    };
    port.mode.name().clone_into(&mut walk.squid.mode);
    if request.method == "CONNECT" && port.mode == Mode::Accelerator {
        // Refused before a URL is made of it.
        walk.route.handler = Handler::Return { status: 405, place };
    } else if let Some(asked) = select::asked(port, request) {
        walk.asked(&asked);
    } else {
        walk.route.handler = Handler::Return { status: 400, place };
    }
    walk.route.settings.squid = Some(Box::new(walk.squid));
    Some(walk.route)
}

struct Walk<'a> {
    config: &'a Config,
    port: &'a Port,
    route: Route,
    squid: SquidSettings,
    /// Only a request of HTTP/1.0 names no host.
    http_1_0: bool,
}

impl Walk<'_> {
    fn asked(&mut self, asked: &Asked) {
        self.squid.url.clone_from(&asked.url);
        if !self.access(asked) {
            return;
        }
        let reports = self.port.mode == Mode::Accelerator && asked.path.starts_with("/squid-internal-mgr/");
        if reports || asked.path.starts_with("/squid-internal-static/") || asked.scheme == "cache_object" {
            self.route.handler = Handler::Local("Squid's own pages".to_owned());
            return;
        }
        self.ways(asked);
    }

    fn location(&mut self, number: Option<usize>) {
        let name = match number.and_then(|number| self.config.statement(number)) {
            Some(statement) => format!("{}{}", statement.name(), statement.rest()),
            None => return,
        };
        self.route.location = Some(Named {
            name,
            place: self.config.place_of(number),
        });
    }

    /// `http_access`; false: the request is denied.
    fn access(&mut self, asked: &Asked) -> bool {
        let config = self.config;
        let lines = config.list("http_access");
        let verdict = access::ask(lines, &config.acls, asked, false);
        let allowed = verdict.allowed();
        let last = || lines.last().map(|line| line.statement);
        if allowed == Truth::No {
            let number = verdict.decided_by(false).or_else(last);
            self.location(number);
            self.route.handler = Handler::Return {
                status: self.denied_status(number, &asked.method),
                place: config.place_of(number),
            };
            return false;
        }
        self.location(verdict.decided_by(true).or_else(last));
        if allowed == Truth::Open {
            let open = verdict.open();
            for outcome in verdict.outcomes.iter().filter(|outcome| !outcome.allow) {
                let number = outcome.line.or_else(last);
                let possible = PossibleReturn {
                    status: self.denied_status(number, &asked.method),
                    depends_on: if outcome.open.is_empty() {
                        open.clone()
                    } else {
                        outcome.open.join(", ")
                    },
                    place: config.place_of(number),
                };
                self.route.possible_returns.push(possible);
            }
            let message = format!("whether http_access lets the request in depends on {open}");
            self.route.undetermined.push(message);
        }
        true
    }

    /// The status of a request that is denied: 403, or what `deny_info` says of the last list of the line.
    fn denied_status(&self, number: Option<usize>, method: &str) -> u16 {
        let terms = self
            .config
            .list("http_access")
            .iter()
            .find(|line| Some(line.statement) == number)
            .and_then(|line| line.terms.last());
        let Some(acl) = terms.and_then(|term| self.config.acls.get(term.acl())) else {
            return 403;
        };
        if matches!(acl.kind(), "proxy_auth" | "proxy_auth_regex") {
            return 407;
        }
        let mut infos = settings::statements(self.config, "deny_info");
        let names = |word: &str| word.eq_ignore_ascii_case(acl.name());
        let Some((_, info)) = infos.find(|(_, info)| info.words_from(1).any(names)) else {
            return 403;
        };
        let page = info.word(0);
        let status = page.split_once(':').and_then(|(status, _)| status.parse().ok());
        match status {
            Some(status) => status,
            // A request that is more than a look is to be sent again as it is.
            None if page.contains("://") && (self.http_1_0 || matches!(method, "GET" | "HEAD")) => 302,
            None if page.contains("://") => 307,
            None => 403,
        }
    }

    /// `always_direct`, `never_direct` and the port's mode, then the peers in their order.
    fn ways(&mut self, asked: &Asked) {
        let config = self.config;
        let ask = |directive: &str| {
            let lines = config.list(directive);
            if lines.is_empty() {
                return (Truth::No, Verdict::default());
            }
            let verdict = access::ask(lines, &config.acls, asked, false);
            (verdict.allowed(), verdict)
        };
        let (always, always_verdict) = ask("always_direct");
        let (never, never_verdict) = if always == Truth::Yes {
            (Truth::No, Verdict::default())
        } else {
            ask("never_direct")
        };
        for (directive, truth, verdict) in [
            ("always_direct", always, &always_verdict),
            ("never_direct", never, &never_verdict),
        ] {
            if truth == Truth::Open {
                let message = format!("whether {directive} holds depends on {}", verdict.open());
                self.route.undetermined.push(message);
            }
        }
        let forced = self.port.mode == Mode::Accelerator && !self.port.allow_direct;
        // Is the direct way open, and are parents asked?
        let direct = if forced {
            always
        } else {
            always.or(opposite(never))
        };
        let hierarchical =
            (asked.method == "GET" || asked.method == "TRACE") && !asked.intercepted && !asked.names_user;
        let peers_first = hierarchical || !config.is_on("nonhierarchical_direct");
        let must = if forced { Truth::Yes } else { never };
        let parents = opposite(always).and(if peers_first { Truth::Yes } else { must });
        let decider = always_verdict
            .decided_by(true)
            .or_else(|| never_verdict.decided_by(true));
        let (mut ways, mut places) = (Vec::new(), Vec::new());
        let mut sure_parent = false;
        if parents != Truth::No {
            sure_parent = self.parents(asked, parents == Truth::Open, &mut ways, &mut places);
        }
        if direct != Truth::No {
            let way = self.direct(asked, decider, direct == Truth::Open);
            let at = if config.is_on("prefer_direct") && never != Truth::Yes && !forced {
                0
            } else {
                ways.len()
            };
            ways.insert(at, way);
            places.insert(at, None);
        }
        if direct != Truth::No && ways.len() > 1 && !forced && config.measures_distance() {
            let message = "a server that Squid has measured as near (minimum_direct_rtt, minimum_direct_hops) is asked \
                           directly, without the peers";
            self.route.undetermined.push(message.to_owned());
        }
        let blamed = decider.unwrap_or(self.port.statement);
        // When the direct way is not to be taken after all and no parent is sure, there may be no way at all.
        if !ways.is_empty() && always != Truth::Yes && (forced || never != Truth::No) && !sure_parent {
            let verdicts = [always_verdict.open(), never_verdict.open()];
            let open: Vec<String> = verdicts.into_iter().filter(|names| !names.is_empty()).collect();
            let possible = PossibleReturn {
                status: self.cannot_forward_status(&asked.method),
                depends_on: if open.is_empty() {
                    "cache_peer_access".to_owned()
                } else {
                    open.join(", ")
                },
                place: config.place_of(Some(blamed)),
            };
            self.route.possible_returns.push(possible);
        }
        self.finish(asked, ways, &places, blamed);
    }

    /// The parents that may be used, in the order in which Squid picks them. True: of one of them no list is
    /// open.
    fn parents(
        &mut self,
        asked: &Asked,
        uncertain: bool,
        ways: &mut Vec<SquidWay>,
        places: &mut Vec<Option<usize>>,
    ) -> bool {
        let config = self.config;
        let mut open: Vec<(usize, bool)> = Vec::new();
        let mut sure = false;
        let mut queried = false;
        for (index, peer) in config.peers.iter().enumerate() {
            if !peer.no_query && peer.icp_port != 0 && peer.kind != Kind::Multicast {
                queried = true;
            }
            if peer.kind != Kind::Parent || !domain_allows(peer, &asked.host) {
                continue;
            }
            if peer.origin_server && asked.method == "CONNECT" && asked.port != peer.port {
                continue;
            }
            let verdict = access::ask(&peer.access, &config.acls, asked, true);
            match verdict.allowed() {
                Truth::Yes => {
                    sure = true;
                    open.push((index, uncertain));
                }
                Truth::Open => {
                    open.push((index, true));
                    let message = format!(
                        "whether peer {} may be used depends on {}",
                        peer.name,
                        verdict.open()
                    );
                    self.route.undetermined.push(message);
                }
                Truth::No => self.squid.refused_peers.push(SquidRefusal {
                    peer: peer.name.clone(),
                    place: config.place_of(Some(verdict.decided_by(false).unwrap_or(peer.statement))),
                }),
            }
        }
        if queried && !open.is_empty() {
            let message = "which peer answers first or has the object (ICP or HTCP queries)".to_owned();
            self.route.undetermined.push(message);
        }
        let members = |test: fn(&peers::Peer) -> bool| {
            let picked = open
                .iter()
                .filter(|(index, _)| config.peers.get(*index).is_some_and(test));
            picked.copied().collect::<Vec<_>>()
        };
        let groups: [(&str, Vec<(usize, bool)>); 5] = [
            ("SOURCEHASH_PARENT", members(|peer| peer.picked.sourcehash)),
            ("USERHASH_PARENT", members(|peer| peer.picked.userhash)),
            ("CARP", members(|peer| peer.picked.carp)),
            ("ROUNDROBIN_PARENT", members(|peer| peer.picked.round_robin)),
            (
                "ROUNDROBIN_PARENT",
                members(|peer| peer.picked.weighted_round_robin),
            ),
        ];
        let mut order: Vec<((usize, bool), &str)> = Vec::new();
        if let Some((code, group)) = groups.iter().find(|(_, group)| !group.is_empty()) {
            if group.len() > 1 {
                let message = format!("which of {} parents is first ({code})", group.len());
                self.route.undetermined.push(message);
            }
            order.extend(group.iter().map(|way| (*way, *code)));
        } else if let Some(first) = open.first() {
            order.push((*first, "FIRSTUP_PARENT"));
        }
        for way in &open {
            if !order.iter().any(|((index, _), _)| *index == way.0) {
                order.push((*way, "ANY_OLD_PARENT"));
            }
        }
        for ((index, uncertain), code) in order {
            if let Some(peer) = config.peers.get(index) {
                ways.push(self.way(asked, peer, code, uncertain));
                places.push(Some(index));
            }
        }
        sure
    }

    fn way(&self, asked: &Asked, peer: &peers::Peer, code: &str, uncertain: bool) -> SquidWay {
        let default_timeout_ms = self.config.connect_timeouts_ms().0;
        let own_timeout_ms = peer.connect_timeout_s.filter(|seconds| *seconds > 0);
        SquidWay {
            peer: Some(peer.name.clone()),
            place: self.config.place_of(Some(peer.statement)),
            authority: select::join(&peer.host, peer.port, 0),
            kind: peer.kind.name().to_owned(),
            picked_as: code.to_owned(),
            origin_server: peer.origin_server,
            request_target: if peer.origin_server && asked.method != "CONNECT" {
                asked.path.clone()
            } else {
                asked.url.clone()
            },
            host_header: peer
                .forced_domain
                .clone()
                .map_or_else(|| host_header(asked), String::from),
            tls: peer.tls,
            tls_name: peer.tls.then(|| {
                peer.tls_domain
                    .clone()
                    .map_or_else(|| peer.host.clone(), String::from)
            }),
            tls_verify: peer.tls
                && !peer
                    .tls_flags
                    .as_deref()
                    .unwrap_or_default()
                    .contains("DONT_VERIFY_PEER"),
            connect_timeout_ms: own_timeout_ms
                .map_or(default_timeout_ms, |seconds| seconds.saturating_mul(1000)),
            login: peer.login.as_deref().map(|login| match login {
                "PASS" | "PASSTHRU" | "NEGOTIATE" => login.to_owned(),
                _ => "set".to_owned(),
            }),
            uncertain,
        }
    }

    fn direct(&self, asked: &Asked, decider: Option<usize>, uncertain: bool) -> SquidWay {
        let connect = asked.method == "CONNECT";
        let outgoing = self.squid.tls_outgoing_options.value.as_str();
        let tls = asked.scheme == "https";
        SquidWay {
            place: self.config.place_of(Some(decider.unwrap_or(self.port.statement))),
            authority: select::join(&asked.host, asked.port, 0),
            picked_as: "HIER_DIRECT".to_owned(),
            origin_server: true,
            request_target: if connect {
                String::new()
            } else {
                asked.path.clone()
            },
            host_header: host_header(asked),
            tls,
            tls_name: tls.then(|| asked.host.clone()),
            tls_verify: tls && !outgoing.contains("DONT_VERIFY_PEER"),
            connect_timeout_ms: self.config.connect_timeouts_ms().1,
            uncertain,
            ..SquidWay::default()
        }
    }

    fn finish(&mut self, asked: &Asked, ways: Vec<SquidWay>, places: &[Option<usize>], blamed: usize) {
        let Some(first) = ways.first() else {
            // Squid's own ERR_CANNOT_FORWARD.
            self.route.handler = Handler::Return {
                status: self.cannot_forward_status(&asked.method),
                place: self.squid.refused_peers.first().map_or_else(
                    || self.config.place_of(Some(blamed)),
                    |refusal| refusal.place.clone(),
                ),
            };
            return;
        };
        let written = match places
            .first()
            .copied()
            .flatten()
            .and_then(|index| self.config.peers.get(index))
        {
            Some(peer) => self
                .config
                .statement(peer.statement)
                .map(|statement| statement.rest().trim().to_owned())
                .unwrap_or_default(),
            None => "direct".to_owned(),
        };
        let direct_at_run_time =
            ways.iter().any(|way| way.peer.is_none()) && asked.host.parse::<IpAddr>().is_err();
        let peers = ways.iter().zip(places).enumerate().map(|(index, (way, peer))| {
            let peer = peer.and_then(|index| self.config.peers.get(index));
            let (host, port) = peer.map_or((asked.host.as_str(), asked.port), |peer| {
                (peer.host.as_str(), peer.port)
            });
            Peer {
                address: address(host, port),
                place: way.place.clone(),
                backup: index > 0
                    && !matches!(
                        way.picked_as.as_str(),
                        "ROUNDROBIN_PARENT" | "CARP" | "SOURCEHASH_PARENT" | "USERHASH_PARENT"
                    ),
                max_fails: peer.map_or(0, |peer| peer.connect_fail_limit),
                max_conns: peer.map_or(0, |peer| peer.max_conn),
                resolve: true,
                ..Peer::default()
            }
        });
        let pass = Pass {
            protocol: Protocol::Http,
            tls: first.tls,
            written,
            place: first.place.clone(),
            peers: peers.collect(),
            proxy_host: first.authority.clone(),
            runtime_name: direct_at_run_time.then(|| NameAndPort {
                name: asked.host.clone(),
                port: asked.port,
            }),
            ..Pass::default()
        };
        self.route.request_target = Some(first.request_target.clone()).filter(|target| !target.is_empty());
        let timeout_place = self.timeout_place(first, places.first().copied().flatten());
        fill(&mut self.route.settings, first, timeout_place);
        let first_peer = places.first().copied().flatten();
        let first_peer = first_peer.and_then(|index| self.config.peers.get(index));
        let (authority, place) = if let Some(peer) = first_peer {
            (peer.tls_ca.clone().map(String::from), Some(first.place.clone()))
        } else {
            let outgoing = &self.squid.tls_outgoing_options;
            let cafile = outgoing
                .value
                .split_whitespace()
                .find_map(|word| word.strip_prefix("cafile="));
            (cafile.map(str::to_owned), outgoing.place.clone())
        };
        if first.tls {
            self.route.settings.tls_trusted_certificate = authority.map(|value| Setting { value, place });
        }
        let outgoing = self.outgoing_address(asked);
        self.route.settings.bind = outgoing;
        self.route.handler = Handler::Pass(Box::new(pass));
        self.squid.ways = ways;
    }

    fn cannot_forward_status(&self, method: &str) -> u16 {
        match (self.config.environment.major(), method) {
            (..5, _) => 503,
            (_, "CONNECT") => 500,
            _ => 502,
        }
    }

    fn timeout_place(&self, way: &SquidWay, peer: Option<usize>) -> Option<Place> {
        let own = peer
            .and_then(|index| self.config.peers.get(index))
            .is_some_and(|peer| peer.connect_timeout_s.is_some_and(|seconds| seconds > 0));
        if own {
            Some(way.place.clone())
        } else if way.peer.is_some() {
            self.squid.peer_connect_timeout_ms.place.clone()
        } else {
            self.squid.connect_timeout_ms.place.clone()
        }
    }

    /// The first `tcp_outgoing_address` of which all lists match.
    fn outgoing_address(&mut self, asked: &Asked) -> Option<Setting<String>> {
        let config = self.config;
        for (_, statement) in settings::statements(config, "tcp_outgoing_address") {
            let (terms, unknown) = config.acls.terms(statement.words_from(1));
            if !unknown.is_empty() {
                continue;
            }
            match config.acls.line_matches(&terms, asked) {
                Truth::No => {}
                Truth::Yes => {
                    return Some(Setting {
                        value: statement.word(0).to_owned(),
                        place: Some(config.source.place(&statement)),
                    });
                }
                Truth::Open => {
                    let open = config.acls.open_names(&terms, asked).join(", ");
                    let message = format!(
                        "whether connections come from {} depends on {open}",
                        statement.word(0)
                    );
                    self.route.undetermined.push(message);
                    return None;
                }
            }
        }
        None
    }
}

fn opposite(truth: Truth) -> Truth {
    match truth {
        Truth::Yes => Truth::No,
        Truth::No => Truth::Yes,
        Truth::Open => Truth::Open,
    }
}

fn domain_allows(peer: &peers::Peer, host: &str) -> bool {
    let found = peer.domains.iter().find(|(_, domain)| {
        let domain = domain.to_ascii_lowercase();
        match domain.strip_prefix('.') {
            Some(suffix) => host == suffix || host.ends_with(domain.as_str()),
            None => host == domain,
        }
    });
    match found {
        Some((allow, _)) => *allow,
        None => peer.domains.last().is_none_or(|(allow, _)| !allow),
    }
}

/// Host and port of the URL, the port only where it is not the scheme's own.
fn host_header(asked: &Asked) -> String {
    let default_port = match asked.scheme.as_str() {
        "http" => 80,
        "https" => 443,
        "ftp" => 21,
        _ => 0,
    };
    select::join(&asked.host, asked.port, default_port)
}

fn address(host: &str, port: u16) -> PeerAddress {
    match host.trim_start_matches('[').trim_end_matches(']').parse() {
        Ok(address) => PeerAddress::Ip(SocketAddr::new(address, port)),
        Err(_) => PeerAddress::Name(NameAndPort {
            name: host.to_owned(),
            port,
        }),
    }
}

/// The settings that are those of the first way.
fn fill(settings: &mut RouteSettings, way: &SquidWay, timeout_place: Option<Place>) {
    settings.connect_timeout = Some(Setting {
        value: way.connect_timeout_ms,
        place: timeout_place,
    });
    settings.request_headers = vec![("Host".to_owned(), way.host_header.clone())];
    if way.tls {
        let own = |value: bool| {
            Some(Setting {
                value,
                place: Some(way.place.clone()),
            })
        };
        settings.tls_server_name = own(true);
        settings.tls_verify = own(way.tls_verify);
        settings.tls_name = way.tls_name.clone().map(|value| Setting {
            value,
            place: Some(way.place.clone()),
        });
    }
}
