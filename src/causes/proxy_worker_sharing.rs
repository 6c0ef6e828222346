//! `proxy-worker-sharing`: Apache uses one worker, and so one unix socket, for several `ProxyPass` lines.

use super::facts::{failing, log_line, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{PeerAddress, ProxyKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-worker-sharing.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-worker-sharing",
    title: "several ProxyPass lines share one worker, and with it the socket of the first",
    step: StepId::Config,
    proxy_error: "proxy_configuration_error",
    explains: &[
        "proxy-config-not-applied",
        "unix-socket-path-mismatch",
        "unix-socket-permission",
        "unix-socket-stale",
        "upstream-not-running",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot).filter(|(route, _)| route.proxy == ProxyKind::Apache)?;
    // The line names one socket, and the worker that it shares has another.
    let wanted = pass.written.strip_prefix("unix:")?.split('|').next()?;
    let used = pass.peers.iter().find_map(|peer| match &peer.address {
        PeerAddress::Unix(path) if path != wanted => Some(path.clone()),
        PeerAddress::Unix(_) | PeerAddress::Ip(_) | PeerAddress::Name(_) => None,
    })?;
    // Where the shared socket answers, users get the wrong application and no error.
    if !failing(snapshot) {
        return None;
    }
    let logged = logged_now(
        snapshot,
        &[
            Symptom::AcceptQueueFull,
            Symptom::ConnectFailed,
            Symptom::ConnectionRefused,
            Symptom::PermissionDenied,
            Symptom::SocketMissing,
        ],
    );
    let name = route
        .location
        .as_ref()
        .map_or_else(|| "this path".to_owned(), |location| location.name.clone());
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("{name} is meant for {wanted}, and Apache dials {used}: both ProxyPass lines have the same URL after the bar, so they share one worker"),
            )
            .at(&pass.place)
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(Remedy::advise(
                "give each socket a host name of its own after the bar (unix:/run/a.sock|http://a.local/ and unix:/run/b.sock|http://b.local/), then apachectl -t && systemctl restart apache2",
            )
            .risk("the application then sees that name as Host unless ProxyPreserveHost is on")),
    )
}
