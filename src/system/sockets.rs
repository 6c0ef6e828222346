//! `/proc/<pid>/net/{tcp,tcp6,unix}`: who listens, and how many connections an endpoint has.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::evidence::{Endpoint, Listener, ListenerOwner, Process};

/// One TCP socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// This side.
    pub local: SocketAddr,
    /// The other side.
    pub remote: SocketAddr,
    /// State, as the kernel numbers it (10: LISTEN, 6: TIME-WAIT, 1: ESTABLISHED).
    pub state: u8,
    /// For a listener: connections that wait to be accepted.
    pub receive_queue: u64,
    /// Inode; 0 for TIME-WAIT.
    pub inode: u64,
}

const LISTEN: u8 = 10;

/// Reads the table of TCP sockets of either family.
pub fn tcp_table(bytes: &[u8]) -> Vec<TcpSocket> {
    String::from_utf8_lossy(bytes)
        .lines()
        .skip(1)
        .filter_map(tcp_line)
        .collect()
}

fn tcp_line(line: &str) -> Option<TcpSocket> {
    let mut words = line.split_whitespace().skip(1);
    let local = address(words.next()?)?;
    let remote = address(words.next()?)?;
    let state = u8::from_str_radix(words.next()?, 16).ok()?;
    let (_, receive) = words.next()?.split_once(':')?;
    Some(TcpSocket {
        local,
        remote,
        state,
        receive_queue: u64::from_str_radix(receive, 16).ok()?,
        inode: words.nth(4)?.parse().ok()?,
    })
}

/// `0100007F:1F90`, in the byte order of the machine (little-endian words).
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::to_le_bytes);
    let address = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(address)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, chunk) in bytes.chunks_mut(4).enumerate() {
                chunk.copy_from_slice(&word(address.get(index * 8..index * 8 + 8)?)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// State of a socket whose connection stands, and of one that waits for the other end's first answer.
pub const ESTABLISHED: u8 = 1;
/// See [`ESTABLISHED`].
pub const SYN_SENT: u8 = 2;

/// The raw tables of one network namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables<'a> {
    /// `net/tcp`.
    pub tcp: &'a [u8],
    /// `net/tcp6`.
    pub tcp6: &'a [u8],
    /// `net/unix`.
    pub unix: &'a [u8],
    /// `net.ipv6.bindv6only` is set.
    pub v6_only: bool,
}

/// All listeners of a namespace with their owners.
pub fn listeners(
    tables: &Tables<'_>,
    owners: &BTreeMap<u64, Vec<u32>>,
    processes: &[Process],
) -> Vec<Listener> {
    let owner = |inode: u64| -> Vec<ListenerOwner> {
        owners
            .get(&inode)
            .into_iter()
            .flatten()
            .map(|pid| {
                let process = processes.iter().find(|process| process.pid == *pid);
                ListenerOwner {
                    pid: *pid,
                    name: process.map(|process| process.name.clone()).unwrap_or_default(),
                    unit: process.and_then(|process| process.unit.clone()),
                }
            })
            .collect()
    };
    let mut found: Vec<Listener> = tcp_table(tables.tcp)
        .into_iter()
        .chain(tcp_table(tables.tcp6))
        .filter(|socket| socket.state == LISTEN)
        .map(|socket| Listener {
            endpoint: Endpoint::Tcp(socket.local),
            dual_stack: socket.local.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) && !tables.v6_only,
            waiting: socket.receive_queue,
            queue: None,
            processes: owner(socket.inode),
        })
        .collect();
    found.extend(
        unix_listeners(tables.unix).into_iter().map(|(path, inode)| Listener {
            endpoint: Endpoint::Unix(path),
            dual_stack: false,
            waiting: 0,
            queue: None,
            processes: owner(inode),
        }),
    );
    found
}

/// Paths of listening unix stream sockets with their inodes.
fn unix_listeners(bytes: &[u8]) -> Vec<(String, u64)> {
    String::from_utf8_lossy(bytes)
        .lines()
        .skip(1)
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let flags = u32::from_str_radix(words.get(3)?, 16).ok()?;
            let accepts = flags & 0x0001_0000 != 0;
            let path = words.get(7)?;
            (accepts && path.starts_with('/')).then_some(())?;
            Some(((*path).to_owned(), words.get(6)?.parse().ok()?))
        })
        .collect()
}

/// Local ports in use towards one endpoint, in any state that keeps a port from being used again.
pub fn ports_used_towards(tables: &Tables<'_>, endpoint: SocketAddr) -> u64 {
    let sockets = if endpoint.is_ipv4() {
        tcp_table(tables.tcp)
    } else {
        tcp_table(tables.tcp6)
    };
    sockets
        .iter()
        .filter(|socket| socket.remote == endpoint && socket.state != LISTEN)
        .count() as u64
}

/// Lengths of the accept queues from `ss -Hltn` and `ss -Hlxn`: waiting and limit for each address.
pub fn queues(bytes: &[u8]) -> Vec<(String, u64, u64)> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let state = words.iter().position(|word| *word == "LISTEN")?;
            let waiting = words.get(state + 1)?.parse().ok()?;
            let limit = words.get(state + 2)?.parse().ok()?;
            Some((words.get(state + 3)?.replace('*', "0.0.0.0"), waiting, limit))
        })
        .collect()
}

/// True when a listener takes connections to this address.
pub fn takes(listener: &Listener, wanted: &Endpoint) -> bool {
    match (&listener.endpoint, wanted) {
        (Endpoint::Unix(one), Endpoint::Unix(other)) => one == other,
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
            one.port() == other.port()
                && (one.ip() == other.ip()
                    || (one.ip().is_unspecified()
                        && (one.is_ipv4() == other.is_ipv4() || (listener.dual_stack && other.is_ipv4())))
                    || mapped(one.ip()) == Some(other.ip()))
        }
        _ => false,
    }
}

fn mapped(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V6(address) => address.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:2329 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n   1: 0100007F:9C40 0100007F:2328 06 00000000:00000000 00:00000000 00000000     0        0 0 1 0 100 0 0 10 0\n";

    #[test]
    fn a_listener_is_read_with_its_queue() {
        let tables = Tables {
            tcp: TCP,
            ..Tables::default()
        };
        let found = listeners(&tables, &BTreeMap::from([(4711, vec![7])]), &[]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].endpoint.to_string(), "127.0.0.1:9001");
        assert_eq!(found[0].waiting, 3);
        assert_eq!(found[0].processes[0].pid, 7);
    }

    #[test]
    fn time_wait_keeps_a_port() {
        let tables = Tables {
            tcp: TCP,
            ..Tables::default()
        };
        assert_eq!(
            ports_used_towards(&tables, "127.0.0.1:9000".parse().expect("address")),
            1
        );
    }

    #[test]
    fn a_dual_stack_wildcard_takes_ipv4_and_a_single_one_does_not() {
        let mut listener = Listener {
            endpoint: Endpoint::parse("[::]:80").expect("endpoint"),
            dual_stack: true,
            waiting: 0,
            queue: None,
            processes: Vec::new(),
        };
        let four = Endpoint::parse("127.0.0.1:80").expect("endpoint");
        assert!(takes(&listener, &four));
        listener.dual_stack = false;
        assert!(!takes(&listener, &four));
    }
}
