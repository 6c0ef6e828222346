//! `tls-handshake-aborted`: closed or reset in the handshake without an alert.

use super::facts::{
    Contact, contact, log_line, log_says_otherwise, logged_now, other_probe_line, probe_line, tls_route,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{ProbeKind, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/tls-handshake-aborted.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-handshake-aborted",
    title: "the upstream cuts the connection in the TLS handshake",
    step: StepId::Upstream,
    proxy_error: "tls_protocol_error",
    explains: &[],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::tls_to_plaintext_port::CAUSE,
            &super::tls_sni_missing::CAUSE,
            &super::tls_version_cipher_mismatch::CAUSE,
            &super::tls_client_cert_required::CAUSE,
            &super::tls_cert_untrusted::CAUSE,
            &super::tls_cert_date_invalid::CAUSE,
            &super::tls_cert_name_mismatch::CAUSE,
            &super::upstream_not_http::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let logged = logged_now(snapshot, &[Symptom::TlsAborted, Symptom::TlsAlert]);
    let evidence = snapshot
        .endpoints
        .iter()
        .find(|evidence| contact(evidence) == Some(Contact::TlsFailed))?;
    if logged.is_empty() && log_says_otherwise(snapshot, &[Symptom::TlsAborted]) {
        return None;
    }
    let alert = evidence.as_proxy().and_then(|exchange| exchange.tls.as_ref()?.alert);
    let what = match alert {
        Some(number) => format!("refuses the TLS handshake with alert {number}"),
        None => "cuts the connection in the TLS handshake".to_owned(),
    };
    let mute = evidence
        .probe(ProbeKind::PlainHttp)
        .is_some_and(|exchange| http::head(&exchange.bytes.0).is_none());
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{} {what}", evidence.endpoint))
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(
                mute.then(|| other_probe_line(evidence, ProbeKind::PlainHttp, "gives no HTTP answer in clear text either"))
                    .flatten(),
            )
            .because_all(logged.last().map(|entry| log_line(entry)))
            .remedy(Remedy::advise("read the upstream's own log of that second: overload, a crashed TLS worker, a list of allowed addresses or of served names"))
            .remedy(Remedy::advise("ask from another machine: when it works there, the upstream filters this proxy's address")),
    )
}
