//! The process table and who owns which socket.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::{Live, Query, clock, obstacle};
use crate::evidence::{Descriptors, Observed, Process};

/// Kernel clock ticks a second in `/proc/<pid>/stat`: 100 on every Linux that nginx runs on.
const TICKS: i64 = 100;

/// Every process with a command line (kernel threads have none).
#[derive(Clone, Debug, Serialize)]
pub struct ProcessTable {
    /// Distinguishes readings within one run.
    pub moment: u32,
}

impl Query for ProcessTable {
    type Answer = Vec<Process>;
    const NAME: &'static str = "process_table";

    fn perform(&self, _: &Live) -> Observed<Vec<Process>> {
        let entries = match std::fs::read_dir("/proc") {
            Ok(entries) => entries,
            Err(error) => return Observed::Unavailable(obstacle(&error)),
        };
        let boot_ms = boot_ms().unwrap_or_default();
        let mut table: Vec<Process> = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
            .filter_map(|pid: u32| process(pid, boot_ms))
            .collect();
        table.sort_by_key(|process| process.pid);
        Observed::Seen(table)
    }
}

/// An argument without the `user:password@` of its URLs. Our own command line holds them too, and so does that
/// of the shell or `sudo` that started us; no diagnosis needs them.
fn without_logins(argument: &str) -> String {
    if !argument.contains('@') {
        return argument.to_owned();
    }
    argument
        .split_inclusive(char::is_whitespace)
        .map(|word| {
            let start = word.find("://").map_or(0, |at| at + 3);
            let (scheme, rest) = word.split_at_checked(start).unwrap_or(("", word));
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
            match authority.rsplit_once('@') {
                Some((login, place)) if login.contains(':') && !place.is_empty() => {
                    format!("{scheme}…@{place}{tail}")
                }
                _ => word.to_owned(),
            }
        })
        .collect()
}

/// Milliseconds since 1970 at which the kernel began to count.
fn boot_ms() -> Option<i64> {
    let text = std::fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = text.split_whitespace().next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "an uptime in milliseconds fits")]
    let uptime_ms = (uptime * 1000.0) as i64;
    Some(clock::now_ms() - uptime_ms)
}

fn process(pid: u32, boot_ms: i64) -> Option<Process> {
    let directory = format!("/proc/{pid}");
    let directory = Path::new(&directory);
    let raw = std::fs::read(directory.join("cmdline")).ok()?;
    let arguments: Vec<String> = raw
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .take(200)
        .map(|word| without_logins(&String::from_utf8_lossy(&word[..word.len().min(4_000)])))
        .collect();
    if arguments.is_empty() {
        return None;
    }
    let status = std::fs::read_to_string(directory.join("status")).ok()?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map_or("", str::trim)
    };
    let numbers =
        |text: &str| -> Vec<u32> { text.split_whitespace().filter_map(|word| word.parse().ok()).collect() };
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted from the last parenthesis.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: i64 = rest
        .split_whitespace()
        .nth(19)
        .and_then(|word| word.parse().ok())
        .unwrap_or_default();
    let cgroup = std::fs::read_to_string(directory.join("cgroup")).ok();
    let cgroup = cgroup.as_deref().and_then(control_group);
    let namespace = |name: &str| {
        let target = std::fs::read_link(directory.join("ns").join(name)).ok()?;
        let text = target.to_string_lossy().into_owned();
        text.split(['[', ']']).nth(1)?.parse().ok()
    };
    let kibibytes: u64 = field("VmRSS")
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    Some(Process {
        pid,
        parent: field("PPid").parse().unwrap_or(0),
        name: field("Name").to_owned(),
        arguments,
        state: field("State").chars().take(1).collect(),
        uid: numbers(field("Uid")).get(1).copied().unwrap_or(0),
        gid: numbers(field("Gid")).get(1).copied().unwrap_or(0),
        groups: numbers(field("Groups")),
        started_ms: boot_ms.saturating_add(ticks.saturating_mul(1000 / TICKS)),
        unit: cgroup.as_deref().and_then(unit_of),
        cgroup,
        network_namespace: namespace("net"),
        mount_namespace: namespace("mnt"),
        directory: std::fs::read_link(directory.join("cwd"))
            .ok()
            .map(|path| path.to_string_lossy().into_owned()),
        resident_bytes: kibibytes.saturating_mul(1024),
    })
}

/// The path within the hierarchy that systemd manages: the unified one, or `name=systemd` on v1.
fn control_group(text: &str) -> Option<String> {
    let lines = || {
        text.lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
    };
    let systemd = lines().find(|(controllers, _)| *controllers == "name=systemd");
    systemd
        .or_else(|| lines().find(|(controllers, _)| controllers.is_empty()))
        .map(|(_, path)| path.to_owned())
}

fn unit_of(cgroup: &str) -> Option<String> {
    cgroup
        .rsplit('/')
        .find(|part| {
            let kind = part.rsplit_once('.').map(|(_, kind)| kind);
            matches!(kind, Some("service" | "scope"))
        })
        .map(str::to_owned)
}

/// Inode of every open socket → the processes that hold it.
#[derive(Clone, Debug, Serialize)]
pub struct SocketOwners {
    /// Distinguishes readings within one run.
    pub moment: u32,
}

impl Query for SocketOwners {
    type Answer = BTreeMap<u64, Vec<u32>>;
    const NAME: &'static str = "socket_owners";

    fn perform(&self, _: &Live) -> Observed<BTreeMap<u64, Vec<u32>>> {
        let entries = match std::fs::read_dir("/proc") {
            Ok(entries) => entries,
            Err(error) => return Observed::Unavailable(obstacle(&error)),
        };
        let mut owners: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for entry in entries.flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let Ok(descriptors) = std::fs::read_dir(entry.path().join("fd")) else {
                continue;
            };
            for descriptor in descriptors.flatten().take(4_096) {
                let Ok(target) = std::fs::read_link(descriptor.path()) else {
                    continue;
                };
                let target = target.to_string_lossy();
                let inode = target
                    .strip_prefix("socket:[")
                    .and_then(|rest| rest.strip_suffix(']'));
                if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                    let pids = owners.entry(inode).or_default();
                    if pids.len() < 64 && !pids.contains(&pid) {
                        pids.push(pid);
                    }
                }
            }
        }
        Observed::Seen(owners)
    }
}

/// Open descriptors of a process and its limit.
#[derive(Clone, Debug, Serialize)]
pub struct DescriptorUse {
    /// The process.
    pub pid: u32,
}

impl Query for DescriptorUse {
    type Answer = Descriptors;
    const NAME: &'static str = "descriptor_use";

    fn perform(&self, _: &Live) -> Observed<Descriptors> {
        let open = match std::fs::read_dir(format!("/proc/{}/fd", self.pid)) {
            Ok(entries) => entries.count() as u64,
            Err(error) => return Observed::Unavailable(obstacle(&error)),
        };
        match std::fs::read_to_string(format!("/proc/{}/limits", self.pid)) {
            Ok(text) => {
                let limit = text
                    .lines()
                    .find_map(|line| line.strip_prefix("Max open files"))
                    .and_then(|rest| rest.split_whitespace().next()?.parse().ok());
                limit.map(|limit| Descriptors { open, limit }).into()
            }
            Err(error) => Observed::Unavailable(obstacle(&error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::without_logins;

    #[test]
    fn command_lines_are_kept_without_the_logins_of_their_urls() {
        for (argument, kept) in [
            ("http://joe:pw@shop.test/a@b", "http://…@shop.test/a@b"),
            ("joe:p@w@shop.test:8080", "…@shop.test:8080"),
            (
                "--proxy=socks5://joe:pw@[::1]:1080",
                "--proxy=socks5://…@[::1]:1080",
            ),
            (
                "fix502 'https://joe:pw@shop.test/' --via joe:pw@proxy:3128",
                "fix502 'https://…@shop.test/' --via …@proxy:3128",
            ),
            ("http://joe:p='&,w@shop.test", "http://…@shop.test"),
            ("git@github.test:a/b", "git@github.test:a/b"),
            ("nginx: worker process", "nginx: worker process"),
            ("gunicorn@1 -b 127.0.0.1:80", "gunicorn@1 -b 127.0.0.1:80"),
        ] {
            assert_eq!(without_logins(argument), kept);
        }
    }
}
