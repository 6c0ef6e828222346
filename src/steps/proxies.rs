//! The running proxies among the processes, and the one that takes the connections for the target.

use super::machine::own_process;
use super::retry;
use crate::evidence::{Endpoint, Listener, Observed, Process, ProxyKind, ProxyProcess, Snapshot};
use crate::host::{DescriptorUse, Host};
use crate::system::sockets;

/// Finds every running proxy.
pub(super) fn find(host: &Host, snapshot: &mut Snapshot) {
    let Observed::Seen(processes) = &snapshot.processes else {
        snapshot.proxies = snapshot.processes.as_ref().map(|_| Vec::new());
        return;
    };
    let linux = snapshot.host.platform.is_linux();
    let own = Some(())
        .filter(|()| linux)
        .and_then(|()| own_process(host, processes));
    let own = own.map_or((None, None), |process| {
        (process.network_namespace, process.mount_namespace)
    });
    let other = |mine: Option<u64>, theirs: Option<u64>| {
        mine.zip(theirs).is_some_and(|(mine, theirs)| mine != theirs)
    };
    let found = processes
        .iter()
        .filter_map(|process| {
            let kind = master(process, processes)?;
            let workers = workers(kind, process, processes);
            Some(ProxyProcess {
                kind,
                other_network: other(own.0, process.network_namespace),
                other_mounts: other(own.1, process.mount_namespace),
                descriptors: workers.first().filter(|_| linux).map_or(Observed::Absent, |worker| {
                    host.ask(&DescriptorUse { pid: worker.pid })
                }),
                workers,
                master: process.clone(),
                ..ProxyProcess::default()
            })
        })
        .collect();
    snapshot.proxies = Observed::Seen(found);
}

/// The first argument: what nginx and Squid write there to say what a process does.
fn title(process: &Process) -> &str {
    process.arguments.first().map_or("", String::as_str)
}

/// The kind of proxy whose first process this is.
fn master(process: &Process, all: &[Process]) -> Option<ProxyKind> {
    if title(process).starts_with("nginx: master process") {
        return Some(ProxyKind::Nginx);
    }
    let kind = match process.name.as_str() {
        // On Windows all of its processes are called by their file.
        "nginx" if title(process).to_ascii_lowercase().ends_with("nginx.exe") => ProxyKind::Nginx,
        "apache2" | "httpd" => ProxyKind::Apache,
        "squid" => ProxyKind::Squid,
        _ => return None,
    };
    // BusyBox has a httpd of its own, which is no proxy.
    if kind == ProxyKind::Apache && title(process).contains("busybox") || process.state == "Z" {
        return None;
    }
    let parent = all.iter().find(|other| other.pid == process.parent);
    let below_its_like = parent.is_some_and(|parent| parent.name == process.name);
    (!below_its_like).then_some(kind)
}

/// The processes that serve requests.
fn workers(kind: ProxyKind, master: &Process, all: &[Process]) -> Vec<Process> {
    let children = || all.iter().filter(|other| other.parent == master.pid);
    let found: Vec<Process> = match kind {
        ProxyKind::Nginx => children()
            .filter(|child| {
                title(child).starts_with("nginx: worker process")
                    || title(child).to_ascii_lowercase().ends_with("nginx.exe")
            })
            .cloned()
            .collect(),
        // `(squid-1)` serves; `(squid-coord-2)`, `(logfile-daemon)` and other programs do not.
        ProxyKind::Squid => children()
            .filter(|child| {
                title(child)
                    .strip_prefix("(squid-")
                    .is_some_and(|rest| rest.starts_with(|character: char| character.is_ascii_digit()))
            })
            .cloned()
            .collect(),
        ProxyKind::Apache => children()
            .filter(|child| {
                // Windows has no users by number, and its workers run as the master does.
                let windows = title(child).to_ascii_lowercase().ends_with(".exe");
                child.name == master.name && (child.uid != 0 || windows)
            })
            .cloned()
            .collect(),
        ProxyKind::Haproxy => Vec::new(),
    };
    // `squid -N` and `httpd -X` serve in the only process there is.
    if found.is_empty() && kind != ProxyKind::Nginx {
        return vec![master.clone()];
    }
    found
}

/// True when a listener belongs to a proxy.
pub(super) fn owns(proxy: &ProxyProcess, listener: &Listener) -> bool {
    listener.processes.iter().any(|owner| {
        owner.pid == proxy.master.pid || proxy.workers.iter().any(|worker| worker.pid == owner.pid)
    })
}

/// The proxy that takes the connections for the target, and who listens there. With `--via` that is the
/// forward proxy.
pub(super) fn choose(snapshot: &mut Snapshot, other_root: bool) {
    let target = &snapshot.target;
    let via = target.via.as_deref().and_then(retry::host_and_port);
    let has_via = via.is_some();
    let (name, port) = via.unwrap_or_else(|| (target.host.clone(), target.port));
    let all = snapshot.listeners.seen().map_or(&[][..], Vec::as_slice);
    let on_port: Vec<&Listener> = all
        .iter()
        .filter(|listener| listener.endpoint.tcp().is_some_and(|address| address.port() == port))
        .collect();
    let wanted = name
        .parse()
        .ok()
        .map(|address| Endpoint::Tcp(std::net::SocketAddr::new(address, port)));
    let front = wanted
        .as_ref()
        .and_then(|wanted| on_port.iter().find(|listener| sockets::takes(listener, wanted)))
        .or_else(|| on_port.first().filter(|_| wanted.is_none()))
        .map(|listener| (*listener).clone());
    let proxies = snapshot.proxies.seen().map_or(&[][..], Vec::as_slice);
    let chosen = match &front {
        Some(listener) => proxies.iter().find(|proxy| owns(proxy, listener)).or_else(|| {
            // Whoever listens is known, and it is none of the proxies.
            (listener.processes.is_empty() && !other_root)
                .then(|| proxies.first())
                .flatten()
        }),
        // Nothing listens here: a proxy in a network of its own may, or the only one that runs.
        // Files of another root are not read by what runs here.
        None if other_root => None,
        // A forward proxy elsewhere is none of those that run here.
        None if has_via => proxies.iter().find(|proxy| proxy.other_network),
        None => proxies
            .iter()
            .find(|proxy| proxy.other_network)
            .or_else(|| proxies.first()),
    };
    snapshot.proxy = chosen.cloned();
    snapshot.front_listener = match snapshot.listeners.obstacle() {
        Some(obstacle) => Observed::Unavailable(obstacle.clone()),
        None => front.into(),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, name: &str, title: &str, uid: u32) -> Process {
        Process {
            pid,
            parent,
            name: name.to_owned(),
            arguments: vec![title.to_owned()],
            uid,
            ..Process::default()
        }
    }

    #[test]
    fn masters_and_workers_are_told_apart() {
        let all = [
            process(10, 1, "apache2", "/usr/sbin/apache2", 0),
            process(11, 10, "apache2", "/usr/sbin/apache2", 33),
            process(20, 1, "squid", "/usr/sbin/squid", 0),
            process(21, 20, "squid", "(squid-1)", 13),
            process(22, 21, "log_file_daemon", "(logfile-daemon)", 13),
            process(30, 1, "squid", "squid", 13),
            process(40, 1, "nginx", "nginx: master process nginx", 0),
            process(41, 40, "nginx", "nginx: worker process", 33),
        ];
        let found: Vec<(u32, ProxyKind, Vec<u32>)> = all
            .iter()
            .filter_map(|process| {
                let kind = master(process, &all)?;
                let workers = workers(kind, process, &all).iter().map(|worker| worker.pid).collect();
                Some((process.pid, kind, workers))
            })
            .collect();
        assert_eq!(
            found,
            [
                (10, ProxyKind::Apache, vec![11]),
                (20, ProxyKind::Squid, vec![21]),
                (30, ProxyKind::Squid, vec![30]),
                (40, ProxyKind::Nginx, vec![41]),
            ]
        );
    }
}
