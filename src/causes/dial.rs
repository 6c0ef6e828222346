//! Remedies that change where the proxy dials, as whole lines of its configuration.
//!
//! A remedy is written over the line that it names, so it has to be a directive that the server accepts: never
//! a bare address. Where the line cannot be written with certainty, the remedy is advice in words.

use super::facts::passing_route;
use crate::evidence::{Endpoint, EndpointEvidence, Peer, PeerAddress, ProxyKind, Snapshot};
use crate::finding::Remedy;

/// The address of a peer as the configuration writes it.
pub(super) fn peer_text(address: &PeerAddress) -> String {
    match address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
        PeerAddress::Unix(path) => format!("unix:{path}"),
    }
}

/// A `server` line of an upstream block with these parameters put in.
pub(super) fn server_line(peer: &Peer, parameters: &str) -> String {
    let mut line = format!("server {}", peer_text(&peer.address));
    if peer.backup {
        line.push_str(" backup");
    }
    if peer.resolve {
        line.push_str(" resolve");
    }
    if !parameters.is_empty() {
        line.push(' ');
        line.push_str(parameters);
    }
    line.push(';');
    line
}

/// A nameserver's address as nginx's `resolver` directive takes it: IPv6 in brackets.
pub(super) fn resolver_address(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => address.to_string(),
        std::net::IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// An address that can be dialled for a listener: a wildcard stands for loopback.
pub(super) fn dialable(endpoint: &Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Tcp(address) if address.ip().is_unspecified() => {
            let mut address = *address;
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
            Endpoint::Tcp(address)
        }
        other => other.clone(),
    }
}

/// Lets the proxy dial `new` where it dials `evidence` now.
pub(super) fn dial(
    snapshot: &Snapshot,
    evidence: &EndpointEvidence,
    new: &Endpoint,
    condition: &str,
) -> Remedy {
    let Some((route, pass)) = passing_route(snapshot) else {
        return Remedy::advise(format!("{condition}let the proxy dial {new}"));
    };
    if route.proxy != ProxyKind::Nginx {
        return Remedy::advise(format!(
            "{condition}let the proxy dial {new}, test its configuration and reload it"
        ));
    }
    let summary = format!("{condition}let the proxy dial {new}, then nginx -t && nginx -s reload");
    let same_line = evidence.place.file == pass.place.file && evidence.place.line == pass.place.line;
    let written = if same_line {
        let names = pass.peers.iter().flat_map(|peer| {
            let bare = match &peer.address {
                PeerAddress::Name(name) => Some(name.name.clone()),
                PeerAddress::Ip(_) | PeerAddress::Unix(_) => None,
            };
            std::iter::once(peer_text(&peer.address)).chain(bare)
        });
        names
            .into_iter()
            .find(|old| pass.written.contains(old.as_str()))
            .map(|old| {
                let target = pass.written.replacen(&old, &new.to_string(), 1);
                format!("{}_pass {target};", pass.protocol.directive_prefix())
            })
    } else {
        (evidence.place.line > 0).then(|| format!("server {new};"))
    };
    match written {
        Some(line) if same_line => Remedy::edit(summary, &evidence.place, line),
        Some(line) => Remedy::edit(
            format!("{summary} (keep the other parameters of the line)"),
            &evidence.place,
            line,
        ),
        None => Remedy::advise(summary),
    }
}
