//! `proxy-env-misroute`: a proxy variable of the environment leads the proxy itself astray.

use super::facts::{failing, log_line};
use super::{Answer, Cause, found};
use crate::evidence::{ErrorEntry, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-env-misroute.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-env-misroute",
    title: "a proxy variable of the environment sends the proxy elsewhere",
    step: StepId::Route,
    proxy_error: "proxy_configuration_error",
    explains: &[],
    diagnose,
};

/// What programs written in Go (Caddy, Traefik, many applications) write when the proxy that their environment
/// names does not let them through. They write it in no other case.
const SAID: &str = "proxyconnect tcp";

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// The newest line about the failure, when it is of this kind. An older one of another day says nothing of today.
fn said(snapshot: &Snapshot) -> Option<&ErrorEntry> {
    snapshot
        .log
        .during
        .iter()
        .rev()
        .find(|entry| entry.symptom.is_some() || entry.text.contains(SAID))
        .filter(|entry| entry.text.contains(SAID))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let entry = said(snapshot)?;
    let variable = snapshot
        .proxy_environment
        .iter()
        .find(|(name, _)| !name.eq_ignore_ascii_case("no_proxy"));
    let dialled = entry
        .text
        .split_once("dial tcp ")
        .and_then(|(_, rest)| rest.split([' ', '"']).next())
        .map(|address| address.trim_end_matches(':'))
        .filter(|address| !address.is_empty());
    let where_ = dialled.map_or_else(String::new, |address| format!(" ({address})"));
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "instead of the upstream the proxy of its environment is dialled{where_}, and does not let it through"
                ),
            )
            .because(log_line(entry))
            .because_all(variable.map(|(name, value)| {
                Exhibit::shown_by(
                    "environment",
                    format!("{name}={value}"),
                    "tr '\\0' '\\n' </proc/PID/environ | grep -i proxy",
                )
            }))
            .remedy(
                Remedy::advise(
                    "add the upstream to NO_PROXY where the service gets its environment (systemctl show NAME -p Environment,EnvironmentFiles), for example NO_PROXY=localhost,127.0.0.1,10.0.0.0/8,.internal, and restart it",
                )
                .risk("what really has to go through that proxy must stay out of NO_PROXY"),
            )
            .remedy(Remedy::advise(
                "Caddy, for this upstream alone: transport http { network_proxy none }",
            )),
    )
}
