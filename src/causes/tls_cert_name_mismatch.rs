//! `tls-cert-name-mismatch`: the certificate does not pass the proxy's verification.

use super::facts::{failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Pass, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-name-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-name-mismatch",
    title: "the upstream's certificate is for another name",
    step: StepId::Config,
    proxy_error: "tls_certificate_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

fn tls_route(snapshot: &Snapshot) -> Option<&Pass> {
    failing(snapshot)
        .then(|| passing_route(snapshot))
        .flatten()
        .map(|(_, pass)| pass)
        .filter(|pass| pass.tls)
}

/// Marks of this failure in our own verification.
const MARKS: [&str; 2] = ["NotValidForName", "not valid for name"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::tls_sni_missing::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let logged = logged_now(snapshot, &[Symptom::TlsName]);
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let error = evidence
            .as_proxy()
            .and_then(|exchange| exchange.tls.as_ref()?.verify_error.as_ref());
        !logged.is_empty() || error.is_some_and(|error| MARKS.iter().any(|mark| error.contains(mark)))
    })?;
    if logged.is_empty() && log_says_otherwise(snapshot, &[Symptom::TlsName, Symptom::TlsUntrusted]) {
        return None;
    }
    let confidence = if logged.is_empty() {
        Confidence::Likely
    } else {
        Confidence::Confirmed
    };
    let certificate = evidence
        .as_proxy()
        .and_then(|exchange| exchange.tls.as_ref()?.chain.first());
    let (verify, address) = (
        passing_route(snapshot)?.0.settings.tls_verify.as_ref(),
        &evidence.endpoint,
    );
    Some(
        CAUSE
            .finding(confidence, format!("the proxy refuses the certificate of {address}: it does not cover the name that the proxy verifies"))
            .at(verify.and_then(|setting| setting.place.as_ref()).unwrap_or(&pass.place))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(certificate.map(|certificate| {
                Exhibit::shown_by(
                    "probe",
                    format!("it serves {} by {} for {}", certificate.subject, certificate.issuer, certificate.names.join(", ")),
                    format!("openssl s_client -connect {address} -showcerts </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"),
                )
            }))
            .remedy(Remedy::advise("verify the name that the certificate has: proxy_ssl_name NAME with proxy_ssl_server_name on; then nginx -t && nginx -s reload"))
            .remedy(Remedy::advise("or issue a certificate with the name that the proxy uses")),
    )
}
