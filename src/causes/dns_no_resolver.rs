//! `dns-no-resolver`: nginx cannot resolve a name at run time without a resolver.

use super::dial::resolver_address;
use super::facts::{failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{Place, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/dns-no-resolver.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "dns-no-resolver",
    title: "a variable in proxy_pass and no resolver to look it up",
    step: StepId::Dns,
    proxy_error: "dns_error",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(snapshot, &[Symptom::NoResolver]);
    let (route, pass) = passing_route(snapshot)?;
    let by_config = pass.has_variables
        && pass.runtime_name.is_some()
        && route.settings.resolver.is_none()
        && pass.group.is_none();
    if logged.is_empty() && (!by_config || log_says_otherwise(snapshot, &[Symptom::NoResolver])) {
        return None;
    }
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let name = pass
        .runtime_name
        .as_ref()
        .map_or_else(|| pass.written.clone(), |name| name.name.clone());
    let nameserver = snapshot
        .resolver
        .seen()
        .and_then(|resolver| resolver.nameservers.first())
        .map_or_else(|| "NAMESERVER".to_owned(), |address| resolver_address(*address));
    Some(
        CAUSE
            .finding(confidence, format!("{} holds a variable, and no resolver is set to look up {name}", pass.written))
            .at(&pass.place)
            .because(Exhibit::in_file("config", format!("{} with a variable, no resolver in reach", pass.written), &pass.place))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::edit(
                "set the resolver in the http block, then nginx -t && nginx -s reload",
                &Place { line: 0, ..pass.place.clone() },
                format!("resolver {nameserver} valid=30s;"),
            ))
            .remedy(Remedy::advise("or leave the variable out: a name that stands in proxy_pass itself is resolved once, at start")),
    )
}
