//! `upstream-wrong-port`: right service, other port.

use super::dial::{dial, dialable};
use super::facts::{
    Link, client_named_it, config_line, listeners_command, nobody_listens, owner_words, passing_route,
    probe_line, refused_tcp, unit_of,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{OtherListener, Protocol, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/upstream-wrong-port.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-wrong-port",
    title: "the service listens on another port than the proxy dials",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

/// Programs that answer HTTP on many hosts and are the upstream of hardly any.
const BYSTANDERS: [&str; 8] = [
    "alertmanager",
    "cupsd",
    "grafana",
    "grafana-server",
    "netdata",
    "prometheus",
    "promtail",
    "telegraf",
];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::dns_stale_address::CAUSE,
            &super::dns_wrong_address::CAUSE,
            &super::container_localhost_misroute::CAUSE,
            &super::proxy_config_not_applied::CAUSE,
            &super::upstream_wrong_bind_address::CAUSE,
            &super::upstream_oom_killed::CAUSE,
            &super::upstream_crash_loop::CAUSE,
            &super::upstream_redeploy_window::CAUSE,
            &super::firewall_reject::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    // The port that a client asks a forward proxy for stands in the client's URL.
    if client_named_it(snapshot) {
        return None;
    }
    let evidence =
        refused_tcp(snapshot).filter(|evidence| evidence.listener.is_absent() && evidence.on_this_host)?;
    // A unit that is known to be the upstream and is down explains more than a stranger's listener.
    if unit_of(snapshot, evidence).is_some_and(|(unit, link)| link >= Link::Name && unit.active != "active") {
        return None;
    }
    let speaks_right = |other: &&OtherListener| {
        let wants = passing_route(snapshot).map_or(Protocol::Http, |(_, pass)| pass.protocol);
        let owner = other
            .listener
            .processes
            .first()
            .map_or("", |owner| owner.name.as_str());
        // The kernel cuts names after 15 characters: `postgres_exporter` is `postgres_export`.
        if BYSTANDERS.contains(&owner) || owner.contains("_export") {
            return false;
        }
        match wants {
            Protocol::Http => other
                .exchange
                .seen()
                .is_some_and(|exchange| http::head(&exchange.bytes.0).is_some()),
            Protocol::FastCgi => owner.starts_with("php-fpm"),
            _ => false,
        }
    };
    let mut candidates = snapshot.other_listeners.iter().filter(speaks_right);
    let (other, further) = (candidates.next()?, candidates.next().is_some());
    let wanted = evidence.endpoint.tcp()?.port();
    let near = other
        .listener
        .endpoint
        .tcp()
        .is_some_and(|address| address.port().abs_diff(wanted) <= 100);
    let confidence = match (near, further) {
        (true, false) => Confidence::Likely,
        (false, false)
            if other
                .listener
                .endpoint
                .tcp()
                .is_some_and(|address| address.ip().is_loopback()) =>
        {
            Confidence::Likely
        }
        _ => Confidence::Possible,
    };
    let message = format!(
        "nothing listens on {}; {} answers on {}, which no route of the proxy uses",
        evidence.endpoint,
        owner_words(&other.listener),
        other.listener.endpoint
    );
    Some(
        CAUSE
            .finding(confidence, message)
            .at(&evidence.place)
            .because_all(nobody_listens(evidence))
            .because(Exhibit::shown_by(
                "process",
                format!(
                    "{} listens on {}",
                    owner_words(&other.listener),
                    other.listener.endpoint
                ),
                listeners_command(&other.listener.endpoint),
            ))
            .because_all(probe_line(evidence))
            .because_all(config_line(snapshot, evidence))
            .remedy(dial(
                snapshot,
                evidence,
                &dialable(&other.listener.endpoint),
                "if that is the service, ",
            ))
            .remedy(Remedy::advise(format!(
                "or let the service listen on port {wanted} again, as the proxy expects"
            ))),
    )
}
