//! `uwsgi-protocol-mismatch`: uWSGI's binary protocol on one side, HTTP on the other.

use super::facts::{
    Contact, DURING_MS, application_of, application_said, contact, failing, log_line, other_probe_line,
    pass_address, passing_route, probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Protocol, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/uwsgi-protocol-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "uwsgi-protocol-mismatch",
    title: "the uwsgi protocol and HTTP are mixed up between proxy and upstream",
    step: StepId::Config,
    proxy_error: "http_protocol_error",
    explains: &["upstream-worker-crash", "upstream-not-http"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot)?;
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let spoken = application_of(snapshot, evidence).and_then(|server| server.protocol.as_deref());
        match pass.protocol {
            Protocol::Http => {
                let answers = evidence.probe(ProbeKind::Uwsgi).is_some_and(|exchange| {
                    // What an HTTP server says to a line that it cannot read is no answer to uwsgi.
                    http::head(&exchange.bytes.0).is_some_and(|head| {
                        !matches!(head.status, None | Some(400 | 405 | 408 | 414 | 431 | 501 | 505))
                    })
                });
                failing(snapshot)
                    && (answers || spoken == Some("uwsgi"))
                    && !matches!(contact(evidence), Some(Contact::Answered(_) | Contact::Refused))
            }
            Protocol::Uwsgi => {
                let bad = matches!(contact(evidence), Some(Contact::Answered(400)));
                let plain = evidence.probe(ProbeKind::PlainHttp).is_some_and(|exchange| {
                    http::head(&exchange.bytes.0)
                        .is_some_and(|head| head.status.is_some_and(|status| status != 400))
                });
                (failing(snapshot) || bad)
                    && plain
                    && (bad || !matches!(contact(evidence), Some(Contact::Answered(_))))
            }
            _ => false,
        }
    })?;
    let (says, is) = if pass.protocol == Protocol::Uwsgi {
        ("uwsgi", "HTTP")
    } else {
        ("HTTP", "uwsgi")
    };
    let address = pass_address(pass);
    let right = if pass.protocol == Protocol::Uwsgi {
        format!("proxy_pass http://{};", pass.written)
    } else {
        format!("include uwsgi_params; uwsgi_pass {address};")
    };
    let kind = if pass.protocol == Protocol::Uwsgi {
        ProbeKind::PlainHttp
    } else {
        ProbeKind::Uwsgi
    };
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!(
                    "the proxy speaks {says} to {}, which speaks {is}",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(other_probe_line(evidence, kind, &format!("answers {is}")))
            .because_all(
                application_said(snapshot, evidence, &["invalid request block size"], DURING_MS)
                    .map(|said| said.exhibit),
            )
            .because_all(probe_line(evidence))
            .because_all(snapshot.log.during.last().map(log_line))
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(Remedy::edit(
                format!("speak {is} to it, then nginx -t && nginx -s reload"),
                &pass.place,
                right,
            ))
            .remedy(
                Remedy::advise(
                    "or let uWSGI speak the other one: http-socket = speaks HTTP, socket = speaks uwsgi",
                )
                .risk("needs a restart of uWSGI"),
            ),
    )
}
