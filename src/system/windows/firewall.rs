//! `netsh advfirewall show allprofiles` and `netsh advfirewall firewall show rule name=all verbose`
//! (learn.microsoft.com, "netsh advfirewall").
//!
//! A rule that blocks wins over one that allows; without either the default of the profile decides. What a program
//! on this host sends to itself is not filtered.

use std::net::IpAddr;

use super::text;
use crate::evidence::{DecidingRule, Direction, Fate, Packet, PacketAnswer};
use crate::system::commands::{self, Argv};
use crate::system::macos::contains;

/// The profile that is on, and what it does with connections that no rule speaks of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// `Domain`, `Private`, `Public`.
    name: String,
    on: bool,
    blocks_out: bool,
    blocks_in: bool,
}

/// The profiles and rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    profiles: Vec<Profile>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rule {
    name: String,
    fields: Vec<(String, String)>,
}

impl Rule {
    fn field(&self, name: &str) -> &str {
        self.fields
            .iter()
            .find(|(label, _)| label == name)
            .map_or("", |(_, value)| value.as_str())
    }

    fn text(&self) -> String {
        format!(
            "{:?}: {} {} {} {} {}",
            self.name,
            self.field("Direction"),
            self.field("Action"),
            self.field("Protocol"),
            self.field("RemoteIP"),
            self.field("RemotePort")
        )
        .trim_end()
        .to_owned()
    }
}

/// The profiles of `show allprofiles` or `show currentprofile`; none when it is printed in a language that is not read.
pub fn profiles(bytes: &[u8]) -> Vec<Profile> {
    let text = text(bytes);
    let mut found: Vec<Profile> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_suffix("Profile Settings:") {
            found.push(Profile {
                name: name.trim().to_owned(),
                ..Profile::default()
            });
            continue;
        }
        let Some(profile) = found.last_mut() else { continue };
        let mut words = line.split_whitespace();
        match words.next() {
            Some("State") => profile.on = words.next() == Some("ON"),
            Some("Firewall") if words.next() == Some("Policy") => {
                let policy = words.next().unwrap_or_default();
                profile.blocks_in = policy.contains("BlockInbound");
                profile.blocks_out = policy.contains("BlockOutbound");
            }
            _ => {}
        }
    }
    found
}

/// Profiles (the current ones, where they are known) with the rules; `None`: the rules are in a language that is not
/// read, or there are none to be seen.
pub fn firewall(current: &[u8], all: &[u8], rules: &[u8]) -> Option<Firewall> {
    let mut in_force = profiles(current);
    if in_force.is_empty() {
        in_force = profiles(all);
    }
    let mut firewall = Firewall {
        profiles: in_force,
        rules: Vec::new(),
    };
    let text = text(rules);
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with("---") {
            continue;
        }
        let Some((label, value)) = line.split_once(':') else {
            continue;
        };
        let (label, value) = (label.trim(), value.trim());
        if label == "Rule Name" {
            firewall.rules.push(Rule {
                name: value.to_owned(),
                fields: Vec::new(),
            });
        } else if let Some(rule) = firewall.rules.last_mut() {
            rule.fields.push((label.to_owned(), value.to_owned()));
        }
    }
    (!firewall.profiles.is_empty() && !firewall.rules.is_empty()).then_some(firewall)
}

enum Match {
    Yes,
    No,
    Unknown(String),
}

impl Firewall {
    /// Rules that are in force.
    pub fn rule_count(&self) -> usize {
        self.rules
            .iter()
            .filter(|rule| rule.field("Enabled") == "Yes")
            .count()
    }

    /// What happens to a packet. `program` is the file of the program that sends or gets it.
    pub fn judge(&self, packet: &Packet, program: Option<&str>) -> PacketAnswer {
        let answer = |fate: Fate, rule: Option<DecidingRule>| PacketAnswer {
            packet: packet.clone(),
            fate,
            rule,
        };
        let local = packet.destination.is_loopback() || packet.source == Some(packet.destination);
        let on: Vec<&Profile> = self.profiles.iter().filter(|profile| profile.on).collect();
        // Answers belong to a connection that was let through.
        if local || on.is_empty() || packet.state != "new" {
            return answer(Fate::Accepted, None);
        }
        let wanted = |action: &'static str| {
            self.rules
                .iter()
                .filter(move |rule| rule.field("Action") == action)
                .map(|rule| (rule, matches(rule, packet, program, &on)))
        };
        if let Some((rule, _)) = wanted("Block").find(|(_, found)| matches!(found, Match::Yes)) {
            return answer(refused(packet), Some(blocking(rule)));
        }
        if let Some((rule, Match::Unknown(why))) =
            wanted("Block").find(|(_, found)| matches!(found, Match::Unknown(_)))
        {
            return answer(Fate::CannotTell(why), Some(blocking(rule)));
        }
        let by_default = on.iter().find(|profile| {
            if packet.direction == Direction::Input {
                profile.blocks_in
            } else {
                profile.blocks_out
            }
        });
        let Some(profile) = by_default else {
            return answer(Fate::Accepted, None);
        };
        let mut allowing = wanted("Allow").peekable();
        if allowing.peek().is_some() && wanted("Allow").any(|(_, found)| matches!(found, Match::Yes)) {
            return answer(Fate::Accepted, None);
        }
        if let Some((_, Match::Unknown(why))) =
            wanted("Allow").find(|(_, found)| matches!(found, Match::Unknown(_)))
        {
            return answer(Fate::CannotTell(why), None);
        }
        let (allow, undo) = commands::allow(
            crate::evidence::Platform::Windows,
            std::net::SocketAddr::new(packet.destination, packet.destination_port),
        );
        let out = packet.direction == Direction::Output;
        answer(
            refused(packet),
            Some(DecidingRule {
                backend: "Windows Defender Firewall".to_owned(),
                table: profile.name.clone(),
                chain: "default".to_owned(),
                text: if out { "BlockOutbound" } else { "BlockInbound" }.to_owned(),
                show: "netsh advfirewall show currentprofile".to_owned(),
                allow: if out { allow } else { Argv::new() },
                undo: if out { undo } else { Argv::new() },
                ..DecidingRule::default()
            }),
        )
    }
}

/// A program whose own connection is blocked is told at once: 10013, permission denied.
fn refused(packet: &Packet) -> Fate {
    if packet.direction == Direction::Output {
        Fate::Rejected("access denied, error 10013".to_owned())
    } else {
        Fate::Dropped
    }
}

/// The rule that blocks, which has to be switched off: a rule that allows does not win over it.
fn blocking(rule: &Rule) -> DecidingRule {
    let switch = |enable: &str| {
        [
            "netsh",
            "advfirewall",
            "firewall",
            "set",
            "rule",
            &format!("name={}", rule.name),
            if rule.field("Direction") == "In" {
                "dir=in"
            } else {
                "dir=out"
            },
            "new",
            enable,
        ]
        .map(str::to_owned)
        .to_vec()
    };
    DecidingRule {
        backend: "Windows Defender Firewall".to_owned(),
        table: rule.field("Profiles").to_owned(),
        chain: rule.field("Direction").to_owned(),
        text: rule.text(),
        show: format!(
            "netsh advfirewall firewall show rule name=\"{}\" verbose",
            rule.name
        ),
        allow: switch("enable=no"),
        undo: switch("enable=yes"),
        ..DecidingRule::default()
    }
}

fn matches(rule: &Rule, packet: &Packet, program: Option<&str>, on: &[&Profile]) -> Match {
    let input = packet.direction == Direction::Input;
    let (local_ip, local_port, remote_ip, remote_port) = if input {
        (
            Some(packet.destination),
            Some(packet.destination_port),
            packet.source,
            packet.source_port,
        )
    } else {
        (
            packet.source,
            packet.source_port,
            Some(packet.destination),
            Some(packet.destination_port),
        )
    };
    let profiles = rule.field("Profiles");
    let in_profile = profiles.is_empty() || on.iter().any(|profile| profiles.contains(&profile.name));
    let protocol = rule.field("Protocol");
    let number = if packet.protocol == "udp" { "17" } else { "6" };
    let of_protocol = protocol.is_empty()
        || protocol == "Any"
        || protocol.eq_ignore_ascii_case(&packet.protocol)
        || protocol == number;
    if rule.field("Enabled") != "Yes"
        || rule.field("Direction") != (if input { "In" } else { "Out" })
        || !in_profile
        || !of_protocol
    {
        return Match::No;
    }
    let mut unknown = None;
    let checks = [
        addresses(rule.field("LocalIP"), local_ip),
        addresses(rule.field("RemoteIP"), remote_ip),
        ports(rule.field("LocalPort"), local_port),
        ports(rule.field("RemotePort"), remote_port),
        of_program(rule.field("Program"), program),
        // Only services have these; a proxy that runs as one is rare enough to be asked about.
        any_or_unknown("service", rule.field("Service")),
        any_or_unknown("kind of interface", rule.field("InterfaceTypes")),
    ];
    for check in checks {
        match check {
            Match::Yes => {}
            Match::No => return Match::No,
            Match::Unknown(why) => unknown = Some(why),
        }
    }
    unknown.map_or(Match::Yes, |why| {
        Match::Unknown(format!("rule {:?}: {why}", rule.name))
    })
}

fn any_or_unknown(what: &str, value: &str) -> Match {
    if value.is_empty() || value == "Any" {
        Match::Yes
    } else {
        Match::Unknown(format!("it is for the {what} {value}"))
    }
}

fn of_program(value: &str, program: Option<&str>) -> Match {
    if value.is_empty() || value == "Any" {
        return Match::Yes;
    }
    let plain = |path: &str| path.replace('/', "\\").to_lowercase();
    match program {
        // Rules may name a program with variables (%ProgramFiles%): then its file name alone is compared.
        Some(program) if value.contains('%') => {
            let base = |path: &str| plain(path).rsplit('\\').next().unwrap_or_default().to_owned();
            if base(program) == base(value) {
                Match::Unknown(format!("it is for the program {value}"))
            } else {
                Match::No
            }
        }
        Some(program) if plain(program) == plain(value) => Match::Yes,
        Some(_) => Match::No,
        None => Match::Unknown(format!("it is for the program {value}")),
    }
}

/// `Any`, or a list of addresses, networks (`192.0.2.0/24`), ranges (`192.0.2.1-192.0.2.9`) and words.
fn addresses(value: &str, own: Option<IpAddr>) -> Match {
    if value.is_empty() || value == "Any" {
        return Match::Yes;
    }
    let Some(own) = own else {
        return Match::Unknown(format!("it is for the address {value}"));
    };
    let mut unknown = None;
    for part in value.split(',').map(str::trim) {
        let fits = if let Some((first, last)) = part.split_once('-') {
            match (first.parse::<IpAddr>(), last.parse::<IpAddr>()) {
                (Ok(first), Ok(last)) => {
                    Some(first.is_ipv4() == own.is_ipv4() && (first..=last).contains(&own))
                }
                _ => None,
            }
        } else {
            let (address, mask) = part.split_once('/').unwrap_or((part, ""));
            match (address.parse::<IpAddr>(), bits(mask, own)) {
                (Ok(address), Some(bits)) => Some(contains((address, bits), own)),
                _ => None,
            }
        };
        match fits {
            Some(true) => return Match::Yes,
            Some(false) => {}
            // LocalSubnet, DNS, DHCP, WINS, DefaultGateway.
            None => unknown = Some(format!("it is for {part}")),
        }
    }
    unknown.map_or(Match::No, Match::Unknown)
}

/// The bits of `24`, of `255.255.255.0`, or of nothing: a whole address.
fn bits(mask: &str, own: IpAddr) -> Option<u8> {
    if mask.is_empty() {
        return Some(if own.is_ipv4() { 32 } else { 128 });
    }
    if let Ok(mask) = mask.parse::<std::net::Ipv4Addr>() {
        return u8::try_from(mask.to_bits().leading_ones()).ok();
    }
    mask.parse().ok()
}

fn ports(value: &str, own: Option<u16>) -> Match {
    if value.is_empty() || value == "Any" {
        return Match::Yes;
    }
    let Some(own) = own else {
        return Match::Unknown(format!("it is for the port {value}"));
    };
    let mut unknown = None;
    for part in value.split(',').map(str::trim) {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        match (low.parse::<u16>(), high.parse::<u16>()) {
            (Ok(low), Ok(high)) if (low..=high).contains(&own) => return Match::Yes,
            (Ok(_), Ok(_)) => {}
            _ => unknown = Some(format!("it is for the ports {part}")),
        }
    }
    unknown.map_or(Match::No, Match::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILES: &str = "\r\nPublic Profile Settings: \r\n----------------------------------------------------------------------\r\nState                                 ON\r\nFirewall Policy                       BlockInbound,AllowOutbound\r\nLocalFirewallRules                    N/A (GPO-store only)\r\n\r\nOk.\r\n\r\n";

    fn rule(name: &str, action: &str, more: &str) -> String {
        format!(
            "\r\nRule Name:                            {name}\r\n----------------------------------------------------------------------\r\nEnabled:                              Yes\r\nDirection:                            Out\r\nProfiles:                             Domain,Private,Public\r\nGrouping:                             \r\nLocalIP:                              Any\r\n{more}Edge traversal:                       No\r\nInterfaceTypes:                       Any\r\nSecurity:                             NotRequired\r\nRule source:                          Local Setting\r\nAction:                               {action}\r\n"
        )
    }

    fn fate(rules: &str, destination: &str, port: u16) -> Fate {
        let packet = Packet {
            direction: Direction::Output,
            protocol: "tcp".to_owned(),
            source: "192.0.2.5".parse().ok(),
            source_port: None,
            destination: destination.parse().expect("an address"),
            destination_port: port,
            out_interface: None,
            in_interface: None,
            uid: None,
            gid: None,
            flags: None,
            state: "new".to_owned(),
        };
        firewall(PROFILES.as_bytes(), b"", rules.as_bytes())
            .expect("profiles and rules")
            .judge(&packet, Some(r"C:\nginx\nginx.exe"))
            .fate
    }

    const TO_9000: &str = "RemoteIP:                             192.0.2.0/24\r\nProtocol:                             TCP\r\nLocalPort:                            Any\r\nRemotePort:                           8000-9000\r\n";

    #[test]
    fn a_rule_that_blocks_wins_over_one_that_allows() {
        let rules = rule("allow", "Allow", TO_9000) + &rule("deny app", "Block", TO_9000);
        assert!(matches!(fate(&rules, "192.0.2.20", 9_000), Fate::Rejected(_)));
        assert_eq!(fate(&rules, "192.0.2.20", 9_001), Fate::Accepted);
        assert_eq!(fate(&rules, "198.51.100.20", 9_000), Fate::Accepted);
        assert_eq!(fate(&rules, "127.0.0.1", 9_000), Fate::Accepted);
    }

    #[test]
    fn a_rule_for_another_program_is_no_rule_for_the_proxy() {
        let other =
            format!("{TO_9000}Program:                              C:\\Windows\\System32\\curl.exe\r\n");
        assert_eq!(
            fate(&rule("curl", "Block", &other), "192.0.2.20", 9_000),
            Fate::Accepted
        );
        let own = format!("{TO_9000}Program:                              C:\\NGINX\\nginx.exe\r\n");
        assert!(matches!(
            fate(&rule("nginx", "Block", &own), "192.0.2.20", 9_000),
            Fate::Rejected(_)
        ));
        let subnet = TO_9000.replace("192.0.2.0/24", "LocalSubnet");
        assert!(matches!(
            fate(&rule("subnet", "Block", &subnet), "192.0.2.20", 9_000),
            Fate::CannotTell(_)
        ));
    }

    #[test]
    fn another_language_is_not_taken_for_no_rules() {
        let german =
            "Regelname:                            App\r\nAktiviert:                            Ja\r\n";
        assert!(firewall(PROFILES.as_bytes(), b"", german.as_bytes()).is_none());
        assert!(firewall(b"", b"Profileinstellungen", b"").is_none());
    }
}
