//! `tls-cert-date-invalid`: the certificate does not pass the proxy's verification.

use super::facts::{certificate_line, failing, log_line, log_says_otherwise, logged_now, passing_route};
use super::{Answer, Cause, found};
use crate::evidence::{Pass, Snapshot, Symptom};
use crate::finding::{Confidence, Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-date-invalid.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-date-invalid",
    title: "the upstream's certificate is out of date",
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
const MARKS: [&str; 2] = ["xpired", "NotValidYet"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let pass = tls_route(snapshot)?;
    let logged = logged_now(snapshot, &[Symptom::TlsDate]);
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let error = evidence
            .as_proxy()
            .and_then(|exchange| exchange.tls.as_ref()?.verify_error.as_ref());
        !logged.is_empty() || error.is_some_and(|error| MARKS.iter().any(|mark| error.contains(mark)))
    })?;
    if logged.is_empty() && log_says_otherwise(snapshot, &[Symptom::TlsDate, Symptom::TlsUntrusted]) {
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
    let now_ms = snapshot.host.now_ms;
    let span = |from_ms: i64, to_ms: i64| {
        let hours = to_ms.saturating_sub(from_ms) / 3_600_000;
        if hours < 72 {
            format!("{hours} h")
        } else {
            format!("{} days", hours / 24)
        }
    };
    let (what, early) = match certificate {
        Some(certificate) if now_ms > 0 && now_ms > certificate.not_after_ms => (
            format!("it expired {} ago", span(certificate.not_after_ms, now_ms)),
            false,
        ),
        Some(certificate) if now_ms > 0 && now_ms < certificate.not_before_ms => (
            format!("it becomes valid in {}", span(now_ms, certificate.not_before_ms)),
            true,
        ),
        _ => ("it is expired or not valid yet".to_owned(), false),
    };
    let renew = Remedy::advise("renew the certificate on the upstream and reload it there");
    let clock = Remedy::advise("when the dates look right, this host's clock is wrong: timedatectl");
    let (first, second) = if early { (clock, renew) } else { (renew, clock) };
    Some(
        CAUSE
            .finding(
                confidence,
                format!("the proxy refuses the certificate of {address}: {what}"),
            )
            .at(verify
                .and_then(|setting| setting.place.as_ref())
                .unwrap_or(&pass.place))
            .because_all(logged.last().map(|entry| log_line(entry)))
            .because_all(certificate_line(evidence))
            .remedy(first)
            .remedy(second),
    )
}
