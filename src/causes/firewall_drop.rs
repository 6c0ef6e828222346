//! `firewall-drop`: the connection is neither answered nor refused.

use super::facts::{
    Contact, answer_blocked, blocked, contact, failing, listeners_command, log_line, log_says_otherwise,
    logged_now, owner_words, probe_line, unconnectable,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Fate, PacketAnswer, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/firewall-drop.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "firewall-drop",
    title: "a packet filter drops the way to the upstream in silence",
    step: StepId::Firewall,
    proxy_error: "connection_timeout",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::conntrack_full::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(
        by_rule(snapshot)
            .or_else(|| by_resolver(snapshot))
            .or_else(|| by_doubt(snapshot))
            .or_else(|| by_silence(snapshot)),
    )
}

fn rule_of(answer: &PacketAnswer) -> (Exhibit, Vec<String>, Vec<String>) {
    let rule = answer.rule.clone().unwrap_or_default();
    let exhibit = Exhibit::shown_by(
        "firewall",
        format!("{} {} {}: {}", rule.backend, rule.table, rule.chain, rule.text),
        rule.show,
    );
    (exhibit, rule.allow, rule.undo)
}

fn by_rule(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (evidence, answer) = snapshot.endpoints.iter().find_map(|evidence| {
        let there = blocked(snapshot, &evidence.endpoint)
            .filter(|answer| answer.fate == Fate::Dropped)
            .filter(|_| match contact(evidence) {
                Some(Contact::Silent | Contact::Denied) => true,
                // Not asked: then the log must not tell of something else.
                None => !log_says_otherwise(
                    snapshot,
                    &[
                        Symptom::ConnectTimeout,
                        Symptom::PermissionDenied,
                        Symptom::NoLiveUpstreams,
                    ],
                ),
                Some(_) => false,
            });
        let back = || {
            answer_blocked(snapshot, &evidence.endpoint)
                .filter(|_| contact(evidence) == Some(Contact::Silent))
        };
        there.or_else(back).map(|answer| (evidence, answer))
    })?;
    let what = if answer.packet.state == "new" {
        "the way to"
    } else {
        "the answers of"
    };
    let (exhibit, argv, undo) = rule_of(answer);
    let finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("a packet filter rule drops {what} {}", evidence.endpoint),
        )
        .because(exhibit)
        .because_all(probe_line(evidence))
        .because_all(
            logged_now(snapshot, &[Symptom::ConnectTimeout])
                .last()
                .map(|entry| log_line(entry)),
        )
        .because_all(evidence.listener.seen().map(|listener| {
            Exhibit::shown_by(
                "process",
                format!("{} does listen there", owner_words(listener)),
                listeners_command(&evidence.endpoint),
            )
        }));
    Some(super::firewall_reject::allow(
        finding,
        &argv,
        &undo,
        &evidence.endpoint.to_string(),
    ))
}

/// The way to the nameserver is dropped, so the name never resolves.
fn by_resolver(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || logged_now(snapshot, &[Symptom::NameServerFailed]).is_empty() {
        return None;
    }
    let answer = snapshot
        .firewall
        .seen()?
        .packets
        .iter()
        .find(|answer| answer.packet.protocol == "udp" && answer.fate == Fate::Dropped)?;
    let (exhibit, argv, undo) = rule_of(answer);
    let packet = &answer.packet;
    let server = match (packet.source, packet.source_port) {
        (Some(address), Some(port)) if packet.state != "new" => std::net::SocketAddr::new(address, port),
        _ => std::net::SocketAddr::new(packet.destination, packet.destination_port),
    };
    let finding = CAUSE
        .finding(
            Confidence::Likely,
            format!("a packet filter rule drops the questions to the nameserver {server}"),
        )
        .because(exhibit)
        .because_all(
            logged_now(snapshot, &[Symptom::NameServerFailed])
                .last()
                .map(|entry| log_line(entry)),
        );
    Some(super::firewall_reject::allow(
        finding,
        &argv,
        &undo,
        &server.to_string(),
    ))
}

/// A listener of this host with room in its queue is silent, and a rule on the way counts or measures
/// something that cannot be read off the ruleset: it is the only one that can be meant.
fn by_doubt(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| contact == Contact::Silent)?;
    let address = evidence.endpoint.tcp()?;
    let listener = evidence.listener.seen().filter(|_| evidence.on_this_host)?;
    if listener.waiting > 0
        || any_found(
            &[
                &super::upstream_backlog_too_small::CAUSE,
                &super::upstream_workers_saturated::CAUSE,
            ],
            snapshot,
        )
    {
        return None;
    }
    let answer = snapshot.firewall.seen()?.packets.iter().find(|answer| {
        let packet = &answer.packet;
        let there = (packet.destination, packet.destination_port) == (address.ip(), address.port());
        let back = (packet.source, packet.source_port) == (Some(address.ip()), Some(address.port()));
        (there || back) && matches!(answer.fate, Fate::CannotTell(_))
    })?;
    let (exhibit, _, _) = rule_of(answer);
    Some(
        CAUSE
            .finding(
                Confidence::Likely,
                format!("{address} is there and silent: a packet filter rule with a limit or a list drops the way to it"),
            )
            .because(exhibit)
            .because_all(probe_line(evidence))
            .because(Exhibit::shown_by(
                "process",
                format!("{} does listen there", owner_words(listener)),
                listeners_command(&evidence.endpoint),
            ))
            .because_all(
                logged_now(snapshot, &[Symptom::ConnectTimeout])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .remedy(Remedy::advise(format!(
                "allow the proxy's connections to {address} before that rule, or widen its limit"
            ))),
    )
}

/// No rule of this host, and silence all the same: the rule is further on.
fn by_silence(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| contact == Contact::Silent)?;
    let address = evidence.endpoint.tcp()?;
    // The proxy itself got an answer, if only a refusal.
    if log_says_otherwise(
        snapshot,
        &[
            Symptom::ConnectTimeout,
            Symptom::NoLiveUpstreams,
            Symptom::PeerMarkedDown,
        ],
    ) {
        return None;
    }
    if any_found(
        &[
            &super::upstream_backlog_too_small::CAUSE,
            &super::upstream_workers_saturated::CAUSE,
            &super::host_unreachable::CAUSE,
            &super::dns_stale_address::CAUSE,
        ],
        snapshot,
    ) {
        return None;
    }
    let known = evidence
        .neighbour
        .seen()
        .is_some_and(|state| !["FAILED", "INCOMPLETE"].contains(&state.as_str()));
    let refused = evidence
        .kernel_route
        .seen()
        .is_some_and(|route| route.refused_by.is_some() || route.no_route);
    if refused || evidence.on_this_host {
        return None;
    }
    let confidence = if known {
        Confidence::Likely
    } else {
        Confidence::Possible
    };
    Some(
        CAUSE
            .finding(confidence, format!("{address} does not answer: something on the way, or on that machine, drops the connection"))
            .because_all(probe_line(evidence))
            .because_all(evidence.neighbour.seen().map(|state| {
                Exhibit::shown_by("probe", format!("the next hop is known ({state})"), format!("ip neigh show {}", address.ip()))
            }))
            .because_all(logged_now(snapshot, &[Symptom::ConnectTimeout]).last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise(format!(
                "allow the proxy's address to {address} where the packet is dropped: the firewall of that machine, the security group of the cloud, a network policy"
            )))
            .remedy(Remedy::advise(format!("to see it there: tcpdump -ni any host {} and port {}", address.ip(), address.port()))),
    )
}
