//! `dns-wrong-address`: an entry in /etc/hosts overrides what the nameservers say.

use super::facts::{Contact, Link, probe_line, unconnectable, unit_of};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{NameOutcome, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/dns-wrong-address.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-wrong-address",
    title: "the name resolves, but to the wrong machine",
    step: StepId::Dns,
    proxy_error: "dns_error",
    explains: &["upstream-not-running"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::dns_stale_address::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(
            contact,
            Contact::Refused | Contact::Silent | Contact::Unreachable(_)
        )
    })?;
    let name = evidence.name.as_ref()?;
    let names = snapshot
        .names
        .iter()
        .find(|names| names.name == *name && !names.hosts_file.is_empty())?;
    let address = evidence.endpoint.tcp()?.ip();
    if !names.hosts_file.contains(&address) {
        return None;
    }
    let (server, others) = names.servers.iter().find_map(|server| match &server.outcome {
        NameOutcome::Addresses(addresses) if !addresses.iter().any(|(other, _)| *other == address) => {
            Some((server, addresses))
        }
        _ => None,
    })?;
    // Both addresses are this host's: the entry is a short way to the same machine, not a wrong one.
    let own = |address: &std::net::IpAddr| {
        address.is_loopback() || snapshot.limits.addresses.iter().any(|(own, _)| own == address)
    };
    let same_machine = evidence.on_this_host && others.iter().any(|(other, _)| own(other));
    // The service belongs here and is off.
    let stopped =
        unit_of(snapshot, evidence).is_some_and(|(unit, link)| link >= Link::Name && unit.active != "active");
    if same_machine || stopped {
        return None;
    }
    let elsewhere = others
        .iter()
        .map(|(address, _)| address.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let nameserver = server
        .server
        .rsplit_once(':')
        .map_or(server.server.as_str(), |(address, _)| address)
        .trim_matches(['[', ']']);
    Some(
        CAUSE
            .finding(Confidence::Likely, format!("/etc/hosts sends {name} to {address}, where nothing answers; the nameserver says {elsewhere}"))
            .at(&evidence.place)
            .because(Exhibit::shown_by("file", format!("/etc/hosts: {address} {name}"), format!("grep -nF {} /etc/hosts", quoted(name))))
            .because(Exhibit::shown_by("dns", format!("{} answers {elsewhere}", server.server), format!("dig @{nameserver} {}", quoted(name))))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise(format!("take {name} out of /etc/hosts or correct it there, then nginx -t && nginx -s reload"))
                .risk("other programs of this host use that entry too")),
    )
}
