//! `plaintext-to-tls-port`: http:// towards a TLS port.

use super::facts::{
    Contact, contact_of, failing, log_line, near, other_probe_line, pass_address, passing_route, probe_line,
    says_wants_tls,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Protocol, Snapshot, Speaks};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/plaintext-to-tls-port.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "plaintext-to-tls-port",
    title: "the proxy speaks plain HTTP to a port that speaks TLS",
    step: StepId::Config,
    proxy_error: "tls_protocol_error",
    explains: &[
        "upstream-worker-crash",
        "response-malformed-framing",
        "upstream-not-http",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot).filter(|(_, pass)| !pass.tls)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let Some(exchange) = evidence.as_proxy() else {
            return false;
        };
        let says = says_wants_tls(exchange);
        let alert = http::speaks(&exchange.bytes.0) == Speaks::Tls;
        let works = matches!(contact_of(exchange), Contact::Answered(status) if status != 400);
        let shakes = evidence
            .probe(ProbeKind::TlsWithoutName)
            .and_then(|exchange| exchange.tls.as_ref())
            .is_some_and(|tls| tls.done || tls.alert.is_some() || !tls.chain.is_empty());
        says || alert || (!works && shakes)
    })?;
    if !failing(snapshot) && !snapshot.attempts.iter().any(|attempt| attempt.status == Some(400)) {
        return None;
    }
    let prefix = pass.protocol.directive_prefix();
    let speak_tls = match pass.protocol {
        Protocol::Http => Remedy::edit(
            "speak TLS to it, then nginx -t && nginx -s reload",
            &pass.place,
            format!("proxy_pass {};", pass.written.replacen("http://", "https://", 1)),
        ),
        Protocol::Grpc => Remedy::edit(
            "speak TLS to it, then nginx -t && nginx -s reload",
            &pass.place,
            format!("grpc_pass grpcs://{};", pass_address(pass)),
        ),
        _ => Remedy::advise(format!(
            "point {prefix}_pass to the port of the application that takes {prefix} without TLS, then nginx -t && nginx -s reload"
        )),
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the proxy speaks plain HTTP to {}, which speaks TLS",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(other_probe_line(
                evidence,
                ProbeKind::TlsWithoutName,
                "takes a TLS handshake",
            ))
            .because_all(probe_line(evidence))
            .because_all(
                snapshot
                    .log
                    .during
                    .iter()
                    .rev()
                    .find(|entry| entry.symptom.is_some())
                    .map(log_line),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(speak_tls.risk(format!(
                "nginx does not verify the certificate unless {prefix}_ssl_verify is on"
            )))
            .remedy(Remedy::edit(
                "where the upstream serves several names, send the one that is meant",
                &near(&pass.place),
                format!("{prefix}_ssl_server_name on; {prefix}_ssl_name NAME;"),
            )),
    )
}
