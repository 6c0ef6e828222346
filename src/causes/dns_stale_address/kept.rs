//! The name moved and the proxy was told an old address today: a cache of names on the way still has it.

use std::net::IpAddr;

use super::CAUSE;
use crate::causes::facts::{Contact, probe_line, proxy_kind, unconnectable};
use crate::evidence::{EndpointEvidence, NameEvidence, NameOutcome, Platform, ProxyKind, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy};
use crate::system::commands;

/// The endpoint where nobody takes a connection, its address, and what is known of the name that led there. Not
/// where /etc/hosts gives the address, and not where the address is this host's own.
fn dead_end(snapshot: &Snapshot) -> Option<(&EndpointEvidence, IpAddr, &NameEvidence)> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(
            contact,
            Contact::Refused | Contact::Silent | Contact::Unreachable(_)
        )
    })?;
    let address = evidence.endpoint.tcp()?.ip();
    let name = evidence.name.as_ref()?;
    let names = snapshot.names.iter().find(|names| names.name == *name)?;
    let own = snapshot.limits.addresses.iter().any(|(own, _)| *own == address);
    (names.hosts_file.is_empty() && !own).then_some((evidence, address, names))
}

/// The name has addresses of the same kind, and this one is none of them.
fn left(address: IpAddr, today: &[(IpAddr, u32)]) -> bool {
    today.iter().any(|(other, _)| other.is_ipv4() == address.is_ipv4())
        && !today.iter().any(|(other, _)| *other == address)
}

fn listed(addresses: &[(IpAddr, u32)]) -> String {
    let words: Vec<String> = addresses.iter().map(|(address, _)| address.to_string()).collect();
    words.join(", ")
}

/// The address in `192.0.2.53:53` or `[2001:db8::35]:53`.
fn host_of(server: &str) -> &str {
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    host.trim_matches(['[', ']'])
}

fn then_resolve_anew(finding: Finding, kind: ProxyKind) -> Finding {
    finding
        .remedy(
            Remedy::run(
                format!(
                    "then load the configuration again, which resolves the name anew ({} first)",
                    kind.test_command()
                ),
                kind.reload_command().split(' '),
            )
            .risk("applies every other pending edit of the configuration as well"),
        )
        .remedy(Remedy::advise(
            "so that it does not come back: lower the TTL of a record before it is moved",
        ))
}

/// The proxy got an old address because the system's own cache still has it: all nameservers say another one, and
/// where the cache leads nobody takes a connection.
pub(super) fn by_cache(snapshot: &Snapshot) -> Option<Finding> {
    let (evidence, address, names) = dead_end(snapshot)?;
    let name = &names.name;
    let cached = names.cached.iter().find(|cached| cached.address == address)?;
    let answers: Vec<&Vec<(IpAddr, u32)>> = names
        .servers
        .iter()
        .filter_map(|server| match &server.outcome {
            NameOutcome::Addresses(addresses) => Some(addresses),
            _ => None,
        })
        .collect();
    if answers.is_empty() || !answers.iter().all(|list| left(address, list)) {
        return None;
    }
    let server = names
        .servers
        .iter()
        .find(|server| matches!(server.outcome, NameOutcome::Addresses(_)))?;
    let today = listed(answers.first()?);
    let platform = snapshot.host.platform;
    let flush = snapshot
        .resolver
        .seen()
        .and_then(|resolver| resolver.cache.as_deref())
        .and_then(|cache| commands::flushes(platform).iter().find(|flush| flush.cache == cache))?;
    let kept = cached
        .ttl_s
        .map_or_else(String::new, |seconds| format!(", for {seconds} s more"));
    let kind = proxy_kind(snapshot);
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!(
                "{name} is now {today}, but the cache of names of this host ({}) still says {address}, where nothing answers",
                flush.cache
            ),
        )
        .at(&evidence.place)
        .because(Exhibit::shown_by(
            "dns",
            format!("the cache of this host holds {address} for {name}{kept}"),
            // The cache itself is shown where there is a command for it.
            if platform == Platform::Windows {
                commands::typed(platform, flush.show)
            } else {
                commands::typed(platform, &commands::resolve(platform, name))
            },
        ))
        .because(Exhibit::shown_by(
            "dns",
            format!("{} answers {today}", server.server),
            commands::typed(platform, &commands::ask_nameserver(platform, name, host_of(&server.server))),
        ))
        .because_all(probe_line(evidence));
    for argv in flush.argv {
        finding = finding.remedy(
            Remedy::run(
                format!("empty {}", flush.cache),
                argv.iter().map(|word| (*word).to_owned()),
            )
            .risk("the next lookups of all programs take a little longer"),
        );
    }
    Some(then_resolve_anew(finding, kind))
}

/// A nameserver of this host gives an address that nobody answers at, and the servers of the name's own zone say
/// another one: it still has the old record. Never where one address is private and the other is not: such a zone
/// is served differently inside and outside on purpose.
pub(super) fn by_nameserver(snapshot: &Snapshot) -> Option<Finding> {
    let (evidence, address, names) = dead_end(snapshot)?;
    let authority = names.authority.seen()?;
    let NameOutcome::Addresses(today) = &authority.outcome else {
        return None;
    };
    let mut keepers = names.servers.iter().filter_map(|server| match &server.outcome {
        NameOutcome::Addresses(kept) => {
            let (_, ttl) = kept.iter().find(|(kept, _)| *kept == address)?;
            Some((server, *ttl))
        }
        _ => None,
    });
    let (keeper, ttl) = keepers.next()?;
    let alike = |(other, _): &(IpAddr, u32)| reach(*other) == reach(address);
    if !left(address, today) || !today.iter().any(alike) {
        return None;
    }
    let (name, platform, kind) = (&names.name, snapshot.host.platform, proxy_kind(snapshot));
    let listed = listed(today);
    let resolver = snapshot.resolver.seen();
    let local = host_of(&keeper.server)
        .parse::<IpAddr>()
        .is_ok_and(|server| server.is_loopback());
    let mut finding = CAUSE
        .finding(
            Confidence::Likely,
            format!(
                "{name} is now {listed}, but the nameserver {} still answers {address}, where nobody takes a connection",
                host_of(&keeper.server)
            ),
        )
        .at(&evidence.place)
        .because(Exhibit::shown_by(
            "dns",
            format!("{} answers {address} for {name}, for {ttl} s more", keeper.server),
            commands::typed(
                platform,
                &commands::ask_nameserver(platform, name, host_of(&keeper.server)),
            ),
        ))
        .because(Exhibit::shown_by(
            "dns",
            format!(
                "{}, responsible for {}, answers {listed}",
                authority.nameserver, authority.zone
            ),
            commands::typed(
                platform,
                &commands::ask_nameserver(platform, &authority.name, host_of(&authority.server)),
            ),
        ))
        .because_all(probe_line(evidence));
    let flush = resolver.filter(|_| local).and_then(|resolver| {
        let cache = resolver.cache.as_ref()?;
        Some((cache, resolver.flush.as_ref()?))
    });
    finding = match flush {
        Some((cache, argv)) => finding.remedy(
            Remedy::run(format!("empty {cache}"), argv.iter().cloned())
                .risk("the next lookups of all programs take a little longer"),
        ),
        None => finding.remedy(Remedy::advise(format!(
            "let {} forget {name} (its operator can), or wait the {ttl} s that it keeps the record",
            host_of(&keeper.server)
        ))),
    };
    Some(then_resolve_anew(finding, kind))
}

/// From where an address can be reached: this host, its own network, everywhere.
fn reach(address: IpAddr) -> u8 {
    let own = match address {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    match (address.is_loopback(), own) {
        (true, _) => 0,
        (_, true) => 1,
        _ => 2,
    }
}
