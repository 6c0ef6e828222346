//! `netstat -anl -p tcp` (`-l`: IPv6 addresses are not cut), `netstat -Lan -p tcp`, `netstat -an -f unix` and `lsof -nP -iTCP` (netstat(1), lsof(8)).
//!
//! `netstat` sees every socket and names no process; `lsof` names processes, but to root alone those of others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::evidence::{Endpoint, HeldConnection, Listener, ListenerOwner, Process};

/// The listeners of `netstat -anl -p tcp`, without their owners.
pub fn listeners(bytes: &[u8]) -> Vec<Listener> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [family, _, _, local, _, "LISTEN", ..] = words.as_slice() else {
                return None;
            };
            Some(Listener {
                endpoint: Endpoint::Tcp(address(local, *family != "tcp4")?),
                dual_stack: *family == "tcp46",
                waiting: 0,
                queue: None,
                processes: Vec::new(),
            })
        })
        .collect()
}

/// `127.0.0.1.8080`, `*.80`, `::1.3000`, `fe80::1%lo0.3000`.
fn address(text: &str, six: bool) -> Option<SocketAddr> {
    let (host, port) = text.rsplit_once('.')?;
    let port = port.parse().ok()?;
    let host: IpAddr = match host {
        "*" if six => Ipv6Addr::UNSPECIFIED.into(),
        "*" => Ipv4Addr::UNSPECIFIED.into(),
        host => host.split('%').next()?.parse().ok()?,
    };
    Some(SocketAddr::new(host, port))
}

/// The accept queues of `netstat -Lan -p tcp`: address, connections that wait, room.
pub fn queues(bytes: &[u8]) -> Vec<(SocketAddr, u64, u64)> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            // `0/0/128  *.80`, with the family before it on some versions.
            let counts = words.find(|word| word.contains('/'))?;
            let mut counts = counts.split('/');
            let waiting = counts.next()?.parse().ok()?;
            let room = counts.nth(1)?.parse().ok()?;
            let local = words.next()?;
            Some((address(local, local.matches(':').count() > 1)?, waiting, room))
        })
        .collect()
}

/// The listeners of `netstat -an -f unix`: bound sockets (they have an inode) without a peer.
pub fn unix_listeners(bytes: &[u8]) -> Vec<Listener> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, "stream", _, _, inode, peer, _, _, path] = words.as_slice() else {
                return None;
            };
            (*inode != "0" && *peer == "0" && path.starts_with('/')).then(|| Listener {
                endpoint: Endpoint::Unix((*path).to_owned()),
                dual_stack: false,
                waiting: 0,
                queue: None,
                processes: Vec::new(),
            })
        })
        .collect()
}

/// What `lsof -nP -iTCP` says of each socket: owner, local end, other end, state.
fn rows(bytes: &[u8]) -> Vec<(ListenerOwner, String, Option<String>, String)> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let name = words.next()?.replace(r"\x20", " ");
            let pid = words.next()?.parse().ok()?;
            words.find(|word| *word == "TCP")?;
            let ends = words.next()?;
            let state = words.next().unwrap_or_default().trim_matches(['(', ')']).to_owned();
            let (local, remote) = match ends.split_once("->") {
                Some((local, remote)) => (local, Some(remote.to_owned())),
                None => (ends, None),
            };
            let owner = ListenerOwner {
                pid,
                name,
                unit: None,
            };
            Some((owner, local.to_owned(), remote, state))
        })
        .collect()
}

/// Gives each listener the processes that `lsof` names for it.
pub fn owners(listeners: &mut [Listener], lsof: &[u8], processes: &[Process]) {
    for (owner, local, _, state) in rows(lsof) {
        if state != "LISTEN" {
            continue;
        }
        let Some((host, port)) = local.rsplit_once(':') else {
            continue;
        };
        let Ok(port) = port.parse::<u16>() else { continue };
        let host = host.trim_matches(['[', ']']);
        for listener in listeners.iter_mut() {
            let same = listener.endpoint.tcp().is_some_and(|address| {
                address.port() == port
                    && (host == "*" && address.ip().is_unspecified()
                        || host.parse::<IpAddr>().is_ok_and(|host| host == address.ip()))
            });
            if same && !listener.processes.iter().any(|known| known.pid == owner.pid) {
                let known = processes.iter().find(|process| process.pid == owner.pid);
                listener.processes.push(ListenerOwner {
                    // lsof cuts names at nine characters.
                    name: known.map_or_else(|| owner.name.clone(), |process| process.name.clone()),
                    unit: known.and_then(|process| process.unit.clone()),
                    pid: owner.pid,
                });
            }
        }
    }
}

/// The connections of some processes, established or on the way, from `lsof -nP -iTCP`.
pub fn connections(lsof: &[u8], of: &[u32]) -> Vec<HeldConnection> {
    rows(lsof)
        .into_iter()
        .filter(|(owner, ..)| of.contains(&owner.pid))
        .filter_map(|(owner, _, remote, state)| {
            let established = state == "ESTABLISHED";
            (established || state == "SYN_SENT").then_some(())?;
            Some(HeldConnection {
                remote: remote?.parse().ok()?,
                pid: owner.pid,
                established,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_of_netstat_get_their_owners_from_lsof() {
        let netstat = "Active Internet connections (including servers)\nProto Recv-Q Send-Q  Local Address          Foreign Address        (state)    \ntcp46      0      0  *.80                   *.*                    LISTEN     \ntcp4       0      0  127.0.0.1.3000         *.*                    LISTEN     \ntcp6       0      0  ::1.3001               *.*                    LISTEN     \ntcp4       0      0  192.0.2.5.51000        192.0.2.20.9000        SYN_SENT   \n";
        let mut found = listeners(netstat.as_bytes());
        assert_eq!(found.len(), 3);
        assert!(found[0].dual_stack);
        let lsof = "COMMAND   PID   USER   FD   TYPE             DEVICE SIZE/OFF NODE NAME\nnginx     812   root    6u  IPv6 0x1a2b3c4d5e6f7081      0t0  TCP *:80 (LISTEN)\nnginx     815 nobody    6u  IPv6 0x1a2b3c4d5e6f7081      0t0  TCP *:80 (LISTEN)\nnode      900   user   21u  IPv4 0x1a2b3c4d5e6f7082      0t0  TCP 127.0.0.1:3000 (LISTEN)\nnginx     815 nobody   11u  IPv4 0x1a2b3c4d5e6f7083      0t0  TCP 192.0.2.5:51000->192.0.2.20:9000 (SYN_SENT)\n";
        owners(&mut found, lsof.as_bytes(), &[]);
        let pids =
            |index: usize| -> Vec<u32> { found[index].processes.iter().map(|owner| owner.pid).collect() };
        assert_eq!((pids(0), pids(1), pids(2)), (vec![812, 815], vec![900], vec![]));
        let held = connections(lsof.as_bytes(), &[815]);
        assert_eq!(held.len(), 1);
        assert!(!held[0].established && held[0].remote.port() == 9000);
    }

    #[test]
    fn queues_and_socket_files_are_read() {
        let text = "Current listen queue sizes (qlen/incqlen/maxqlen)\nListen         Local Address         \n3/0/128        127.0.0.1.3000         \n0/0/511        *.80                   \n";
        let found = queues(text.as_bytes());
        assert_eq!(found[0], ("127.0.0.1:3000".parse().expect("an address"), 3, 128));
        let text = "Active LOCAL (UNIX) domain sockets\nAddress          Type   Recv-Q Send-Q            Inode             Conn             Refs          Nextref Addr\nc3a1b2d4e5f60718 stream      0      0 d1b2c3d4e5f60718                0                0                0 /srv/app/app.sock\nc3a1b2d4e5f60719 stream      0      0                0 c3a1b2d4e5f60720                0                0 /srv/app/app.sock\n";
        assert_eq!(unix_listeners(text.as_bytes()).len(), 1);
    }
}
