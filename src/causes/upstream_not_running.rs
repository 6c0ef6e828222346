//! `upstream-not-running`: nobody serves the endpoint, and nothing more specific explains why.

use super::facts::{
    Contact, Link, config_line, log_line, log_says_otherwise, logged_now, nobody_listens, probe_line,
    unconnectable, unit_line, unit_of,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/upstream-not-running.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-not-running",
    title: "the upstream is not running",
    step: StepId::Upstream,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::proxy_config_not_applied::CAUSE,
            &super::dns_stale_address::CAUSE,
            &super::dns_wrong_address::CAUSE,
            &super::firewall_reject::CAUSE,
            &super::container_localhost_misroute::CAUSE,
            &super::upstream_wrong_bind_address::CAUSE,
            &super::upstream_wrong_port::CAUSE,
            &super::upstream_starting::CAUSE,
            &super::unix_socket_private_namespace::CAUSE,
            &super::unix_socket_path_mismatch::CAUSE,
            &super::unix_socket_stale::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(contact, Contact::Refused | Contact::SocketMissing)
    })?;
    if log_says_otherwise(
        snapshot,
        &[
            Symptom::ConnectionRefused,
            Symptom::SocketMissing,
            Symptom::NoLiveUpstreams,
            Symptom::PeerMarkedDown,
        ],
    ) {
        return None;
    }
    // Something listens there and yet refuses: that is somebody else's doing.
    if evidence.listener.seen().is_some() {
        return None;
    }
    let looked = evidence.listener.is_absent() && evidence.on_this_host;
    let confidence = if looked {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let unit = unit_of(snapshot, evidence).filter(|(unit, _)| unit.active != "active");
    let message = match &unit {
        Some((unit, link)) if *link >= Link::Name => format!(
            "nothing listens on {}: {} is {}",
            evidence.endpoint, unit.name, unit.active
        ),
        _ if looked => format!("nothing listens on {}", evidence.endpoint),
        _ => format!(
            "{} refuses connections: its service does not run there",
            evidence.endpoint
        ),
    };
    let mut finding = CAUSE
        .finding(confidence, message)
        .at(&evidence.place)
        .because_all(nobody_listens(evidence))
        .because_all(probe_line(evidence))
        .because_all(
            logged_now(snapshot, &[Symptom::ConnectionRefused, Symptom::SocketMissing])
                .last()
                .map(|entry| log_line(entry)),
        )
        .because_all(config_line(snapshot, evidence));
    if let Some((unit, link)) = unit {
        finding = finding.because(unit_line(unit));
        if let Some(line) = unit
            .journal
            .iter()
            .rev()
            .find(|line| line.from == "systemd" && line.message.starts_with("Stopp"))
        {
            finding = finding.because(Exhibit::shown_by(
                "log",
                line.message.clone(),
                format!("journalctl -u {} -n 20", unit.name),
            ));
        }
        let enable = unit.file_state == "disabled";
        let argv: &[&str] = if enable {
            &["systemctl", "enable", "--now"]
        } else {
            &["systemctl", "start"]
        };
        let argv = argv.iter().copied().chain([unit.name.as_str()]);
        finding = finding.remedy(if link == Link::OnlyCandidate {
            // Nothing ties it to the endpoint: it may be a job that must not run now.
            Remedy::advise(format!(
                "start the application that should serve {}; if that is {2}: {1} {2}",
                evidence.endpoint,
                if enable {
                    "systemctl enable --now"
                } else {
                    "systemctl start"
                },
                unit.name
            ))
        } else {
            Remedy::run(format!("start {}", unit.name), argv)
                .risk(
                    "when somebody stopped it on purpose (a migration), starting it can do damage: ask first",
                )
                .undo(["systemctl", "stop", unit.name.as_str()])
        });
    } else {
        let where_ = if evidence.on_this_host {
            "on this host"
        } else {
            "on that machine"
        };
        finding = finding.remedy(Remedy::advise(format!(
            "start the application that should serve {} {where_}; on a systemd host: systemctl list-units --failed, then systemctl start NAME",
            evidence.endpoint
        )));
    }
    Some(finding)
}
