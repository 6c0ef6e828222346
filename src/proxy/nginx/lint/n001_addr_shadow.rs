//! A server on one address and port hides all servers that listen on the port of every address.

use std::net::IpAddr;

use foldhash::HashMap;

use super::super::Config;
use super::super::server_select::{Server, Socket};
use super::{Check, Rule, edits, problem};
use crate::evidence::{ConfigProblem, ProblemLevel, ProxyKind, Snapshot};

pub(super) const CHECK: Check<Config> = Check {
    rule: Rule {
        id: "N001-addr-shadow",
        proxy: ProxyKind::Nginx,
        title: "a listen on one address hides the servers of all addresses",
        level: ProblemLevel::Warning,
        cause: None,
        needs: None,
    },
    find,
};

fn find(config: &Config, around: &Snapshot, problems: &mut Vec<ConfigProblem>) {
    let sockets = edits::by_socket(config);
    // Servers of the wildcard, by family and port.
    let mut everywhere: HashMap<(bool, u16), &[&Server]> = HashMap::default();
    for (socket, servers) in &sockets {
        if let Socket::Ip(address) = socket
            && address.ip().is_unspecified()
        {
            everywhere.insert((address.is_ipv4(), address.port()), servers);
        }
    }
    let asked = edits::asked(around);
    for (socket, servers) in &sockets {
        let Socket::Ip(address) = socket else { continue };
        let Some(others) = everywhere.get(&(address.is_ipv4(), address.port())) else {
            continue;
        };
        if address.ip().is_unspecified() {
            continue;
        }
        // Of one more than listen here, one does not.
        let hidden = |other: &&&Server| !servers.iter().any(|server| server.node == other.node);
        let wanted = asked
            .as_ref()
            .filter(|asked| asked.port == address.port() && may_arrive(asked.local_address, address.ip()));
        let found = match wanted {
            Some(asked) if !servers.iter().any(|server| has_name(server, &asked.host)) => others
                .iter()
                .filter(|other| has_name(other, &asked.host))
                .find(hidden)
                .map(|other| (other, ProblemLevel::Warning)),
            _ => others
                .iter()
                .take(servers.len().saturating_add(1))
                .filter(|_| !address.ip().is_loopback())
                .find(hidden)
                .map(|other| (other, ProblemLevel::Info)),
        };
        let Some((other, level)) = found else { continue };
        let listen = servers
            .iter()
            .flat_map(|server| &server.listens)
            .find(|listen| listen.socket == **socket);
        let Some(node) = listen.and_then(|listen| listen.node) else {
            continue;
        };
        let message = format!(
            "requests to {address} never reach the servers of port {}, such as {}",
            address.port(),
            config.place(other.node)
        );
        let mut told = problem(config, &CHECK.rule, node, message);
        told.level = level;
        "requests to this address get the answer of another server".clone_into(&mut told.effect);
        told.repair = Some(format!("listen {address}; in the hidden server too"));
        problems.push(told);
    }
}

/// A connection may come in through this address, as far as is known.
fn may_arrive(local: Option<IpAddr>, address: IpAddr) -> bool {
    local.map_or(!address.is_loopback(), |local| local == address)
}

fn has_name(server: &Server, host: &str) -> bool {
    server.names.iter().any(|name| {
        let text = name.text.as_str();
        let below = text
            .strip_prefix('*')
            .or_else(|| text.strip_prefix('.').map(|_| text));
        text == host
            || below.is_some_and(|below| host.ends_with(below) || below.strip_prefix('.') == Some(host))
    })
}
