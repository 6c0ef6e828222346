//! `unix-socket-private-namespace`: `PrivateTmp`, `ProtectHome`, a chroot or a container hides the socket from the proxy.

use super::facts::{Contact, log_line, logged_now, owner_words, unconnectable};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/unix-socket-private-namespace.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "unix-socket-private-namespace",
    title: "the socket exists, but not in the proxy's view of the file system",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &["unix-socket-permission"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot).or_else(|| hidden_by_the_application(snapshot)))
}

/// Something listens on that very path, and yet neither the proxy nor a shell finds a file there: the
/// application has a mount namespace of its own, and the socket is in it.
fn hidden_by_the_application(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| contact == Contact::SocketMissing)?;
    let path = evidence.endpoint.unix()?;
    let listener = evidence.listener.seen()?;
    let owner = listener.processes.first()?;
    if !(evidence.socket_file.is_absent() && evidence.socket_file_outside.is_absent()) {
        return None;
    }
    let unit = owner.unit.clone().unwrap_or_default();
    let sandbox = sandbox_of(snapshot, &unit);
    let why = sandbox
        .as_ref()
        .map_or_else(String::new, |sandbox| format!(" ({unit} has {sandbox})"));
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!(
                "{} listens on {path}, but in a file system view of its own, so the proxy finds no file there{why}",
                owner_words(listener)
            ),
        )
        .at(&evidence.place)
        .because(Exhibit::shown_by(
            "process",
            format!("{} listens on {path}", owner_words(listener)),
            "ss -Hlxp",
        ))
        .because(Exhibit::shown_by(
            "file",
            format!("{path} exists neither for a shell nor for the proxy"),
            format!("ls -l {0} /proc/{1}/root{0}", quoted(path), owner.pid),
        ))
        .because_all(
            logged_now(snapshot, &[Symptom::SocketMissing])
                .last()
                .map(|entry| log_line(entry)),
        );
    if let Some(sandbox) = sandbox {
        finding = finding.because(Exhibit::shown_by(
            "unit",
            sandbox,
            format!("systemctl show {unit} -p PrivateTmp,ProtectHome,RootDirectory,InaccessiblePaths"),
        ));
    }
    Some(finding.remedy(Remedy::advise(
        "let the application listen in a directory that both see: RuntimeDirectory=app in its unit and a socket in /run/app/, then name that path in the proxy's configuration",
    )))
}

/// What hides parts of the file system from a unit.
fn sandbox_of(snapshot: &Snapshot, unit: &str) -> Option<String> {
    snapshot
        .units
        .seen()
        .and_then(|units| units.iter().find(|other| other.name == unit))
        .map(|unit| {
            unit.sandbox
                .iter()
                .filter(|(name, _)| {
                    ["PrivateTmp", "ProtectHome", "RootDirectory", "InaccessiblePaths"]
                        .contains(&name.as_str())
                })
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(", ")
        })
        .filter(|text| !text.is_empty())
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| {
        matches!(contact, Contact::SocketMissing | Contact::Denied)
    })?;
    let path = evidence.endpoint.unix()?;
    let proxy = snapshot.proxy.as_ref().filter(|proxy| proxy.other_mounts)?;
    let outside = evidence
        .socket_file_outside
        .seen()
        .filter(|file| file.kind == "socket" && file.barrier.is_none())?;
    let hidden = evidence.socket_file.is_absent()
        || evidence.socket_file.seen().is_some_and(|file| file.barrier.is_some())
        || evidence.socket_file.obstacle().is_some();
    if !hidden {
        return None;
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    let name = file
        .split('.')
        .next()
        .filter(|name| !name.is_empty())
        .unwrap_or("app");
    let worker = proxy.workers.first().map_or(proxy.master.pid, |worker| worker.pid);
    let unit = proxy.master.unit.clone().unwrap_or_default();
    let sandbox = sandbox_of(snapshot, &unit);
    let why = sandbox
        .as_ref()
        .map_or_else(String::new, |sandbox| format!(" ({unit} has {sandbox})"));
    let message = format!("{path} exists on this host, but the proxy cannot see it{why}");
    let mut finding = CAUSE
        .finding(Confidence::Confirmed, message)
        .at(&evidence.place)
        .because(Exhibit::shown_by(
            "file",
            format!("a shell sees {path} (mode {:04o})", outside.mode),
            format!("ls -l {}", quoted(path)),
        ))
        .because(Exhibit::shown_by(
            "file",
            format!("the worker {worker} does not"),
            format!("ls -l {}", quoted(&format!("/proc/{worker}/root{path}"))),
        ))
        .because_all(
            logged_now(snapshot, &[Symptom::SocketMissing, Symptom::PermissionDenied])
                .last()
                .map(|entry| log_line(entry)),
        );
    if let Some(sandbox) = sandbox {
        finding = finding.because(Exhibit::shown_by(
            "unit",
            sandbox,
            format!("systemctl show {unit} -p PrivateTmp,ProtectHome,RootDirectory,InaccessiblePaths"),
        ));
    }
    Some(
        finding
            .remedy(Remedy::advise(format!(
                "move the socket to a directory that both see: RuntimeDirectory={name} in the application's unit and the socket at /run/{name}/{file}, then name that path in the proxy's configuration, nginx -t && nginx -s reload"
            )))
            .remedy(Remedy::advise("keep the sandbox of the proxy: taking PrivateTmp or ProtectHome away would repair this one path and open all others")),
    )
}
