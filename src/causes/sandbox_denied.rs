//! `sandbox-denied`: `AppArmor`, seccomp or systemd's sandboxing stand in the way.

use super::facts::{failing, log_line, logged_now};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Endpoint, KernelEventKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/sandbox-denied.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "sandbox-denied",
    title: "a sandbox of the proxy forbids the connection",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

/// True when a sandboxing property of the proxy's unit gives this refusal: each has its own errno.
fn forbids(property: &(String, String), symptom: Option<Symptom>, endpoint: &Endpoint) -> bool {
    let (name, value) = property;
    match (name.as_str(), symptom) {
        ("RestrictAddressFamilies", Some(Symptom::SocketRefused)) => {
            let family = match endpoint {
                Endpoint::Tcp(address) if address.is_ipv4() => "AF_INET",
                Endpoint::Tcp(_) => "AF_INET6",
                Endpoint::Unix(_) => "AF_UNIX",
            };
            let listed = value
                .trim_start_matches('~')
                .split_whitespace()
                .any(|word| word == family);
            listed == value.starts_with('~')
        }
        ("IPAddressDeny", Some(Symptom::PermissionDenied | Symptom::ConnectTimeout)) => {
            endpoint.tcp().is_some()
        }
        ("InaccessiblePaths", Some(Symptom::PermissionDenied)) => endpoint.unix().is_some_and(|path| {
            value
                .split_whitespace()
                .map(|hidden| hidden.trim_start_matches(['-', '+']).trim_end_matches('/'))
                .any(|hidden| path.strip_prefix(hidden).is_some_and(|rest| rest.starts_with('/')))
        }),
        _ => false,
    }
}

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::unix_socket_private_namespace::CAUSE,
            &super::unix_socket_permission::CAUSE,
            &super::firewall_drop::CAUSE,
            &super::firewall_reject::CAUSE,
            &super::route_policy_denied::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let refused = logged_now(
        snapshot,
        &[
            Symptom::SocketRefused,
            Symptom::PermissionDenied,
            Symptom::ConnectTimeout,
        ],
    );
    let entry = refused.last()?;
    let name = snapshot.proxy.as_ref()?.master.unit.clone();
    let unit = name
        .as_ref()
        .and_then(|name| snapshot.units.seen()?.iter().find(|unit| unit.name == *name));
    let property = unit.and_then(|unit| {
        unit.sandbox.iter().find(|property| {
            snapshot
                .endpoints
                .iter()
                .any(|evidence| forbids(property, entry.symptom, &evidence.endpoint))
        })
    });
    let denial = snapshot.kernel.seen().and_then(|events| {
        events.iter().rev().find(|event| {
            // Of our own requests, not of something that nginx was denied long ago.
            let now = event
                .at_ms
                .is_none_or(|at_ms| at_ms.saturating_add(60_000) >= snapshot.log.attempts_began_ms);
            now && event.kind == KernelEventKind::ApparmorDenial && event.text.contains("nginx")
        })
    });
    if property.is_none() && (denial.is_none() || entry.symptom == Some(Symptom::ConnectTimeout)) {
        return None;
    }
    let what = match (property, denial) {
        (Some((name, value)), _) => format!("{name}={value} of its unit"),
        _ => "its AppArmor profile".to_owned(),
    };
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!("the proxy is not allowed to make this connection: {what}"),
        )
        .because(log_line(entry));
    if let (Some(unit), Some((name, value))) = (unit, property) {
        finding = finding
            .because(Exhibit::shown_by(
                "unit",
                format!("{} has {name}={value}", unit.name),
                format!("systemctl show {} -p {name}", unit.name),
            ))
            .remedy(
                Remedy::run(
                    format!("widen {name}= in a drop-in, by what this route needs and no more"),
                    ["systemctl", "edit", unit.name.as_str()],
                )
                .risk("takes effect with a restart of the proxy, which interrupts its connections"),
            );
    }
    if let Some(event) = denial {
        finding = finding
            .because(Exhibit::shown_by(
                "kernel",
                event.text.clone(),
                "dmesg | grep DENIED",
            ))
            .remedy(Remedy::advise(
                "add the missing rule to the proxy's AppArmor profile and load it again",
            ));
    }
    Some(finding)
}
