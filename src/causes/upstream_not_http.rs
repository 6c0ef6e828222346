//! `upstream-not-http`: the port belongs to something that speaks no HTTP.

use super::facts::{
    Contact, contact, failing, listeners_command, log_line, logged_now, other_probe_line, owner_words,
    passing_route, probe_line,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{ProbeKind, Protocol, Snapshot, Speaks, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/upstream-not-http.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "upstream-not-http",
    title: "another service answers behind the port",
    step: StepId::Config,
    proxy_error: "http_protocol_error",
    explains: &[
        "response-malformed-framing",
        "upstream-worker-crash",
        "tls-handshake-aborted",
        "upstream-too-slow",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(
        &[
            &super::plaintext_to_tls_port::CAUSE,
            &super::http2_http1_mismatch::CAUSE,
            &super::uwsgi_protocol_mismatch::CAUSE,
            &super::fastcgi_protocol_mismatch::CAUSE,
        ],
        snapshot,
    ) {
        return Answer::RuledOut;
    }
    found(find(snapshot).or_else(|| http_behind_ajp(snapshot)))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let (_, pass) = passing_route(snapshot).filter(|(_, pass)| pass.protocol == Protocol::Http)?;
    if !failing(snapshot) {
        return None;
    }
    let (evidence, speaks, first) = snapshot.endpoints.iter().find_map(|evidence| {
        let raw = evidence.as_proxy()?;
        let banner = raw
            .tls
            .as_ref()
            .and_then(|tls| tls.not_tls.as_ref())
            .map(|bytes| http::speaks(&bytes.0));
        let first = raw
            .tls
            .as_ref()
            .and_then(|tls| tls.not_tls.as_ref())
            .unwrap_or(&raw.bytes);
        let spoken = match (contact(evidence)?, banner) {
            (Contact::OtherAnswer(speaks), _) => speaks,
            (Contact::TlsFailed, Some(speaks))
                if !matches!(speaks, Speaks::Http | Speaks::Unknown | Speaks::Tls) =>
            {
                speaks
            }
            _ => return None,
        };
        (!matches!(spoken, Speaks::Http2 | Speaks::Tls | Speaks::FastCgi))
            .then_some((evidence, spoken, first))
    })?;
    let begins: String = first.text().chars().take(60).collect();
    let known = speaks != Speaks::Unknown;
    let (confidence, what) = if known {
        (
            Confidence::Confirmed,
            format!(
                "speaks {}: another service is behind that port",
                http::speaks_word(speaks)
            ),
        )
    } else {
        (
            Confidence::Likely,
            "answers something that is no HTTP: another service is behind that port, or the application writes before its header".to_owned(),
        )
    };
    Some(
        CAUSE
            .finding(confidence, format!("{} {what}", evidence.endpoint))
            .at(&evidence.place)
            .because_all(
                evidence
                    .probes
                    .iter()
                    .find(|probe| probe.kind == ProbeKind::AsProxy)
                    .map(|probe| {
                        Exhibit::shown_by(
                            "probe",
                            format!("{} answers: {}", evidence.endpoint, begins.escape_debug()),
                            probe.command.clone(),
                        )
                    }),
            )
            .because_all(evidence.listener.seen().map(|listener| {
                Exhibit::shown_by(
                    "process",
                    format!("{} listens there", owner_words(listener)),
                    listeners_command(&evidence.endpoint),
                )
            }))
            .because_all(
                logged_now(snapshot, &[Symptom::NotHttp])
                    .last()
                    .map(|entry| log_line(entry)),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::advise(
                    "point the proxy to the port of the application, then nginx -t && nginx -s reload",
                )
                .risk("until then parts of requests end up in the logs of that other service"),
            ),
    )
}

/// `mod_proxy_ajp` asks a port that answers HTTP: Tomcat's other connector, or no Tomcat at all.
fn http_behind_ajp(snapshot: &Snapshot) -> Option<Finding> {
    let (route, pass) = passing_route(snapshot).filter(|(_, pass)| pass.protocol == Protocol::Ajp)?;
    if !failing(snapshot) {
        return None;
    }
    let evidence = snapshot.endpoints.iter().find(|evidence| {
        let http_answer = evidence
            .probe(ProbeKind::PlainHttp)
            .is_some_and(|exchange| http::head(&exchange.bytes.0).is_some());
        // "AB" begins every packet of a server that speaks AJP.
        let ajp_answer = evidence
            .as_proxy()
            .is_some_and(|exchange| exchange.bytes.0.starts_with(b"AB"));
        http_answer && !ajp_answer
    })?;
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("{} speaks HTTP, the proxy speaks AJP to it", evidence.endpoint),
            )
            .at(&evidence.place)
            .because_all(other_probe_line(evidence, ProbeKind::PlainHttp, "answers HTTP"))
            .because_all(probe_line(evidence))
            .because_all(snapshot.log.during.last().map(log_line))
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(Remedy::advise(format!(
                "write http:// instead of ajp:// (with mod_proxy_http), or name the port of Tomcat's AJP connector (8009), then {} && {}",
                route.proxy.test_command(),
                route.proxy.reload_command()
            ))),
    )
}
