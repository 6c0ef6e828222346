//! Which causes a line of a log leaves open, ranked, and what tells each from the others.
//!
//! A line names a symptom. [`left_open`] gives the causes behind it that nothing known excludes, each with
//! how to tell it and the command that does; [`settle`] the one command that narrows them most.
//! [`said_outright`] knows the few symptoms that only one cause has. The rows stand in [`ladders`].

mod commands;
mod ladders;
mod words;

pub use commands::{Facts, Known, settle};
pub use ladders::{left_open, silent};
pub use words::{not_meant, words};

use crate::evidence::{Endpoint, Symptom};
use crate::finding::Confidence;

/// One cause that a line leaves open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its id.
    pub cause: &'static str,
    /// When it is this one, as a lower-case sentence without its full stop.
    pub tell: &'static str,
    /// The command that shows it.
    pub command: String,
}

/// The cause that a line of an application server names, beside a failure of the proxy of this kind.
pub fn of_application(text: &str, symptom: Symptom) -> Option<&'static str> {
    super::backend_said::named(text, symptom)
}

/// The cause that a line names by itself; `None`: several have this symptom.
pub fn said_outright(facts: &Facts<'_>) -> Option<(&'static str, Confidence)> {
    use Confidence::{Confirmed, Likely};
    let message = facts.message;
    let has = |word: &str| message.contains(word);
    Some(match facts.symptom {
        Symptom::NoResolver => ("dns-no-resolver", Confirmed),
        Symptom::NameNotFound => ("dns-nxdomain", Confirmed),
        Symptom::NameServerFailed => ("dns-server-failure", Likely),
        Symptom::NameUnknownAtStart => ("dns-startup-unresolvable", Confirmed),
        Symptom::SourceBindFailed => ("proxy-source-bind-failed", Confirmed),
        Symptom::HeaderTooBig => ("response-header-too-big", Confirmed),
        Symptom::InvalidHeader if !has("EOF") => ("response-invalid-header", Confirmed),
        Symptom::ConflictingLength => ("response-conflicting-length", Confirmed),
        Symptom::MalformedResponse => ("response-malformed-framing", Confirmed),
        Symptom::BodyCut => ("response-truncated", Confirmed),
        Symptom::UpgradeFailed => ("upgrade-mismatch", Confirmed),
        Symptom::TlsDate => ("tls-cert-date-invalid", Confirmed),
        Symptom::TlsName if !has("IP SAN") && !has("cannot validate certificate for") => {
            ("tls-cert-name-mismatch", Confirmed)
        }
        Symptom::TlsVersion => ("tls-version-cipher-mismatch", Confirmed),
        Symptom::TlsNotEnabled => ("proxy-tls-not-enabled", Confirmed),
        Symptom::TlsWrongVersion => ("tls-to-plaintext-port", Likely),
        // 18 and 19 are also what a default certificate gives where the name was not sent.
        Symptom::TlsUntrusted if has("(20:") || has("(21:") || has("(2:") || has("unknown authority") => {
            ("tls-cert-untrusted", Likely)
        }
        Symptom::TlsClientCertificate if has("116") || has("certificate required") || has("AH02268") => {
            ("tls-client-cert-required", Confirmed)
        }
        Symptom::TlsAlert if has("112") || has("unrecognized name") => ("tls-sni-missing", Likely),
        Symptom::FastCgiMismatch => ("fastcgi-protocol-mismatch", Confirmed),
        // The length of the frame is the text "HTT".
        Symptom::Http2Mismatch if has("4740180") => ("http2-http1-mismatch", Confirmed),
        Symptom::NetworkUnreachable if facts.dialled_at_once() && !facts.ipv6() => ("no-route", Likely),
        Symptom::NoLocalAddress if !facts.ipv6() && facts.tcp().is_some() => {
            ("ephemeral-ports-exhausted", Likely)
        }
        Symptom::ForwardingLoop => ("proxy-loop", Confirmed),
        _ => return None,
    })
}

impl Facts<'_> {
    /// True for an IPv6 upstream.
    pub(super) fn ipv6(&self) -> bool {
        self.tcp().is_some_and(|address| address.is_ipv6())
    }

    /// The TCP address of the upstream.
    pub(super) fn tcp(&self) -> Option<std::net::SocketAddr> {
        self.endpoint.as_ref().and_then(Endpoint::tcp)
    }

    /// The kernel refused at once (`connect() to ADDRESS failed`), and no answer from outside did.
    pub(super) fn dialled_at_once(&self) -> bool {
        self.message.contains("connect() to ") || self.product != "nginx"
    }
}
