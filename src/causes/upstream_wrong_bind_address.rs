//! `upstream-wrong-bind-address`: right port, other address or family.

use super::dial::{dial, dialable};
use super::facts::{
    config_line, listeners_command, owner_words, probe_line, refused_tcp, same_port_elsewhere,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-wrong-bind-address.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-wrong-bind-address",
    title: "the service listens on another address than the proxy dials",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::dns_stale_address::CAUSE,
            &super::dns_wrong_address::CAUSE,
            &super::container_localhost_misroute::CAUSE,
            &super::proxy_config_not_applied::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence =
        refused_tcp(snapshot).filter(|evidence| evidence.listener.is_absent() && evidence.on_this_host)?;
    let listener = same_port_elsewhere(snapshot, evidence)?;
    let message = format!(
        "the service listens on {}, the proxy dials {}",
        listener.endpoint, evidence.endpoint
    );
    Some(
        CAUSE
            .finding(Confidence::Confirmed, message)
            .at(&evidence.place)
            .because(Exhibit::shown_by(
                "process",
                format!("{} listens on {}", owner_words(listener), listener.endpoint),
                listeners_command(&evidence.endpoint),
            ))
            .because_all(probe_line(evidence))
            .because_all(config_line(snapshot, evidence))
            .remedy(dial(snapshot, evidence, &dialable(&listener.endpoint), ""))
            .remedy(
                Remedy::advise(format!("or let the service listen on {}", evidence.endpoint))
                    .risk("an address that others can reach opens the service to them"),
            ),
    )
}
