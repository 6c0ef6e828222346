//! `tls-client-cert-required`: mutual TLS, and the proxy sends no certificate.

use super::facts::{Contact, contact_of, failing, log_line, logged_now, near, passing_route, probe_line};
use super::{Answer, Cause, found};
use crate::evidence::{Exchange, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/tls-client-cert-required.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-client-cert-required",
    title: "the upstream demands a client certificate",
    step: StepId::Config,
    proxy_error: "tls_alert_received",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot).filter(|(_, pass)| pass.tls)?;
    let asked = |exchange: &Exchange| {
        exchange
            .tls
            .as_ref()
            .is_some_and(|tls| tls.asked_client_certificate || tls.alert == Some(116))
    };
    let logged = logged_now(snapshot, &[Symptom::TlsClientCertificate, Symptom::TlsAlert]);
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let wants = evidence
            .probes
            .iter()
            .filter_map(|probe| probe.exchange.seen())
            .any(asked);
        let refused = evidence.as_proxy().is_some_and(|exchange| {
            let text = exchange.bytes.text();
            let said = text.contains("No required SSL certificate was sent")
                || text.contains("The SSL certificate error");
            said || exchange
                .tls
                .as_ref()
                .is_some_and(|tls| !tls.done || tls.alert.is_some())
        });
        // Some only ask: what answers without a certificate does not demand one.
        let optional = evidence
            .probes
            .iter()
            .filter_map(|probe| probe.exchange.seen())
            .any(|exchange| asked(exchange) && matches!(contact_of(exchange), Contact::Answered(200..=399)));
        wants && !optional && (refused || (!logged.is_empty() && failing(snapshot)))
    })?;
    if !failing(snapshot) && !snapshot.attempts.iter().any(|attempt| attempt.status == Some(400)) {
        return None;
    }
    let sends = route.settings.tls_certificate.as_ref();
    let what = if sends.is_some() {
        "does not accept the one that the proxy sends"
    } else {
        "and the proxy sends none"
    };
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{} demands a client certificate, {what}", evidence.endpoint))
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because(Exhibit::shown_by(
                "probe",
                format!("{} asks for a client certificate in the handshake", evidence.endpoint),
                format!("openssl s_client -connect {} </dev/null | grep -A3 'client certificate CA names'", evidence.endpoint),
            ))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(
                Remedy::edit(
                    "send the certificate that the upstream's operator issued, then nginx -t && nginx -s reload",
                    &near(&pass.place),
                    "proxy_ssl_certificate /etc/nginx/client.crt; proxy_ssl_certificate_key /etc/nginx/client.key;",
                )
                .risk("the key must be readable by root alone"),
            ),
    )
}
