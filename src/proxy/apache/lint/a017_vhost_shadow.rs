//! A virtual host on one address hides those on all addresses; a name with `*` takes later names.

use super::super::{Config, Host, Server, StatementId};
use super::{Check, Rule, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};
use std::collections::HashMap;
use std::net::IpAddr;

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "A017-vhost-shadow",
        proxy: ProxyKind::Apache,
        title: "a virtual host hides another one",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

/// The hosts of one address and port; `None` is every address.
type Chain = (Option<IpAddr>, u16);

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let mut chains: HashMap<Chain, Vec<&Server>> = HashMap::new();
    let mut order: Vec<Chain> = Vec::new();
    for server in config.servers().iter().skip(1) {
        for address in &server.addresses {
            let ip = match &address.host {
                Host::Any => None,
                Host::Ip(ip) => Some(*ip),
                Host::Name(_) => continue,
            };
            let members = chains.entry((ip, address.port)).or_default();
            if members.is_empty() {
                order.push((ip, address.port));
            }
            if members.last().is_none_or(|last| last.section != server.section) {
                members.push(server);
            }
        }
    }
    let mut told = std::collections::HashSet::new();
    for chain in &order {
        let Some(members) = chains.get(chain) else {
            continue;
        };
        stolen_names(config, members, &mut told, problems);
        if let (Some(ip), port) = chain
            && let Some(others) = chains.get(&(None, *port))
        {
            hidden(config, around, (*ip, *port), members, others, problems);
        }
    }
}

/// Names that an earlier host of the same address takes.
fn stolen_names(
    config: &Config,
    members: &[&Server],
    told: &mut std::collections::HashSet<StatementId>,
    problems: &mut Vec<ConfigProblem>,
) {
    // `*.example.com` by what follows the star, and names by themselves.
    let mut taken: HashMap<String, &Server> = HashMap::new();
    for server in members {
        let own = server.name.as_deref().zip(server.name_statement);
        if let Some((name, statement)) = own {
            let name = name.to_ascii_lowercase();
            let dots = name.match_indices('.').map(|(index, _)| index);
            let mut keys = std::iter::once(name.clone())
                .chain(
                    dots.filter_map(|dot| name.get(dot..))
                        .map(|suffix| format!("*{suffix}")),
                )
                .chain(std::iter::once("*".to_owned()));
            if let Some(earlier) = keys
                .find_map(|key| taken.get(&key))
                .filter(|earlier| earlier.section != server.section)
                && told.insert(statement)
            {
                let message = format!(
                    "{name} is taken by the virtual host at {}, which comes first",
                    config.place(earlier.section)
                );
                let mut found = problem(config, &CHECK.rule, statement, message);
                "requests for this name get the answer of the other virtual host"
                    .clone_into(&mut found.effect);
                found.repair = Some("move this virtual host above the other one".to_owned());
                problems.push(found);
            }
        }
        for name in server.names() {
            taken.entry(name.to_ascii_lowercase()).or_insert(server);
        }
    }
}

/// Hosts of all addresses that a request to this address never reaches.
fn hidden(
    config: &Config,
    around: &Snapshot,
    (ip, port): (IpAddr, u16),
    members: &[&Server],
    others: &[&Server],
    problems: &mut Vec<ConfigProblem>,
) {
    // Of one more than are here, one is not.
    let absent = |other: &&&Server| !members.iter().any(|member| member.section == other.section);
    let target = &around.target;
    let wanted = target.url.is_some()
        && target.port == port
        && target
            .host
            .parse::<IpAddr>()
            .map_or(!ip.is_loopback(), |local| local == ip);
    let known = members.iter().any(|member| member.has_name(&target.host));
    let by_name = others
        .iter()
        .filter(|other| wanted && !known && other.name_statement.is_some() && other.has_name(&target.host))
        .find(absent);
    let found = match by_name {
        Some(other) => Some((other, ProblemLevel::Warning)),
        None if ip.is_loopback() => None,
        None => others
            .iter()
            .take(members.len().saturating_add(1))
            .find(absent)
            .map(|other| (other, ProblemLevel::Info)),
    };
    let (Some((other, level)), Some(first)) = (found, members.first()) else {
        return;
    };
    let address = std::net::SocketAddr::new(ip, port);
    let message = format!(
        "requests to {address} never reach the virtual hosts of every address, such as {}",
        config.place(other.section)
    );
    let mut found = problem(config, &CHECK.rule, first.section, message);
    found.level = level;
    "requests to this address get the answer of another virtual host".clone_into(&mut found.effect);
    found.repair = Some(format!("<VirtualHost *:{port}>"));
    problems.push(found);
}
