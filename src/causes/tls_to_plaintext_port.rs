//! `tls-to-plaintext-port`: https:// towards a plain port.

use super::facts::{log_line, logged_now, other_probe_line, pass_address, probe_line, speaks_tls, tls_route};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Protocol, Snapshot, Speaks, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/tls-to-plaintext-port.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-to-plaintext-port",
    title: "the proxy speaks TLS to a port that speaks plain HTTP",
    step: StepId::Config,
    proxy_error: "tls_protocol_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let answered_plain = evidence
            .probe(ProbeKind::PlainHttp)
            .and_then(|exchange| http::head(&exchange.bytes.0));
        let handshake = evidence.as_proxy().and_then(|exchange| exchange.tls.as_ref());
        let failed = handshake.is_some_and(|tls| !tls.done);
        let not_tls = handshake.is_some_and(|tls| {
            tls.not_tls
                .as_ref()
                .is_some_and(|bytes| bytes.0.starts_with(b"HTTP/") || http::speaks(&bytes.0) == Speaks::Http2)
        });
        let plain_http2 = evidence
            .probe(ProbeKind::PlainHttp)
            .is_some_and(|exchange| http::speaks(&exchange.bytes.0) == Speaks::Http2);
        // Many TLS servers answer plain HTTP too, to say that they want TLS.
        failed && !speaks_tls(evidence) && (not_tls || plain_http2 || answered_plain.is_some())
    })?;
    let port = evidence.endpoint.to_string();
    let plain = if pass.protocol == Protocol::Grpc {
        format!("grpc_pass grpc://{};", pass_address(pass))
    } else {
        format!("proxy_pass {};", pass.written.replacen("https://", "http://", 1))
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("the proxy speaks TLS to {port}, which speaks plain HTTP"),
            )
            .at(&pass.place)
            .because_all(other_probe_line(
                evidence,
                ProbeKind::PlainHttp,
                "answers plain HTTP",
            ))
            .because_all(probe_line(evidence))
            .because_all(
                logged_now(snapshot, &[Symptom::TlsWrongVersion, Symptom::TlsAborted])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::edit(
                    "speak plain HTTP to it, then nginx -t && nginx -s reload",
                    &pass.place,
                    plain,
                )
                .risk(
                    "in clear text over an untrusted network: then point to the upstream's TLS port instead",
                ),
            ),
    )
}
