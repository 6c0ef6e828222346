//! Which application server of this host a `*_pass` leads to.

use std::net::IpAddr;

use foldhash::HashMap;

use super::super::tree::NodeId;
use super::super::{Config, pass};
use crate::evidence::{AppServer, Endpoint, PeerAddress, Snapshot};

/// The application servers of the host by where they listen.
pub(super) struct Applications<'a> {
    /// `None`: several listen on that port, on different addresses.
    by_port: HashMap<u16, Option<&'a AppServer>>,
    by_path: HashMap<&'a str, &'a AppServer>,
    /// Addresses of this host besides loopback.
    local: Vec<IpAddr>,
}

impl<'a> Applications<'a> {
    pub(super) fn of(around: &'a Snapshot) -> Self {
        let mut found = Self {
            by_port: HashMap::default(),
            by_path: HashMap::default(),
            local: around.limits.addresses.iter().map(|(address, _)| *address).collect(),
        };
        for application in &around.applications {
            for listen in &application.listens {
                if let Some(path) = listen.strip_prefix("unix:") {
                    found.by_path.insert(path, application);
                } else if let Some(port) = listen.rsplit(':').next().and_then(|port| port.parse().ok()) {
                    found.port(port, application);
                }
            }
        }
        let by_pid: HashMap<u32, &AppServer> = around
            .applications
            .iter()
            .map(|application| (application.pid, application))
            .collect();
        for listener in around.listeners.seen().into_iter().flatten() {
            let owner = listener.processes.iter().find_map(|owner| by_pid.get(&owner.pid));
            match (owner, &listener.endpoint) {
                (Some(application), Endpoint::Tcp(address)) => found.port(address.port(), application),
                (Some(application), Endpoint::Unix(path)) => {
                    found.by_path.insert(path, application);
                }
                (None, _) => {}
            }
        }
        found
    }

    fn port(&mut self, port: u16, application: &'a AppServer) {
        self.by_port
            .entry(port)
            .and_modify(|known| *known = known.filter(|known| known.pid == application.pid))
            .or_insert(Some(application));
    }

    /// The application at an address.
    pub(super) fn at(&self, address: &PeerAddress) -> Option<&'a AppServer> {
        match address {
            PeerAddress::Unix(path) => self.by_path.get(path.as_str()).copied(),
            PeerAddress::Ip(address) if self.is_local(address.ip()) => {
                self.by_port.get(&address.port()).copied().flatten()
            }
            PeerAddress::Name(name) if name.name == "localhost" => {
                self.by_port.get(&name.port).copied().flatten()
            }
            PeerAddress::Ip(_) | PeerAddress::Name(_) => None,
        }
    }

    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.local.contains(&address)
    }

    /// The first application that a `*_pass` leads to.
    pub(super) fn behind(&self, config: &Config, node: NodeId) -> Option<&'a AppServer> {
        let tree = &config.tree;
        let destination = pass::destination(pass::protocol(tree.name(node)), tree.argument(node, 0));
        match tree.upstream(pass::host_and_port(destination.authority).0) {
            Some(group) => pass::group_peers(config, group)
                .iter()
                .find_map(|peer| self.at(&peer.address)),
            None => self.at(&pass::address(
                destination.authority,
                if destination.tls { 443 } else { 80 },
            )),
        }
    }
}
