//! Facts about TLS with an endpoint.

use crate::evidence::{Endpoint, EndpointEvidence, Exchange};
use crate::finding::{Exhibit, quoted};

/// The certificate that an endpoint shows to the proxy, as proof.
pub(in crate::causes) fn certificate_line(evidence: &EndpointEvidence) -> Option<Exhibit> {
    let tls = evidence.as_proxy()?.tls.as_ref()?;
    let certificate = tls.chain.first()?;
    let address = match &evidence.endpoint {
        Endpoint::Tcp(address) => format!("-connect {address}"),
        Endpoint::Unix(path) => format!("-unix {}", quoted(path)),
    };
    let name = tls.server_name.as_ref().map_or_else(
        || "-noservername".to_owned(),
        |name| format!("-servername {}", quoted(name)),
    );
    Some(Exhibit::shown_by(
        "probe",
        format!(
            "it serves {} by {} for {}",
            certificate.subject,
            certificate.issuer,
            certificate.names.join(", ")
        ),
        format!(
            "openssl s_client {address} {name} </dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
        ),
    ))
}

/// What servers answer to plain HTTP on their TLS port.
pub(in crate::causes) const WANTS_TLS: [&str; 4] = [
    "The plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "This combination of host and port requires TLS",
    "speaking plain HTTP to an SSL-enabled server port",
];

/// True when an answer to plain HTTP says that TLS is wanted.
pub(in crate::causes) fn says_wants_tls(exchange: &Exchange) -> bool {
    let text = exchange.bytes.text();
    WANTS_TLS.iter().any(|said| text.contains(said))
}

/// True when an endpoint gave a sign of TLS: a handshake, a certificate, an alert, or words.
pub(in crate::causes) fn speaks_tls(evidence: &EndpointEvidence) -> bool {
    evidence
        .probes
        .iter()
        .filter_map(|probe| probe.exchange.seen())
        .any(|exchange| {
            let shook = exchange
                .tls
                .as_ref()
                .is_some_and(|tls| tls.done || tls.alert.is_some() || !tls.chain.is_empty());
            shook || says_wants_tls(exchange)
        })
}
