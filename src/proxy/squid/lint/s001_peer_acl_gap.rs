//! A site that clients may ask for, and that no peer may be asked for: Squid answers 502 itself.

use std::collections::HashSet;

use super::super::access::AccessLine;
use super::super::ports::{Mode, Port};
use super::super::{Config, peers};
use super::{Check, MAX_NAMES, MAX_PORTS, Rule, is_for_all, problem, route};
use crate::evidence::{ConfigProblem, Handler, ProblemLevel, ProxyKind, Route, Snapshot, TextEdit};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "S001-peer-acl-gap",
        proxy: ProxyKind::Squid,
        title: "requests are let in for a site that no peer may be asked for",
        level: ProblemLevel::Error,
        cause: None,
        needs: None,
    },
    find,
};

/// A name to ask for, and the list that knows it.
struct Site {
    name: String,
    acl: Option<usize>,
    path: String,
}

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let ports: Vec<&Port> = config
        .ports
        .iter()
        .filter(|port| port.mode == Mode::Accelerator && !port.allow_direct)
        .take(MAX_PORTS)
        .collect();
    let mut told: HashSet<(u32, String)> = HashSet::new();
    for port in &ports {
        for site in default_site(port).into_iter().chain(asked(around, port)) {
            if let Some(route) = gap(config, port, &site) {
                report(config, port, &site, &route, &mut told, problems);
            }
        }
    }
    for site in allowed_sites(config) {
        // A site that another port serves is not missed on this one.
        let served = ports.iter().any(|port| {
            route(config, port, &site.name, &site.path)
                .is_some_and(|route| matches!(route.handler, Handler::Pass(_)))
        });
        let gap = || ports.iter().find_map(|port| Some((port, gap(config, port, &site)?)));
        if let Some((port, route)) = (!served).then(gap).flatten() {
            report(config, port, &site, &route, &mut told, problems);
        }
    }
    if told.is_empty() {
        nobody_else(config, problems);
    }
}

fn site(name: &str, acl: Option<usize>) -> Site {
    Site {
        name: name.to_owned(),
        acl,
        path: "/".to_owned(),
    }
}

fn default_site(port: &Port) -> Option<Site> {
    port.default_site.as_deref().map(|name| site(name, None))
}

/// The site of the URL that is being diagnosed.
fn asked(around: &Snapshot, port: &Port) -> Option<Site> {
    let target = &around.target;
    let here = target.url.is_some() && target.port == port.number && port.tls == (target.scheme == "https");
    here.then(|| Site {
        name: target.host.clone(),
        acl: None,
        path: target.path.clone(),
    })
}

/// One name of each list of domains by which `http_access` lets requests in.
fn allowed_sites(config: &Config) -> Vec<Site> {
    let mut seen = HashSet::new();
    let allowing = config.list("http_access").iter().filter(|line| line.allow);
    let lists = allowing
        .flat_map(|line| &line.terms)
        .filter(|term| !term.negated())
        .filter(|term| seen.insert(term.acl()));
    let mut sites = Vec::new();
    for term in lists {
        let Some(acl) = config.acls.get(term.acl()).filter(|acl| acl.kind() == "dstdomain") else {
            continue;
        };
        for value in acl.values() {
            if sites.len() >= MAX_NAMES {
                return sites;
            }
            let name = value.trim_start_matches('.');
            if !name.is_empty() {
                sites.push(site(name, Some(term.acl())));
            }
        }
    }
    sites
}

/// The way of a request that is let in and has no way out.
fn gap(config: &Config, port: &Port, site: &Site) -> Option<Route> {
    let route = route(config, port, &site.name, &site.path)?;
    let Handler::Return { place, .. } = &route.handler else {
        return None;
    };
    // Denied by `http_access`, the same line is the place of both; without a URL nothing was asked.
    let own = route.settings.squid.as_ref()?;
    let let_in = route.location.as_ref().is_some_and(|line| line.place != *place);
    (let_in && !own.url.is_empty()).then_some(route)
}

fn report(
    config: &Config,
    port: &Port,
    site: &Site,
    route: &Route,
    told: &mut HashSet<(u32, String)>,
    problems: &mut Vec<ConfigProblem>,
) {
    let Some(own) = route.settings.squid.as_ref() else {
        return;
    };
    let refusal = own.refused_peers.first();
    let at = refusal.map_or_else(
        || config.place_of(Some(port.statement)),
        |refusal| refusal.place.clone(),
    );
    if !told.insert((at.line, site.name.to_ascii_lowercase())) {
        return;
    }
    let status = status(config);
    let message = match own.refused_peers.as_slice() {
        [] if config.peers.is_empty() => format!(
            "requests for {} are let in, and there is no cache_peer to ask",
            site.name
        ),
        [] => format!(
            "requests for {} are let in, and no parent may be asked for it",
            site.name
        ),
        [one] => format!(
            "requests for {} are let in, and cache_peer_access keeps them from {}, the only parent",
            site.name, one.peer
        ),
        all => format!(
            "requests for {} are let in, and cache_peer_access keeps them from all {} parents",
            site.name,
            all.len()
        ),
    };
    let mut found = config.problem(CHECK.rule.id, CHECK.rule.level, at, message);
    found.effect = format!(
        "{status} always for {}: ERR_CANNOT_FORWARD, HIER_NONE in the access log",
        site.name
    );
    // Which of several parents has the site, only its owner knows.
    if let ([one], Some(acl)) = (
        own.refused_peers.as_slice(),
        site.acl.and_then(|acl| config.acls.get(acl)),
    ) {
        let line = format!("cache_peer_access {} allow {}", one.peer, acl.name());
        let peer = config.peers.iter().find(|peer| peer.name == one.peer);
        let first = peer.and_then(|peer| peer.access.first());
        found.edit = first.and_then(|first| {
            let place = config.place_of(Some(first.statement));
            // Lists must be defined above the line that names them.
            let own = config.place_of(acl.statement());
            let defined = acl.statement().is_some() && own.file == place.file && own.line < place.line;
            (defined && place.column == 1).then(|| TextEdit {
                file: place.file,
                start: (place.line, 1),
                end: (place.line, 1),
                replacement: format!("{line}\n"),
            })
        });
        found.repair = Some(line);
    }
    problems.push(found);
}

/// Every request has to go to a parent, and no parent may be asked for just any name.
fn nobody_else(config: &Config, problems: &mut Vec<ConfigProblem>) {
    let Some(never) = config
        .list("never_direct")
        .first()
        .filter(|line| line.allow && is_for_all(config, line))
    else {
        return;
    };
    if !config.list("always_direct").is_empty() || !lets_anything_in(config) {
        return;
    }
    let parents = || config.peers.iter().filter(|peer| peer.kind == peers::Kind::Parent);
    let closed = |lines: &[AccessLine]| {
        lines
            .first()
            .is_some_and(|line| !line.allow && is_for_all(config, line))
    };
    if parents().all(|peer| closed(&peer.access)) {
        let message = "every request has to go to a parent, and there is none that may be asked".to_owned();
        let mut found = problem(config, &CHECK.rule, never.statement, message);
        found.effect = format!("{} always: ERR_CANNOT_FORWARD", status(config));
        problems.push(found);
    }
}

fn lets_anything_in(config: &Config) -> bool {
    config.list("http_access").iter().any(|line| line.allow)
}

/// The status of `ERR_CANNOT_FORWARD`.
fn status(config: &Config) -> u16 {
    if config.environment.major() >= 5 { 502 } else { 503 }
}
