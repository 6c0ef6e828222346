//! `plaintext-to-tls-port`: http:// towards a TLS port.

use super::facts::{Contact, contact_of, failing, log_line, other_probe_line, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Snapshot, Speaks};
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

/// What servers answer to plain HTTP on their TLS port.
const TEXTS: [&str; 4] = [
    "The plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "This combination of host and port requires TLS",
    "speaking plain HTTP to an SSL-enabled server port",
];

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot).filter(|(_, pass)| !pass.tls)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let Some(exchange) = evidence.as_proxy() else {
            return false;
        };
        let text = exchange.bytes.text();
        let says = TEXTS.iter().any(|said| text.contains(said));
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
    let secure = pass.written.replacen("http://", "https://", 1);
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("the proxy speaks plain HTTP to {}, which speaks TLS", evidence.endpoint))
            .at(&pass.place)
            .because_all(other_probe_line(evidence, ProbeKind::TlsWithoutName, "takes a TLS handshake"))
            .because_all(probe_line(evidence))
            .because_all(snapshot.log.during.iter().rev().find(|entry| entry.symptom.is_some()).map(log_line))
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::edit("speak TLS to it, then nginx -t && nginx -s reload", &pass.place, format!("proxy_pass {secure};"))
                    .risk("nginx does not verify the certificate unless proxy_ssl_verify is on"),
            )
            .remedy(Remedy::advise("with proxy_ssl_server_name on and proxy_ssl_name NAME where the upstream serves several names")),
    )
}
