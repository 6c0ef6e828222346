//! `container-localhost-misroute`: loopback means something else for the proxy.

use super::facts::{config_line, listeners_command, owner_words, probe_line, refused_tcp};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/container-localhost-misroute.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "container-localhost-misroute",
    title: "proxy and service live in different network namespaces",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let proxy = snapshot.proxy.as_ref().filter(|proxy| proxy.other_network)?;
    let evidence = refused_tcp(snapshot).filter(|evidence| evidence.listener.is_absent())?;
    if !evidence.endpoint.tcp()?.ip().is_loopback() {
        return None;
    }
    let listener = evidence.listener_outside.seen()?;
    let message = format!(
        "the proxy lives in a network of its own, so its {} is not this host's, where {} listens",
        evidence.endpoint,
        owner_words(listener)
    );
    Some(
        CAUSE
            .finding(Confidence::Confirmed, message)
            .at(&evidence.place)
            .because(Exhibit::shown_by(
                "process",
                format!("process {} ({}) has another network namespace than this shell", proxy.master.pid, proxy.kind.name()),
                format!("readlink /proc/{}/ns/net /proc/self/ns/net", proxy.master.pid),
            ))
            .because(Exhibit::shown_by(
                "process",
                format!("{} listens on {} outside", owner_words(listener), listener.endpoint),
                listeners_command(&evidence.endpoint),
            ))
            .because_all(probe_line(evidence))
            .because_all(config_line(snapshot, evidence))
            .remedy(Remedy::advise(
                "dial an address of this host that the proxy can reach (host.docker.internal, the bridge address, or the service's name on a shared network), and let the service listen there",
            )
            .risk("a service that listened on loopback only can then be reached by others on that network"))
            .remedy(Remedy::advise("or run the proxy in the host's network")),
    )
}
