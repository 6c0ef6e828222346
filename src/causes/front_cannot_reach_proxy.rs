//! `front-cannot-reach-proxy`: nobody listens where the URL points.

use super::facts::{failed_status, failing, front_connects, proxy_kind, unit_line};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Exchange, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, command_line, quoted};

/// See `docs/causes/front-cannot-reach-proxy.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "front-cannot-reach-proxy",
    title: "the proxy itself is down or cannot be reached",
    step: StepId::Retry,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::dns_startup_unresolvable::CAUSE,
            &super::no_route::CAUSE,
            &super::proxy_worker_crash::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot).or_else(|| from_the_edge(snapshot)))
}

/// What stands in the line of a configuration test that says why it failed.
const REASONS: [&str; 5] = ["[emerg]", "AH00526", "Syntax error on line", "FATAL: ", "ERROR: "];

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) || front_connects(snapshot) {
        return None;
    }
    let refused = snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen())
        .any(Exchange::refused);
    if !refused {
        return None;
    }
    let address = snapshot
        .attempts
        .iter()
        .map(|attempt| attempt.address.clone())
        .find(|address| !address.is_empty())?;
    let ip = address
        .parse::<std::net::SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| snapshot.target.host.parse())
        .ok();
    let here = snapshot.target.host == "localhost"
        || ip.is_some_and(|ip| {
            ip.is_loopback() || snapshot.limits.addresses.iter().any(|(own, _)| *own == ip)
        });
    if !here {
        return Some(elsewhere(snapshot, &address));
    }
    // Something listens and is refused all the same: a packet filter, not a missing proxy.
    if snapshot.front_listener.seen().is_some() {
        return None;
    }
    let test = snapshot.config_test.seen();
    let emerg = test.filter(|test| !test.passed).and_then(|test| {
        let says_why = |line: &&str| REASONS.iter().any(|reason| line.contains(reason));
        test.output.lines().find(says_why)
    });
    let kind = proxy_kind(snapshot);
    let runs = snapshot.proxy.is_some();
    let nobody = snapshot.front_listener.is_absent();
    let confidence = if nobody {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let message = match (runs, emerg) {
        (false, Some(_)) => {
            format!(
                "nothing listens on {address}: {} does not start with its configuration",
                kind.name()
            )
        }
        (true, _) => format!("nothing listens on {address}, although a proxy runs on this host"),
        (false, None) => format!("nothing listens on {address}: no proxy runs there"),
    };
    let port = snapshot.target.port;
    let mut finding = CAUSE.finding(confidence, message).because(Exhibit::shown_by(
        "probe",
        format!("{address} refuses connections"),
        format!(
            "curl -v {}",
            quoted(snapshot.target.url.as_deref().unwrap_or_default())
        ),
    ));
    if nobody {
        finding = finding.because(Exhibit::shown_by(
            "process",
            format!("no process listens on port {port} there"),
            format!("ss -Hltnp 'sport = :{port}'"),
        ));
    }
    if let (Some(test), Some(line)) = (test, emerg) {
        finding = finding
            .because(Exhibit::shown_by(
                "config",
                line.to_owned(),
                command_line(&test.command),
            ))
            .remedy(Remedy::advise(format!(
                "repair what {} says, then {}: {line}",
                kind.test_command(),
                if runs {
                    kind.reload_command().to_owned()
                } else {
                    format!("systemctl start {}", kind.unit().trim_end_matches(".service"))
                }
            )));
    }
    let unit = snapshot
        .units
        .seen()
        .and_then(|units| units.iter().find(|unit| unit.name == kind.unit()));
    if let Some(unit) = unit {
        finding = finding.because(unit_line(unit));
    }
    if emerg.is_none() && runs {
        finding = finding.remedy(Remedy::advise(format!(
            "see where the proxy does listen (ss -Hltnp); add listen {port} to the server block that should answer, then nginx -t && nginx -s reload, or correct the URL"
        )));
    } else if emerg.is_none() {
        finding = finding.remedy(if unit.is_some() {
            Remedy::run(
                "start the proxy, after nginx -t passes",
                ["systemctl", "start", "nginx"],
            )
            .undo(["systemctl", "stop", "nginx"])
        } else {
            Remedy::advise(format!(
                "start the proxy that should listen on port {port}, or correct the URL"
            ))
        });
    }
    Some(finding)
}

/// Another machine refuses: what runs here says nothing about it.
fn elsewhere(snapshot: &Snapshot, address: &str) -> Finding {
    let port = snapshot.target.port;
    CAUSE
        .finding(
            Confidence::Likely,
            format!("{address} refuses connections: no proxy listens there, or a packet filter in front of it rejects"),
        )
        .because(Exhibit::shown_by(
            "probe",
            format!("{address} refuses connections"),
            format!("curl -v {}", quoted(snapshot.target.url.as_deref().unwrap_or_default())),
        ))
        .remedy(Remedy::advise(format!(
            "on that machine: ss -Hltnp 'sport = :{port}' says whether a proxy listens; when none does, nginx -t && systemctl start nginx"
        )))
}

/// The edge says that it did not reach the origin.
fn from_the_edge(snapshot: &Snapshot) -> Option<Finding> {
    let status = failed_status(snapshot).filter(|status| (521..=523).contains(status))?;
    Some(
        CAUSE
            .finding(Confidence::Likely, format!("the edge in front answers {status}: it does not reach the proxy of the origin"))
            .because(Exhibit::shown_by("probe", format!("status {status}"), format!("curl -sI {}", quoted(snapshot.target.url.as_deref().unwrap_or_default()))))
            .remedy(Remedy::advise("on the origin: is the proxy running, does it listen on a public address, does the firewall admit the edge's address ranges?")),
    )
}
