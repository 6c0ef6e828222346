//! `ss` and `netstat` as a person pastes them.
//!
//! Without its heading a table may be what a filter left over: then a missing socket proves nothing.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::evidence::{Endpoint, Listener, ListenerOwner};

/// What a pasted table of sockets says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketList {
    /// The sockets that listen.
    pub listeners: Vec<Listener>,
    /// The table has its heading and TCP sockets, so a TCP port that is not in it has no listener.
    pub whole_tcp: bool,
    /// The same for unix sockets.
    pub whole_unix: bool,
    /// Connections towards each remote address, in any state that keeps a local port from being used again.
    pub towards: Vec<(SocketAddr, u64)>,
}

/// True for a line of such a table.
pub fn is_line(line: &str) -> bool {
    is_heading(line) || row(line).is_some()
}

/// True for the heading of such a table.
pub fn is_heading(line: &str) -> bool {
    (line.contains("Recv-Q") && line.contains("Send-Q"))
        || line.starts_with("Active Internet connections")
        || line.starts_with("Active UNIX domain sockets")
        || line.starts_with("Proto RefCnt Flags")
}

/// Reads such a table.
pub fn read(text: &str) -> SocketList {
    let mut list = SocketList::default();
    let mut heading = false;
    let (mut tcp, mut unix) = (false, false);
    for line in text.lines() {
        if is_heading(line) {
            heading = true;
            continue;
        }
        let Some(row) = row(line) else { continue };
        match row {
            Row::Listens(listener) => {
                if listener.endpoint.tcp().is_some() {
                    tcp = true;
                } else {
                    unix = true;
                }
                list.listeners.push(*listener);
            }
            Row::Towards(address) => match list.towards.iter_mut().find(|(known, _)| *known == address) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => list.towards.push((address, 1)),
            },
            Row::Other => {}
        }
    }
    list.whole_tcp = heading && tcp;
    list.whole_unix = heading && unix;
    list
}

enum Row {
    Listens(Box<Listener>),
    Towards(SocketAddr),
    Other,
}

/// States that `ss` and `netstat` print.
const STATES: [&str; 19] = [
    "LISTEN",
    "LISTENING",
    "ESTAB",
    "ESTABLISHED",
    "TIME-WAIT",
    "TIME_WAIT",
    "SYN-SENT",
    "SYN_SENT",
    "SYN-RECV",
    "SYN_RECV",
    "CLOSE-WAIT",
    "CLOSE_WAIT",
    "FIN-WAIT-1",
    "FIN_WAIT1",
    "FIN-WAIT-2",
    "FIN_WAIT2",
    "LAST-ACK",
    "LAST_ACK",
    "UNCONN",
];

fn row(line: &str) -> Option<Row> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let state = words.iter().position(|word| STATES.contains(word))?;
    // `ss` has the state among the first two words, `netstat` behind the addresses.
    if state <= 1 {
        return of_ss(&words, state);
    }
    of_netstat(&words, state)
}

fn of_ss(words: &[&str], state: usize) -> Option<Row> {
    let waiting: u64 = words.get(state + 1)?.parse().ok()?;
    let limit: u64 = words.get(state + 2)?.parse().ok()?;
    let local = words.get(state + 3)?;
    if words.get(state).copied() == Some("LISTEN") {
        let endpoint = endpoint(local)?;
        return Some(Row::Listens(Box::new(Listener {
            dual_stack: local.starts_with('*'),
            endpoint,
            waiting,
            queue: Some(limit),
            processes: words
                .get(state + 4..)
                .map_or_else(Vec::new, |rest| owners(&rest.join(" "))),
        })));
    }
    Some(match words.get(state + 4).and_then(|peer| socket(peer)) {
        Some(address) => Row::Towards(address),
        None => Row::Other,
    })
}

fn of_netstat(words: &[&str], state: usize) -> Option<Row> {
    let protocol = words.first()?;
    if *protocol == "unix" {
        if words.get(state).copied() != Some("LISTENING") {
            return Some(Row::Other);
        }
        let path = words
            .iter()
            .rev()
            .find(|word| word.starts_with('/') && !word.contains("/."))?;
        return Some(Row::Listens(Box::new(Listener {
            endpoint: Endpoint::Unix((*path).to_owned()),
            dual_stack: false,
            waiting: 0,
            queue: None,
            processes: Vec::new(),
        })));
    }
    if !protocol.starts_with("tcp") {
        return None;
    }
    let waiting: u64 = words.get(1)?.parse().ok()?;
    let local = words.get(3)?;
    if words.get(state).copied() == Some("LISTEN") {
        let owner = words.get(state + 1).and_then(|word| word.split_once('/'));
        return Some(Row::Listens(Box::new(Listener {
            endpoint: endpoint(local)?,
            dual_stack: *protocol == "tcp6" && local.starts_with(":::"),
            waiting,
            queue: None,
            processes: owner
                .and_then(|(pid, name)| {
                    Some(ListenerOwner {
                        pid: pid.parse().ok()?,
                        name: name.trim_end_matches(':').to_owned(),
                        unit: None,
                    })
                })
                .into_iter()
                .collect(),
        })));
    }
    Some(match words.get(4).and_then(|peer| socket(peer)) {
        Some(address) => Row::Towards(address),
        None => Row::Other,
    })
}

fn endpoint(text: &str) -> Option<Endpoint> {
    if text.starts_with('/') {
        return Some(Endpoint::Unix(text.to_owned()));
    }
    socket(text).map(Endpoint::Tcp)
}

/// `127.0.0.1:80`, `127.0.0.53%lo:53`, `[::]:80`, `*:80`, `:::80`, `0.0.0.0:http` does not count.
fn socket(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let address = address.split('%').next().unwrap_or(address);
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let address = match address {
        "*" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "0.0.0.0" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        other => other.parse().ok()?,
    };
    Some(SocketAddr::new(address, port))
}

/// `users:(("python3",pid=77,fd=3),("nginx",pid=1,fd=6))`.
fn owners(text: &str) -> Vec<ListenerOwner> {
    text.split("(\"")
        .skip(1)
        .filter_map(|part| {
            let (name, rest) = part.split_once('"')?;
            let pid = rest.split("pid=").nth(1)?;
            let pid = pid.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
            Some(ListenerOwner {
                pid,
                name: name.to_owned(),
                unit: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_ss_is_read_with_its_owners() {
        let list = read(
            "State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n\
             LISTEN 0      511    0.0.0.0:80         0.0.0.0:*         users:((\"nginx\",pid=8,fd=6))\n\
             LISTEN 3      2048   127.0.0.1:8000     0.0.0.0:*         users:((\"gunicorn\",pid=77,fd=5))\n\
             LISTEN 0      128    *:9090             *:*\n",
        );
        assert!(list.whole_tcp && !list.whole_unix);
        assert_eq!(list.listeners.len(), 3);
        assert_eq!(list.listeners[1].endpoint.to_string(), "127.0.0.1:8000");
        assert_eq!(list.listeners[1].processes[0].name, "gunicorn");
        assert_eq!(list.listeners[1].waiting, 3);
        assert!(list.listeners[2].dual_stack);
    }

    #[test]
    fn what_a_filter_left_over_is_not_the_whole_table() {
        let list = read("LISTEN 0 511 0.0.0.0:80 0.0.0.0:*\n");
        assert!(!list.whole_tcp);
        assert_eq!(list.listeners.len(), 1);
    }

    #[test]
    fn netstat_and_unix_sockets_are_read() {
        let list = read(
            "Active Internet connections (only servers)\n\
             Proto Recv-Q Send-Q Local Address   Foreign Address  State   PID/Program name\n\
             tcp   0      0      127.0.0.1:3000  0.0.0.0:*        LISTEN  812/node\n\
             tcp6  0      0      :::80           :::*             LISTEN  1/nginx: master\n",
        );
        assert_eq!(list.listeners[0].processes[0].name, "node");
        assert!(list.listeners[1].dual_stack);
        let unix = read(
            "Netid State  Recv-Q Send-Q Local Address:Port Peer Address:Port\nu_str LISTEN 0 4096 /run/php/php8.2-fpm.sock 12 * 0\n",
        );
        assert!(unix.whole_unix);
        assert_eq!(
            unix.listeners[0].endpoint.unix(),
            Some("/run/php/php8.2-fpm.sock")
        );
    }

    #[test]
    fn connections_are_counted_by_their_end() {
        let list = read(
            "State Recv-Q Send-Q Local Peer\nTIME-WAIT 0 0 10.0.0.1:40000 10.0.0.2:80\nTIME-WAIT 0 0 10.0.0.1:40001 10.0.0.2:80\n",
        );
        assert_eq!(list.towards.len(), 1);
        assert_eq!(list.towards[0].1, 2);
    }

    #[test]
    fn hostile_lines_do_no_harm() {
        for line in [
            "LISTEN",
            "LISTEN x y z",
            "tcp LISTEN",
            "unix 2 LISTENING",
            "a b LISTEN",
            "LISTEN 0 0 :",
        ] {
            assert_eq!(read(line).listeners.len(), 0, "{line:?}");
        }
    }
}
