//! The access phase: `allow` and `deny`, as far as the client is known.

use std::net::IpAddr;

use super::tree::NodeId;
use super::variables::State;

/// What the rules say about a client.
pub(super) enum Verdict {
    Allowed,
    /// The rule that refuses it.
    Refused(NodeId),
}

/// Judges the client by the rules in force. What depends on an unknown address is noted and let in.
pub(super) fn check(state: &mut State<'_>) -> Verdict {
    let config = state.config;
    let tree = &config.tree;
    let rules: Vec<NodeId> = tree
        .around(state.block)
        .map(|level| {
            tree.children(level)
                .filter(|node| matches!(tree.name(*node), "allow" | "deny"))
                .collect::<Vec<_>>()
        })
        .find(|rules| !rules.is_empty())
        .unwrap_or_default();
    let mut open: Option<NodeId> = None;
    for rule in rules {
        let refuses = tree.name(rule) == "deny";
        match applies(state, tree.argument(rule, 0)) {
            Some(false) => {}
            None => {
                open.get_or_insert(rule);
            }
            Some(true) => {
                let Some(first) = open else {
                    return if refuses {
                        Verdict::Refused(rule)
                    } else {
                        Verdict::Allowed
                    };
                };
                open = Some(first);
                break;
            }
        }
    }
    if let Some(rule) = open {
        state.unknown(format!(
            "whether the client may ask depends on its address ({} at {}); taken as let in",
            tree.name(rule),
            config.place(rule)
        ));
    }
    Verdict::Allowed
}

/// True when a rule speaks of this client; `None` when its address is not known.
fn applies(state: &State<'_>, rule: &str) -> Option<bool> {
    if rule == "all" {
        return Some(true);
    }
    if state.request.unix_socket.is_some() {
        return Some(rule == "unix:");
    }
    let address = state.request.client_address?;
    Some(rule != "unix:" && in_network(address, rule))
}

/// True when an address is in a network (`10.0.0.0/8`, `::1`).
pub(super) fn in_network(address: IpAddr, network: &str) -> bool {
    prefix(network).is_some_and(|(base, length)| {
        let (Some(left), Some(right)) = (bits(address, base), bits(base, base)) else {
            return false;
        };
        let shift = 128_u32.saturating_sub(length);
        left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
    })
}

/// The base address of a network, and how many of 128 bits count.
pub(super) fn prefix(network: &str) -> Option<(IpAddr, u32)> {
    let (base, length) = network
        .split_once('/')
        .map_or((network, None), |(base, length)| (base, Some(length)));
    let base: IpAddr = base.parse().ok()?;
    let (most, before) = if base.is_ipv4() { (32, 96) } else { (128, 0) };
    let length = match length {
        None => most,
        Some(length) => length.parse::<u32>().ok().filter(|length| *length <= most)?,
    };
    Some((base, before + length))
}

/// An address as a number of 128 bits, when it is of the same family as `like`.
fn bits(address: IpAddr, like: IpAddr) -> Option<u128> {
    let address = match address {
        IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    match (address, like) {
        (IpAddr::V4(four), IpAddr::V4(_)) => Some(u128::from(u32::from(four))),
        (IpAddr::V6(six), IpAddr::V6(_)) => Some(u128::from(six)),
        _ => None,
    }
}
