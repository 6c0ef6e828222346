//! Who else listens, where an endpoint of this host has no listener.

use std::net::SocketAddr;

use super::super::plan::Plan;
use super::super::{machine, proxies};
use crate::evidence::{Bytes, Listener, Observed, OtherListener, Snapshot};
use crate::host::{ExchangeQuery, Host};

/// Programs that are never the upstream of a web proxy.
const NEVER_UPSTREAM: [&str; 22] = [
    "sshd",
    "nginx",
    "dnsmasq",
    "systemd",
    "systemd-resolve",
    "named",
    "unbound",
    "mysqld",
    "mariadbd",
    "postgres",
    "redis-server",
    "memcached",
    "chronyd",
    "ntpd",
    "master",
    "exim4",
    "cupsd",
    "rpcbind",
    "dovecot",
    "fix502",
    "containerd",
    "dockerd",
];

/// Where an endpoint of this host has no listener: who else listens and could be the service.
pub(super) fn other_listeners(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    let missing = snapshot.endpoints.iter().any(|evidence| {
        evidence.on_this_host && evidence.listener.is_absent() && evidence.endpoint.tcp().is_some()
    });
    let Some(listeners) = snapshot.listeners.seen().filter(|_| missing) else {
        return;
    };
    let configured: Vec<String> = snapshot
        .config
        .seen()
        .map(|config| config.upstream_addresses.clone())
        .unwrap_or_default();
    let used = |address: &SocketAddr| {
        let text = address.to_string();
        let port = format!(":{}", address.port());
        configured
            .iter()
            .any(|known| *known == text || (known.starts_with("localhost") && known.ends_with(&port)))
    };
    let mut candidates: Vec<Listener> = listeners
        .iter()
        .filter(|listener| {
            let Some(address) = listener.endpoint.tcp() else {
                return false;
            };
            let owner = listener.processes.first().map_or("", |owner| owner.name.as_str());
            // What the host inside this program offers, this program offers; its front door is no upstream.
            let never = if plan.inside.is_some() {
                address.port() == snapshot.target.port
            } else {
                NEVER_UPSTREAM.contains(&owner)
            };
            let front = snapshot
                .proxy
                .as_ref()
                .is_some_and(|proxy| proxies::owns(proxy, listener));
            !front && !never && !used(&address) && address.port() != 53
        })
        .cloned()
        .collect();
    candidates.truncate(6);
    let identity = machine::network_of(snapshot);
    snapshot.other_listeners = std::thread::scope(|scope| {
        let threads: Vec<_> = candidates
            .into_iter()
            .map(|listener| {
                let identity = identity.clone();
                scope.spawn(move || {
                    let mut address = listener.endpoint.tcp();
                    if let Some(address) = address.as_mut().filter(|address| address.ip().is_unspecified()) {
                        address.set_ip(if address.is_ipv4() {
                            std::net::Ipv4Addr::LOCALHOST.into()
                        } else {
                            std::net::Ipv6Addr::LOCALHOST.into()
                        });
                    }
                    let exchange = address.map_or(Observed::Absent, |address| {
                        host.ask(&ExchangeQuery {
                            endpoint: address.to_string(),
                            request: Bytes(
                                b"GET / HTTP/1.0\r\nHost: localhost\r\nUser-Agent: fix502\r\n\r\n".to_vec(),
                            ),
                            connect_limit_ms: 500,
                            answer_limit_ms: 700,
                            keep_bytes: 1_024,
                            identity,
                            moment: 50,
                            ..ExchangeQuery::default()
                        })
                    });
                    OtherListener { listener, exchange }
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
}
