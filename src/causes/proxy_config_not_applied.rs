//! `proxy-config-not-applied`: the file was repaired, the process does not know.

use super::facts::{all_work, failing, log_line, logged_now, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{Endpoint, Peer, PeerAddress, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, command_line, quoted};

/// See `docs/causes/proxy-config-not-applied.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-config-not-applied",
    title: "the running proxy still has an older configuration than the file",
    step: StepId::Config,
    proxy_error: "proxy_configuration_error",
    explains: &[
        "upstream-not-running",
        "upstream-wrong-port",
        "forward-proxy-no-path",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot).or_else(|| by_time(snapshot)))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || !snapshot.inner_routes.is_empty() {
        return None;
    }
    let (route, pass) = passing_route(snapshot)?;
    // An outgoing proxy stands between: what is dialled is none of the peers.
    if route
        .settings
        .apache
        .as_ref()
        .is_some_and(|apache| apache.remote_proxy.is_some())
    {
        return None;
    }
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
            .find(|line| REASONS.iter().any(|reason| line.contains(reason)))
            .unwrap_or("the configuration test fails")
            .to_owned();
        finding = finding
            .because(Exhibit::shown_by(
                "config",
                line.clone(),
                command_line(&test.command),
            ))
            .remedy(Remedy::advise(format!(
                "repair what {} complains about, it keeps the reload from working: {line}",
                route.proxy.test_command()
            )));
    }
    finding = finding.because_all(rejected.map(log_line));
    Some(finding.remedy(load(route.proxy)))
}

/// What stands in the line of a configuration test that says why it failed.
const REASONS: [&str; 5] = ["[emerg]", "AH00526", "Syntax error on line", "FATAL: ", "ERROR: "];

/// Loads the configuration.
fn load(kind: ProxyKind) -> Remedy {
    Remedy::run(
        format!("load the configuration, after {} passes", kind.test_command()),
        kind.reload_command().split(' '),
    )
    .risk("applies every other pending edit of the configuration as well")
}

/// What says that nobody was reached.
const LOST: [Symptom; 5] = [
    Symptom::ConnectFailed,
    Symptom::ConnectTimeout,
    Symptom::ConnectionRefused,
    Symptom::HostUnreachable,
    Symptom::NoForwardPath,
];

/// Squid writes no address that it could not reach. But when every server that its file names answers, it has
/// no way left all the same, and the file is younger than the last time it was read, the file was not read.
fn by_time(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || !snapshot.inner_routes.is_empty() || !all_work(snapshot) {
        return None;
    }
    let (route, pass) = passing_route(snapshot).filter(|(route, _)| route.proxy == ProxyKind::Squid)?;
    let entry = logged_now(snapshot, &LOST).last().copied()?;
    let started_ms = snapshot.proxy.as_ref()?.master.started_ms;
    let read_again = snapshot
        .log
        .general
        .iter()
        .filter(|entry| entry.message.contains("Reconfiguring Squid Cache"))
        .filter_map(|entry| entry.at_ms)
        .max();
    let loaded_ms = started_ms.max(read_again.unwrap_or(started_ms));
    let file = snapshot
        .config
        .seen()?
        .files
        .iter()
        .find(|file| file.path == pass.place.file)?;
    // Times of processes are exact to a hundredth of a second, those of files are not to be trusted so far.
    if started_ms <= 0 || file.modified_ms? <= loaded_ms.saturating_add(500) {
        return None;
    }
    Some(
        CAUSE
            .finding(
                Confidence::Likely,
                format!(
                    "{} was changed after Squid read it: what the file names answers, and the running Squid finds no way",
                    file.path
                ),
            )
            .at(&pass.place)
            .because(log_line(entry))
            .because(Exhibit::shown_by(
                "config",
                format!("{} is younger than the running Squid", file.path),
                format!("stat -c %y {}; ps -o lstart= -C squid", quoted(&file.path)),
            ))
            .because_all(snapshot.endpoints.iter().filter_map(probe_line).take(3))
            .remedy(load(route.proxy)),
    )
}

/// The endpoint in `http://10.0.0.5:8080/path` or `http://unix:/run/app.sock:/path`.
fn address_of(upstream: &str) -> Option<Endpoint> {
    let rest = upstream.split_once("://").map_or(upstream, |(_, rest)| rest);
    if let Some(path) = rest.strip_prefix("unix:") {
        return Some(Endpoint::Unix(path.split(':').next()?.to_owned()));
    }
    rest.split(['/', '?']).next()?.parse().ok().map(Endpoint::Tcp)
}
