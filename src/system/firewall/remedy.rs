//! The commands that show a deciding rule, let the packet through, and take that back.
//!
//! Always the narrowest exception right before what decides, in the tool that manages the host; never a flush,
//! never a changed policy, never a deleted rule. To add a front end: one function here and its case in
//! [`deciding_rule`].

use std::net::IpAddr;

use super::Rulesets;
use super::evaluate::{End, Place};
use super::model::Backend;
use crate::evidence::{DecidingRule, Direction, Fate, Packet};

/// Describes what decides, with the way out.
pub(super) fn deciding_rule(
    rulesets: &Rulesets,
    end: &End<'_>,
    trail: &[&str],
    packet: &Packet,
) -> DecidingRule {
    let mut rule = undecided_rule(end.place);
    if matches!(end.fate, Fate::CannotTell(_) | Fate::Accepted) {
        return rule;
    }
    let ufw = rulesets.ufw && reached_by_ufw(end, trail);
    let (allow, undo) = if ufw {
        ufw_commands(end, packet)
    } else if end.place.chain.table == "firewalld"
        && packet.direction == Direction::Input
        && packet.state == "new"
    {
        firewalld_commands(trail, packet)
    } else if end.place.chain.backend == Backend::Nft {
        nft_commands(end, packet)
    } else {
        iptables_commands(end, packet)
    };
    rule.allow = allow;
    rule.undo = undo;
    rule
}

/// Describes a rule whose match is not known: where to look, no way out.
pub(super) fn undecided_rule(place: Place<'_>) -> DecidingRule {
    let Place { chain, rule } = place;
    let show = match chain.backend {
        Backend::Nft => format!(
            "nft -a list chain {} {} {}",
            chain.family.name(),
            chain.table,
            chain.name
        ),
        _ => format!(
            "{} -t {} -L {} -n -v --line-numbers",
            chain.command, chain.table, chain.name
        ),
    };
    DecidingRule {
        backend: chain.backend.name().to_owned(),
        family: chain.family.name().to_owned(),
        table: chain.table.clone(),
        chain: chain.name.clone(),
        text: rule.map_or_else(|| "policy drop".to_owned(), |rule| rule.text.clone()),
        handle: rule.and_then(|rule| rule.handle),
        position: rule.and_then(|rule| rule.position),
        show,
        allow: Vec::new(),
        undo: Vec::new(),
    }
}

/// Whether an exception of ufw comes before what decides: the chains of its users' rules were passed, or decide.
fn reached_by_ufw(end: &End<'_>, trail: &[&str]) -> bool {
    let filter = end.place.chain.backend != Backend::Nft && end.place.chain.table == "filter";
    filter
        && trail
            .iter()
            .any(|name| name.starts_with("ufw-user-") || name.starts_with("ufw6-user-"))
}

fn words(text: &[&str]) -> Vec<String> {
    text.iter().map(|word| (*word).to_owned()).collect()
}

fn is_answer(packet: &Packet) -> bool {
    packet.state != "new"
}

/// Without a path the commands of ufw fit every version since 0.34 but `prepend`, which is 0.36.
fn ufw_commands(end: &End<'_>, packet: &Packet) -> (Vec<String>, Vec<String>) {
    let source = packet
        .source
        .map_or_else(|| "any".to_owned(), |address| address.to_string());
    let destination = packet.destination.to_string();
    let port = packet.destination_port.to_string();
    let mut specification = words(&["allow"]);
    match packet.direction {
        Direction::Output => {
            specification.extend(words(&[
                "out",
                "proto",
                &packet.protocol,
                "to",
                &destination,
                "port",
                &port,
            ]));
        }
        Direction::Input => {
            specification.extend(words(&[
                "from",
                &source,
                "to",
                &destination,
                "port",
                &port,
                "proto",
                &packet.protocol,
            ]));
        }
        Direction::Forward => {
            specification.extend(words(&[
                "proto",
                &packet.protocol,
                "from",
                &source,
                "to",
                &destination,
                "port",
                &port,
            ]));
        }
    }
    let route: &[&str] = if packet.direction == Direction::Forward {
        &["ufw", "route"]
    } else {
        &["ufw"]
    };
    // A rule of the user's decides in order: the exception has to stand before it.
    let users = end.place.chain.name.contains("-user-");
    let mut allow = words(route);
    if users {
        allow.push("prepend".to_owned());
    }
    allow.extend(specification.clone());
    let mut undo = words(route);
    undo.push("delete".to_owned());
    undo.extend(specification);
    (allow, undo)
}

fn firewalld_commands(trail: &[&str], packet: &Packet) -> (Vec<String>, Vec<String>) {
    let zone = trail.iter().rev().find_map(|name| {
        let zone = name.strip_prefix("filter_IN_")?;
        let part = ["_pre", "_log", "_deny", "_allow", "_post"]
            .iter()
            .any(|suffix| zone.ends_with(suffix));
        (!part && !zone.starts_with("policy_")).then_some(zone)
    });
    let specification = match packet.source {
        Some(source) => format!(
            "rich-rule=rule family=\"{}\" source address=\"{source}\" destination address=\"{}\" port port=\"{}\" protocol=\"{}\" accept",
            if source.is_ipv4() { "ipv4" } else { "ipv6" },
            packet.destination,
            packet.destination_port,
            packet.protocol
        ),
        None => format!("port={}/{}", packet.destination_port, packet.protocol),
    };
    let command = |verb: &str| {
        let mut argv = words(&["firewall-cmd"]);
        argv.extend(zone.map(|zone| format!("--zone={zone}")));
        argv.push(format!("--{verb}-{specification}"));
        argv
    };
    (command("add"), command("remove"))
}

fn iptables_commands(end: &End<'_>, packet: &Packet) -> (Vec<String>, Vec<String>) {
    let chain = end.place.chain;
    // Before what decides, or before what sent the packet to the policy.
    let rule = end.place.rule.or(end.sent_by);
    let command = chain.command.as_str();
    let mut specification = words(&["-p", &packet.protocol]);
    if let Some(source) = packet.source {
        specification.extend(words(&["-s", &source.to_string()]));
    }
    specification.extend(words(&["-d", &packet.destination.to_string()]));
    match (is_answer(packet), packet.source_port) {
        (true, Some(port)) => specification.extend(words(&["--sport", &port.to_string()])),
        _ => specification.extend(words(&["--dport", &packet.destination_port.to_string()])),
    }
    specification.extend(words(&["-j", "ACCEPT"]));
    let mut allow = words(&[command, "-t", &chain.table]);
    match rule.and_then(|rule| rule.position) {
        Some(position) => allow.extend(words(&["-I", &chain.name, &position.to_string()])),
        None => allow.extend(words(&["-A", &chain.name])),
    }
    allow.extend(specification.clone());
    let mut undo = words(&[command, "-t", &chain.table, "-D", &chain.name]);
    undo.extend(specification);
    (allow, undo)
}

fn nft_commands(end: &End<'_>, packet: &Packet) -> (Vec<String>, Vec<String>) {
    let chain = end.place.chain;
    // Before what decides, or before what sent the packet to the policy.
    let rule = end.place.rule.or(end.sent_by);
    let family = chain.family.name();
    let mut allow = match rule.and_then(|rule| rule.handle) {
        Some(handle) => {
            let handle = handle.to_string();
            words(&[
                "nft",
                "insert",
                "rule",
                family,
                &chain.table,
                &chain.name,
                "position",
                &handle,
            ])
        }
        None => words(&["nft", "add", "rule", family, &chain.table, &chain.name]),
    };
    let version = |address: IpAddr| if address.is_ipv4() { "ip" } else { "ip6" };
    if let Some(source) = packet.source {
        allow.extend(words(&[version(source), "saddr", &source.to_string()]));
    }
    allow.extend(words(&[
        version(packet.destination),
        "daddr",
        &packet.destination.to_string(),
    ]));
    let (side, port) = match (is_answer(packet), packet.source_port) {
        (true, Some(port)) => ("sport", port),
        _ => ("dport", packet.destination_port),
    };
    // The rule's own handle is not known before it is added; its comment finds it again.
    let mark = format!("fix502 {} {} {side} {port}", packet.protocol, packet.destination);
    allow.extend(words(&[
        &packet.protocol,
        side,
        &port.to_string(),
        "accept",
        "comment",
        &format!("\"{mark}\""),
    ]));
    let undo = format!(
        "nft delete rule {family} {table} {chain} handle \"$(nft -a list chain {family} {table} {chain} | sed -n 's/.*comment \"{mark}\" # handle //p' | head -n 1)\"",
        table = chain.table,
        chain = chain.name,
    );
    (allow, words(&["sh", "-c", &undo]))
}
