//! `dns-nxdomain`: the nameserver says that there is no such name.

use super::facts::{failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{NameOutcome, Snapshot, Symptom};
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
        name.role == "upstream-at-run-time"
            && name
                .servers
                .iter()
                .any(|server| server.used_by == "nginx" && missing(&server.outcome))
            && !name.servers.iter().any(|server| {
                server.used_by == "nginx" && matches!(server.outcome, NameOutcome::Addresses(_))
            })
    });
    if logged.is_empty() && (name.is_none() || log_says_otherwise(snapshot, &[Symptom::NameNotFound])) {
        return None;
    }
    let shown = name.map(|name| name.name.clone()).or_else(|| {
        logged
            .last()
            .and_then(|entry| entry.message.split(" could not be resolved").next())
            .map(str::to_owned)
    })?;
    let server = name
        .and_then(|name| name.servers.iter().find(|server| server.used_by == "nginx"))
        .map(|server| server.server.clone());
    let place = passing_route(snapshot)
        .map(|(_, pass)| pass.place.clone())
        .unwrap_or_default();
    // A name may exist and have no address: only a mail or text record, say.
    let exists = name.is_some_and(|name| {
        name.servers
            .iter()
            .any(|server| server.used_by == "nginx" && server.outcome == NameOutcome::NoAddress)
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
            format!("the name {shown} {lacks}, says nginx's resolver"),
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
    if in_hosts {
        finding = finding
            .because(Exhibit::shown_by("dns", format!("/etc/hosts has {shown}, but nginx's resolver never reads that file"), format!("getent hosts {}", quoted(&shown))))
            .remedy(Remedy::advise("use the name without a variable (then the system resolves it at start), or put it into the DNS"));
    } else {
        finding = finding.remedy(Remedy::advise(format!(
            "correct the name {shown}, or create it in the DNS; nginx's resolver knows no search domains, so it must be the full name"
        )));
    }
    Some(finding)
}
