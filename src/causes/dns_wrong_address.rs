//! `dns-wrong-address`: an entry in /etc/hosts overrides what the nameservers say.

use super::facts::{Contact, probe_line, unconnectable};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{NameOutcome, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

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
    let elsewhere = others
        .iter()
        .map(|(address, _)| address.to_string())
        .collect::<Vec<_>>()
        .join(", ");
    let nameserver = server.server.split(':').next().unwrap_or(&server.server).to_owned();
    Some(
        CAUSE
            .finding(Confidence::Likely, format!("/etc/hosts sends {name} to {address}, where nothing answers; the nameserver says {elsewhere}"))
            .at(&evidence.place)
            .because(Exhibit::shown_by("file", format!("/etc/hosts: {address} {name}"), format!("grep -n {name} /etc/hosts")))
            .because(Exhibit::shown_by("dns", format!("{} answers {elsewhere}", server.server), format!("dig @{nameserver} {name}")))
            .because_all(probe_line(evidence))
            .remedy(Remedy::advise(format!("take {name} out of /etc/hosts or correct it there, then nginx -t && nginx -s reload"))
                .risk("other programs of this host use that entry too")),
    )
}
