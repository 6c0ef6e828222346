//! The machine around the proxy: what runs, who listens, units, the kernel log, limits.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::{cloud, inside, proxies, systems, units};
use crate::evidence::{
    Endpoint, HostFacts, KernelEvent, KernelEventKind, Limits, Listener, Observed, Obstacle, Platform,
    Process, Snapshot,
};
use crate::host::{Clock, Host, Identity, ProcessTable, ReadFile, RunCommand, SocketOwners};
use crate::system::{kernel, network, sockets};

/// Facts of the machine, processes, proxies and listeners.
pub(super) fn facts(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    if let Some(platform) = systems::elsewhere(host) {
        systems::facts(host, plan, platform, snapshot);
        return;
    }
    std::thread::scope(|scope| {
        let owners = scope.spawn(|| host.ask(&SocketOwners { moment: 0 }));
        let facts = scope.spawn(|| host_facts(host));
        snapshot.processes = host.ask(&ProcessTable { moment: 0 });
        snapshot.hosts_file = host
            .ask(&ReadFile::start("/etc/hosts", 1 << 20))
            .map(|content| network::hosts_file(&content.bytes.0));
        snapshot.host = facts.join().unwrap_or_default();
        let owners = owners.join().unwrap_or_default().into_seen().unwrap_or_default();
        proxies::find(host, snapshot);
        listeners(host, snapshot, &owners);
        if let Some(root) = &plan.inside {
            inside::only(host, snapshot, root);
        }
        proxies::choose(snapshot, plan.other_root);
        let elsewhere = snapshot
            .proxy
            .as_ref()
            .filter(|proxy| proxy.other_network)
            .map(|proxy| proxy.master.pid);
        if let Some(pid) = elsewhere {
            let processes = snapshot.processes.seen().map_or(&[][..], Vec::as_slice);
            let inside = table(host, Some(pid), &owners, processes);
            snapshot.listeners_outside = std::mem::replace(&mut snapshot.listeners, inside);
        }
    });
}

pub(super) fn text(host: &Host, path: &str) -> Option<String> {
    host.ask(&ReadFile::start(path, 64 * 1024))
        .into_seen()
        .map(|content| content.bytes.text().into_owned())
}

fn host_facts(host: &Host) -> HostFacts {
    let release = text(host, "/etc/os-release").unwrap_or_default();
    let boot_ms = text(host, "/proc/stat").and_then(|stat| {
        let seconds: i64 = stat
            .lines()
            .find_map(|line| line.strip_prefix("btime "))?
            .trim()
            .parse()
            .ok()?;
        seconds.checked_mul(1000)
    });
    let user = text(host, "/proc/self/status").unwrap_or_default();
    let root = user
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"));
    let name = text(host, "/proc/sys/kernel/hostname").unwrap_or_default();
    let first = text(host, "/proc/1/comm").map(|name| name.trim().to_owned());
    let platform = match first.as_deref() {
        Some("systemd") | None => Platform::LinuxSystemd,
        // OpenRC writes down here which runlevel it is in.
        Some(_) if text(host, "/run/openrc/softlevel").is_some() => Platform::LinuxOpenrc,
        Some(_) => Platform::LinuxPlain,
    };
    HostFacts {
        name: name.trim().to_owned(),
        system: format!(
            "Linux {}",
            text(host, "/proc/sys/kernel/osrelease").unwrap_or_default().trim()
        ),
        distribution: release
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map(|name| name.trim_matches('"').to_owned()),
        now_ms: host.ask(&Clock { moment: 0 }).into_seen().unwrap_or_default().now_ms,
        boot_ms,
        root,
        systemd: first.as_deref() == Some("systemd"),
        platform,
        cloud: cloud::cloud(host, name.trim()),
        vpn_default_route: host
            .ask(&RunCommand::new(["ip", "-o", "route", "show", "default"]))
            .into_seen()
            .and_then(|output| network::vpn_default_route(&output.stdout.0)),
    }
}

/// This program among the processes.
pub(super) fn own_process<'a>(host: &Host, processes: &'a [Process]) -> Option<&'a Process> {
    let pid = text(host, "/proc/self/status").and_then(|status| {
        status
            .lines()
            .find_map(|line| line.strip_prefix("Pid:"))
            .and_then(|pid| pid.trim().parse::<u32>().ok())
    });
    processes.iter().find(|process| Some(process.pid) == pid)
}

fn listeners(host: &Host, snapshot: &mut Snapshot, owners: &BTreeMap<u64, Vec<u32>>) {
    let processes = snapshot.processes.seen().map_or(&[][..], Vec::as_slice);
    snapshot.listeners = table(host, None, owners, processes);
}

/// All listeners of the network namespace of a process (`None`: ours), with the lengths of their queues.
pub(super) fn table(
    host: &Host,
    of: Option<u32>,
    owners: &BTreeMap<u64, Vec<u32>>,
    processes: &[Process],
) -> Observed<Vec<Listener>> {
    let read = |name: &str| {
        let process = of.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        host.ask(&ReadFile::start(format!("/proc/{process}/net/{name}"), 64 << 20))
    };
    let tcp = match read("tcp") {
        Observed::Seen(content) => content.bytes.0,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    let tcp6 = read("tcp6").into_seen().unwrap_or_default().bytes.0;
    let unix = read("unix").into_seen().unwrap_or_default().bytes.0;
    let v6_only = text(host, "/proc/sys/net/ipv6/bindv6only").is_some_and(|value| value.trim() == "1");
    let tables = sockets::Tables {
        tcp: &tcp,
        tcp6: &tcp6,
        unix: &unix,
        v6_only,
    };
    let mut found = sockets::listeners(&tables, owners, processes);
    queue_lengths(host, of, &mut found);
    Observed::Seen(found)
}

fn queue_lengths(host: &Host, of: Option<u32>, listeners: &mut [Listener]) {
    let identity = Identity {
        network_of: of,
        ..Identity::default()
    };
    let output = |flags: &str| -> Vec<u8> {
        host.ask(&RunCommand::new(["ss", flags]).within(identity.clone()))
            .into_seen()
            .map(|output| output.stdout.0)
            .unwrap_or_default()
    };
    let mut queues = sockets::queues(&output("-Hltn"));
    queues.extend(sockets::queues(&output("-Hlxn")));
    for listener in listeners {
        let name = match &listener.endpoint {
            Endpoint::Tcp(address) => address.to_string(),
            Endpoint::Unix(path) => path.clone(),
        };
        if let Some((_, waiting, limit)) = queues.iter().find(|(address, ..)| *address == name) {
            listener.waiting = *waiting;
            listener.queue = Some(*limit);
        }
    }
}

/// The kernel log.
pub(super) fn kernel(host: &Host, plan: &Plan) -> Observed<Vec<KernelEvent>> {
    // What the kernel did to other programs is no evidence about a host inside this one.
    if plan.inside.is_some() {
        return Observed::Absent;
    }
    if let Some(platform) = systems::elsewhere(host) {
        let why = format!("the log of the kernel of {} is not read", platform.name());
        return Observed::Unavailable(Obstacle::Failed(why));
    }
    kernel_log(host, 0)
}

fn kernel_log(host: &Host, moment: u32) -> Observed<Vec<KernelEvent>> {
    let boot_ms = boot_from_uptime(host);
    let question = RunCommand::new(["dmesg"]).cap_bytes(4 << 20).at_moment(moment);
    match host.ask(&question) {
        Observed::Seen(output) if output.status == Some(0) => {
            Observed::Seen(kernel::events(&output.stdout.0, boot_ms))
        }
        Observed::Seen(output) if output.stderr.text().contains("not permitted") => {
            Observed::Unavailable(Obstacle::Denied)
        }
        Observed::Seen(output) => Observed::Unavailable(Obstacle::Failed(units::first_line(&output))),
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle),
    }
}

/// The time of boot by the clock that the kernel log uses.
fn boot_from_uptime(host: &Host) -> Option<i64> {
    let uptime = text(host, "/proc/uptime")?;
    let seconds: f64 = uptime.split_whitespace().next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "an uptime in milliseconds fits")]
    let uptime_ms = (seconds * 1000.0) as i64;
    let now_ms = host.ask(&Clock { moment: 90 }).into_seen()?.now_ms;
    Some(now_ms - uptime_ms)
}

/// Reads the kernel log again after the attempts: they may have brought the fault about.
pub(super) fn kernel_again(host: &Host, snapshot: &mut Snapshot) {
    if snapshot.kernel.seen().is_none() {
        return;
    }
    if let Observed::Seen(events) = kernel_log(host, 1) {
        snapshot.kernel = Observed::Seen(events);
    }
}

/// Kernel limits in the proxy's network namespace.
pub(super) fn limits(host: &Host, snapshot: &mut Snapshot) {
    if !snapshot.host.platform.is_linux() {
        return;
    }
    let identity = network_of(snapshot);
    let run = |argv: &[&str]| {
        host.ask(&RunCommand::new(argv.iter().copied()).within(identity.clone()))
            .into_seen()
            .map(|output| output.stdout.0)
            .unwrap_or_default()
    };
    let mut limits = Limits::default();
    std::thread::scope(|scope| {
        let values = scope.spawn(|| {
            run(&[
                "sysctl",
                "-e",
                "net.netfilter.nf_conntrack_count",
                "net.netfilter.nf_conntrack_max",
                "net.ipv4.ip_local_port_range",
                "net.core.somaxconn",
            ])
        });
        let addresses = scope.spawn(|| run(&["ip", "-o", "address", "show"]));
        let links = scope.spawn(|| run(&["ip", "-o", "link", "show"]));
        let values = String::from_utf8_lossy(&values.join().unwrap_or_default()).into_owned();
        let value = |name: &str| {
            values
                .lines()
                .find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('=').map(str::trim))
        };
        limits.conntrack_count = value("net.netfilter.nf_conntrack_count").and_then(|text| text.parse().ok());
        limits.conntrack_max = value("net.netfilter.nf_conntrack_max").and_then(|text| text.parse().ok());
        limits.somaxconn = value("net.core.somaxconn").and_then(|text| text.parse().ok());
        limits.port_range = value("net.ipv4.ip_local_port_range").and_then(|text| {
            let mut words = text.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
        });
        limits.addresses = network::addresses(&addresses.join().unwrap_or_default());
        limits.interfaces_down = network::interfaces_down(&links.join().unwrap_or_default());
    });
    limits.selinux_enforcing = text(host, "/sys/fs/selinux/enforce").map(|value| value.trim() == "1");
    if limits.selinux_enforcing.is_some() {
        limits.selinux_booleans = selinux_booleans(host);
    }
    let labelled = snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.workers.first().unwrap_or(&proxy.master).pid);
    limits.proxy_label = labelled
        .and_then(|pid| text(host, &format!("/proc/{pid}/attr/current")))
        .map(|label| label.trim_matches(['\0', '\n', ' ']).to_owned());
    let netstat = snapshot
        .proxy
        .as_ref()
        .map_or_else(|| "self".to_owned(), |proxy| proxy.master.pid.to_string());
    limits.listen_overflows = text(host, &format!("/proc/{netstat}/net/netstat"))
        .and_then(|text| network::listen_overflows(text.as_bytes()));
    snapshot.limits = limits;
}

/// Switches of the policy that let a web server open connections.
fn selinux_booleans(host: &Host) -> Vec<(String, bool)> {
    [
        "httpd_can_network_connect",
        "httpd_can_network_relay",
        "nis_enabled",
    ]
    .into_iter()
    .filter_map(|name| {
        // Two digits: what is in force, and what is pending.
        let value = text(host, &format!("/sys/fs/selinux/booleans/{name}"))?;
        Some((name.to_owned(), value.trim_start().starts_with('1')))
    })
    .collect()
}

/// The proxy's network, when it is not ours.
pub(super) fn network_of(snapshot: &Snapshot) -> Identity {
    Identity {
        network_of: snapshot
            .proxy
            .as_ref()
            .filter(|proxy| proxy.other_network)
            .map(|proxy| proxy.master.pid),
        ..Identity::default()
    }
}

/// The proxy's network and the user of its workers.
pub(super) fn worker(snapshot: &Snapshot) -> Identity {
    let mut identity = network_of(snapshot);
    let worker = snapshot.proxy.as_ref().and_then(|proxy| proxy.workers.first());
    // Only root can take on another user.
    if let Some(worker) = worker.filter(|_| snapshot.host.root) {
        identity.user = Some((worker.uid, worker.gid));
        identity.mounts_of = snapshot
            .proxy
            .as_ref()
            .filter(|proxy| proxy.other_mounts)
            .map(|_| worker.pid);
    }
    identity
}

/// What changed while the attempts ran: ports in use, workers, accept queues, fresh journal lines.
pub(super) fn after_the_attempts(host: &Host, snapshot: &mut Snapshot) {
    if !snapshot.host.platform.is_linux() {
        super::dns_flush::held_elsewhere(host, snapshot);
        return;
    }
    let of = snapshot
        .proxy
        .as_ref()
        .filter(|proxy| proxy.other_network)
        .map(|proxy| proxy.master.pid);
    let process = of.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let read = |name: &str| {
        let mut query = ReadFile::start(format!("/proc/{process}/net/{name}"), 64 << 20);
        query.moment = 1;
        host.ask(&query).into_seen().unwrap_or_default().bytes.0
    };
    let (tcp, tcp6) = (read("tcp"), read("tcp6"));
    let tables = sockets::Tables {
        tcp: &tcp,
        tcp6: &tcp6,
        ..sockets::Tables::default()
    };
    snapshot.limits.ports_used = snapshot
        .endpoints
        .iter()
        .filter_map(|evidence| {
            let address = evidence.endpoint.tcp()?;
            Some((
                evidence.endpoint.clone(),
                sockets::ports_used_towards(&tables, address),
            ))
        })
        .collect();
    let owners = host.ask(&SocketOwners { moment: 1 }).into_seen().unwrap_or_default();
    super::dns_flush::held(snapshot, &tables, &owners);
    // An OOM kill or a crash while our own request ran shows only now in the units.
    let crashed = snapshot.kernel.seen().is_some_and(|events| {
        events.iter().any(|event| {
            event.kind == KernelEventKind::OomKill
                && event
                    .at_ms
                    .is_some_and(|at| at + 2_000 >= snapshot.log.attempts_began_ms)
        })
    });
    let closed = snapshot.log.during.iter().any(|entry| {
        matches!(
            entry.symptom,
            Some(crate::evidence::Symptom::ClosedBeforeHeader | crate::evidence::Symptom::ResetBeforeHeader)
        )
    });
    if let Observed::Seen(units) = &mut snapshot.units
        && (crashed || closed)
    {
        units::journals(host, units, "-10min");
    }
}
