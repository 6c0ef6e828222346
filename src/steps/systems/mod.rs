//! A host that is no Linux: which questions make sense there, and what a person types there.
//!
//! Linux is asked by the other files of this room. On macOS and Windows they hand over to here, so that only that
//! system's own commands are run; the answers become the same evidence. To add a question: in the file of each system,
//! with a parser in [`crate::system::macos`] or [`crate::system::windows`].

mod by_hand;
mod macos;
mod windows;

use std::net::IpAddr;

pub(super) use by_hand::{by_hand, restarting};

use super::plan::Plan;
use super::{inside, proxies};
use crate::evidence::{
    CachedAddress, FirewallAnswer, HeldConnection, HostFacts, KernelRoute, Observed, Packet, PacketAnswer,
    Platform, ResolverConfiguration, Snapshot, Unit,
};
use crate::host::{CommandOutput, Host, OperatingSystem, ReadFile, RunCommand};
use crate::system::{commands, network};

/// macOS or Windows, when the host is one; `None`: a Linux, or a system that is asked like one.
pub(super) fn elsewhere(host: &Host) -> Option<Platform> {
    match host.ask(&OperatingSystem {}).into_seen().as_deref() {
        Some("macos") => Some(Platform::Macos),
        Some("windows") => Some(Platform::Windows),
        // What was recorded before systems were told apart is a Linux.
        _ => None,
    }
}

/// What a command printed, when it ended well.
fn output(host: &Host, argv: &[&str]) -> Observed<Vec<u8>> {
    match host.ask(&RunCommand::new(argv.iter().copied()).cap_bytes(8 << 20)) {
        Observed::Seen(output) if output.status == Some(0) => Observed::Seen(output.stdout.0),
        Observed::Seen(output) => {
            Observed::Unavailable(crate::evidence::Obstacle::Failed(complaint(&output)))
        }
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle),
    }
}

/// The first line of what a command complained about.
fn complaint(output: &CommandOutput) -> String {
    let (errors, printed) = (output.stderr.text(), output.stdout.text());
    errors
        .lines()
        .chain(printed.lines())
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it printed nothing")
        .to_owned()
}

/// Facts of the machine, processes, proxies and listeners.
pub(super) fn facts(host: &Host, plan: &Plan, platform: Platform, snapshot: &mut Snapshot) {
    snapshot.host = match platform {
        Platform::Windows => windows::facts(host),
        _ => macos::facts(host),
    };
    snapshot.host.platform = platform;
    let units = units(host, platform);
    snapshot.processes = match platform {
        Platform::Windows => windows::processes(host, units.seen().map_or(&[], Vec::as_slice)),
        _ => macos::processes(host, snapshot.host.now_ms),
    };
    snapshot.hosts_file = host
        .ask(&ReadFile::start(commands::hosts_file(platform), 1 << 20))
        .map(|content| network::hosts_file(&content.bytes.0));
    proxies::find(host, snapshot);
    let processes = snapshot.processes.seen().map_or(&[][..], Vec::as_slice);
    snapshot.listeners = match platform {
        Platform::Windows => windows::listeners(host, processes),
        _ => macos::listeners(host, processes),
    };
    snapshot.limits.addresses = match platform {
        Platform::Windows => windows::addresses(host),
        _ => macos::addresses(host),
    };
    if let Some(root) = &plan.inside {
        inside::only(host, snapshot, root);
    }
    proxies::choose(snapshot, plan.other_root);
}

/// The services.
pub(super) fn units(host: &Host, platform: Platform) -> Observed<Vec<Unit>> {
    match platform {
        Platform::Windows => windows::units(host),
        _ => macos::units(host),
    }
}

/// The nameservers, and the cache before them.
pub(super) fn resolver(host: &Host, platform: Platform) -> Observed<ResolverConfiguration> {
    let configuration = match platform {
        Platform::Windows => windows::resolver(host),
        _ => macos::resolver(host),
    };
    configuration.map(|mut configuration| {
        let flush = commands::flushes(platform)
            .iter()
            .find(|flush| Some(flush.cache) == configuration.cache.as_deref());
        configuration.flush = flush.and_then(|flush| {
            let first = flush.argv.first()?;
            Some(first.iter().map(|word| (*word).to_owned()).collect())
        });
        // The file of names stands first on both systems.
        configuration.order = vec!["files".to_owned(), "dns".to_owned()];
        configuration
    })
}

/// What the system's cache of names holds for a name.
pub(super) fn cached(host: &Host, platform: Platform, name: &str) -> Vec<CachedAddress> {
    match platform {
        Platform::Windows => windows::cached(host, name),
        Platform::Macos => macos::cached(host, name),
        _ => Vec::new(),
    }
}

/// The way that the system would send packets to an address.
pub(super) fn kernel_route(host: &Host, platform: Platform, address: IpAddr) -> Observed<KernelRoute> {
    match platform {
        Platform::Macos => macos::kernel_route(host, address),
        _ => Observed::default(),
    }
}

/// The connections of processes, once the attempts were made.
pub(super) fn connections(host: &Host, platform: Platform, of: &[u32]) -> Vec<HeldConnection> {
    match platform {
        Platform::Windows => windows::connections(host, of),
        _ => macos::connections(host, of),
    }
}

/// The firewalls of the system.
pub(super) struct Filters {
    answer: FirewallAnswer,
    rules: Rules,
}

enum Rules {
    None,
    Pf(crate::system::macos::PacketFilter),
    Windows(crate::system::windows::Firewall),
}

impl Filters {
    /// Which of them could be read.
    pub(super) fn answer(&self) -> FirewallAnswer {
        self.answer.clone()
    }

    /// What they do with a packet. `program` is the file of the program that sends it.
    pub(super) fn judge(&self, packet: &Packet, program: Option<&str>) -> Option<PacketAnswer> {
        match &self.rules {
            Rules::None => None,
            Rules::Pf(filter) => Some(filter.judge(packet)),
            Rules::Windows(firewall) => Some(firewall.judge(packet, program)),
        }
    }
}

/// Reads the firewalls.
pub(super) fn filters(host: &Host, platform: Platform) -> Filters {
    match platform {
        Platform::Windows => windows::filters(host),
        _ => macos::filters(host),
    }
}

/// The name of this host and the time, which every system tells the same way.
fn common(host: &Host) -> HostFacts {
    HostFacts {
        name: output(host, &["hostname"])
            .seen()
            .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned())
            .unwrap_or_default(),
        now_ms: host
            .ask(&crate::host::Clock { moment: 0 })
            .into_seen()
            .unwrap_or_default()
            .now_ms,
        ..HostFacts::default()
    }
}
