//! Step 4, firewall: the loaded packet filters, and what they do on the way proxy → endpoint and back.

use std::net::{IpAddr, SocketAddr};

use super::plan::Plan;
use super::summary::Line;
use super::systems;
use crate::evidence::{Direction, Fate, FirewallAnswer, Observed, Obstacle, Packet, Snapshot};
use crate::finding::StepId;
use crate::host::{CommandOutput, Host, Identity, RunCommand};
use crate::report::StepStatus;
use crate::system::firewall::{self, RulesetBytes, Rulesets};
use crate::system::network;

/// The commands that print a ruleset, with the name of what they print.
const SOURCES: [(&str, &[&str]); 7] = [
    ("nft", &["nft", "-j", "-a", "list", "ruleset"]),
    ("iptables", &["iptables-save"]),
    ("ip6tables", &["ip6tables-save"]),
    ("iptables-legacy", &["iptables-legacy-save"]),
    ("ip6tables-legacy", &["ip6tables-legacy-save"]),
    ("ufw", &["ufw", "status", "verbose"]),
    ("firewalld", &["firewall-cmd", "--state"]),
];

/// A port that the kernel hands out: rules speak of ranges of them, not of one.
const HANDED_OUT_PORT: u16 = 45_678;

/// What the rulesets of this shell's network namespace are.
pub(super) fn ask(host: &Host, plan: &Plan) -> Observed<FirewallAnswer> {
    if !plan.wants(StepId::Firewall) {
        return Observed::Unavailable(Obstacle::NotAsked);
    }
    let answer = match systems::elsewhere(host) {
        Some(platform) => systems::filters(host, platform).answer(),
        None => read(host, &Identity::default()).0,
    };
    if answer.read.is_empty() {
        let why = answer.unread.first().map_or_else(
            || "no packet filter tool answered".to_owned(),
            |(name, why)| format!("{name}: {why}"),
        );
        return Observed::Unavailable(Obstacle::Failed(why));
    }
    Observed::Seen(answer)
}

fn read(host: &Host, identity: &Identity) -> (FirewallAnswer, Rulesets) {
    let mut answer = FirewallAnswer::default();
    let outputs: Vec<Observed<CommandOutput>> = std::thread::scope(|scope| {
        let threads: Vec<_> = SOURCES
            .iter()
            .map(|(_, argv)| {
                scope.spawn(move || {
                    host.ask(
                        &RunCommand::new(argv.iter().copied())
                            .within(identity.clone())
                            .cap_bytes(32 << 20),
                    )
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_default())
            .collect()
    });
    let mut bytes: Vec<Option<&[u8]>> = Vec::new();
    for ((name, _), output) in SOURCES.iter().zip(&outputs) {
        let usable = match output {
            Observed::Seen(output) if output.status == Some(0) => {
                answer.read.push((*name).to_owned());
                Some(output.stdout.0.as_slice())
            }
            Observed::Seen(output) => {
                let text = output.stderr.text();
                let why = text
                    .lines()
                    .next()
                    .filter(|line| !line.is_empty())
                    .unwrap_or("it failed")
                    .to_owned();
                // A tool that finds no firewall of its own has nothing to say; that is an answer too.
                if !(*name == "firewalld" || text.contains("does not exist")) {
                    answer.unread.push(((*name).to_owned(), why));
                }
                None
            }
            Observed::Absent | Observed::Unavailable(Obstacle::NotInstalled(_)) => None,
            Observed::Unavailable(obstacle) => {
                answer.unread.push(((*name).to_owned(), obstacle.to_string()));
                None
            }
        };
        bytes.push(usable);
    }
    let at = |index: usize| bytes.get(index).copied().flatten();
    let rulesets = firewall::parse(&RulesetBytes {
        nft_json: at(0),
        iptables_save: at(1),
        ip6tables_save: at(2),
        iptables_legacy_save: at(3),
        ip6tables_legacy_save: at(4),
        ufw_status: at(5),
        firewalld_state: at(6),
    });
    answer.rules = rulesets.rule_count();
    answer.managed_by = rulesets.managed_by();
    (answer, rulesets)
}

/// Judges the packets that this route sends, in every network namespace on the way.
pub(super) fn judge(host: &Host, plan: &Plan, snapshot: &mut Snapshot) {
    if !plan.wants(StepId::Firewall) || snapshot.firewall.seen().is_none() {
        return;
    }
    if !snapshot.host.platform.is_linux() {
        judge_elsewhere(host, snapshot);
        return;
    }
    let identity = super::machine::network_of(snapshot);
    let other_network = !identity.is_own();
    // The same commands as before: on this host the answers are at hand.
    let (mut answer, own) = read(host, &Identity::default());
    let inside = other_network.then(|| read(host, &identity).1);
    let owner = snapshot
        .proxy
        .as_ref()
        .and_then(|proxy| proxy.workers.first())
        .map(|worker| (worker.uid, worker.gid));
    let arrives_by = other_network.then(|| way_in(host, snapshot)).flatten();
    for mut packet in packets(snapshot, owner, other_network) {
        if packet.direction == Direction::Input && packet.in_interface.is_none() {
            packet.in_interface.clone_from(&arrives_by);
        }
        let rulesets = match (&inside, packet.direction) {
            (Some(inside), Direction::Output) => inside,
            _ => &own,
        };
        let judged = rulesets.judge(&packet);
        if !answer.packets.contains(&judged) {
            answer.packets.push(judged);
        }
    }
    snapshot.firewall = Observed::Seen(answer);
}

/// The same on macOS and Windows, which have one network.
fn judge_elsewhere(host: &Host, snapshot: &mut Snapshot) {
    let filters = systems::filters(host, snapshot.host.platform);
    let mut answer = filters.answer();
    let worker = snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.workers.first().unwrap_or(&proxy.master));
    let owner = worker.map(|worker| (worker.uid, worker.gid));
    let program = worker.and_then(|worker| worker.arguments.first().cloned());
    for packet in packets(snapshot, owner, false) {
        // What leaves is judged for the proxy, and nothing is known of who gets what comes in.
        let program = program.as_deref().filter(|_| packet.direction == Direction::Output);
        if let Some(judged) = filters.judge(&packet, program)
            && !answer.packets.contains(&judged)
        {
            answer.packets.push(judged);
        }
    }
    snapshot.firewall = Observed::Seen(answer);
}

/// The interface by which packets of a proxy in a network of its own arrive here: the one that leads back.
fn way_in(host: &Host, snapshot: &Snapshot) -> Option<String> {
    let source = snapshot
        .endpoints
        .iter()
        .find_map(|evidence| evidence.kernel_route.seen()?.source.clone())?;
    let output = host
        .ask(&RunCommand::new(["ip", "route", "get", source.as_str()]))
        .into_seen()?;
    network::kernel_route(&output.stdout.0, &output.stderr.0).device
}

fn packets(snapshot: &Snapshot, owner: Option<(u32, u32)>, other_network: bool) -> Vec<Packet> {
    let mut packets = Vec::new();
    for evidence in &snapshot.endpoints {
        let Some(address) = evidence.endpoint.tcp() else {
            continue;
        };
        packets.extend(flow(
            "tcp",
            address,
            snapshot,
            evidence.kernel_route.seen().and_then(|route| route.device.clone()),
            owner,
            other_network,
        ));
    }
    let resolvers = snapshot
        .route
        .seen()
        .and_then(|route| route.settings.resolver.as_ref());
    for server in resolvers.map(|setting| setting.value.clone()).unwrap_or_default() {
        if let Ok(address) = server.parse::<SocketAddr>() {
            packets.extend(flow("udp", address, snapshot, None, owner, other_network));
        }
    }
    packets
}

/// The first packet of a flow where it leaves and, for an endpoint on this host, where it arrives; and the
/// answer's way back.
fn flow(
    protocol: &str,
    address: SocketAddr,
    snapshot: &Snapshot,
    device: Option<String>,
    owner: Option<(u32, u32)>,
    other_network: bool,
) -> Vec<Packet> {
    let interface_of = |ip: IpAddr| {
        snapshot
            .limits
            .addresses
            .iter()
            .find(|(known, _)| *known == ip)
            .map(|(_, name)| name.clone())
    };
    let local = address.ip().is_loopback() || interface_of(address.ip()).is_some();
    let device = if local && !other_network {
        Some("lo".to_owned())
    } else {
        device
    };
    // A connection to an address of this host comes from that address.
    let source = if local {
        Some(address.ip())
    } else {
        snapshot
            .endpoints
            .iter()
            .find(|evidence| evidence.endpoint.tcp() == Some(address))
            .and_then(|evidence| evidence.kernel_route.seen()?.source.as_ref()?.parse().ok())
    };
    let request = Packet {
        direction: Direction::Output,
        protocol: protocol.to_owned(),
        source,
        source_port: None,
        destination: address.ip(),
        destination_port: address.port(),
        out_interface: device.clone(),
        in_interface: None,
        uid: owner.map(|(user, _)| user),
        gid: owner.map(|(_, group)| group),
        flags: None,
        state: "new".to_owned(),
    };
    let mut packets = vec![request.clone()];
    // The answer to it, which other rules judge.
    if let (Some(own), false) = (source, other_network) {
        let answer = Packet {
            source: Some(address.ip()),
            source_port: Some(address.port()),
            destination: own,
            destination_port: HANDED_OUT_PORT,
            uid: None,
            gid: None,
            state: "established".to_owned(),
            ..request.clone()
        };
        if local {
            let listener = listener_owner(snapshot, address);
            packets.push(Packet {
                uid: listener.map(|(user, _)| user),
                gid: listener.map(|(_, group)| group),
                ..answer.clone()
            });
        }
        packets.push(Packet {
            direction: Direction::Input,
            in_interface: device.clone(),
            out_interface: None,
            ..answer
        });
    }
    // A proxy in a network of its own reaches this host from outside.
    if local || other_network {
        packets.push(Packet {
            direction: Direction::Input,
            in_interface: if other_network { None } else { device },
            out_interface: None,
            uid: None,
            gid: None,
            ..request
        });
    }
    packets
}

/// Who owns the listener at an address of this host.
fn listener_owner(snapshot: &Snapshot, address: SocketAddr) -> Option<(u32, u32)> {
    let evidence = snapshot
        .endpoints
        .iter()
        .find(|evidence| evidence.endpoint.tcp() == Some(address))?;
    let owner = evidence.listener.seen()?.processes.first()?.pid;
    let processes = snapshot.processes.seen()?;
    processes
        .iter()
        .find(|process| process.pid == owner)
        .map(|process| (process.uid, process.gid))
}

/// What this step says about itself.
pub(super) fn show(snapshot: &Snapshot) -> Line {
    let answer = match &snapshot.firewall {
        Observed::Seen(answer) => answer,
        Observed::Absent => {
            return (
                StepStatus::Ok,
                "no packet filter is loaded".to_owned(),
                Vec::new(),
            );
        }
        Observed::Unavailable(obstacle) => {
            return (
                StepStatus::CouldNotCheck,
                format!("the packet filters could not be read: {obstacle}"),
                Vec::new(),
            );
        }
    };
    let mut details: Vec<String> = answer
        .unread
        .iter()
        .map(|(name, why)| format!("{name} could not be read: {why}"))
        .collect();
    // pf and the application firewall of a Mac are two, and may be off.
    if !snapshot.host.platform.is_linux() && !answer.read.is_empty() {
        details.push(format!("looked at {}", answer.read.join(", ")));
    }
    for packet in &answer.packets {
        let (relation, end) = end_of(packet);
        let way = format!(
            "{:?} {} {relation} {end}",
            packet.packet.direction, packet.packet.protocol
        );
        let rule = packet
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| format!(" by {} ({})", rule.text, rule.chain));
        details.push(format!("{way}: {}{rule}", fate_words(&packet.fate)));
    }
    let blocked = answer
        .packets
        .iter()
        .find(|packet| matches!(packet.fate, Fate::Dropped | Fate::Rejected(_)));
    if let Some(packet) = blocked {
        let rule = packet
            .rule
            .as_ref()
            .map_or_else(String::new, |rule| format!(": {} in {}", rule.text, rule.chain));
        let (relation, end) = end_of(packet);
        return (
            StepStatus::Problem,
            format!("the way {relation} {end} is {}{rule}", fate_words(&packet.fate)),
            details,
        );
    }
    if let Some(packet) = answer
        .packets
        .iter()
        .find(|packet| matches!(packet.fate, Fate::CannotTell(_)))
    {
        return (
            StepStatus::CouldNotCheck,
            format!("one rule is not understood: {}", fate_words(&packet.fate)),
            details,
        );
    }
    let tcp = snapshot
        .endpoints
        .iter()
        .find(|evidence| evidence.endpoint.tcp().is_some());
    let summary = match (answer.rules, tcp) {
        (0, _) if answer.unread.is_empty() => "no packet filter rules are loaded".to_owned(),
        (0, _) => format!(
            "{} could not be read",
            answer
                .unread
                .iter()
                .map(|(name, _)| name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
        ),
        (rules, Some(evidence)) => format!("{rules} rules, none stops the way to {}", evidence.endpoint),
        (rules, None) => format!("{rules} rules; a unix socket or no known endpoint, so none applies"),
    };
    let status = if answer.unread.is_empty() {
        StepStatus::Ok
    } else {
        StepStatus::CouldNotCheck
    };
    (status, summary, details)
}

fn fate_words(fate: &Fate) -> String {
    match fate {
        Fate::Accepted => "accepted".to_owned(),
        Fate::Dropped => "dropped".to_owned(),
        Fate::Rejected(how) => format!("rejected ({how})"),
        Fate::CannotTell(why) => format!("cannot tell: {why}"),
    }
}

/// The upstream's end of a judged packet, and on which side of it that is.
fn end_of(answer: &crate::evidence::PacketAnswer) -> (&'static str, std::net::SocketAddr) {
    let packet = &answer.packet;
    match (packet.source, packet.source_port) {
        (Some(address), Some(port)) if packet.state != "new" => {
            ("back from", std::net::SocketAddr::new(address, port))
        }
        _ => (
            "to",
            std::net::SocketAddr::new(packet.destination, packet.destination_port),
        ),
    }
}
