//! `upstream-acl-rejects-proxy`: a list of allowed addresses lacks the proxy.

use super::facts::{
    CUT_BEFORE_HEADER, DURING_MS, application_of, application_said, cut_before_header, log_line, logged_now,
    probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::Snapshot;
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/upstream-acl-rejects-proxy.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-acl-rejects-proxy",
    title: "the upstream drops connections from the proxy's address",
    step: StepId::Config,
    proxy_error: "connection_terminated",
    explains: &["upstream-worker-crash"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !cut_before_header(snapshot) {
        return None;
    }
    // What php-fpm says; a "not allowed" of an application may be about anything.
    let texts = ["Connection disallowed"];
    let (evidence, said, listed) = snapshot.endpoints.iter().find_map(|evidence| {
        let said = application_said(snapshot, evidence, &texts, DURING_MS).map(|said| said.exhibit);
        let server = application_of(snapshot, evidence);
        let from = evidence
            .endpoint
            .tcp()
            .filter(|_| evidence.on_this_host)
            .map(|address| {
                // From a loopback address the kernel may pick another one of them as the source.
                let picked = evidence.kernel_route.seen().and_then(|route| route.source.clone());
                picked.unwrap_or_else(|| address.ip().to_string())
            });
        let lacks = server
            .filter(|server| !server.allowed_clients.is_empty())
            .and_then(|server| {
                let from = from?;
                (!server
                    .allowed_clients
                    .iter()
                    .any(|client| *client == from || client == "any"))
                .then(|| server.allowed_clients.join(", "))
            });
        (said.is_some() || lacks.is_some()).then_some((evidence, said, lacks))
    })?;
    let server = application_of(snapshot, evidence);
    let what = listed
        .as_ref()
        .map_or_else(String::new, |list| format!(" (it admits {list})"));
    let file = server.and_then(|server| server.files.first().cloned());
    let mut finding = CAUSE
        .finding(
            Confidence::Confirmed,
            format!(
                "{} drops connections from the proxy's address{what}",
                evidence.endpoint
            ),
        )
        .because_all(said)
        .because_all(
            logged_now(snapshot, &CUT_BEFORE_HEADER)
                .last()
                .map(|entry| log_line(entry)),
        )
        .because_all(probe_line(evidence));
    if let (Some(list), Some(file)) = (&listed, &file) {
        finding = finding.because(Exhibit::shown_by(
            "file",
            format!("listen.allowed_clients = {list}"),
            format!("grep -n allowed_clients {}", quoted(file)),
        ));
    }
    Some(finding.remedy(
        Remedy::advise("add the proxy's address to listen.allowed_clients of the pool, then php-fpm -t and reload it")
            .risk("add that one address: php-fpm open to all is remote code execution"),
    ))
}
