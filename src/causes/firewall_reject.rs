//! `firewall-reject`: a rule answers the connection with a refusal.

use super::facts::{
    Contact, blocked, contact, failing, listeners_command, log_line, log_says_otherwise, logged_now,
    nobody_listens, open, owner_words, probe_line, unconnectable,
};
use super::{Answer, Cause, found};
use crate::evidence::{Fate, Snapshot, Symptom, errno};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/firewall-reject.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "firewall-reject",
    title: "a packet filter refuses the way to the upstream",
    step: StepId::Firewall,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(by_rule(snapshot).or_else(|| by_behaviour(snapshot)))
}

fn unreachable(contact: Contact) -> bool {
    matches!(contact, Contact::Refused | Contact::Denied)
        || matches!(contact, Contact::Unreachable(number) if [errno::EHOSTUNREACH, errno::ENETUNREACH, errno::EPERM].contains(&number))
}

fn by_rule(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let symptoms = [
        Symptom::ConnectionRefused,
        Symptom::HostUnreachable,
        Symptom::NetworkUnreachable,
        Symptom::PermissionDenied,
        Symptom::ConnectFailed,
        // The refusal itself may get lost, as some do on the loopback.
        Symptom::ConnectTimeout,
    ];
    if log_says_otherwise(snapshot, &symptoms) && logged_now(snapshot, &[Symptom::NoLiveUpstreams]).is_empty()
    {
        return None;
    }
    let (evidence, answer) = snapshot.endpoints.iter().find_map(|evidence| {
        let answer = blocked(snapshot, &evidence.endpoint)
            .filter(|answer| matches!(answer.fate, Fate::Rejected(_)))?;
        // The kernel sends only so many ICMP errors a second, so a probe beside the attempts may meet silence.
        let refused =
            contact(evidence).is_none_or(|contact| unreachable(contact) || contact == Contact::Silent);
        (refused || !logged_now(snapshot, &symptoms).is_empty()).then_some((evidence, answer))
    })?;
    let Fate::Rejected(how) = &answer.fate else {
        return None;
    };
    let rule = answer.rule.clone().unwrap_or_default();
    let message = format!(
        "a packet filter rule rejects the way to {} ({how})",
        evidence.endpoint
    );
    let mut finding = CAUSE
        .finding(Confidence::Confirmed, message)
        .because(Exhibit::shown_by(
            "firewall",
            format!("{} {} {}: {}", rule.backend, rule.table, rule.chain, rule.text),
            rule.show.clone(),
        ))
        .because_all(probe_line(evidence))
        .because_all(logged_now(snapshot, &symptoms).last().map(|entry| log_line(entry)));
    if let Some(listener) = evidence.listener.seen().or(evidence.listener_outside.seen()) {
        finding = finding.because(Exhibit::shown_by(
            "process",
            format!("{} does listen there", owner_words(listener)),
            listeners_command(&evidence.endpoint),
        ));
    }
    let nobody = nobody_listens(evidence).filter(|_| evidence.on_this_host);
    let also_down = nobody.is_some();
    finding = finding.because_all(nobody);
    let finding = allow(finding, &rule.allow, &rule.undo, &evidence.endpoint.to_string());
    Some(if also_down {
        finding.remedy(Remedy::advise(format!(
            "then start the application: nothing listens on {} either",
            evidence.endpoint
        )))
    } else {
        finding
    })
}

/// The allow rule as a remedy; never a flush, never a policy.
pub(super) fn allow(finding: Finding, argv: &[String], undo: &[String], endpoint: &str) -> Finding {
    if argv.is_empty() {
        return finding.remedy(Remedy::advise(format!(
            "allow exactly this way: from the proxy's address to {endpoint}, before the rule that stops it"
        )));
    }
    let mut remedy = Remedy::run(format!("let the proxy reach {endpoint}, and nothing else"), argv.iter().cloned())
        .risk("lasts until the rules are loaded again: make it permanent in the tool that manages them, and ask who wrote the rule");
    if !undo.is_empty() {
        remedy = remedy.undo(undo.iter().cloned());
    }
    finding.remedy(remedy)
}

/// Something listens there and it is refused all the same, or the refusal comes faster than any neighbour
/// could be missed.
fn by_behaviour(snapshot: &Snapshot) -> Option<Finding> {
    // What the proxy was told counts more than what a probe met: ICMP errors are rate limited.
    let told = logged_now(snapshot, &[Symptom::HostUnreachable]);
    let silent_probe = |contact| contact == Contact::Silent && !told.is_empty();
    let evidence = unconnectable(snapshot, |contact| unreachable(contact) || silent_probe(contact))
        .filter(|evidence| evidence.endpoint.tcp().is_some())?;
    let exchange = evidence.as_proxy()?;
    let refused_by_route = evidence
        .kernel_route
        .seen()
        .is_some_and(|route| route.refused_by.is_some() || route.no_route);
    if refused_by_route || open(snapshot, &evidence.endpoint) && evidence.on_this_host {
        return None;
    }
    let listens = evidence.listener.seen().is_some() && evidence.on_this_host && exchange.refused();
    let dead_neighbour = evidence
        .neighbour
        .seen()
        .is_some_and(|state| state == "FAILED" || state == "INCOMPLETE");
    let quick = exchange.connect_us < 500_000
        && !dead_neighbour
        && !evidence.on_this_host
        && exchange.connect.errno() == Some(errno::EHOSTUNREACH)
        || (contact(evidence) == Some(Contact::Silent) && !dead_neighbour && attempts_are_quick(snapshot));
    if !(listens || quick) {
        return None;
    }
    // A router on the way answers as quickly for a machine that it misses itself.
    let routed = evidence
        .kernel_route
        .seen()
        .is_some_and(|route| route.gateway.is_some());
    let confidence = if routed && !listens {
        Confidence::Possible
    } else {
        Confidence::Likely
    };
    let message = if listens {
        format!(
            "{} refuses although a service listens there: a packet filter answers in its place",
            evidence.endpoint
        )
    } else {
        format!(
            "{} is refused at once with no route to host: a packet filter on the way or on that machine rejects it",
            evidence.endpoint
        )
    };
    let where_ = if listens { "this host" } else { "that machine" };
    Some(
        CAUSE
            .finding(confidence, message)
            .because_all(probe_line(evidence))
            .because_all(evidence.listener.seen().map(|listener| {
                Exhibit::shown_by("process", format!("{} listens there", owner_words(listener)), listeners_command(&evidence.endpoint))
            }))
            .remedy(Remedy::advise(format!("look for the rule on {where_}: sudo nft list ruleset; sudo iptables-save; then allow the proxy's address to {}", evidence.endpoint))),
    )
}

/// An address without a machine takes three seconds to be missed; a rejection comes at once.
fn attempts_are_quick(snapshot: &Snapshot) -> bool {
    snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen())
        .any(|exchange| exchange.total_us < 500_000)
}
