//! `tls-cert-name-mismatch`: the certificate does not pass the proxy's verification.

use super::facts::{
    certificate_line, failing, log_line, log_says_otherwise, logged_now, near, passing_route,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{Pass, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

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
    let name = certificate
        .and_then(|certificate| certificate.names.iter().find(|name| !name.contains('*')))
        .map_or("NAME", String::as_str);
    let (verify, address) = (
        passing_route(snapshot)?.0.settings.tls_verify.as_ref(),
        &evidence.endpoint,
    );
    Some(
        CAUSE
            .finding(confidence, format!("the proxy refuses the certificate of {address}: it does not cover the name that the proxy verifies"))
            .at(verify.and_then(|setting| setting.place.as_ref()).unwrap_or(&pass.place))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(certificate_line(evidence))
            .remedy(
                Remedy::edit(
                    "when this is the upstream that is meant, verify a name that its certificate has, then nginx -t && nginx -s reload",
                    &near(&pass.place),
                    format!("proxy_ssl_server_name on; proxy_ssl_name {name};"),
                )
                .risk("a certificate for a foreign name may mean a foreign server"),
            )
            .remedy(Remedy::advise("or issue a certificate with the name that the proxy uses")),
    )
}
