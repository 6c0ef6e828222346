//! `pfctl -s info`, `pfctl -sr` and `socketfilterfw` (pfctl(8), pf.conf(5)).
//!
//! The last rule of pf that matches decides, unless one says `quick`. What is not modelled (tables, route-to,
//! probabilities) makes the answer "cannot tell" when the rule would otherwise match.

use std::net::IpAddr;

use crate::evidence::{DecidingRule, Direction, Fate, Packet, PacketAnswer};
use crate::system::commands::Argv;

/// True when `pfctl -s info` says that the filter is on; `None`: it says nothing of it.
pub fn enabled(bytes: &[u8]) -> Option<bool> {
    String::from_utf8_lossy(bytes).lines().find_map(|line| {
        let status = line.trim().strip_prefix("Status:")?.trim();
        Some(status.starts_with("Enabled"))
    })
}

/// The rules of pf in their order, those of anchors where the anchors stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketFilter {
    rules: Vec<Rule>,
    /// The main rules look into `com.apple/*`, so that a rule can be put there.
    apple_anchor: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    text: String,
    anchor: String,
    words: Vec<String>,
    conditional: bool,
}

/// Reads `pfctl -sr`, or `pfctl -a '*' -sr` with the rules of anchors in braces.
pub fn packet_filter(bytes: &[u8]) -> PacketFilter {
    let text = String::from_utf8_lossy(bytes);
    let mut filter = PacketFilter::default();
    let mut anchors: Vec<(String, bool)> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line == "}" {
            anchors.pop();
            continue;
        }
        let words = tokens(line);
        match words.first().map(String::as_str) {
            Some("anchor") => {
                let name = words.get(1).cloned().unwrap_or_default();
                if name.starts_with("com.apple/") || name == "com.apple" {
                    filter.apple_anchor.get_or_insert(filter.rules.len());
                }
                if line.ends_with('{') {
                    let plain = words.iter().skip(2).all(|word| word == "all" || word == "{");
                    let conditional = !plain || anchors.last().is_some_and(|(_, conditional)| *conditional);
                    anchors.push((name, conditional));
                }
            }
            Some("pass" | "block") => {
                let (anchor, conditional) = anchors.last().cloned().unwrap_or_default();
                filter.rules.push(Rule {
                    text: line.to_owned(),
                    anchor,
                    words,
                    conditional,
                });
            }
            // scrub-anchor, dummynet-anchor, scrub: they change packets and decide nothing.
            _ => {}
        }
    }
    filter
}

/// Words; a quoted one counts as one, without its quotes.
fn tokens(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

enum Match {
    Yes,
    No,
    Unknown(String),
}

impl PacketFilter {
    /// Rules that decide something.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }

    /// What happens to a packet.
    pub fn judge(&self, packet: &Packet) -> PacketAnswer {
        let mut decided: Option<(usize, &Rule)> = None;
        let mut doubt: Option<(String, &Rule)> = None;
        for (index, rule) in self.rules.iter().enumerate() {
            match matches(rule, packet) {
                Match::No => continue,
                Match::Unknown(why) => doubt = Some((why, rule)),
                Match::Yes => {
                    decided = Some((index, rule));
                    doubt = None;
                }
            }
            if rule.words.iter().any(|word| word == "quick") {
                break;
            }
        }
        if let Some((why, rule)) = doubt {
            return PacketAnswer {
                packet: packet.clone(),
                fate: Fate::CannotTell(why),
                rule: Some(shown(rule)),
            };
        }
        let Some((index, rule)) =
            decided.filter(|(_, rule)| rule.words.first().is_some_and(|word| word == "block"))
        else {
            return PacketAnswer {
                packet: packet.clone(),
                fate: Fate::Accepted,
                rule: None,
            };
        };
        let lets_through = self.allow(index, rule, packet);
        let mut deciding = shown(rule);
        if let Some((allow, undo)) = lets_through {
            (deciding.allow, deciding.undo) = (allow, undo);
        }
        PacketAnswer {
            packet: packet.clone(),
            fate: fate(rule, packet),
            rule: Some(deciding),
        }
    }

    /// A rule in Apple's anchor, where that is looked into before the rule that decides, or that rule is not final.
    fn allow(&self, index: usize, rule: &Rule, packet: &Packet) -> Option<(Argv, Argv)> {
        let anchor_at = self.apple_anchor?;
        let quick = rule.words.iter().any(|word| word == "quick");
        let helps = anchor_at <= index || !quick;
        (helps && packet.direction == Direction::Output && packet.protocol == "tcp").then(|| {
            crate::system::commands::allow(
                crate::evidence::Platform::Macos,
                std::net::SocketAddr::new(packet.destination, packet.destination_port),
            )
        })
    }
}

fn fate(rule: &Rule, packet: &Packet) -> Fate {
    let has = |word: &str| rule.words.iter().any(|known| known == word);
    if has("return") || has("return-rst") {
        return Fate::Rejected("tcp-reset".to_owned());
    }
    if has("return-icmp") || has("return-icmp6") {
        return Fate::Rejected("icmp-port-unreachable".to_owned());
    }
    // A program whose own packet is blocked is told at once: EHOSTUNREACH.
    if packet.direction == Direction::Output {
        return Fate::Rejected("no route to host".to_owned());
    }
    Fate::Dropped
}

fn shown(rule: &Rule) -> DecidingRule {
    let show = if rule.anchor.is_empty() {
        "sudo pfctl -sr".to_owned()
    } else {
        "sudo pfctl -a '*' -sr".to_owned()
    };
    DecidingRule {
        backend: "pf".to_owned(),
        table: "filter".to_owned(),
        chain: if rule.anchor.is_empty() {
            "main".to_owned()
        } else {
            rule.anchor.clone()
        },
        text: rule.text.clone(),
        show,
        ..DecidingRule::default()
    }
}

fn matches(rule: &Rule, packet: &Packet) -> Match {
    let words: Vec<&str> = rule.words.iter().map(String::as_str).collect();
    let mut at = 1;
    let word = |at: usize| words.get(at).copied();
    let mut unknown: Option<String> = None;
    if rule.conditional {
        unknown = Some(format!("the anchor {} has a condition", rule.anchor));
    }
    while let Some(current) = word(at) {
        at += 1;
        let fits = match current {
            "in" => packet.direction == Direction::Input,
            "out" => packet.direction == Direction::Output,
            "inet" => packet.destination.is_ipv4(),
            "inet6" => packet.destination.is_ipv6(),
            "on" => {
                let mut name = word(at).unwrap_or_default();
                at += 1;
                let not = name == "!";
                if not {
                    name = word(at).unwrap_or_default();
                    at += 1;
                }
                let own = if packet.direction == Direction::Input {
                    &packet.in_interface
                } else {
                    &packet.out_interface
                };
                // `lo` is what evidence calls the loopback everywhere.
                if let Some(own) = own {
                    (own == name || (own == "lo" && name == "lo0")) != not
                } else {
                    unknown = Some(format!("the rule is for the interface {name}"));
                    true
                }
            }
            "proto" => {
                let name = word(at).unwrap_or_default();
                at += 1;
                name == packet.protocol || (name == "6" && packet.protocol == "tcp")
            }
            "from" | "to" => {
                let source = current == "from";
                let (own, port) = if source {
                    (packet.source, packet.source_port)
                } else {
                    (Some(packet.destination), Some(packet.destination_port))
                };
                let (result, next) = end(&words, at, own, port);
                at = next;
                match result {
                    Match::Yes => true,
                    Match::No => false,
                    Match::Unknown(why) => {
                        unknown = Some(why);
                        true
                    }
                }
            }
            "user" | "group" => {
                let own = if current == "user" { packet.uid } else { packet.gid };
                if word(at) == Some("=") {
                    at += 1;
                }
                let wanted = word(at).unwrap_or_default();
                at += 1;
                if let (Ok(wanted), Some(own)) = (wanted.parse::<u32>(), own) {
                    wanted == own
                } else {
                    unknown = Some(format!("the rule is for {current} {wanted}"));
                    true
                }
            }
            "flags" => {
                let flags = word(at).unwrap_or_default();
                at += 1;
                // S/SA is the first packet of a connection; the answer to one that was let out has a state.
                flags == "any" || packet.state == "new" || packet.flags.is_some()
            }
            "keep" | "modulate" | "synproxy" | "label" | "tag" | "rtable" | "queue" | "no" => {
                at += 1;
                true
            }
            "all" | "quick" | "log" | "drop" | "return" | "return-rst" | "return-icmp" | "return-icmp6"
            | "allow-opts" => true,
            // `(...)` after return-icmp, keep state and log: options.
            other if other.starts_with('(') => {
                let mut closed = other.ends_with(')');
                while let (false, Some(next)) = (closed, word(at)) {
                    closed = next.ends_with(')');
                    at += 1;
                }
                true
            }
            other => {
                unknown = Some(format!("{other} is not modelled"));
                true
            }
        };
        if !fits {
            return Match::No;
        }
    }
    // A connection that was let out has a state, and its answers pass by it.
    if packet.state != "new" {
        return Match::No;
    }
    if unknown.is_none() && packet.destination.is_loopback() && words.first() == Some(&"block") {
        unknown = Some("lo0 may be skipped (pfctl -vs Interfaces)".to_owned());
    }
    unknown.map_or(Match::Yes, Match::Unknown)
}

/// An address with a port: `any`, `! 192.0.2.0/24 port = 9000`, `<table>`.
fn end(words: &[&str], start: usize, own: Option<IpAddr>, own_port: Option<u16>) -> (Match, usize) {
    let mut at = start;
    let mut unknown = None;
    let mut not = false;
    let mut address = words.get(at).copied().unwrap_or("any");
    if address == "!" {
        not = true;
        at += 1;
        address = words.get(at).copied().unwrap_or("any");
    }
    at += 1;
    let fits = if address == "any" {
        true
    } else if let (Some(network), Some(own)) = (network(address), own) {
        contains(network, own) != not
    } else {
        unknown = Some(format!("the rule is for {address}"));
        true
    };
    if words.get(at).copied() == Some("port") {
        at += 1;
        let (result, next) = port(words, at, own_port);
        at = next;
        match result {
            Match::Yes => {}
            Match::No => return (Match::No, at),
            Match::Unknown(why) => unknown = Some(why),
        }
    }
    let result = if fits {
        unknown.map_or(Match::Yes, Match::Unknown)
    } else {
        Match::No
    };
    (result, at)
}

/// `= 9000`, `!= 80`, `8000:9000`, `7999 >< 9001`, `>= 1024`.
fn port(words: &[&str], start: usize, own: Option<u16>) -> (Match, usize) {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let Some(own) = own else {
        // Any port of ours: a rule for some cannot be told from the ruleset.
        let operators = ["=", "!=", "<", ">", "<=", ">="];
        let next = if operators.contains(&word(start)) {
            start + 2
        } else {
            start + 1
        };
        return (
            Match::Unknown("the rule is for some source ports".to_owned()),
            next,
        );
    };
    let first = word(start);
    let compare = |text: &str, check: &dyn Fn(u16) -> bool| match number(text) {
        Some(port) if check(port) => Match::Yes,
        Some(_) => Match::No,
        None => Match::Unknown(format!("the port {text} is a name")),
    };
    match first {
        "=" => (compare(word(start + 1), &|port| own == port), start + 2),
        "!=" => (compare(word(start + 1), &|port| own != port), start + 2),
        "<" => (compare(word(start + 1), &|port| own < port), start + 2),
        ">" => (compare(word(start + 1), &|port| own > port), start + 2),
        "<=" => (compare(word(start + 1), &|port| own <= port), start + 2),
        ">=" => (compare(word(start + 1), &|port| own >= port), start + 2),
        range if range.contains(':') => {
            let (low, high) = range.split_once(':').unwrap_or_default();
            match (number(low), number(high)) {
                (Some(low), Some(high)) if (low..=high).contains(&own) => (Match::Yes, start + 1),
                (Some(_), Some(_)) => (Match::No, start + 1),
                _ => (Match::Unknown(format!("the ports {range} have names")), start + 1),
            }
        }
        low => match (word(start + 1), number(low), number(word(start + 2))) {
            ("><", Some(low), Some(high)) if own > low && own < high => (Match::Yes, start + 3),
            ("<>", Some(low), Some(high)) if own < low || own > high => (Match::Yes, start + 3),
            ("><" | "<>", Some(_), Some(_)) => (Match::No, start + 3),
            _ => (Match::Unknown(format!("port {low} is not modelled")), start + 1),
        },
    }
}

/// A port; pfctl prints the names of /etc/services, of which these stand for the ports of web servers.
fn number(text: &str) -> Option<u16> {
    Some(match text {
        "domain" => 53,
        "http" => 80,
        "https" => 443,
        "commplex-main" => 5_000,
        "irdmi" => 8_000,
        "http-alt" => 8_080,
        "pcsync-https" => 8_443,
        "cslistener" => 9_000,
        text => return text.parse().ok(),
    })
}

fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, bits) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.split('%').next()?.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = if bits.is_empty() { most } else { bits.parse().ok()? };
    (bits <= most).then_some((address, bits))
}

pub(crate) fn contains((network, bits): (IpAddr, u8), address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let shift = 32_u32.saturating_sub(u32::from(bits));
            let cut = |bits: u32| bits.checked_shr(shift).unwrap_or(0);
            cut(network.to_bits()) == cut(address.to_bits())
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let shift = 128_u32.saturating_sub(u32::from(bits));
            let cut = |bits: u128| bits.checked_shr(shift).unwrap_or(0);
            cut(network.to_bits()) == cut(address.to_bits())
        }
        _ => false,
    }
}

/// The application firewall: it judges who may accept connections from other machines, never what leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplicationFirewall {
    /// It is on.
    pub enabled: bool,
    /// Everything incoming is blocked.
    pub block_all: bool,
    /// Programs whose incoming connections are blocked.
    pub blocked: Vec<String>,
}

/// Reads `socketfilterfw --getglobalstate` and `--listapps`, whose words changed with the versions.
pub fn application_firewall(state: &[u8], applications: &[u8]) -> ApplicationFirewall {
    let state = String::from_utf8_lossy(state).to_lowercase();
    let mut firewall = ApplicationFirewall {
        enabled: state.contains("state = 1") || state.contains("state = 2") || state.contains("is enabled"),
        block_all: state.contains("state = 2"),
        blocked: Vec::new(),
    };
    let mut last = String::new();
    for line in String::from_utf8_lossy(applications).lines() {
        let line = line.trim();
        // `1 :  /opt/homebrew/opt/nginx/bin/nginx` and below it `( Block incoming connections )`.
        if let Some((number, path)) = line.split_once(':')
            && number.trim().parse::<u32>().is_ok()
        {
            path.trim().clone_into(&mut last);
        }
        if line.to_lowercase().contains("block incoming connections") && !last.is_empty() {
            firewall.blocked.push(std::mem::take(&mut last));
        }
    }
    firewall
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(destination: &str, port: u16) -> Packet {
        Packet {
            direction: Direction::Output,
            protocol: "tcp".to_owned(),
            source: "192.0.2.5".parse().ok(),
            source_port: None,
            destination: destination.parse().expect("an address"),
            destination_port: port,
            out_interface: Some("en0".to_owned()),
            in_interface: None,
            uid: Some(501),
            gid: None,
            flags: None,
            state: "new".to_owned(),
        }
    }

    fn fate_of(rules: &str, destination: &str, port: u16) -> Fate {
        packet_filter(rules.as_bytes()).judge(&packet(destination, port)).fate
    }

    const APPLE: &str = "scrub-anchor \"com.apple/*\" all fragment reassemble\nanchor \"com.apple/*\" all\n";

    #[test]
    fn the_last_rule_that_matches_decides_unless_one_is_quick() {
        let rules = "block drop out proto tcp from any to any port = 9000\npass out inet proto tcp from any to 192.0.2.20 port = cslistener flags S/SA keep state\n";
        assert_eq!(fate_of(rules, "192.0.2.20", 9_000), Fate::Accepted);
        assert!(matches!(fate_of(rules, "192.0.2.21", 9_000), Fate::Rejected(_)));
        let rules = "block return out quick proto tcp from any to any port 8999 >< 9001\npass out all flags S/SA keep state\n";
        assert_eq!(
            fate_of(rules, "192.0.2.20", 9_000),
            Fate::Rejected("tcp-reset".to_owned())
        );
        assert_eq!(fate_of(rules, "192.0.2.20", 9_001), Fate::Accepted);
    }

    #[test]
    fn what_is_not_modelled_is_not_guessed() {
        let rules = "block drop out proto tcp from any to <blocked>\n";
        assert!(matches!(fate_of(rules, "192.0.2.20", 9_000), Fate::CannotTell(_)));
        let rules = "block drop out on utun3 proto tcp from any to any\nblock drop in all\n";
        assert_eq!(fate_of(rules, "192.0.2.20", 9_000), Fate::Accepted);
        assert_eq!(fate_of(APPLE, "192.0.2.20", 9_000), Fate::Accepted);
        assert!(matches!(
            fate_of("block drop all\n", "127.0.0.1", 80),
            Fate::CannotTell(_)
        ));
    }

    #[test]
    fn the_rule_that_lets_through_goes_into_apples_anchor_where_that_helps() {
        let rules = format!("{APPLE}block drop out inet proto tcp from any to 192.0.2.20 port = 9000\n");
        let answer = packet_filter(rules.as_bytes()).judge(&packet("192.0.2.20", 9_000));
        let rule = answer.rule.expect("a rule decides");
        assert!(rule.allow.join(" ").contains("com.apple/fix502"));
        assert!(rule.undo.join(" ").ends_with("com.apple/fix502 -F rules"));
        // A final rule before the anchor cannot be overruled from there.
        let rules = format!("block drop out quick inet proto tcp from any to 192.0.2.20\n{APPLE}");
        let answer = packet_filter(rules.as_bytes()).judge(&packet("192.0.2.20", 9_000));
        assert!(answer.rule.expect("a rule decides").allow.is_empty());
    }

    #[test]
    fn rules_inside_an_anchor_count_and_say_where_they_stand() {
        let rules = "anchor \"com.apple/*\" all {\n  anchor \"250.ApplicationFirewall/*\" all {\n    block drop out inet proto tcp from any to 192.0.2.0/24\n  }\n}\n";
        let answer = packet_filter(rules.as_bytes()).judge(&packet("192.0.2.20", 9_000));
        let rule = answer.rule.expect("a rule decides");
        assert_eq!(rule.chain, "250.ApplicationFirewall/*");
        assert!(rule.show.contains("-a '*'"));
    }

    #[test]
    fn the_application_firewall_is_read_in_old_and_new_words() {
        let apps = "ALF: total number of apps = 2 \n\n1 :  /opt/homebrew/opt/nginx/bin/nginx \n \t ( Block incoming connections ) \n\n2 :  /usr/sbin/sshd \n \t ( Allow incoming connections ) \n";
        let found = application_firewall(b"Firewall is enabled. (State = 1)\n", apps.as_bytes());
        assert_eq!(found.blocked, ["/opt/homebrew/opt/nginx/bin/nginx"]);
        assert!(found.enabled && !found.block_all);
        assert!(!application_firewall(b"Firewall is disabled. (State = 0)\n", b"").enabled);
    }

    #[test]
    fn the_state_of_pf_is_read() {
        assert_eq!(
            enabled(b"No ALTQ support in kernel\nStatus: Disabled\n"),
            Some(false)
        );
        assert_eq!(
            enabled(b"Status: Enabled for 0 days 01:02:03  Debug: Urgent\n"),
            Some(true)
        );
        assert_eq!(enabled(b"pfctl: /dev/pf: Permission denied\n"), None);
    }
}
