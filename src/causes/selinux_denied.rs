//! `selinux-denied`: a denial of the security module, not of the file modes.

use super::facts::{failing, log_line, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{KernelEventKind, Observed, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/selinux-denied.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "selinux-denied",
    title: "SELinux forbids the proxy to connect",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if !failing(snapshot) || logged_now(snapshot, &[Symptom::PermissionDenied]).is_empty() {
        return Answer::RuledOut;
    }
    match (&snapshot.limits.selinux_enforcing, &snapshot.kernel) {
        (Some(true), Observed::Unavailable(obstacle)) => Answer::Undecided(obstacle.clone()),
        (Some(true), _) => found(find(snapshot)),
        _ => Answer::RuledOut,
    }
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let event = snapshot.kernel.seen()?.iter().rev().find(|event| {
        event.kind == KernelEventKind::SelinuxDenial
            && event.process.as_deref().is_none_or(|name| name.starts_with("nginx"))
    })?;
    let entry = logged_now(snapshot, &[Symptom::PermissionDenied])
        .into_iter()
        .next_back()?;
    let unix = entry
        .upstream
        .as_deref()
        .is_some_and(|upstream| upstream.contains("unix:"));
    let finding = CAUSE
        .finding(Confidence::Confirmed, "SELinux denies the proxy this connection")
        .because(Exhibit::shown_by(
            "kernel",
            event.text.clone(),
            "ausearch -m avc -ts recent",
        ))
        .because(log_line(entry));
    Some(if unix {
        finding.remedy(Remedy::advise(
            "label the socket's directory: semanage fcontext -a -t httpd_var_run_t '/run/app(/.*)?' and restorecon -Rv /run/app",
        ))
    } else {
        finding
            .remedy(
                Remedy::run("let web servers connect to any port", ["setsebool", "-P", "httpd_can_network_connect", "1"])
                    .risk("for all web servers of this host; httpd_can_network_relay is narrower where the port is a web port")
                    .undo(["setsebool", "-P", "httpd_can_network_connect", "0"]),
            )
    })
}
