//! What a packet says of itself where the question leaves something open.

use std::net::IpAddr;

use super::evaluate::Answer;
use crate::evidence::Packet;

/// Source address; what this host sends to its own loopback comes from there.
pub(super) fn source(packet: &Packet) -> Option<IpAddr> {
    packet.source.or_else(|| {
        packet.destination.is_loopback().then_some(match packet.destination {
            IpAddr::V4(_) => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        })
    })
}

/// Whether the source port is in one of the ranges; not known: any that the kernel hands out.
pub(super) fn source_port(port: Option<u16>, ranges: &[(u16, u16)]) -> Answer {
    if let Some(port) = port {
        return ranges
            .iter()
            .any(|(first, last)| (*first..=*last).contains(&port))
            .into();
    }
    // Any port that the kernel hands out.
    let (lowest, highest) = (1024_u16, u16::MAX);
    if ranges
        .iter()
        .any(|(first, last)| *first <= lowest && *last == highest)
    {
        Answer::Yes
    } else if ranges.iter().all(|(_, last)| *last < lowest) {
        Answer::No
    } else {
        Answer::Unknown("the source port, which is not known".to_owned())
    }
}

/// Whether an interface has one of the names; `words` say which interface it is.
pub(super) fn interface(name: Option<&str>, wanted: &[super::model::Interfaces], words: &str) -> Answer {
    match name {
        Some(name) => wanted.iter().any(|one| one.matches(name)).into(),
        None if wanted.iter().any(|one| one.prefix && one.name.is_empty()) => Answer::Yes,
        None => Answer::Unknown(format!("the {words}, which is not known")),
    }
}
