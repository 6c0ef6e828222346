//! `tls-sni-missing`: the handshake works only with a name.

use super::facts::{log_line, logged_now, near, other_probe_line, probe_line, tls_route};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{ProbeKind, Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/tls-sni-missing.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-sni-missing",
    title: "the upstream needs a server name (SNI) and the proxy sends none or the wrong one",
    step: StepId::Config,
    proxy_error: "tls_alert_received",
    explains: &["tls-handshake-aborted", "tls-cert-name-mismatch"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::tls_to_plaintext_port::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot).or_else(|| by_alert(snapshot)))
}

/// The alert that says it in so many words: unrecognized name.
const UNRECOGNIZED_NAME: u8 = 112;

/// No name that this host knows of works, but the upstream says that it is the name.
fn by_alert(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let entry = logged_now(snapshot, &[Symptom::TlsAlert])
        .into_iter()
        .rfind(|entry| entry.message.contains("alert number 112"));
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        evidence
            .as_proxy()
            .and_then(|exchange| exchange.tls.as_ref())
            .is_some_and(|tls| !tls.done && tls.alert == Some(UNRECOGNIZED_NAME))
    });
    let evidence = evidence.or_else(|| entry.and(snapshot.endpoints.first()))?;
    let sent = evidence
        .as_proxy()
        .and_then(|exchange| exchange.tls.as_ref()?.server_name.clone());
    let what = sent.map_or_else(
        || "no server name (SNI)".to_owned(),
        |sent| format!("the server name {sent}"),
    );
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the proxy sends {what} to {}, which refuses it (alert unrecognized name)",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(entry.map(log_line))
            .because_all(probe_line(evidence))
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::edit(
                    "send the name that the upstream's certificate is for, then nginx -t && nginx -s reload",
                    &pass.place,
                    "proxy_ssl_server_name on; proxy_ssl_name NAME;",
                )
                .risk("the name decides which site of the upstream answers: use the one that is meant"),
            ),
    )
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let (evidence, name) = snapshot.endpoints.iter().find_map(|evidence| {
        let own = evidence.as_proxy()?.tls.as_ref()?;
        let named = evidence
            .probes
            .iter()
            .filter(|probe| probe.kind == ProbeKind::TlsWithName)
            .filter_map(|probe| probe.exchange.seen()?.tls.as_ref())
            .find(|tls| tls.done && tls.server_name != own.server_name)?;
        let other_certificate = own.done
            && own.chain.first() != named.chain.first()
            && !logged_now(snapshot, &[Symptom::TlsName]).is_empty();
        // Without a name it fails as well, so it is the name and not the way we ask.
        let refused = !own.done
            && evidence
                .probe(ProbeKind::TlsWithoutName)
                .and_then(|exchange| exchange.tls.as_ref())
                .is_none_or(|tls| !tls.done || own.server_name.is_some());
        // With the same name and another version it works, so it is the version.
        let by_version = [ProbeKind::Tls12, ProbeKind::Tls13].into_iter().any(|kind| {
            evidence
                .probe(kind)
                .and_then(|exchange| exchange.tls.as_ref())
                .is_some_and(|tls| tls.done && tls.server_name == own.server_name)
        });
        (refused && !by_version || other_certificate)
            .then(|| (evidence, named.server_name.clone().unwrap_or_default()))
    })?;
    let sent = evidence
        .as_proxy()
        .and_then(|exchange| exchange.tls.as_ref()?.server_name.clone());
    let shakes = evidence
        .as_proxy()
        .and_then(|exchange| exchange.tls.as_ref())
        .is_some_and(|tls| tls.done);
    let needs = if shakes {
        "shows the right certificate only for names such as"
    } else {
        "answers TLS only for names such as"
    };
    let what = sent.map_or_else(
        || "no server name (SNI)".to_owned(),
        |sent| format!("the server name {sent}"),
    );
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the proxy sends {what} to {}, which {needs} {name}",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(other_probe_line(
                evidence,
                ProbeKind::TlsWithName,
                &format!("the handshake works with the name {name}"),
            ))
            .because_all(
                logged_now(
                    snapshot,
                    &[Symptom::TlsAlert, Symptom::TlsAborted, Symptom::TlsName],
                )
                .last()
                .map(|entry| log_line(entry)),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::edit(
                    "send the name, then nginx -t && nginx -s reload",
                    &near(&pass.place),
                    format!("proxy_ssl_server_name on; proxy_ssl_name {name};"),
                )
                .risk("the name decides which site of the upstream answers: use the one that is meant"),
            ),
    )
}
