//! `tls-cert-untrusted`: the certificate does not pass the proxy's verification.

use super::facts::{certificate_line, failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Pass, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-untrusted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-untrusted",
    title: "the upstream's certificate is not trusted by the proxy",
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
const MARKS: [&str; 3] = ["UnknownIssuer", "unknown issuer", "CaUsedAsEndEntity"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::tls_cert_date_invalid::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let logged = logged_now(snapshot, &[Symptom::TlsUntrusted]);
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let error = evidence
            .as_proxy()
            .and_then(|exchange| exchange.tls.as_ref()?.verify_error.as_ref());
        !logged.is_empty() || error.is_some_and(|error| MARKS.iter().any(|mark| error.contains(mark)))
    })?;
    if logged.is_empty() && log_says_otherwise(snapshot, &[Symptom::TlsUntrusted]) {
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
    let own = certificate.is_some_and(|certificate| certificate.subject == certificate.issuer);
    let (trust, or_else) = if own {
        (
            Remedy::advise(
                "it is signed by itself: copy it from the upstream's disk to this host and trust it alone, with proxy_ssl_trusted_certificate; then nginx -t && nginx -s reload",
            ),
            Remedy::advise("or give the upstream a certificate of a CA that this proxy trusts"),
        )
    } else {
        (
            Remedy::advise(
                "name the CA that signed it: proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt (or the private CA), and proxy_ssl_verify_depth 2 where an intermediate stands between; then nginx -t && nginx -s reload",
            ),
            Remedy::advise("or let the upstream send its whole chain (fullchain.pem)"),
        )
    };
    let (verify, address) = (
        passing_route(snapshot)?.0.settings.tls_verify.as_ref(),
        &evidence.endpoint,
    );
    Some(
        CAUSE
            .finding(confidence, format!("the proxy refuses the certificate of {address}: its chain does not lead to a certificate that the proxy trusts"))
            .at(verify.and_then(|setting| setting.place.as_ref()).unwrap_or(&pass.place))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(certificate_line(evidence))
            .remedy(trust)
            .remedy(or_else)
            .remedy(Remedy::advise("last, and only on a private link: proxy_ssl_verify off").risk("then anybody on the way can pose as the upstream")),
    )
}
