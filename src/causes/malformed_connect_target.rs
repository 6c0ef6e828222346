//! `malformed-connect-target`: the target of CONNECT is no `host:port`.

use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/malformed-connect-target.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "malformed-connect-target",
    title: "a client asks for a tunnel to something that is no host and port",
    step: StepId::Route,
    proxy_error: "http_request_error",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// What is wrong with the target of a CONNECT; `None`: it is a host and a port.
fn fault(target: &str) -> Option<&'static str> {
    // Squid takes what stands before the first colon for the host.
    if target.contains("://") || ["http:443", "https:443", "http:80", "https:80"].contains(&target) {
        return Some("has a scheme");
    }
    if target.contains(['/', '?', '#']) {
        return Some("has a path");
    }
    match target.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0) => None,
        _ => Some("has no port"),
    }
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    snapshot.target.via.as_deref()?;
    let log = &snapshot.log;
    let (entry, target, what) = log
        .access_before
        .iter()
        .chain(&log.access_during)
        .rev()
        .filter(|entry| entry.status.is_some_and(|status| status >= 400))
        .find_map(|entry| {
            let target = entry
                .request
                .as_deref()?
                .strip_prefix("CONNECT ")?
                .split(' ')
                .next()?;
            Some((entry, target, fault(target)?))
        })?;
    let client = entry
        .client
        .as_deref()
        .map_or_else(String::new, |client| format!(" from {client}"));
    let status = entry.status.unwrap_or_default();
    let file = log.files.iter().find(|file| file.kind == "access");
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("a client{client} asked for a tunnel to {target}, which {what}; the proxy answered {status}"),
            )
            .because(Exhibit {
                kind: "log".to_owned(),
                text: entry.text.clone(),
                command: file.map(|file| format!("grep CONNECT {}", quoted(&file.path))),
                file: file.map(|file| file.path.clone()),
                line: None,
            })
            .remedy(Remedy::advise(format!(
                "repair the client or device that writes this target: CONNECT takes host:port and nothing else ({}:{})",
                snapshot.target.host, snapshot.target.port
            ))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_with_a_port_is_a_target() {
        assert_eq!(fault("up.test:8443"), None);
        assert_eq!(fault("[2001:db8::1]:443"), None);
        assert_eq!(fault("up.test/login:8443"), Some("has a path"));
        assert_eq!(fault("https://up.test:443"), Some("has a scheme"));
        assert_eq!(fault("https:443"), Some("has a scheme"));
        assert_eq!(fault("up.test"), Some("has no port"));
    }
}
