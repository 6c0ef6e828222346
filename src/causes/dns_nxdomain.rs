//! `dns-nxdomain`: the nameserver says that there is no such name.

use super::facts::{
    failing, log_line, log_says_otherwise, logged_now, passing_route, proxy_kind, run_time_answers,
};
use super::{Answer, Cause, found};
use crate::evidence::{AuthorityAnswer, NameOutcome, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/dns-nxdomain.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-nxdomain",
    title: "the upstream's name does not exist",
    step: StepId::Dns,
    proxy_error: "dns_error",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NameNotFound]);
    let missing = |outcome: &NameOutcome| matches!(outcome, NameOutcome::NxDomain | NameOutcome::NoAddress);
    let name = snapshot.names.iter().find(|name| {
        run_time_answers(snapshot, name).any(|server| missing(&server.outcome))
            && !run_time_answers(snapshot, name)
                .any(|server| matches!(server.outcome, NameOutcome::Addresses(_)))
    });
    let of_nginx = proxy_kind(snapshot) == ProxyKind::Nginx;
    let whose = if of_nginx {
        "nginx's resolver"
    } else {
        "the nameserver of this system"
    };
    if logged.is_empty() && (name.is_none() || log_says_otherwise(snapshot, &[Symptom::NameNotFound])) {
        return None;
    }
    let shown = name.map(|name| name.name.clone()).or_else(|| {
        logged
            .last()
            .and_then(|entry| {
                let message = entry.message.as_str();
                match message.split_once("DNS lookup failure for: ") {
                    Some((_, rest)) => rest.split(' ').next(),
                    None if entry.file.is_empty() => Some(snapshot.target.host.as_str()),
                    None => message.split(" could not be resolved").next(),
                }
            })
            .map(str::to_owned)
    })?;
    let server = name
        .and_then(|name| run_time_answers(snapshot, name).next())
        .map(|server| server.server.clone());
    let place = passing_route(snapshot)
        .map(|(_, pass)| pass.place.clone())
        .unwrap_or_default();
    // A name may exist and have no address: only a mail or text record, say.
    let exists = name.is_some_and(|name| {
        run_time_answers(snapshot, name).any(|server| server.outcome == NameOutcome::NoAddress)
    });
    let lacks = if exists {
        "has no address"
    } else {
        "does not exist"
    };
    let in_hosts = name.is_some_and(|name| !name.hosts_file.is_empty());
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("the name {shown} {lacks}, says {whose}"),
        )
        .at(&place)
        .because_all(server.as_ref().map(|server| {
            let (address, port) = server.rsplit_once(':').unwrap_or((server, "53"));
            Exhibit::shown_by(
                "dns",
                format!("{server} answers that {shown} {lacks}"),
                format!(
                    "dig @{} -p {port} {}",
                    address.trim_matches(['[', ']']),
                    quoted(&shown)
                ),
            )
        }))
        .because_all(logged.last().map(|entry| log_line(entry)));
    let authority = name.and_then(|name| name.authority.seen());
    finding = finding.because_all(authority.map(responsible));
    if let Some(authority) = authority
        && matches!(authority.outcome, NameOutcome::Addresses(_))
    {
        finding = finding.remedy(Remedy::advise(format!(
            "let {} forget that {shown} was not there (empty its cache, or wait as long as the last number of the SOA record of {} says), and see that it does not filter the name",
            server.as_deref().unwrap_or("the nameserver"),
            authority.zone
        )));
    } else if in_hosts {
        finding = finding
            .because(Exhibit::shown_by("dns", format!("/etc/hosts has {shown}, but nginx's resolver never reads that file"), format!("getent hosts {}", quoted(&shown))))
            .remedy(Remedy::advise("use the name without a variable (then the system resolves it at start), or put it into the DNS"));
    } else {
        let full = if of_nginx {
            "; nginx's resolver knows no search domains, so it must be the full name"
        } else {
            ""
        };
        finding = finding.remedy(Remedy::advise(format!(
            "correct the name {shown}, or create it in the DNS{full}"
        )));
    }
    Some(finding)
}

/// What a nameserver of the name's own zone says.
fn responsible(authority: &AuthorityAnswer) -> Exhibit {
    let says = match &authority.outcome {
        NameOutcome::Addresses(addresses) => {
            let words: Vec<String> = addresses.iter().map(|(address, _)| address.to_string()).collect();
            format!("answers {}", words.join(", "))
        }
        NameOutcome::NxDomain => "says the same".to_owned(),
        _ => "has no address for it".to_owned(),
    };
    let server = authority.server.rsplit_once(':').map_or("", |(address, _)| address);
    Exhibit::shown_by(
        "dns",
        format!(
            "{}, responsible for {}, {says}",
            authority.nameserver, authority.zone
        ),
        format!(
            "dig @{} {}",
            server.trim_matches(['[', ']']),
            quoted(&authority.name)
        ),
    )
}
