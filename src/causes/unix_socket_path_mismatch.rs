//! `unix-socket-path-mismatch`: the proxy names a socket that does not exist, the service another one.

use super::dial::dial;
use super::facts::{Contact, config_line, log_line, logged_now, owner_words, passing_route, unconnectable};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Listener, Protocol, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/unix-socket-path-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "unix-socket-path-mismatch",
    title: "the service runs with another socket path",
    step: StepId::Config,
    proxy_error: "connection_refused",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::unix_socket_private_namespace::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let evidence = unconnectable(snapshot, |contact| contact == Contact::SocketMissing)?;
    let wanted = evidence.endpoint.unix()?;
    if !evidence.socket_file.is_absent() {
        return None;
    }
    let listeners = snapshot.listeners.seen()?;
    let (listener, path, closeness) = listeners
        .iter()
        .filter_map(|listener| {
            let path = listener.endpoint.unix()?;
            let closeness = closeness(snapshot, listener, wanted, path);
            (closeness > 0).then_some((listener, path, closeness))
        })
        .max_by_key(|(_, _, closeness)| *closeness)?;
    let confidence = if closeness > 1 {
        Confidence::Confirmed
    } else {
        Confidence::Likely
    };
    let message = format!(
        "the proxy dials {wanted}, which does not exist; {} listens on {path}",
        owner_words(listener)
    );
    Some(
        CAUSE
            .finding(confidence, message)
            .at(&evidence.place)
            .because(Exhibit::shown_by(
                "file",
                format!("{wanted} does not exist"),
                format!("ls -l {}", quoted(wanted)),
            ))
            .because(Exhibit::shown_by(
                "process",
                format!("{} listens on {path}", owner_words(listener)),
                "ss -Hlxp",
            ))
            .because_all(
                logged_now(snapshot, &[Symptom::SocketMissing])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .because_all(config_line(snapshot, evidence))
            .remedy(dial(snapshot, evidence, &listener.endpoint, ""))
            .remedy(Remedy::advise(format!("or let the service listen on {wanted}"))),
    )
}

/// 0: not the service; 1: could be; 2: the same name but for its version; 3: a program of the kind wanted.
fn closeness(snapshot: &Snapshot, listener: &Listener, wanted: &str, path: &str) -> u8 {
    const SYSTEM: [&str; 8] = [
        "systemd",
        "dbus-daemon",
        "systemd-journal",
        "containerd",
        "dockerd",
        "snapd",
        "nginx",
        "systemd-udevd",
    ];
    let owner = listener.processes.first().map_or("", |owner| owner.name.as_str());
    if SYSTEM.contains(&owner) || path.starts_with("/run/systemd/") || path.contains("/dbus/") {
        return 0;
    }
    // The master and its pool share the name; a socket that another route uses is not this one's.
    let used = snapshot.config.seen().is_some_and(|config| {
        config
            .upstream_addresses
            .iter()
            .any(|known| *known == format!("unix:{path}"))
    });
    if used {
        return 0;
    }
    let letters = |text: &str| -> String { text.chars().filter(char::is_ascii_alphabetic).collect() };
    let name = |text: &str| letters(text.rsplit('/').next().unwrap_or(text));
    let directory = |text: &str| {
        text.rsplit_once('/')
            .map_or(String::new(), |(directory, _)| directory.to_owned())
    };
    let file = |text: &str| text.rsplit('/').next().unwrap_or(text).to_owned();
    if file(wanted) == file(path) {
        return 2;
    }
    let fastcgi = passing_route(snapshot).is_some_and(|(_, pass)| pass.protocol == Protocol::FastCgi);
    if fastcgi && owner.starts_with("php-fpm") {
        return 2;
    }
    // `app1.sock` may be `app2.sock` today, or another application. A directory that all programs share says
    // nothing about who belongs to whom.
    let shared = ["/run", "/var/run", "/tmp", "/var/tmp", "/dev/shm"].contains(&directory(wanted).as_str());
    u8::from(name(wanted) == name(path) || !shared && directory(wanted) == directory(path))
}
