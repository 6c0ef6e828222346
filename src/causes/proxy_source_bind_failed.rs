//! `proxy-source-bind-failed`: `proxy_bind` names an address of another machine.

use super::facts::{failing, log_line, log_says_otherwise, logged_now, passing_route, reload};
use super::{Answer, Cause, found};
use crate::evidence::{ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-source-bind-failed.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-source-bind-failed",
    title: "the proxy binds its outgoing connections to an address it does not have",
    step: StepId::Config,
    proxy_error: "proxy_internal_error",
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
    let logged = logged_now(snapshot, &[Symptom::SourceBindFailed]);
    let (route, pass) = passing_route(snapshot)?;
    let bind = route.settings.bind.as_ref();
    let foreign = bind
        .and_then(|bind| {
            let address = bind.value.split_whitespace().next()?;
            address
                .parse::<std::net::IpAddr>()
                .ok()
                .or_else(|| address.split(':').next()?.parse().ok())
        })
        .filter(|address| {
            // With `transparent` a foreign address is what is wanted.
            !bind.is_some_and(|bind| bind.value.contains("transparent"))
                && !address.is_loopback()
                && !snapshot.limits.addresses.is_empty()
                && !snapshot.limits.addresses.iter().any(|(own, _)| own == address)
        });
    if logged.is_empty() && (foreign.is_none() || log_says_otherwise(snapshot, &[Symptom::SourceBindFailed]))
    {
        return None;
    }
    let place = bind
        .and_then(|bind| bind.place.clone())
        .unwrap_or_else(|| pass.place.clone());
    let directive = match route.proxy {
        ProxyKind::Apache => "ProxySourceAddress".to_owned(),
        ProxyKind::Squid => "tcp_outgoing_address".to_owned(),
        ProxyKind::Nginx | ProxyKind::Haproxy => format!("{}_bind", pass.protocol.directive_prefix()),
    };
    let repair = match route.proxy {
        ProxyKind::Nginx | ProxyKind::Haproxy => format!("{directive} off;"),
        ProxyKind::Apache | ProxyKind::Squid => String::new(),
    };
    let address = bind.map_or_else(|| "the address".to_owned(), |bind| bind.value.clone());
    Some(
        CAUSE
            .finding(
                if logged.is_empty() {
                    Confidence::Likely
                } else {
                    Confidence::Confirmed
                },
                format!("{directive} {address}: this host does not have that address"),
            )
            .at(&place)
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because(Exhibit::shown_by(
                "probe",
                format!("no interface has {address}"),
                "ip -br address",
            ))
            .because(Exhibit::in_file(
                "config",
                format!("{directive} {address}"),
                &place,
            ))
            .remedy(Remedy::edit(
                format!(
                    "take it out or name an address of this host, then {}",
                    reload(snapshot)
                ),
                &place,
                repair,
            ))
            .remedy(Remedy::advise("or give the address back to this host")),
    )
}
