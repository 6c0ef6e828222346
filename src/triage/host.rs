//! What commands on the host printed: sockets, services, the kernel log, packet filters.

use std::net::IpAddr;

use super::kind::Kind;
use super::logs::Logs;
use super::split::Piece;
use crate::evidence::{
    AppServer, Direction, Endpoint, EndpointEvidence, FirewallAnswer, KernelEventKind, Listener, Observed,
    Obstacle, Packet, Snapshot, Unit,
};
use crate::system::firewall::{self, RulesetBytes};
use crate::system::{containers, kernel, socket_list, sockets, systemd, unit_status};

/// Why something was not looked at.
pub(super) fn not_sent() -> Obstacle {
    Obstacle::Failed("not among what was sent".to_owned())
}

fn of_kind(pieces: &[Piece], kind: Kind) -> impl Iterator<Item = &Piece> {
    pieces.iter().filter(move |piece| piece.kind == kind)
}

/// Services, the kernel log and the logs of applications.
pub(super) fn services(pieces: &[Piece], logs: &Logs, snapshot: &mut Snapshot) {
    let mut units: Vec<Unit> = of_kind(pieces, Kind::UnitStatus)
        .flat_map(|piece| unit_status::units(&piece.text))
        .collect();
    units.extend(of_kind(pieces, Kind::UnitShow).flat_map(|piece| systemd::units(piece.text.as_bytes())));
    // A container that ended is a service that ended.
    for container in of_kind(pieces, Kind::Containers).flat_map(|piece| containers::read(&piece.text)) {
        units.push(of_container(&container));
    }
    for (from, line) in &logs.journal {
        for unit in &mut units {
            let stem = unit.name.trim_end_matches(".service");
            if from == stem || (from == "systemd" && line.message.contains(&unit.name)) {
                unit.journal.push(line.clone());
            }
        }
    }
    snapshot.units = if units.is_empty() {
        Observed::Unavailable(not_sent())
    } else {
        Observed::Seen(units)
    };
    let text: Vec<&str> = logs.kernel.iter().map(|(_, line)| line.as_str()).collect();
    let mut events = kernel::events(text.join("\n").as_bytes(), None);
    for event in events.iter_mut().filter(|event| event.at_ms.is_none()) {
        let of_event = logs.kernel.iter().find(|(_, line)| line.contains(&event.text));
        event.at_ms = of_event.and_then(|(at_ms, _)| *at_ms);
    }
    // A denial that was enforced says that enforcing is on.
    if events
        .iter()
        .any(|event| event.kind == KernelEventKind::SelinuxDenial && event.text.contains("permissive=0"))
    {
        snapshot.limits.selinux_enforcing = Some(true);
    }
    snapshot.kernel = if logs.has_kernel {
        Observed::Seen(events)
    } else {
        Observed::Unavailable(not_sent())
    };
}

fn of_container(container: &containers::Container) -> Unit {
    let status = container.status.as_str();
    let (active, sub) = if status.starts_with("Up") {
        ("active", "running")
    } else if status.starts_with("Restarting") {
        ("activating", "auto-restart")
    } else if status.starts_with("Exited (0)") || status.starts_with("Created") {
        ("inactive", "dead")
    } else {
        ("failed", "failed")
    };
    let code = status
        .split_once('(')
        .and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    Unit {
        // Named as the service that it is, so that a group or socket of the same name leads to it.
        name: format!("{}.service", container.name),
        description: format!("container {}, {status}", container.name),
        active: active.to_owned(),
        sub: sub.to_owned(),
        result: if active == "failed" {
            "exit-code".to_owned()
        } else {
            String::new()
        },
        exec_main_code: i32::from(code.is_some()),
        exec_main_status: code.unwrap_or_default(),
        exec_start: container.ports.clone(),
        ..Unit::default()
    }
}

/// The logs of the applications, taken for those of the endpoint that fails: no other was talked of.
pub(super) fn applications(logs: &Logs, snapshot: &mut Snapshot) {
    let listens: Vec<String> = snapshot
        .endpoints
        .iter()
        .map(|evidence| evidence.endpoint.to_string())
        .collect();
    for (kind, line) in &logs.application {
        match snapshot.applications.iter_mut().find(|server| server.kind == *kind) {
            Some(server) => server.log.push(line.clone()),
            None => snapshot.applications.push(AppServer {
                kind: kind.clone(),
                listens: listens.clone(),
                log: vec![line.clone()],
                ..AppServer::default()
            }),
        }
    }
}

/// The tables of sockets, and what they say about the endpoints.
pub(super) fn listeners(pieces: &[Piece], snapshot: &mut Snapshot) {
    let mut all: Vec<Listener> = Vec::new();
    let (mut whole_tcp, mut whole_unix) = (false, false);
    for piece in of_kind(pieces, Kind::Sockets) {
        let list = socket_list::read(&piece.text);
        // What a filter left over proves nothing by what is not there.
        let filtered = piece.command.as_deref().is_some_and(|command| {
            command.contains("grep") || command.contains("sport") || command.contains("dport")
        });
        whole_tcp |= list.whole_tcp && !filtered;
        whole_unix |= list.whole_unix && !filtered;
        all.extend(list.listeners);
        for (address, count) in list.towards {
            snapshot.limits.ports_used.push((Endpoint::Tcp(address), count));
        }
    }
    for evidence in &mut snapshot.endpoints {
        let looked = match &evidence.endpoint {
            Endpoint::Tcp(address) => whole_tcp && address.ip().is_loopback(),
            Endpoint::Unix(_) => whole_unix,
        };
        let local = match &evidence.endpoint {
            Endpoint::Tcp(address) => address.ip().is_loopback(),
            Endpoint::Unix(_) => true,
        };
        evidence.on_this_host = local;
        let found = all
            .iter()
            .find(|listener| local && sockets::takes(listener, &evidence.endpoint));
        evidence.listener = match found {
            Some(listener) => Observed::Seen(listener.clone()),
            None if looked => Observed::Absent,
            None => Observed::Unavailable(not_sent()),
        };
    }
    snapshot.listeners = if whole_tcp {
        Observed::Seen(all)
    } else {
        Observed::Unavailable(not_sent())
    };
}

/// The packet filters, and what they do with the way to the endpoints.
pub(super) fn firewall(pieces: &[Piece], snapshot: &mut Snapshot) {
    let rules: Vec<String> = of_kind(pieces, Kind::Iptables)
        .map(|piece| as_saved(&piece.text))
        .collect();
    let rules = rules.join("\n");
    let json = of_kind(pieces, Kind::NftJson).next();
    let mut answer = FirewallAnswer::default();
    if of_kind(pieces, Kind::NftText).next().is_some() && json.is_none() {
        answer.unread.push((
            "nft".to_owned(),
            "its text form is not evaluated: send the output of nft -j -a list ruleset".to_owned(),
        ));
    }
    if rules.is_empty() && json.is_none() {
        snapshot.firewall = if answer.unread.is_empty() {
            Observed::Unavailable(not_sent())
        } else {
            Observed::Unavailable(Obstacle::Failed(
                "the text form of nft is not evaluated: send the output of nft -j -a list ruleset".to_owned(),
            ))
        };
        return;
    }
    let rulesets = firewall::parse(&RulesetBytes {
        nft_json: json.map(|piece| piece.text.as_bytes()),
        iptables_save: (!rules.is_empty()).then_some(rules.as_bytes()),
        ..RulesetBytes::default()
    });
    if json.is_some() {
        answer.read.push("nft".to_owned());
    }
    if !rules.is_empty() {
        answer.read.push("iptables".to_owned());
    }
    answer.rules = rulesets.rule_count();
    answer.managed_by = rulesets.managed_by();
    for evidence in &snapshot.endpoints {
        answer
            .packets
            .extend(packets(evidence).iter().map(|packet| rulesets.judge(packet)));
    }
    snapshot.firewall = Observed::Seen(answer);
}

/// The first packet towards an endpoint: where it leaves, and where it arrives when that is the same host.
fn packets(evidence: &EndpointEvidence) -> Vec<Packet> {
    let Some(address) = evidence.endpoint.tcp() else {
        return Vec::new();
    };
    let local = address.ip().is_loopback();
    let device = local.then(|| "lo".to_owned());
    let out = Packet {
        direction: Direction::Output,
        protocol: "tcp".to_owned(),
        source: local
            .then_some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
            .filter(|_| address.is_ipv4()),
        source_port: None,
        destination: address.ip(),
        destination_port: address.port(),
        out_interface: device.clone(),
        in_interface: None,
        uid: None,
        gid: None,
        flags: None,
        state: "new".to_owned(),
    };
    let mut packets = vec![out.clone()];
    if local {
        packets.push(Packet {
            direction: Direction::Input,
            in_interface: device,
            out_interface: None,
            ..out
        });
    }
    packets
}

/// `iptables -S` in the form of `iptables-save`.
fn as_saved(text: &str) -> String {
    if text.lines().any(|line| line.starts_with('*')) {
        return text.to_owned();
    }
    let mut saved = "*filter\n".to_owned();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some("-P"), Some(chain), Some(policy)) => {
                saved.extend([":", chain, " ", policy, " [0:0]\n"]);
            }
            (Some("-N"), Some(chain), _) => saved.extend([":", chain, " - [0:0]\n"]),
            _ => {
                saved.push_str(line);
                saved.push('\n');
            }
        }
    }
    saved.push_str("COMMIT\n");
    saved
}
