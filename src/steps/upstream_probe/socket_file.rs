//! A unix socket's file, and what keeps the worker from it.

use crate::evidence::{Barrier, Observed, Snapshot, SocketFile};
use crate::host::{Host, Metadata, ReadFile, StatPath};
use crate::system::network;

/// The socket file with what keeps the worker from it, as a process sees it (`None`: we ourselves).
pub(super) fn socket_file(
    host: &Host,
    snapshot: &Snapshot,
    path: &str,
    seen_by: Option<u32>,
) -> Observed<SocketFile> {
    let below = seen_by.map_or_else(String::new, |pid| format!("/proc/{pid}/root"));
    let metadata = match host.ask(&StatPath {
        path: format!("{below}{path}"),
    }) {
        Observed::Seen(metadata) => metadata,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    Observed::Seen(SocketFile {
        barrier: barrier(host, snapshot, path, &below),
        kind: metadata.kind,
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
        modified_ms: metadata.modified_ms.unwrap_or_default(),
    })
}

/// How many socket files of a configuration are looked at.
const MOST_SOCKETS: usize = 500;

/// Looks at the socket files of all unix upstreams of the configuration.
pub(in crate::steps) fn socket_files(host: &Host, snapshot: &mut Snapshot) {
    let Some(config) = snapshot.config.seen() else {
        return;
    };
    let seen_by = snapshot
        .proxy
        .as_ref()
        .filter(|proxy| proxy.other_mounts)
        .map(|proxy| proxy.master.pid);
    snapshot.upstream_sockets = config
        .upstream_addresses
        .iter()
        .filter_map(|address| address.strip_prefix("unix:"))
        .filter(|path| path.starts_with('/'))
        .take(MOST_SOCKETS)
        .map(|path| (path.to_owned(), socket_file(host, snapshot, path, seen_by)))
        .collect();
}

/// The first directory without search permission for the worker, or the socket without write permission.
fn barrier(host: &Host, snapshot: &Snapshot, path: &str, below: &str) -> Option<Barrier> {
    let (user, uid, gid, groups) = worker_account(host, snapshot)?;
    if uid == 0 {
        return None;
    }
    let allowed = |metadata: &Metadata, bit: u32| {
        let shift = if metadata.uid == uid {
            6
        } else if metadata.gid == gid || groups.contains(&metadata.gid) {
            3
        } else {
            0
        };
        metadata.mode >> shift & bit != 0
    };
    let mut parts: Vec<&str> = path
        .match_indices('/')
        .skip(1)
        .filter_map(|(position, _)| path.get(..position))
        .collect();
    parts.insert(0, "/");
    parts.push(path);
    for part in parts {
        let metadata = host
            .ask(&StatPath {
                path: format!("{below}{part}"),
            })
            .into_seen()?;
        let bit = if part == path { 0o2 } else { 0o1 };
        if !allowed(&metadata, bit) {
            let name = |file: &str, id: u32| {
                host.ask(&ReadFile::start(file, 4 << 20)).seen().map_or_else(
                    || id.to_string(),
                    |content| network::account_name(&content.bytes.0, id),
                )
            };
            return Some(Barrier {
                path: part.to_owned(),
                mode: metadata.mode,
                owner: name("/etc/passwd", metadata.uid),
                group: name("/etc/group", metadata.gid),
                user,
            });
        }
    }
    None
}

/// Name, user, group and further groups of the workers: from a running one, or from the configuration.
fn worker_account(host: &Host, snapshot: &Snapshot) -> Option<(String, u32, u32, Vec<u32>)> {
    let passwd = host
        .ask(&ReadFile::start("/etc/passwd", 4 << 20))
        .into_seen()?
        .bytes
        .0;
    if let Some(worker) = snapshot.proxy.as_ref().and_then(|proxy| proxy.workers.first()) {
        return Some((
            network::account_name(&passwd, worker.uid),
            worker.uid,
            worker.gid,
            worker.groups.clone(),
        ));
    }
    let user = snapshot.route.seen()?.settings.user.as_ref()?.value.clone();
    let (uid, gid) = network::account(&passwd, &user)?;
    Some((user, uid, gid, Vec::new()))
}
