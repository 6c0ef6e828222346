//! Reads `iptables-save` and `ip6tables-save`.
//!
//! Options that belong to a match module that is not modelled are swallowed up to the next module or target,
//! and the rule carries a test that answers "not known". To model a module: its name in [`module`], its
//! options in [`option`].

use std::collections::HashMap;
use std::net::IpAddr;

use super::model::{
    Addresses, Backend, Base, Chain, Family, Hook, Interfaces, Refusal, Rule, Test, Verdict, tcp_flag,
};

/// Targets that change nothing about the packet's way.
const INERT: &[&str] = &[
    "LOG",
    "NFLOG",
    "ULOG",
    "TRACE",
    "AUDIT",
    "TCPMSS",
    "CHECKSUM",
    "CLASSIFY",
    "DSCP",
    "TOS",
    "TTL",
    "HL",
    "ECN",
    "SET",
    "SECMARK",
    "CONNSECMARK",
    "IDLETIMER",
    "LED",
    "RATEEST",
    "TCPOPTSTRIP",
    "TEE",
    "NOOP",
];

/// The chains of one save; `command` is the one that changes them.
pub(super) fn parse(bytes: &[u8], family: Family, command: &str) -> Vec<Chain> {
    let text = String::from_utf8_lossy(bytes);
    let backend = if text.contains("(nf_tables)") {
        Backend::IptablesNft
    } else {
        Backend::IptablesLegacy
    };
    let mut chains: Vec<Chain> = Vec::new();
    let mut table = String::new();
    // Chains of the current table by name.
    let mut places: HashMap<String, usize> = HashMap::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('*') {
            name.clone_into(&mut table);
            places.clear();
        } else if let Some(declaration) = line.strip_prefix(':') {
            let mut words = declaration.split_whitespace();
            let name = words.next().unwrap_or_default().to_owned();
            let policy = words.next().unwrap_or("-");
            let base = if policy == "-" {
                None
            } else {
                base(&table, &name, policy)
            };
            places.insert(name.clone(), chains.len());
            chains.push(Chain {
                backend,
                command: command.to_owned(),
                family,
                table: table.clone(),
                name,
                base,
                rules: Vec::new(),
            });
        } else {
            // `iptables-save -c` writes the counters in front.
            let line = match line.strip_prefix('[') {
                Some(rest) => rest.split_once(']').map_or(line, |(_, rule)| rule.trim_start()),
                None => line,
            };
            if let Some(specification) = line.strip_prefix("-A ") {
                let words = split(specification);
                let Some((name, words)) = words.split_first() else {
                    continue;
                };
                let Some(chain) = places.get(name).and_then(|place| chains.get_mut(*place)) else {
                    continue;
                };
                let position = u32::try_from(chain.rules.len()).unwrap_or(u32::MAX).saturating_add(1);
                chain.rules.push(rule(line, words, position, family));
            }
        }
    }
    chains
}

fn base(table: &str, chain: &str, policy: &str) -> Option<Base> {
    let hook = match chain {
        "PREROUTING" => Hook::Prerouting,
        "INPUT" => Hook::Input,
        "FORWARD" => Hook::Forward,
        "OUTPUT" => Hook::Output,
        "POSTROUTING" => Hook::Postrouting,
        _ => return None,
    };
    let nat = table == "nat";
    let priority = match table {
        "raw" => -300,
        "mangle" => -150,
        "nat" if matches!(hook, Hook::Prerouting | Hook::Output) => -100,
        "nat" => 100,
        "security" => 50,
        _ => 0,
    };
    Some(Base {
        hook,
        priority,
        nat,
        drops: policy == "DROP",
        devices: Vec::new(),
    })
}

/// Words of a line as `iptables-save` quotes them.
fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(characters.next()),
            ' ' | '\t' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

fn rule(line: &str, words: &[String], position: u32, family: Family) -> Rule {
    let mut tests = Vec::new();
    let mut verdict = Verdict::Continue;
    let mut negated = false;
    let mut swallowing = false;
    let mut of_flow = false;
    let mut words = words.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        match word {
            "!" => negated = true,
            "-j" | "-g" => {
                let name = words.next().unwrap_or_default();
                let options: Vec<&str> = words.by_ref().collect();
                verdict = if word == "-g" {
                    Verdict::Goto(name.to_owned())
                } else {
                    target(name, &options, family)
                };
            }
            "-m" => {
                let name = words.next().unwrap_or_default();
                swallowing = false;
                of_flow = name == "connmark";
                if let Some(unknown) = module(name) {
                    swallowing = true;
                    tests.push(unknown);
                }
                negated = false;
            }
            _ if swallowing => negated = false,
            "--mark" if of_flow => {
                let test = match words.next().and_then(mark) {
                    Some((value, mask)) => Test::ConnectionMark { mask, value },
                    None => Test::Unknown("the mark of the flow".to_owned()),
                };
                tests.push(Test::Tracked);
                tests.push(test.negated_if(negated));
                negated = false;
            }
            "--tcp-flags" => {
                let test = match (words.next().and_then(flags), words.next().and_then(flags)) {
                    (Some(mask), Some(value)) => Test::TcpFlags { mask, value },
                    _ => Test::Unknown("TCP flags".to_owned()),
                };
                tests.push(test.negated_if(negated));
                negated = false;
            }
            "--syn" => {
                tests.push(
                    Test::TcpFlags {
                        mask: 0x17,
                        value: 0x02,
                    }
                    .negated_if(negated),
                );
                negated = false;
            }
            "-f" | "--fragment" => {
                // The first packet of a flow is no fragment.
                tests.push(Test::Any(Vec::new()).negated_if(negated));
                negated = false;
            }
            "--socket-exists" => {
                tests.push(Test::Socket.negated_if(negated));
                negated = false;
            }
            "--comment" => {
                words.next();
                negated = false;
            }
            _ if word.starts_with('-') => {
                let has_value = words
                    .peek()
                    .is_some_and(|next| !next.starts_with('-') && *next != "!");
                let value = if has_value {
                    words.next().unwrap_or_default()
                } else {
                    ""
                };
                if let Some(test) = option(word, value) {
                    tests.push(test.negated_if(negated));
                }
                negated = false;
            }
            other => tests.push(Test::Unknown(format!("`{other}`"))),
        }
    }
    Rule {
        text: line.to_owned(),
        handle: None,
        position: Some(position),
        tests,
        verdict,
    }
}

/// What stands for a whole match module that is not modelled.
fn module(name: &str) -> Option<Test> {
    let words = match name {
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "icmp" | "icmp6" | "multiport" | "state"
        | "conntrack" | "owner" | "addrtype" | "comment" | "iprange" | "mark" | "connmark" => return None,
        "limit" | "hashlimit" | "recent" | "quota" | "connlimit" => format!("rate limited (-m {name})"),
        "set" => "an ipset (-m set)".to_owned(),
        "statistic" => "chance (-m statistic)".to_owned(),
        other => format!("-m {other}"),
    };
    Some(Test::Unknown(words))
}

/// One option of a modelled match; `None`: says nothing about the packet.
fn option(name: &str, value: &str) -> Option<Test> {
    let unknown = || Test::Unknown(format!("{name} {value}"));
    let ports = |make: fn(Vec<(u16, u16)>) -> Test| ports(value).map_or_else(unknown, make);
    let addresses =
        |make: fn(Vec<Addresses>) -> Test| addresses(value).map_or_else(unknown, |one| make(vec![one]));
    let range =
        |make: fn(Vec<Addresses>) -> Test| address_range(value).map_or_else(unknown, |one| make(vec![one]));
    let lower = || value.split(',').map(str::to_ascii_lowercase).collect::<Vec<_>>();
    Some(match name {
        "-s" | "--source" => addresses(Test::Source),
        "-d" | "--destination" => addresses(Test::Destination),
        "-p" | "--protocol" if value == "all" || value == "0" => return None,
        "-p" | "--protocol" | "--ctproto" => Test::Protocol(vec![protocol(value).to_owned()]),
        "-i" => Test::InInterface(vec![Interfaces::read(value, '+')]),
        "-o" => Test::OutInterface(vec![Interfaces::read(value, '+')]),
        "--sport" | "--source-port" | "--sports" | "--source-ports" => ports(Test::SourcePort),
        "--dport" | "--destination-port" | "--dports" | "--destination-ports" => ports(Test::DestinationPort),
        "--ports" => {
            ports(|list| Test::Any(vec![Test::SourcePort(list.clone()), Test::DestinationPort(list)]))
        }
        "--state" | "--ctstate" => Test::Any(lower().into_iter().map(state).collect()),
        "--ctdir" => Test::All(vec![
            Test::Tracked,
            Test::Original.negated_if(!value.eq_ignore_ascii_case("ORIGINAL")),
        ]),
        "--uid-owner" => users(value).map_or_else(unknown, |range| Test::User(vec![range])),
        "--gid-owner" => users(value).map_or_else(unknown, |range| Test::Group(vec![range])),
        "--src-type" => Test::SourceKind(lower()),
        "--dst-type" => Test::DestinationKind(lower()),
        "--src-range" => range(Test::Source),
        "--dst-range" => range(Test::Destination),
        "--mark" => mark(value).map_or_else(unknown, |(value, mask)| Test::Mark { mask, value }),
        _ => unknown(),
    })
}

/// One connection tracking state as a test.
fn state(name: String) -> Test {
    match name.as_str() {
        "dnat" => Test::Translated,
        "snat" => Test::Unknown("source address translation (ctstate SNAT)".to_owned()),
        _ => Test::State(vec![name]),
    }
}

fn target(name: &str, options: &[&str], family: Family) -> Verdict {
    let after = |option: &str| {
        let at = options.iter().position(|word| *word == option)?;
        options.get(at.checked_add(1)?).copied()
    };
    match name {
        "ACCEPT" | "SNAT" | "MASQUERADE" => Verdict::Accept,
        "DROP" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "REJECT" => {
            let usual = if family == Family::Ip6 {
                "icmp6-port-unreachable"
            } else {
                "icmp-port-unreachable"
            };
            Verdict::Reject(Refusal::Fixed(after("--reject-with").unwrap_or(usual).to_owned()))
        }
        "NOTRACK" => Verdict::Untrack,
        "CT" if options.contains(&"--notrack") => Verdict::Untrack,
        "CT" | "" => Verdict::Continue,
        "MARK" => {
            let change = after("--set-xmark").and_then(mark);
            Verdict::Mark(change.map(|(value, mask)| (!mask, value)))
        }
        "CONNMARK" => Verdict::ConnectionMark {
            restores: options.contains(&"--restore-mark"),
        },
        "DNAT" => Verdict::Rewrite(format!(
            "sends the packet to {}",
            after("--to-destination").unwrap_or("elsewhere")
        )),
        "REDIRECT" => Verdict::Rewrite(format!(
            "sends the packet to local port {}",
            after("--to-ports").unwrap_or("?")
        )),
        "NETMAP" | "TPROXY" | "NFQUEUE" | "QUEUE" | "SYNPROXY" | "CLUSTERIP" => {
            Verdict::Unmodelled(format!("target {name}"))
        }
        _ if INERT.contains(&name) => Verdict::Continue,
        _ => Verdict::Jump(name.to_owned()),
    }
}

fn flags(list: &str) -> Option<u8> {
    list.split(',').try_fold(0, |bits, name| Some(bits | tcp_flag(name)?))
}

fn ports(list: &str) -> Option<Vec<(u16, u16)>> {
    list.split(',')
        .map(|one| match one.split_once(':') {
            Some((first, last)) => Some((
                if first.is_empty() { 0 } else { first.parse().ok()? },
                if last.is_empty() {
                    u16::MAX
                } else {
                    last.parse().ok()?
                },
            )),
            None => one.parse().ok().map(|port| (port, port)),
        })
        .collect()
}

fn users(value: &str) -> Option<(u32, u32)> {
    match value.split_once('-') {
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)),
        None => value.parse().ok().map(|user| (user, user)),
    }
}

/// `value` or `value/mask`, as value and mask.
fn mark(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match text.split_once('/') {
        Some((value, mask)) => Some((number(value)?, number(mask)?)),
        None => Some((number(text)?, u32::MAX)),
    }
}

/// `ADDR`, `ADDR/length` or `ADDR/dotted mask`; `None` also for a mask with holes.
fn addresses(text: &str) -> Option<Addresses> {
    let Some((address, mask)) = text.split_once('/') else {
        return text.parse().ok().map(Addresses::one);
    };
    let address: IpAddr = address.parse().ok()?;
    let length = match mask.parse::<u32>() {
        Ok(length) => length,
        Err(_) => match mask.parse::<IpAddr>().ok()? {
            IpAddr::V4(mask) if mask.to_bits().leading_ones() == mask.to_bits().count_ones() => {
                mask.to_bits().count_ones()
            }
            IpAddr::V6(mask) if mask.to_bits().leading_ones() == mask.to_bits().count_ones() => {
                mask.to_bits().count_ones()
            }
            _ => return None,
        },
    };
    Addresses::prefix(address, length)
}

fn address_range(text: &str) -> Option<Addresses> {
    match text.split_once('-') {
        Some((first, last)) => Some(Addresses {
            first: first.parse().ok()?,
            last: last.parse().ok()?,
        }),
        None => text.parse().ok().map(Addresses::one),
    }
}

/// Numbers that `iptables-save` prints where `/etc/protocols` has no name.
fn protocol(value: &str) -> &str {
    match value {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" | "icmpv6" => "ipv6-icmp",
        other => other,
    }
}
