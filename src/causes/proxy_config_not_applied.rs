//! `proxy-config-not-applied`: the file was repaired, the process does not know.

use super::facts::{failing, log_line, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{Endpoint, Peer, PeerAddress, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, command_line};

/// See `docs/causes/proxy-config-not-applied.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-config-not-applied",
    title: "the running proxy still has an older configuration than the file",
    step: StepId::Config,
    proxy_error: "proxy_configuration_error",
    explains: &["upstream-not-running"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || !snapshot.inner_routes.is_empty() {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let known = |peer: &Peer| matches!(peer.address, PeerAddress::Ip(_) | PeerAddress::Unix(_));
    if pass.has_variables || pass.peers.is_empty() || !pass.peers.iter().all(known) {
        return None;
    }
    let entry = snapshot
        .log
        .during
        .iter()
        .rev()
        .find(|entry| entry.symptom.is_some() && entry.upstream.is_some())?;
    let dialled = address_of(entry.upstream.as_deref()?)?;
    let in_file = |dialled: &Endpoint| {
        pass.peers.iter().any(|peer| match &peer.address {
            PeerAddress::Ip(address) => Endpoint::Tcp(*address) == *dialled,
            PeerAddress::Unix(path) => Endpoint::Unix(path.clone()) == *dialled,
            PeerAddress::Name(_) => true,
        })
    };
    // One request may ask several upstreams: an error_page fallback, a subrequest for authentication. When
    // the running proxy dials an address of the file as well, or the address belongs to another location,
    // the file is loaded.
    let loaded = snapshot
        .log
        .during
        .iter()
        .filter_map(|entry| entry.upstream.as_deref().and_then(address_of))
        .any(|dialled| in_file(&dialled));
    let of_another = snapshot.config.seen().is_some_and(|config| {
        config
            .upstream_addresses
            .iter()
            .any(|known| *known == dialled.to_string())
    });
    if loaded || of_another {
        return None;
    }
    let rejected = snapshot
        .log
        .general
        .iter()
        .rev()
        .find(|entry| entry.symptom == Some(Symptom::ConfigurationRejected));
    let test = snapshot.config_test.seen();
    let failing_test = test.filter(|test| !test.passed);
    let wanted = pass.peers.first().map(|peer| match &peer.address {
        PeerAddress::Ip(address) => address.to_string(),
        PeerAddress::Unix(path) => format!("unix:{path}"),
        PeerAddress::Name(name) => format!("{}:{}", name.name, name.port),
    })?;
    let mut finding = CAUSE
        .finding(Confidence::Confirmed, format!("the file says {wanted}, but the running proxy still dials {dialled}: the change was never loaded"))
        .at(&pass.place)
        .because(log_line(entry))
        .because(Exhibit::in_file("config", format!("the file says {}", pass.written), &pass.place));
    if let Some(test) = failing_test {
        let line = test
            .output
            .lines()
            .find(|line| line.contains("[emerg]"))
            .unwrap_or("nginx -t fails")
            .to_owned();
        finding = finding
            .because(Exhibit::shown_by(
                "config",
                line.clone(),
                command_line(&test.command),
            ))
            .remedy(Remedy::advise(format!(
                "repair what nginx -t complains about, it keeps the reload from working: {line}"
            )));
    }
    finding = finding.because_all(rejected.map(log_line));
    Some(
        finding.remedy(
            Remedy::run(
                "load the configuration, after nginx -t passes",
                ["nginx", "-s", "reload"],
            )
            .risk("applies every other pending edit of the configuration as well"),
        ),
    )
}

/// The endpoint in `http://10.0.0.5:8080/path` or `http://unix:/run/app.sock:/path`.
fn address_of(upstream: &str) -> Option<Endpoint> {
    let rest = upstream.split_once("://")?.1;
    if let Some(path) = rest.strip_prefix("unix:") {
        return Some(Endpoint::Unix(path.split(':').next()?.to_owned()));
    }
    rest.split(['/', '?']).next()?.parse().ok().map(Endpoint::Tcp)
}
