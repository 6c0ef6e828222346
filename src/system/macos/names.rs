//! `scutil --dns` and `dscacheutil -q host` (scutil(8), dscacheutil(1)).

use std::net::IpAddr;

use crate::evidence::{CachedAddress, ResolverConfiguration};

/// The nameservers and the search list of `scutil --dns`: those of the first resolver, which is the default one.
/// What comes after "for scoped queries" is for programs that ask for an interface.
pub fn resolver(bytes: &[u8]) -> ResolverConfiguration {
    let text = String::from_utf8_lossy(bytes);
    let mut configuration = ResolverConfiguration {
        cache: Some("mDNSResponder".to_owned()),
        ..ResolverConfiguration::default()
    };
    let (mut resolvers, mut for_one_domain) = (0_u32, false);
    let mut pending: Vec<IpAddr> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.contains("for scoped queries") {
            break;
        }
        if line.starts_with("resolver #") {
            // A resolver for a domain of its own (VPN, mDNS) answers for that domain only.
            if !for_one_domain {
                add(&mut configuration.nameservers, &mut pending);
            }
            pending.clear();
            for_one_domain = false;
            resolvers = resolvers.saturating_add(1);
            continue;
        }
        let Some((label, value)) = line.split_once(" : ") else {
            continue;
        };
        let (label, value) = (label.trim(), value.trim());
        if label.starts_with("nameserver[") {
            pending.extend(address(value));
        } else if label.starts_with("search domain[") && resolvers == 1 {
            configuration.search.push(value.to_owned());
        } else if label == "domain" && resolvers > 1 {
            for_one_domain = true;
        }
    }
    if !for_one_domain {
        add(&mut configuration.nameservers, &mut pending);
    }
    configuration
}

fn add(known: &mut Vec<IpAddr>, found: &mut Vec<IpAddr>) {
    for address in found.drain(..) {
        if !known.contains(&address) {
            known.push(address);
        }
    }
}

/// An address, perhaps with its interface: `fe80::1%en0`.
fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.trim().parse().ok()
}

/// The addresses that `dscacheutil -q host -a name NAME` gives: what programs of this Mac get, from its cache or
/// from a nameserver.
pub fn cached(bytes: &[u8]) -> Vec<CachedAddress> {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| {
            let value = line
                .strip_prefix("ip_address:")
                .or_else(|| line.strip_prefix("ipv6_address:"))?;
            address(value).map(|address| CachedAddress { address, ttl_s: None })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCUTIL: &str = "DNS configuration\n\nresolver #1\n  search domain[0] : corp.example.test\n  search domain[1] : example.test\n  nameserver[0] : 192.0.2.53\n  nameserver[1] : fe80::1%en0\n  if_index : 11 (en0)\n  flags    : Request A records\n  reach    : 0x00020002 (Reachable,Directly Reachable Address)\n\nresolver #2\n  domain   : local\n  options  : mdns\n  timeout  : 5\n  order    : 300000\n\nresolver #3\n  domain   : vpn.example.test\n  nameserver[0] : 198.51.100.53\n  order    : 103000\n\nDNS configuration (for scoped queries)\n\nresolver #1\n  nameserver[0] : 203.0.113.53\n  if_index : 11 (en0)\n  flags    : Scoped, Request A records\n";

    #[test]
    fn only_the_default_resolvers_count() {
        let configuration = resolver(SCUTIL.as_bytes());
        let servers: Vec<String> = configuration.nameservers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.53", "fe80::1"]);
        assert_eq!(configuration.search, ["corp.example.test", "example.test"]);
    }

    #[test]
    fn the_answer_of_the_cache_is_read_in_both_families() {
        let text = "name: app.example.test\nipv6_address: 2001:db8::10\n\nname: app.example.test\nip_address: 192.0.2.10\n\n";
        let found: Vec<String> = cached(text.as_bytes())
            .iter()
            .map(|cached| cached.address.to_string())
            .collect();
        assert_eq!(found, ["2001:db8::10", "192.0.2.10"]);
        assert!(cached(b"").is_empty());
    }
}
