//! `tls-version-cipher-mismatch`: no common version, cipher or group.

use super::facts::{
    log_line, log_says_otherwise, logged_now, near, other_probe_line, passing_route, probe_line, tls_route,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{EndpointEvidence, Exchange, ProbeKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/tls-version-cipher-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-version-cipher-mismatch",
    title: "proxy and upstream share no TLS version or cipher",
    step: StepId::Config,
    proxy_error: "tls_protocol_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::tls_to_plaintext_port::CAUSE,
            &super::tls_sni_missing::CAUSE,
            &super::tls_client_cert_required::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let settings = &passing_route(snapshot)?.0.settings;
    let done = |evidence: &EndpointEvidence, kind| {
        evidence
            .probe(kind)
            .and_then(|exchange: &Exchange| exchange.tls.as_ref())
            .is_some_and(|tls| tls.done)
    };
    let alert =
        |evidence: &EndpointEvidence| evidence.as_proxy().and_then(|exchange| exchange.tls.as_ref()?.alert);
    let logged = logged_now(snapshot, &[Symptom::TlsVersion]);
    let any = logged_now(
        snapshot,
        &[
            Symptom::TlsVersion,
            Symptom::TlsAlert,
            Symptom::TlsAborted,
            Symptom::TlsFailed,
        ],
    );
    let refused = logged_now(snapshot, &[Symptom::TlsVersion, Symptom::TlsAlert]);
    if log_says_otherwise(
        snapshot,
        &[Symptom::TlsVersion, Symptom::TlsAlert, Symptom::TlsAborted],
    ) {
        return None;
    }
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        // Every probe of ours is modern: what refuses the proxy and takes one of them wants something newer,
        // what takes the imitation and refuses the proxy wants another cipher.
        let one_version = done(evidence, ProbeKind::Tls12) != done(evidence, ProbeKind::Tls13)
            && evidence
                .as_proxy()
                .and_then(|exchange| exchange.tls.as_ref())
                .is_some_and(|tls| !tls.done);
        let other_cipher = done(evidence, ProbeKind::AsProxy)
            && (settings
                .tls_ciphers
                .as_ref()
                .is_some_and(|setting| setting.place.is_some())
                || settings
                    .tls_protocols
                    .as_ref()
                    .is_some_and(|setting| setting.place.is_some()));
        !logged.is_empty()
            || alert(evidence) == Some(70)
            || (one_version && !any.is_empty())
            // A mere cut says nothing of versions: an overloaded upstream cuts too.
            || (other_cipher && !refused.is_empty())
    })?;
    let takes = match (done(evidence, ProbeKind::Tls12), done(evidence, ProbeKind::Tls13)) {
        (true, false) => " takes TLS 1.2 only",
        (false, true) => " takes TLS 1.3 only",
        _ => " and the proxy agree on no TLS version and cipher",
    };
    let set = [
        &settings
            .tls_ciphers
            .as_ref()
            .and_then(|setting| setting.place.clone()),
        &settings
            .tls_protocols
            .as_ref()
            .and_then(|setting| setting.place.clone()),
    ]
    .into_iter()
    .flatten()
    .next()
    .cloned();
    let place = set.clone().unwrap_or_else(|| pass.place.clone());
    let edit_place = set.unwrap_or_else(|| near(&pass.place));
    let mut offers = settings.tls_protocols.as_ref().map_or_else(String::new, |setting| {
        format!("; the proxy offers {}", setting.value.join(" "))
    });
    if let Some(ciphers) = settings
        .tls_ciphers
        .as_ref()
        .filter(|setting| !offers.is_empty() && setting.place.is_some())
    {
        offers = format!("{offers} with the ciphers {}", ciphers.value);
    }
    Some(
        CAUSE
            .finding(Confidence::Confirmed, format!("{}{takes}{offers}", evidence.endpoint))
            .at(&place)
            .because_all(any.last().map(|entry| log_line(entry)))
            .because_all(probe_line(evidence))
            .because_all(other_probe_line(evidence, ProbeKind::Tls13, if done(evidence, ProbeKind::Tls13) { "TLS 1.3 works" } else { "TLS 1.3 fails" }))
            .because_all(other_probe_line(evidence, ProbeKind::Tls12, if done(evidence, ProbeKind::Tls12) { "TLS 1.2 works" } else { "TLS 1.2 fails" }))
            .because(Exhibit::in_file("config", "the versions and ciphers that the proxy offers", &place))
            .remedy(Remedy::edit(
                "offer both current versions and the default ciphers, then nginx -t && nginx -s reload",
                &edit_place,
                "proxy_ssl_protocols TLSv1.2 TLSv1.3;",
            ))
            .remedy(Remedy::advise("an upstream that knows only older versions or ciphers: upgrade it; lowering the security level of this host weakens everything that uses it")),
    )
}
