//! The questions to a Mac.

use std::net::IpAddr;

use super::{Filters, Rules, common, output};
use crate::evidence::{
    CachedAddress, FirewallAnswer, HeldConnection, HostFacts, KernelRoute, Listener, Observed, Process,
    ResolverConfiguration, Unit,
};
use crate::host::{Host, RunCommand};
use crate::system::{commands, macos};

pub(super) fn facts(host: &Host) -> HostFacts {
    let version = output(host, &["sw_vers"]).into_seen().unwrap_or_default();
    let version = String::from_utf8_lossy(&version).into_owned();
    let field = |name: &str| {
        version
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map_or("", str::trim)
            .to_owned()
    };
    let user = output(host, &["id", "-u"]).into_seen().unwrap_or_default();
    let default = output(host, &["route", "-n", "get", "default"])
        .into_seen()
        .unwrap_or_default();
    let interface = route(&default).device;
    HostFacts {
        system: format!("{} {}", field("ProductName"), field("ProductVersion"))
            .trim()
            .to_owned(),
        root: String::from_utf8_lossy(&user).trim() == "0",
        vpn_default_route: interface.filter(|name| name.starts_with("utun") || name.starts_with("ppp")),
        ..common(host)
    }
}

pub(super) fn processes(host: &Host, now_ms: i64) -> Observed<Vec<Process>> {
    let argv = [
        "ps",
        "-axww",
        "-o",
        "pid=,ppid=,uid=,gid=,rss=,stat=,etime=,command=",
    ];
    let jobs = output(host, &["launchctl", "list"]).into_seen().unwrap_or_default();
    let jobs = macos::jobs(&jobs);
    output(host, &argv).map(|bytes| {
        let mut processes = macos::processes(&bytes, now_ms);
        for process in &mut processes {
            let job = jobs.iter().find(|job| job.main_pid == process.pid);
            process.unit = job.map(|job| job.name.clone());
        }
        processes
    })
}

pub(super) fn units(host: &Host) -> Observed<Vec<Unit>> {
    let brewed = output(host, &["brew", "services", "list"]);
    let jobs = output(host, &["launchctl", "list"]);
    let mut units = brewed.seen().map(|bytes| macos::services(bytes)).unwrap_or_default();
    match jobs {
        Observed::Seen(bytes) => {
            for job in macos::jobs(&bytes) {
                match units.iter_mut().find(|unit| unit.name == job.name) {
                    // launchd knows more: the process, and how the last one ended.
                    Some(unit) => {
                        unit.main_pid = job.main_pid;
                        if unit.active == "unknown" || job.active == "failed" {
                            *unit = Unit {
                                fragment: std::mem::take(&mut unit.fragment),
                                ..job
                            };
                        }
                    }
                    None => units.push(job),
                }
            }
            Observed::Seen(units)
        }
        Observed::Absent | Observed::Unavailable(_) if brewed.seen().is_some() => Observed::Seen(units),
        Observed::Absent => Observed::Absent,
        Observed::Unavailable(obstacle) => Observed::Unavailable(obstacle),
    }
}

pub(super) fn listeners(host: &Host, processes: &[Process]) -> Observed<Vec<Listener>> {
    let tcp = match output(host, &["netstat", "-anl", "-p", "tcp"]) {
        Observed::Seen(bytes) => bytes,
        Observed::Absent => return Observed::Absent,
        Observed::Unavailable(obstacle) => return Observed::Unavailable(obstacle),
    };
    let mut found = macos::listeners(&tcp);
    let queues = output(host, &["netstat", "-Lan", "-p", "tcp"])
        .into_seen()
        .unwrap_or_default();
    for (address, waiting, room) in macos::queues(&queues) {
        if let Some(listener) = found
            .iter_mut()
            .find(|listener| listener.endpoint.tcp() == Some(address))
        {
            listener.waiting = waiting;
            listener.queue = Some(room);
        }
    }
    let unix = output(host, &["netstat", "-an", "-f", "unix"])
        .into_seen()
        .unwrap_or_default();
    found.extend(macos::unix_listeners(&unix));
    let lsof = output(host, &["lsof", "-nP", "-iTCP", "-sTCP:LISTEN"])
        .into_seen()
        .unwrap_or_default();
    macos::owners(&mut found, &lsof, processes);
    Observed::Seen(found)
}

pub(super) fn addresses(host: &Host) -> Vec<(IpAddr, String)> {
    macos::addresses(&output(host, &["ifconfig"]).into_seen().unwrap_or_default())
        .into_iter()
        // Packets to any address of this host take the loopback, which is called `lo` everywhere here.
        .map(|(address, name)| (address, if name == "lo0" { "lo".to_owned() } else { name }))
        .collect()
}

pub(super) fn resolver(host: &Host) -> Observed<ResolverConfiguration> {
    output(host, &["scutil", "--dns"]).map(|bytes| macos::resolver(&bytes))
}

pub(super) fn cached(host: &Host, name: &str) -> Vec<CachedAddress> {
    let bytes = output(host, &["dscacheutil", "-q", "host", "-a", "name", name]);
    macos::cached(&bytes.into_seen().unwrap_or_default())
}

pub(super) fn kernel_route(host: &Host, address: IpAddr) -> Observed<KernelRoute> {
    let argv = commands::route_to(crate::evidence::Platform::Macos, address);
    host.ask(&RunCommand::new(argv)).map(|output| {
        let mut found = route(&output.stdout.0);
        let complaint = output.stderr.text();
        found.no_route = complaint.contains("not in table");
        if found.text.is_empty() {
            complaint
                .lines()
                .next()
                .unwrap_or_default()
                .clone_into(&mut found.text);
        }
        found
    })
}

/// `route -n get ADDRESS`: fields with colons.
fn route(bytes: &[u8]) -> KernelRoute {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'))
            .map(|value| value.trim().to_owned())
    };
    let flags = field("flags").unwrap_or_default();
    let refused_by = if flags.contains("REJECT") {
        Some("unreachable".to_owned())
    } else if flags.contains("BLACKHOLE") {
        Some("blackhole".to_owned())
    } else {
        None
    };
    KernelRoute {
        text: text
            .lines()
            .map(str::trim)
            .filter(|line| line.contains(':'))
            .collect::<Vec<_>>()
            .join(", "),
        refused_by,
        no_route: false,
        device: field("interface").map(|name| if name == "lo0" { "lo".to_owned() } else { name }),
        gateway: field("gateway").filter(|gateway| gateway.parse::<IpAddr>().is_ok()),
        source: None,
        device_down: false,
    }
}

pub(super) fn connections(host: &Host, of: &[u32]) -> Vec<HeldConnection> {
    let question = RunCommand::new(["lsof", "-nP", "-iTCP"]).at_moment(1);
    let bytes = host.ask(&question).into_seen().map(|output| output.stdout.0);
    macos::connections(&bytes.unwrap_or_default(), of)
}

pub(super) fn filters(host: &Host) -> Filters {
    let mut answer = FirewallAnswer::default();
    let mut rules = Rules::None;
    let state = output(host, &["pfctl", "-s", "info"]);
    match state.seen().map(|bytes| macos::enabled(bytes)) {
        Some(Some(false)) => {
            answer.read.push("pf (off)".to_owned());
            rules = Rules::Pf(macos::PacketFilter::default());
        }
        Some(Some(true)) => {
            let main = output(host, &["pfctl", "-sr"]);
            let whole = output(host, &["pfctl", "-a", "*", "-sr"])
                .into_seen()
                .unwrap_or_default();
            match main {
                Observed::Seen(main) => {
                    // With all anchors, where this version of pfctl prints them.
                    let whole = macos::packet_filter(&whole);
                    let filter = if whole.rule_count() == 0 {
                        macos::packet_filter(&main)
                    } else {
                        whole
                    };
                    answer.read.push("pf".to_owned());
                    answer.rules = filter.rule_count();
                    answer.managed_by = Some("pf".to_owned());
                    rules = Rules::Pf(filter);
                }
                Observed::Absent => answer.unread.push(("pf".to_owned(), "it printed nothing".to_owned())),
                Observed::Unavailable(obstacle) => {
                    answer.unread.push(("pf".to_owned(), obstacle.to_string()));
                }
            }
        }
        Some(None) | None => {
            let why = state.obstacle().map_or_else(
                || "pfctl does not say whether it is on".to_owned(),
                ToString::to_string,
            );
            answer.unread.push(("pf".to_owned(), why));
        }
    }
    let program = "/usr/libexec/ApplicationFirewall/socketfilterfw";
    if let Some(state) = output(host, &[program, "--getglobalstate"]).into_seen() {
        let applications = output(host, &[program, "--listapps"]).into_seen().unwrap_or_default();
        let firewall = macos::application_firewall(&state, &applications);
        // It judges what comes in from other machines, and no packet on the way to an upstream.
        answer
            .read
            .push(match (firewall.enabled, firewall.blocked.as_slice()) {
                (false, _) => "application firewall (off)".to_owned(),
                (true, _) if firewall.block_all => {
                    "application firewall (blocks all that comes in)".to_owned()
                }
                (true, []) => "application firewall".to_owned(),
                (true, blocked) => format!("application firewall (blocks {})", blocked.join(", ")),
            });
    }
    Filters { answer, rules }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_of_a_mac_is_read() {
        let text = "   route to: 192.0.2.20\ndestination: 192.0.2.0\n       mask: 255.255.255.0\n  interface: en0\n      flags: <UP,DONE,CLONING,STATIC>\n recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n";
        let found = route(text.as_bytes());
        assert_eq!((found.device.as_deref(), found.gateway), (Some("en0"), None));
        let rejected =
            route(b"  gateway: 192.0.2.1\n  interface: lo0\n      flags: <UP,GATEWAY,REJECT,DONE,STATIC>\n");
        assert_eq!(rejected.refused_by.as_deref(), Some("unreachable"));
    }
}
