//! `tls-cert-name-mismatch`: the certificate does not pass the proxy's verification.

use super::facts::{near, refused_by_clients, refused_certificate};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-name-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-name-mismatch",
    title: "the upstream's certificate is for another name",
    step: StepId::Config,
    proxy_error: "tls_certificate_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

/// Marks of this failure in our own verification.
const MARKS: [&str; 2] = ["NotValidForName", "not valid for name"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::tls_sni_missing::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot).or_else(|| {
        let finding = refused_by_clients(snapshot, &CAUSE, &MARKS, "it is for another name")?;
        Some(finding.remedy(Remedy::advise(
            "ask for a name that the certificate has, or let the target serve one for this name; a certificate for a foreign name may mean a foreign server",
        )))
    }))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let refused = refused_certificate(snapshot, Symptom::TlsName, &MARKS)?;
    let name = refused
        .certificate
        .and_then(|certificate| certificate.names.iter().find(|name| !name.contains('*')))
        .map_or("NAME", String::as_str);
    Some(
        refused
            .finding(&CAUSE, "it does not cover the name that the proxy verifies")
            .remedy(
                Remedy::edit(
                    "when this is the upstream that is meant, verify a name that its certificate has, then nginx -t && nginx -s reload",
                    &near(&refused.pass.place),
                    format!("proxy_ssl_server_name on; proxy_ssl_name {name};"),
                )
                .risk("a certificate for a foreign name may mean a foreign server"),
            )
            .remedy(Remedy::advise("or issue a certificate with the name that the proxy uses")),
    )
}
