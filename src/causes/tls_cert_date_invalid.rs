//! `tls-cert-date-invalid`: the certificate does not pass the proxy's verification.

use super::facts::{refused_by_clients, refused_certificate};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Finding, Remedy, StepId};

/// See `docs/causes/tls-cert-date-invalid.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "tls-cert-date-invalid",
    title: "the upstream's certificate is out of date",
    step: StepId::Config,
    proxy_error: "tls_certificate_error",
    explains: &["tls-handshake-aborted"],
    diagnose,
};

/// Marks of this failure in our own verification.
const MARKS: [&str; 2] = ["xpired", "NotValidYet"];

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot).or_else(|| {
        let finding = refused_by_clients(snapshot, &CAUSE, &MARKS, "it is expired or not valid yet")?;
        Some(
            finding
                .remedy(Remedy::advise(
                    "renew the certificate on the target; no proxy can",
                ))
                .remedy(Remedy::advise(
                    "when its dates look right, the clock of the clients is wrong: timedatectl",
                )),
        )
    }))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let refused = refused_certificate(snapshot, Symptom::TlsDate, &MARKS)?;
    let now_ms = snapshot.host.now_ms;
    let span = |from_ms: i64, to_ms: i64| {
        let hours = to_ms.saturating_sub(from_ms) / 3_600_000;
        if hours < 72 {
            format!("{hours} h")
        } else {
            format!("{} days", hours / 24)
        }
    };
    let (what, early) = match refused.certificate {
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
    Some(refused.finding(&CAUSE, &what).remedy(first).remedy(second))
}
