//! Facts about TLS with an endpoint.

use super::{failing, log_line, log_says_otherwise, logged_now, passing_route};
use crate::causes::Cause;
use crate::evidence::{
    Certificate, Endpoint, EndpointEvidence, ErrorEntry, Exchange, Handshake, Pass, Place, Snapshot, Symptom,
};
use crate::finding::{Confidence, Exhibit, Finding, quoted};

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

/// The upstream of the failing route, when it is asked over TLS.
pub(in crate::causes) fn tls_route(snapshot: &Snapshot) -> Option<&Pass> {
    failing(snapshot)
        .then(|| passing_route(snapshot))
        .flatten()
        .map(|(_, pass)| pass)
        .filter(|pass| pass.tls)
}

/// A certificate that the proxy's verification refuses.
pub(in crate::causes) struct RefusedCertificate<'a> {
    /// The upstream.
    pub(in crate::causes) pass: &'a Pass,
    /// Whose certificate.
    pub(in crate::causes) evidence: &'a EndpointEvidence,
    /// The certificate, when it was seen.
    pub(in crate::causes) certificate: Option<&'a Certificate>,
    logged: Option<&'a ErrorEntry>,
    place: &'a Place,
}

/// The certificate that the proxy refuses for one reason: by its log, or where that is silent by our own
/// verification, whose words hold one of the marks.
pub(in crate::causes) fn refused_certificate<'a>(
    snapshot: &'a Snapshot,
    symptom: Symptom,
    marks: &[&str],
) -> Option<RefusedCertificate<'a>> {
    let pass = tls_route(snapshot)?;
    let logged = logged_now(snapshot, &[symptom]).last().copied();
    if logged.is_none() && log_says_otherwise(snapshot, &[symptom, Symptom::TlsUntrusted]) {
        return None;
    }
    let handshake =
        |evidence: &'a EndpointEvidence| evidence.as_proxy().and_then(|exchange| exchange.tls.as_ref());
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let error = handshake(evidence).and_then(|tls| tls.verify_error.as_ref());
        logged.is_some()
            || error.is_some_and(|error| marks.iter().any(|mark| error.contains(mark)))
            || handshake(evidence).is_some_and(|tls| refused_by_apache(snapshot, tls, symptom))
    })?;
    let verify = passing_route(snapshot)?.0.settings.tls_verify.as_ref();
    Some(RefusedCertificate {
        pass,
        evidence,
        certificate: handshake(evidence).and_then(|tls| tls.chain.first()),
        logged,
        place: verify
            .and_then(|setting| setting.place.as_ref())
            .unwrap_or(&pass.place),
    })
}

/// Apache checks the name and the dates even of a certificate that it does not verify otherwise.
fn refused_by_apache(snapshot: &Snapshot, tls: &Handshake, symptom: Symptom) -> bool {
    let Some((route, pass)) = passing_route(snapshot) else {
        return false;
    };
    let (Some(apache), Some(certificate)) = (&route.settings.apache, tls.chain.first()) else {
        return false;
    };
    match symptom {
        Symptom::TlsDate => {
            let now_ms = snapshot.host.now_ms;
            apache.tls_check_expiry.value
                && (certificate.not_after_ms < now_ms || certificate.not_before_ms > now_ms)
        }
        Symptom::TlsName => {
            let asked = route.settings.tls_name.as_ref().map_or_else(
                || pass.proxy_host.split(':').next().unwrap_or_default(),
                |name| name.value.as_str(),
            );
            apache.tls_check_name.value && !asked.is_empty() && !is_for(certificate, asked)
        }
        _ => false,
    }
}

/// True when a certificate is for a name: by an alternative name, `*` standing for one label, else by its
/// subject.
fn is_for(certificate: &Certificate, asked: &str) -> bool {
    if certificate.names.is_empty() {
        return certificate.subject.contains(asked);
    }
    certificate.names.iter().any(|name| {
        let same = name.eq_ignore_ascii_case(asked);
        let wild = name.strip_prefix("*.").is_some_and(|rest| {
            asked
                .split_once('.')
                .is_some_and(|(_, parent)| parent.eq_ignore_ascii_case(rest))
        });
        same || wild
    })
}

impl RefusedCertificate<'_> {
    /// The finding with its proof; what to do is for the cause to add.
    pub(in crate::causes) fn finding(&self, cause: &Cause, what: &str) -> Finding {
        let confidence = if self.logged.is_some() {
            Confidence::Confirmed
        } else {
            Confidence::Likely
        };
        let message = format!(
            "the proxy refuses the certificate of {}: {what}",
            self.evidence.endpoint
        );
        cause
            .finding(confidence, message)
            .at(self.place)
            .because_all(self.logged.map(log_line))
            .because_all(certificate_line(self.evidence))
    }
}

/// A certificate at the end of a tunnel that clients refuse: only they see it, so no log tells of it. The words
/// of our own verification hold one of the marks; a chain from an unknown authority is none of them, for the
/// clients may know that authority.
pub(in crate::causes) fn refused_by_clients(
    snapshot: &Snapshot,
    cause: &Cause,
    marks: &[&str],
    what: &str,
) -> Option<Finding> {
    let target = &snapshot.target;
    let via = target.via.as_deref().filter(|_| target.scheme == "https")?;
    let tls = snapshot
        .attempts
        .iter()
        .filter_map(|attempt| attempt.exchange.seen()?.tls.as_ref())
        .find(|tls| {
            let error = tls.verify_error.as_deref().unwrap_or_default();
            marks.iter().any(|mark| error.contains(mark))
        })?;
    let subject = tls
        .chain
        .first()
        .map_or("", |certificate| certificate.subject.as_str());
    let (host, port) = (&target.host, target.port);
    let proxy = via.split_once("://").map_or(via, |(_, rest)| rest);
    Some(
        cause
            .finding(
                Confidence::Confirmed,
                format!("the tunnel to {host}:{port} stands, and clients refuse the certificate at its end: {what}"),
            )
            .because(Exhibit::shown_by(
                "probe",
                format!(
                    "{host}:{port} serves {subject}: {}",
                    tls.verify_error.as_deref().unwrap_or_default()
                ),
                format!("curl -sv -x {} https://{host}:{port}/", quoted(proxy)),
            )),
    )
}
