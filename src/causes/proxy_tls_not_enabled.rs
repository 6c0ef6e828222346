//! `proxy-tls-not-enabled`: `https://` to the upstream while Apache's TLS client is off.

use super::facts::{log_line, logged_now, near, passing_route, reload};
use super::{Answer, Cause, found};
use crate::evidence::{Snapshot, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};

/// See `docs/causes/proxy-tls-not-enabled.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "proxy-tls-not-enabled",
    title: "the proxy is to speak TLS with the upstream, and its TLS client is off",
    step: StepId::Config,
    proxy_error: "proxy_configuration_error",
    explains: &[
        "tls-handshake-aborted",
        "tls-to-plaintext-port",
        "tls-version-cipher-mismatch",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let logged = logged_now(snapshot, &[Symptom::TlsNotEnabled]);
    let entry = logged.first()?;
    let place = passing_route(snapshot)
        .map(|(_, pass)| pass.place.clone())
        .unwrap_or_default();
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                "the upstream is https://, and SSLProxyEngine is off in this virtual host",
            )
            .at(&place)
            .because(log_line(entry))
            .because_all(
                (place.line > 0).then(|| Exhibit::in_file("config", "the upstream is https://", &place)),
            )
            .remedy(
                Remedy::edit(
                    format!(
                        "turn it on in that virtual host (a2enmod ssl where mod_ssl is not loaded), then {}",
                        reload(snapshot)
                    ),
                    &near(&place),
                    "SSLProxyEngine On",
                )
                .risk("the date and the name of the upstream's certificate are then checked"),
            ),
    )
}
