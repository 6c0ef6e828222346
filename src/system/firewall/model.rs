//! The shape every ruleset is brought into: chains of rules, a rule being a test and what it does then.
//!
//! A test answers yes, no or "not known"; whatever a reader of rulesets does not understand becomes
//! [`Test::Unknown`] with the words for the user, never a guess. To model one more match: a variant here, its
//! answer in `evaluate`, and the line that makes it in `iptables` and `nft`.

use std::net::IpAddr;

/// Which tool's rules these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Backend {
    Nft,
    IptablesNft,
    IptablesLegacy,
}

impl Backend {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nft => "nft",
            Self::IptablesNft => "iptables-nft",
            Self::IptablesLegacy => "iptables-legacy",
        }
    }
}

/// Family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Ip,
    Ip6,
    Inet,
    Netdev,
}

impl Family {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
            Self::Netdev => "netdev",
        }
    }

    pub(super) fn sees(self, address: IpAddr) -> bool {
        match self {
            Self::Ip => address.is_ipv4(),
            Self::Ip6 => address.is_ipv6(),
            Self::Inet | Self::Netdev => true,
        }
    }
}

/// Where in the kernel's path a base chain is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Ingress,
    Prerouting,
    Input,
    Forward,
    Output,
    Postrouting,
}

/// What makes a chain a base chain.
#[derive(Clone, Debug)]
pub(super) struct Base {
    pub(super) hook: Hook,
    pub(super) priority: i64,
    /// Address translation: asked for the first packet of a flow only.
    pub(super) nat: bool,
    /// The policy is drop.
    pub(super) drops: bool,
    /// Interfaces of an ingress chain.
    pub(super) devices: Vec<String>,
}

/// One chain.
#[derive(Clone, Debug)]
pub(super) struct Chain {
    pub(super) backend: Backend,
    /// The command that changes it: `nft`, `iptables`, `ip6tables-legacy`, …
    pub(super) command: String,
    pub(super) family: Family,
    pub(super) table: String,
    pub(super) name: String,
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

/// One rule; an nft verdict map becomes several with the same text and handle.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) text: String,
    pub(super) handle: Option<u64>,
    pub(super) position: Option<u32>,
    pub(super) tests: Vec<Test>,
    pub(super) verdict: Verdict,
}

/// What a matching rule does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing that matters here: count, log.
    Continue,
    /// Makes the packet's mark `(mark & keep) ^ flip`, or with `None` something not known; then goes on.
    Mark(Option<(u32, u32)>),
    /// Changes the flow's mark, or with `restores` the packet's from it; then goes on.
    ConnectionMark {
        restores: bool,
    },
    /// Takes the packet out of connection tracking, then goes on.
    Untrack,
    Accept,
    Drop,
    Reject(Refusal),
    Return,
    Jump(String),
    Goto(String),
    /// Ends the packet's way here with a new destination; the words say which.
    Rewrite(String),
    /// May end the packet's way, in a manner that is not modelled.
    Unmodelled(String),
}

/// How a reject rule answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A fixed name in the terms of iptables (`icmp-port-unreachable`, `tcp-reset`).
    Fixed(String),
    /// nft's icmpx code, whose name depends on the packet's family.
    Icmpx(String),
}

/// A range of addresses of one family, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) first: IpAddr,
    pub(super) last: IpAddr,
}

impl Addresses {
    pub(super) fn one(address: IpAddr) -> Self {
        Self {
            first: address,
            last: address,
        }
    }

    /// All addresses whose first `length` bits are those of `address`.
    pub(super) fn prefix(address: IpAddr, length: u32) -> Option<Self> {
        match address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(length)?).unwrap_or(0);
                let bits = v4.to_bits();
                Some(Self {
                    first: IpAddr::V4((bits & mask).into()),
                    last: IpAddr::V4((bits | !mask).into()),
                })
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(length)?).unwrap_or(0);
                let bits = v6.to_bits();
                Some(Self {
                    first: IpAddr::V6((bits & mask).into()),
                    last: IpAddr::V6((bits | !mask).into()),
                })
            }
        }
    }

    pub(super) fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && self.first <= address && address <= self.last
    }

    /// Every address of its family.
    pub(super) fn is_everything(self) -> bool {
        let whole = Self::prefix(self.first, 0);
        whole == Some(self)
    }
}

/// A name of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interfaces {
    pub(super) name: String,
    /// Every interface whose name starts so.
    pub(super) prefix: bool,
}

impl Interfaces {
    /// Reads `eth0`, or with `wildcard` as the last character a prefix.
    pub(super) fn read(text: &str, wildcard: char) -> Self {
        match text.strip_suffix(wildcard) {
            Some(prefix) => Self {
                name: prefix.to_owned(),
                prefix: true,
            },
            None => Self {
                name: text.to_owned(),
                prefix: false,
            },
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        if self.prefix {
            name.starts_with(&self.name)
        } else {
            name == self.name
        }
    }
}

/// One question about a packet. Lists mean "any of".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Source(Vec<Addresses>),
    Destination(Vec<Addresses>),
    SourcePort(Vec<(u16, u16)>),
    DestinationPort(Vec<(u16, u16)>),
    /// `tcp`, `udp`, `icmp`, `ipv6-icmp`, …
    Protocol(Vec<String>),
    /// Packet of the Internet Protocol version 4 (`true`) or 6.
    Version4(bool),
    InInterface(Vec<Interfaces>),
    OutInterface(Vec<Interfaces>),
    /// Lower-case connection tracking states.
    State(Vec<String>),
    /// The flow's destination was rewritten.
    Translated,
    /// The packet's direction in its flow is the one of the first packet.
    Original,
    /// User of the socket that sends.
    User(Vec<(u32, u32)>),
    /// Group of the socket that sends.
    Group(Vec<(u32, u32)>),
    /// The packet has a socket.
    Socket,
    /// Lower-case kinds of address: `local`, `broadcast`, …
    SourceKind(Vec<String>),
    DestinationKind(Vec<String>),
    /// `flags & mask == value`.
    TcpFlags {
        mask: u8,
        value: u8,
    },
    /// `mark & mask == value`.
    Mark {
        mask: u32,
        value: u32,
    },
    /// Connection tracking knows the packet's flow.
    Tracked,
    /// The same of the flow's mark, which is zero as long as no rule sets one.
    ConnectionMark {
        mask: u32,
        value: u32,
    },
    Any(Vec<Test>),
    All(Vec<Test>),
    Not(Box<Test>),
    /// Not modelled; the words say what it looks at.
    Unknown(String),
}

impl Test {
    pub(super) fn negated_if(self, negated: bool) -> Self {
        if negated { Self::Not(Box::new(self)) } else { self }
    }
}

/// The bit of a TCP flag by its name.
pub(super) fn tcp_flag(name: &str) -> Option<u8> {
    Some(match name.to_ascii_lowercase().as_str() {
        "fin" => 0x01,
        "syn" => 0x02,
        "rst" => 0x04,
        "psh" => 0x08,
        "ack" => 0x10,
        "urg" => 0x20,
        "ecn" => 0x40,
        "cwr" => 0x80,
        "none" => 0,
        "all" => 0x3f,
        _ => return None,
    })
}

/// Stands for an nft ruleset that could not be read: it may do anything to any packet.
pub(super) fn not_understood() -> [Chain; 3] {
    [Hook::Input, Hook::Forward, Hook::Output].map(unread_chain)
}

fn unread_chain(hook: Hook) -> Chain {
    let verdict = Verdict::Unmodelled("the nft ruleset could not be read".to_owned());
    let rule = Rule {
        text: "ruleset".to_owned(),
        handle: None,
        position: None,
        tests: Vec::new(),
        verdict,
    };
    Chain {
        backend: Backend::Nft,
        command: "nft".to_owned(),
        family: Family::Inet,
        table: "?".to_owned(),
        name: "?".to_owned(),
        base: Some(Base {
            hook,
            priority: 0,
            nat: false,
            drops: false,
            devices: Vec::new(),
        }),
        rules: vec![rule],
    }
}
