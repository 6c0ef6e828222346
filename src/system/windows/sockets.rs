//! `netstat -ano` (learn.microsoft.com, "netstat").

use std::net::SocketAddr;

use super::text;
use crate::evidence::{Endpoint, HeldConnection, Listener, ListenerOwner, Process};

/// Protocol, local end, other end, state, process of each TCP line.
fn rows(text: &str) -> impl Iterator<Item = (SocketAddr, SocketAddr, &str, u32)> {
    text.lines().filter_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["TCP", local, remote, state @ .., pid] = words.as_slice() else {
            return None;
        };
        Some((
            address(local)?,
            address(remote)?,
            state.first().copied().unwrap_or_default(),
            pid.parse().ok()?,
        ))
    })
}

/// `[fe80::1%12]:80` has its zone inside the brackets.
fn address(text: &str) -> Option<SocketAddr> {
    if let Some((before, after)) = text.split_once('%') {
        let (_, port) = after.split_once(']')?;
        return format!("{before}]{port}").parse().ok();
    }
    text.parse().ok()
}

/// The listeners. Who listens has no other end: its port is 0, whatever the state is called in the language of the
/// system.
pub fn listeners(bytes: &[u8], processes: &[Process]) -> Vec<Listener> {
    let text = text(bytes);
    let mut found: Vec<Listener> = Vec::new();
    for (local, remote, _, pid) in rows(&text).filter(|(_, remote, ..)| remote.port() == 0) {
        let owner = processes.iter().find(|process| process.pid == pid);
        let owner = ListenerOwner {
            pid,
            name: owner.map_or_else(String::new, |process| process.name.clone()),
            unit: owner.and_then(|process| process.unit.clone()),
        };
        debug_assert_eq!(remote.port(), 0, "only listeners are left");
        match found.iter_mut().find(|known| known.endpoint == Endpoint::Tcp(local)) {
            Some(known) => known.processes.push(owner),
            None => found.push(Listener {
                endpoint: Endpoint::Tcp(local),
                dual_stack: false,
                waiting: 0,
                queue: None,
                processes: vec![owner],
            }),
        }
    }
    found
}

/// The connections of some processes, established or on the way.
pub fn connections(bytes: &[u8], of: &[u32]) -> Vec<HeldConnection> {
    let text = text(bytes);
    rows(&text)
        .filter(|(_, remote, _, pid)| remote.port() != 0 && of.contains(pid))
        .filter_map(|(_, remote, state, pid)| {
            let established = matches!(state, "ESTABLISHED" | "HERGESTELLT" | "ESTABLECIDO" | "STABILITO");
            (established || state.starts_with("SYN")).then_some(HeldConnection {
                remote,
                pid,
                established,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_known_by_their_missing_other_end() {
        let text = "\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n  TCP    0.0.0.0:80             0.0.0.0:0              LISTENING       4100\r\n  TCP    0.0.0.0:80             0.0.0.0:0              ABHÖREN         4104\r\n  TCP    [fe80::5%12]:135       [::]:0                 LISTENING       800\r\n  TCP    192.0.2.5:51000        192.0.2.20:9000        SYN_SENT        4104\r\n  UDP    0.0.0.0:5353           *:*                                    1804\r\n";
        let found = listeners(text.as_bytes(), &[]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].processes.len(), 2);
        let held = connections(text.as_bytes(), &[4_104]);
        assert_eq!(held.len(), 1);
        assert!(!held[0].established);
    }
}
