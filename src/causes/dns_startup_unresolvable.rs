//! `dns-startup-unresolvable`: nginx resolves names when it loads, and refuses to load without an answer.

use super::facts::{failing, front_connects, log_line};
use super::{Answer, Cause, found};
use crate::evidence::{Place, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, command_line, quoted};

/// See `docs/causes/dns-startup-unresolvable.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-startup-unresolvable",
    title: "a name in the configuration could not be resolved, so the proxy did not start",
    step: StepId::Dns,
    proxy_error: "dns_error",
    explains: &[
        "front-cannot-reach-proxy",
        "dns-nxdomain",
        "proxy-config-not-applied",
    ],
    diagnose,
};

/// How nginx begins to say it.
const MARK: &str = "host not found in upstream ";

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || snapshot.proxy.is_some() && front_connects(snapshot) {
        return None;
    }
    // A test that passes now says more than a line that was written earlier.
    if snapshot.config_test.seen().is_some_and(|test| test.passed) {
        return None;
    }
    let test = snapshot.config_test.seen().filter(|test| !test.passed);
    let line = test.and_then(|test| test.output.lines().find(|line| line.contains(MARK)));
    let logged = snapshot
        .log
        .general
        .iter()
        .rev()
        .find(|entry| entry.symptom == Some(Symptom::NameUnknownAtStart));
    let text = line
        .map(str::to_owned)
        .or_else(|| logged.map(|entry| entry.message.clone()))?;
    let name = text.split(MARK).nth(1)?.split('"').nth(1)?.to_owned();
    let place = text.rsplit(" in ").next().and_then(|place| {
        let (file, line) = place.trim().rsplit_once(':')?;
        Some(Place {
            file: file.to_owned(),
            line: line.parse().ok()?,
            column: 0,
        })
    });
    let host = name.split(':').next().unwrap_or(&name).to_owned();
    let mut finding = CAUSE.finding(
        if line.is_some() {
            Confidence::Confirmed
        } else {
            Confidence::Likely
        },
        format!("nginx does not start: the name {host} in its configuration cannot be resolved"),
    );
    if let Some(place) = &place {
        finding = finding.at(place);
    }
    if let (Some(test), Some(line)) = (test, line) {
        finding = finding.because(Exhibit::shown_by(
            "config",
            line.to_owned(),
            command_line(&test.command),
        ));
    }
    Some(
        finding
            .because_all(logged.map(log_line))
            .because(Exhibit::shown_by("dns", format!("nginx found no address for {host}"), format!("getent ahosts {}", quoted(&host))))
            .remedy(Remedy::advise(format!("correct the name {host}, or make it resolve again; then nginx -t && systemctl start nginx")))
            .remedy(Remedy::advise(
                "so that a missing name cannot keep nginx from starting: a variable in proxy_pass with a resolver, or After=network-online.target nss-lookup.target in its unit",
            )),
    )
}
