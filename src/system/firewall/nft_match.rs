//! What nft's matches look at, and what they compare it with.
//!
//! To model one more: a variant of [`Subject`], how it is written in [`subject`], what it asks in
//! [`Subject::test`].

use serde_json::Value;

use super::model::{Addresses, Interfaces, Test, tcp_flag};
use super::nft_text;

/// `left operator any of values`. What the left side needs (a protocol, a family) is never negated.
pub(super) fn compare(left: &Value, values: &[Value], operator: &str) -> Test {
    // A field of another protocol's header is certainly not there.
    let header = left
        .get("payload")
        .and_then(|payload| payload.get("protocol"))
        .and_then(Value::as_str);
    let unknown = || {
        let words = Test::Unknown(format!("`{}`", nft_text::value(left)));
        match header {
            Some("ip") => Test::All(vec![Test::Version4(true), words]),
            Some("ip6") => Test::All(vec![Test::Version4(false), words]),
            Some(name @ ("tcp" | "udp" | "icmp" | "sctp" | "dccp" | "udplite")) => {
                Test::All(vec![Test::Protocol(vec![name.to_owned()]), words])
            }
            Some("icmpv6") => Test::All(vec![Test::Protocol(vec!["ipv6-icmp".to_owned()]), words]),
            _ => words,
        }
    };
    let bare: Vec<&Value> = values
        .iter()
        .map(|value| value.get("elem").and_then(|elem| elem.get("val")).unwrap_or(value))
        .collect();
    if let Some(parts) = left.get("concat").and_then(Value::as_array) {
        let mut any = Vec::new();
        for value in &bare {
            let Some(fields) = value.get("concat").and_then(Value::as_array) else {
                return unknown();
            };
            if fields.len() != parts.len() {
                return unknown();
            }
            let all = parts
                .iter()
                .zip(fields)
                .map(|(part, field)| compare(part, std::slice::from_ref(field), "=="));
            any.push(Test::All(all.collect()));
        }
        return match operator {
            "==" | "in" => Test::Any(any),
            "!=" => {
                let mut all = needs(left);
                all.push(Test::Not(Box::new(Test::Any(any))));
                Test::All(all)
            }
            _ => unknown(),
        };
    }
    let Some(subject) = subject(left) else {
        return unknown();
    };
    let mut any = Vec::new();
    for value in bare {
        match subject.test(value, operator) {
            Some(test) => any.push(test),
            None => any.push(unknown()),
        }
    }
    let mut all = subject.needs();
    all.push(Test::Any(any).negated_if(operator == "!="));
    Test::All(all)
}

/// The modelled left sides.
enum Subject {
    Address { version4: bool, source: bool },
    Port { protocols: Vec<String>, source: bool },
    Protocol { version4: Option<bool> },
    Version,
    Ethertype,
    Interface { incoming: bool },
    User,
    Group,
    State,
    Status,
    Direction,
    Kind { source: bool },
    ReversePath,
    Flags { mask: Option<u8> },
    Mark { mask: u32 },
    ConnectionMark { mask: u32 },
}

fn subject(left: &Value) -> Option<Subject> {
    let (name, body) = left.as_object()?.iter().next()?;
    let word = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(
        match (name.as_str(), word("protocol"), word("field"), word("key")) {
            ("payload", "ip", field @ ("saddr" | "daddr"), _) => Subject::Address {
                version4: true,
                source: field == "saddr",
            },
            ("payload", "ip6", field @ ("saddr" | "daddr"), _) => Subject::Address {
                version4: false,
                source: field == "saddr",
            },
            ("payload", "ip", "protocol", _) => Subject::Protocol { version4: Some(true) },
            ("payload", "ip6", "nexthdr", _) => Subject::Protocol {
                version4: Some(false),
            },
            ("payload", "tcp", "flags", _) => Subject::Flags { mask: None },
            ("payload", "th", field @ ("sport" | "dport"), _) => Subject::Port {
                protocols: Vec::new(),
                source: field == "sport",
            },
            (
                "payload",
                protocol @ ("tcp" | "udp" | "sctp" | "dccp" | "udplite"),
                field @ ("sport" | "dport"),
                _,
            ) => Subject::Port {
                protocols: vec![protocol.to_owned()],
                source: field == "sport",
            },
            ("meta", _, _, "l4proto") => Subject::Protocol { version4: None },
            ("meta", _, _, "nfproto") => Subject::Version,
            ("meta", _, _, "protocol") => Subject::Ethertype,
            ("meta", _, _, "iif" | "iifname") => Subject::Interface { incoming: true },
            ("meta", _, _, "oif" | "oifname") => Subject::Interface { incoming: false },
            ("meta", _, _, "skuid") => Subject::User,
            ("meta", _, _, "skgid") => Subject::Group,
            ("meta", _, _, "mark") => Subject::Mark { mask: u32::MAX },
            ("ct", _, _, "mark") => Subject::ConnectionMark { mask: u32::MAX },
            ("ct", _, _, "state") => Subject::State,
            ("ct", _, _, "status") => Subject::Status,
            ("ct", _, _, "direction") => Subject::Direction,
            ("fib", ..) => fib(body)?,
            ("&", ..) => {
                let [inner, mask] = body.as_array()?.as_slice() else {
                    return None;
                };
                match subject(inner)? {
                    Subject::Flags { mask: None } => Subject::Flags {
                        mask: Some(flag_bits(mask)?),
                    },
                    Subject::Mark { mask: u32::MAX } => Subject::Mark {
                        mask: u32::try_from(mask.as_u64()?).ok()?,
                    },
                    Subject::ConnectionMark { mask: u32::MAX } => Subject::ConnectionMark {
                        mask: u32::try_from(mask.as_u64()?).ok()?,
                    },
                    _ => return None,
                }
            }
            _ => return None,
        },
    )
}

/// What must hold for a left side, or each part of one, to exist.
pub(super) fn needs(left: &Value) -> Vec<Test> {
    match left.get("concat").and_then(Value::as_array) {
        Some(parts) => parts
            .iter()
            .filter_map(subject)
            .flat_map(|part| part.needs())
            .collect(),
        None => subject(left).map(|subject| subject.needs()).unwrap_or_default(),
    }
}

fn fib(body: &Value) -> Option<Subject> {
    let flags: Vec<&str> = match body.get("flags")? {
        Value::String(flag) => vec![flag],
        Value::Array(flags) => flags.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    match (body.get("result")?.as_str()?, flags.as_slice()) {
        ("type", ["daddr"]) => Some(Subject::Kind { source: false }),
        ("type", ["saddr"]) => Some(Subject::Kind { source: true }),
        ("oif", flags) if flags.contains(&"saddr") && flags.contains(&"iif") => Some(Subject::ReversePath),
        _ => None,
    }
}

impl Subject {
    /// What must hold for the left side to exist; without it the rule does not match, negated or not.
    fn needs(&self) -> Vec<Test> {
        let version = |version4: bool| vec![Test::Version4(version4)];
        match self {
            Self::Address { version4, .. }
            | Self::Protocol {
                version4: Some(version4),
            } => version(*version4),
            Self::Port { protocols, .. } if !protocols.is_empty() => vec![Test::Protocol(protocols.clone())],
            Self::Flags { .. } => vec![Test::Protocol(vec!["tcp".to_owned()])],
            Self::User | Self::Group => vec![Test::Socket],
            Self::ConnectionMark { .. } | Self::Direction => vec![Test::Tracked],
            _ => Vec::new(),
        }
    }

    /// `self operator value`, without the negation of `!=`; `None` when not modelled.
    fn test(&self, value: &Value, operator: &str) -> Option<Test> {
        let equal = matches!(operator, "==" | "!=" | "in");
        match self {
            Self::Port { source, .. } => {
                let range = number_range(value, operator, u64::from(u16::MAX))?;
                let range = vec![(u16::try_from(range.0).ok()?, u16::try_from(range.1).ok()?)];
                Some(if *source {
                    Test::SourcePort(range)
                } else {
                    Test::DestinationPort(range)
                })
            }
            Self::User | Self::Group => {
                let (first, last) = number_range(value, operator, u64::from(u32::MAX))?;
                let range = vec![(u32::try_from(first).ok()?, u32::try_from(last).ok()?)];
                Some(match self {
                    Self::Group => Test::Group(range),
                    _ => Test::User(range),
                })
            }
            _ if !equal => None,
            Self::Address { source, .. } => {
                let list = vec![addresses(value)?];
                Some(if *source {
                    Test::Source(list)
                } else {
                    Test::Destination(list)
                })
            }
            Self::Protocol { .. } => Some(Test::Protocol(vec![protocol(value)?])),
            Self::Version => match value.as_str()? {
                "ipv4" => Some(Test::Version4(true)),
                "ipv6" => Some(Test::Version4(false)),
                _ => None,
            },
            Self::Ethertype => match value.as_str()? {
                "ip" => Some(Test::Version4(true)),
                "ip6" => Some(Test::Version4(false)),
                "arp" | "vlan" | "8021q" => Some(Test::Any(Vec::new())),
                _ => None,
            },
            Self::Interface { incoming } => {
                let list = vec![Interfaces::read(value.as_str()?, '*')];
                Some(if *incoming {
                    Test::InInterface(list)
                } else {
                    Test::OutInterface(list)
                })
            }
            Self::State => Some(Test::State(names(value)?)),
            Self::Status => names(value)?
                .iter()
                .all(|name| name == "dnat")
                .then_some(Test::Translated),
            Self::Direction => match value.as_str()? {
                "original" => Some(Test::Original),
                "reply" => Some(Test::Not(Box::new(Test::Original))),
                _ => None,
            },
            Self::Kind { source } => {
                let list = names(value)?;
                Some(if *source {
                    Test::SourceKind(list)
                } else {
                    Test::DestinationKind(list)
                })
            }
            // The address a packet of the loopback comes from is this host's: there is a way back.
            Self::ReversePath => {
                let no_way_back = Test::All(vec![
                    Test::Not(Box::new(Test::InInterface(vec![Interfaces::read("lo", '*')]))),
                    Test::Unknown("whether there is a route back to the source".to_owned()),
                ]);
                (value.as_bool() == Some(false)).then_some(no_way_back)
            }
            Self::Flags { mask: Some(mask) } => Some(Test::TcpFlags {
                mask: *mask,
                value: flag_bits(value)?,
            }),
            Self::Flags { mask: None } if operator == "in" => {
                let bits = flag_bits(value)?;
                Some(Test::Not(Box::new(Test::TcpFlags { mask: bits, value: 0 })))
            }
            Self::Flags { mask: None } => Some(Test::TcpFlags {
                mask: 0xff,
                value: flag_bits(value)?,
            }),
            Self::Mark { mask } => Some(Test::Mark {
                mask: *mask,
                value: u32::try_from(value.as_u64()?).ok()?,
            }),
            Self::ConnectionMark { mask } => Some(Test::ConnectionMark {
                mask: *mask,
                value: u32::try_from(value.as_u64()?).ok()?,
            }),
        }
    }
}

/// A number, a range or a comparison as a range of numbers.
fn number_range(value: &Value, operator: &str, highest: u64) -> Option<(u64, u64)> {
    if let Some(range) = value.get("range").and_then(Value::as_array) {
        return match range.as_slice() {
            [first, last] => Some((first.as_u64()?, last.as_u64()?)),
            _ => None,
        };
    }
    let number = value.as_u64()?;
    Some(match operator {
        "<" => (0, number.checked_sub(1)?),
        "<=" => (0, number),
        ">" => (number.checked_add(1)?, highest),
        ">=" => (number, highest),
        _ => (number, number),
    })
}

fn addresses(value: &Value) -> Option<Addresses> {
    if let Some(prefix) = value.get("prefix") {
        let length = u32::try_from(prefix.get("len")?.as_u64()?).ok()?;
        return Addresses::prefix(prefix.get("addr")?.as_str()?.parse().ok()?, length);
    }
    if let Some(range) = value.get("range").and_then(Value::as_array) {
        let [first, last] = range.as_slice() else {
            return None;
        };
        return Some(Addresses {
            first: first.as_str()?.parse().ok()?,
            last: last.as_str()?.parse().ok()?,
        });
    }
    value.as_str()?.parse().ok().map(Addresses::one)
}

fn protocol(value: &Value) -> Option<String> {
    match (value.as_str(), value.as_u64()) {
        (Some("icmpv6"), _) | (_, Some(58)) => Some("ipv6-icmp".to_owned()),
        (Some(name), _) => Some(name.to_owned()),
        (_, Some(6)) => Some("tcp".to_owned()),
        (_, Some(17)) => Some("udp".to_owned()),
        (_, Some(1)) => Some("icmp".to_owned()),
        (_, Some(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// One name or a list of names.
fn names(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(name) => Some(vec![name.clone()]),
        Value::Array(list) => list.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn flag_bits(value: &Value) -> Option<u8> {
    match value {
        Value::String(name) => tcp_flag(name),
        Value::Number(number) => u8::try_from(number.as_u64()?).ok(),
        Value::Array(list) => list.iter().try_fold(0, |bits, one| Some(bits | flag_bits(one)?)),
        Value::Object(object) => object.get("|").and_then(flag_bits),
        _ => None,
    }
}
