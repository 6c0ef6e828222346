//! `upstreams-all-disabled`: all peers are marked down in the configuration.

use super::dial::server_line;
use super::facts::{
    all_disabled, failing, log_line, log_says_otherwise, logged_now, passing_route, probe_line, reload, works,
};
use super::{Answer, Cause, found};
use crate::evidence::{Pass, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstreams-all-disabled.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstreams-all-disabled",
    title: "every peer of the upstream is taken out by hand",
    step: StepId::Config,
    proxy_error: "connection_limit_reached",
    // Nobody is asked, so whatever the servers themselves lack plays no part.
    explains: &[
        "upstreams-marked-down",
        "upstream-not-running",
        "upstream-wrong-port",
        "upstream-wrong-bind-address",
        "upstream-crash-loop",
        "upstream-starting",
        "unix-socket-path-mismatch",
        "unix-socket-stale",
        "unix-socket-permission",
        "firewall-drop",
        "firewall-reject",
        "host-unreachable",
        "no-route",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    if failing(snapshot) && pass.peers.is_empty() {
        return without_members(snapshot, pass);
    }
    if !failing(snapshot) || !all_disabled(snapshot) {
        return None;
    }
    // A log that tells of a peer that was dialled is that of another configuration than the file's.
    if log_says_otherwise(snapshot, &[Symptom::NoLiveUpstreams]) {
        return None;
    }
    let good = snapshot.endpoints.iter().find(|evidence| works(evidence, pass));
    let peer = pass
        .peers
        .iter()
        .find(|peer| good.is_some_and(|good| good.place == peer.place))
        .or(pass.peers.first())?;
    let place = &peer.place;
    let name = pass
        .group
        .as_ref()
        .map_or("the upstream", |group| group.name.as_str());
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("every server of {name} is marked down in the configuration"),
            )
            .at(place)
            .because_all(
                pass.peers
                    .iter()
                    .take(4)
                    .map(|peer| Exhibit::in_file("config", "marked down", &peer.place)),
            )
            .because_all(
                logged_now(snapshot, &[Symptom::NoLiveUpstreams])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .because_all(snapshot.endpoints.iter().filter_map(probe_line).take(3))
            .remedy(
                Remedy::edit(
                    if good.is_some() {
                        "take the word down off a server that works, then nginx -t && nginx -s reload (keep the other parameters of the line)"
                    } else {
                        "take the word down off a server, once it works again, then nginx -t && nginx -s reload (keep the other parameters of the line)"
                    },
                    place,
                    server_line(peer, ""),
                )
                .risk("somebody may have taken it out for maintenance: ask first"),
            ),
    )
}

/// A balancer of Apache to which nobody added a member, and the log says so.
fn without_members(snapshot: &Snapshot, pass: &Pass) -> Option<Finding> {
    let logged = logged_now(snapshot, &[Symptom::NoLiveUpstreams]);
    let entry = logged.iter().rev().find(|entry| entry.message.contains("AH01171"))?;
    let group = pass.group.as_ref();
    let name = group.map_or(pass.written.as_str(), |group| group.name.as_str());
    let place = group.map_or(&pass.place, |group| &group.place);
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("{name} has no member: nobody can be asked"),
            )
            .at(place)
            .because(log_line(entry))
            .because(Exhibit::in_file(
                "config",
                "the balancer has no BalancerMember",
                place,
            ))
            .remedy(Remedy::advise(format!(
                "add the servers to it, one line each (BalancerMember http://ADDRESS:PORT), then {}",
                reload(snapshot)
            ))),
    )
}
