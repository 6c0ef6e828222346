//! `selinux-denied`: a denial of the security module, not of the file modes.

use super::facts::{failing, log_line, logged_now};
use super::{Answer, Cause, found};
use crate::evidence::{KernelEventKind, Observed, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

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

/// What a denied connection looks like in the audit message: the permission, or the class of a socket file.
const CONNECTING: [&str; 3] = ["name_connect", "connectto", "tclass=sock_file"];

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let event = snapshot.kernel.seen()?.iter().rev().find(|event| {
        event.kind == KernelEventKind::SelinuxDenial
            && event.process.as_deref().is_none_or(|name| name.starts_with("nginx"))
            && CONNECTING.iter().any(|mark| event.text.contains(mark))
    })?;
    // The kernel may hold back a line that it wrote a moment ago, so an older one still counts, but not
    // against a file mode that explains the refusal as well.
    let now = event
        .at_ms
        .is_none_or(|at_ms| at_ms.saturating_add(60_000) >= snapshot.log.attempts_began_ms);
    let barrier = snapshot
        .endpoints
        .iter()
        .any(|evidence| evidence.socket_file.seen().is_some_and(|file| file.barrier.is_some()));
    if !now && barrier {
        return None;
    }
    let entry = logged_now(snapshot, &[Symptom::PermissionDenied])
        .into_iter()
        .next_back()?;
    let directory = entry
        .upstream
        .as_deref()
        .and_then(|upstream| upstream.split("unix:").nth(1)?.split(':').next()?.rsplit_once('/'))
        .map(|(directory, _)| directory.to_owned());
    let finding = CAUSE
        .finding(
            if now {
                Confidence::Confirmed
            } else {
                Confidence::Likely
            },
            "SELinux denies the proxy this connection",
        )
        .because(Exhibit::shown_by(
            "kernel",
            event.text.clone(),
            "ausearch -m avc -ts recent",
        ))
        .because(log_line(entry));
    let shared = |directory: &str| ["", "/run", "/var/run", "/tmp", "/var/tmp"].contains(&directory);
    Some(if let Some(directory) = directory {
        if shared(&directory) {
            finding.remedy(Remedy::advise(
                "give the socket a directory of its own below /run (RuntimeDirectory= of the application's unit), name it in the proxy's configuration, and label that directory httpd_var_run_t (semanage fcontext, restorecon)",
            ))
        } else {
            finding.remedy(Remedy::advise(format!(
                "label the socket's directory: semanage fcontext -a -t httpd_var_run_t '{directory}(/.*)?' && restorecon -Rv {}",
                quoted(&directory)
            )))
        }
    } else {
        finding
            .remedy(
                Remedy::run("let web servers connect to any port", ["setsebool", "-P", "httpd_can_network_connect", "1"])
                    .risk("for all web servers of this host; httpd_can_network_relay is narrower where the port is a web port")
                    .undo(["setsebool", "-P", "httpd_can_network_connect", "0"]),
            )
    })
}
