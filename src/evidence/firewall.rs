//! Packet filters: what the loaded rules do with one packet.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What the packet filters of one network namespace do with the way proxy → endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirewallAnswer {
    /// Which sources could be read: `nft`, `iptables-nft`, `iptables-legacy`, `ufw`, `firewalld`.
    pub read: Vec<String>,
    /// Which could not, with the reason in words.
    pub unread: Vec<(String, String)>,
    /// Rules loaded in all (0: no packet filter at all).
    pub rules: usize,
    /// Who manages the rules on this host (`ufw`, `firewalld`, `nft`, `iptables`), for the repair.
    pub managed_by: Option<String>,
    /// The answer for each packet asked about.
    pub packets: Vec<PacketAnswer>,
}

/// One packet and its fate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketAnswer {
    /// The packet.
    pub packet: Packet,
    /// Its fate.
    pub fate: Fate,
    /// The rule that decides, when one does.
    pub rule: Option<DecidingRule>,
}

/// The first packet of a flow, or of its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packet {
    /// Which hook sees it.
    pub direction: Direction,
    /// `tcp`, `udp` or `icmp`.
    pub protocol: String,
    /// Source address; `None` when not known.
    pub source: Option<IpAddr>,
    /// Source port; `None`: any ephemeral port.
    pub source_port: Option<u16>,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
    /// Interface it leaves by (`lo`, `eth0`), when known.
    pub out_interface: Option<String>,
    /// Interface it comes in by, when known.
    pub in_interface: Option<String>,
    /// Socket owner (the proxy's worker), for the `owner`/`skuid` match on output.
    pub uid: Option<u32>,
    /// Group of that socket, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// TCP flags, where they are not those of the first packet of a flow or of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u8>,
    /// Conntrack state: `new` or `established`.
    pub state: String,
}

/// Where the packet is on this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Through this host to another.
    Forward,
    /// Arrives here.
    Input,
    /// Leaves a process here.
    Output,
}

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Let through by every hook.
    Accepted,
    /// Dropped in silence: the sender sees a timeout.
    Dropped,
    /// Answered by a refusal (`icmp-port-unreachable`, `tcp-reset`, …).
    Rejected(String),
    /// A rule on the way uses something that is not modelled; says which.
    CannotTell(String),
}

/// The rule (or chain policy) that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecidingRule {
    /// `nft`, `iptables-nft`, `iptables-legacy`.
    pub backend: String,
    /// `ip`, `ip6` or `inet`.
    pub family: String,
    /// Table.
    pub table: String,
    /// Chain.
    pub chain: String,
    /// The rule as its tool prints it; for a policy `policy drop`.
    pub text: String,
    /// nft handle.
    pub handle: Option<u64>,
    /// 1-based position in the chain (iptables).
    pub position: Option<u32>,
    /// The command that shows it by hand.
    pub show: String,
    /// argv that would let the packet through, in the tool that manages this host.
    pub allow: Vec<String>,
    /// argv that takes that back.
    pub undo: Vec<String>,
}
