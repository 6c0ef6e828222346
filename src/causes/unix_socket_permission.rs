//! `unix-socket-permission`: mode and owner of the socket, or of a directory on its path, keep the worker out.

use super::facts::{Contact, contact, failing, log_line, logged_now, passing_route, probe_line};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Protocol, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/unix-socket-permission.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "unix-socket-permission",
    title: "the proxy's user may not connect to the socket",
    step: StepId::Upstream,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::selinux_denied::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let denied = !logged_now(snapshot, &[Symptom::PermissionDenied]).is_empty();
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let barred = evidence.socket_file.seen().is_some_and(|file| file.barrier.is_some());
        barred && evidence.endpoint.unix().is_some() && (denied || contact(evidence) == Some(Contact::Denied))
    })?;
    let path = evidence.endpoint.unix()?;
    let file = evidence.socket_file.seen()?;
    let Some(barrier) = &file.barrier else {
        // Refused although the modes allow it: something else forbids it.
        return None;
    };
    let message = format!(
        "{} may not {} {} ({}:{}, mode {:04o})",
        barrier.user,
        if barrier.path == path {
            "connect to"
        } else {
            "pass through"
        },
        barrier.path,
        barrier.owner,
        barrier.group,
        barrier.mode
    );
    let mut finding = CAUSE
        .finding(Confidence::Confirmed, message)
        .at(&evidence.place)
        .because(Exhibit::shown_by(
            "file",
            format!(
                "{} belongs to {}:{}, mode {:04o}",
                barrier.path, barrier.owner, barrier.group, barrier.mode
            ),
            format!("namei -l {}", quoted(path)),
        ))
        .because_all(
            logged_now(snapshot, &[Symptom::PermissionDenied])
                .last()
                .map(|entry| log_line(entry)),
        )
        .because_all(probe_line(evidence));
    finding = if barrier.path == path {
        let fpm = passing_route(snapshot).is_some_and(|(_, pass)| pass.protocol == Protocol::FastCgi);
        let where_ = if fpm {
            format!(
                "in the php-fpm pool: listen.owner = {0}, listen.group = {0}, listen.mode = 0660; then restart php-fpm",
                barrier.user
            )
        } else {
            format!(
                "let the application create it for the group of {0}: a socket unit with SocketMode=0660 and SocketGroup={0}, or its own option for mode and group; then restart it",
                barrier.user
            )
        };
        finding
            .remedy(Remedy::advise(where_).risk("a restart of the application interrupts its requests"))
            .remedy(
                Remedy::run(
                    "until the next restart of the application, by hand",
                    ["setfacl", "-m", &format!("u:{}:rw", barrier.user), path],
                )
                .risk("lasts only as long as this socket; lets that one user connect")
                .undo(["setfacl", "-x", &format!("u:{}", barrier.user), path]),
            )
    } else {
        finding
            .remedy(
                Remedy::run(
                    format!("let {} pass through {}", barrier.user, barrier.path),
                    [
                        "setfacl",
                        "-m",
                        &format!("u:{}:x", barrier.user),
                        barrier.path.as_str(),
                    ],
                )
                .risk("lets that one user through this directory, not read it")
                .undo([
                    "setfacl",
                    "-x",
                    &format!("u:{}", barrier.user),
                    barrier.path.as_str(),
                ]),
            )
            .remedy(Remedy::advise(
                "better: keep sockets under /run, with RuntimeDirectory= in the application's unit",
            ))
    };
    Some(finding)
}
