//! `fastcgi-protocol-mismatch`: one side speaks `FastCGI`, the other HTTP.

use super::facts::{
    Contact, contact, failing, log_line, logged_now, other_probe_line, pass_address, passing_route,
    probe_line,
};
use super::{Answer, Cause, found};
use crate::evidence::{ProbeKind, Protocol, Snapshot, Speaks, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/fastcgi-protocol-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "fastcgi-protocol-mismatch",
    title: "FastCGI and HTTP are mixed up between proxy and upstream",
    step: StepId::Config,
    proxy_error: "http_protocol_error",
    explains: &["upstream-worker-crash", "upstream-too-slow", "upstream-not-http"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let logged = logged_now(snapshot, &[Symptom::FastCgiMismatch]);
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let fpm = evidence.listener.seen().is_some_and(|listener| {
            listener
                .processes
                .iter()
                .any(|owner| owner.name.starts_with("php-fpm"))
        });
        match pass.protocol {
            Protocol::FastCgi => {
                let plain = evidence
                    .probe(ProbeKind::PlainHttp)
                    .is_some_and(|exchange| http::head(&exchange.bytes.0).is_some());
                let first = evidence
                    .as_proxy()
                    .is_some_and(|exchange| http::speaks(&exchange.bytes.0) == Speaks::Http);
                !logged.is_empty()
                    || first
                    || (plain && contact(evidence) != Some(Contact::OtherAnswer(Speaks::FastCgi)))
            }
            Protocol::Http => {
                let answers = evidence
                    .probe(ProbeKind::FastCgi)
                    .is_some_and(|exchange| http::speaks(&exchange.bytes.0) == Speaks::FastCgi);
                (answers || fpm)
                    && !matches!(contact(evidence), Some(Contact::Answered(_) | Contact::Refused))
            }
            _ => false,
        }
    })?;
    let (says, is) = if pass.protocol == Protocol::FastCgi {
        ("FastCGI", "HTTP")
    } else {
        ("HTTP", "FastCGI")
    };
    let address = pass_address(pass);
    let right = if pass.protocol == Protocol::FastCgi {
        format!("proxy_pass http://{};", pass.written)
    } else {
        format!(
            "include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_pass {address};"
        )
    };
    let kind = if pass.protocol == Protocol::FastCgi {
        ProbeKind::PlainHttp
    } else {
        ProbeKind::FastCgi
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
            .because_all(probe_line(evidence))
            .because_all(
                logged
                    .last()
                    .map(|entry| log_line(entry))
                    .or_else(|| snapshot.log.during.last().map(log_line)),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(Remedy::edit(
                format!("speak {is} to it, then nginx -t && nginx -s reload"),
                &pass.place,
                right,
            )),
    )
}
