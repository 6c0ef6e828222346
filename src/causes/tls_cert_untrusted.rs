//! `tls-cert-untrusted`: the certificate does not pass the proxy's verification.

use super::facts::refused_certificate;
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-untrusted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-untrusted",
    title: "the upstream's certificate is not trusted by the proxy",
    step: StepId::Config,
    proxy_error: "tls_certificate_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

/// Marks of this failure in our own verification.
const MARKS: [&str; 3] = ["UnknownIssuer", "unknown issuer", "CaUsedAsEndEntity"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::tls_cert_date_invalid::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let refused = refused_certificate(snapshot, Symptom::TlsUntrusted, &MARKS)?;
    let own = refused
        .certificate
        .is_some_and(|certificate| certificate.subject == certificate.issuer);
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
    Some(
        refused
            .finding(
                &CAUSE,
                "its chain does not lead to a certificate that the proxy trusts",
            )
            .remedy(trust)
            .remedy(or_else)
            .remedy(
                Remedy::advise("last, and only on a private link: proxy_ssl_verify off")
                    .risk("then anybody on the way can pose as the upstream"),
            ),
    )
}
