//! `http2-http1-mismatch`: HTTP/2 (gRPC, h2c) on one side, HTTP/1 on the other.

use super::facts::{
    failing, log_line, logged_now, other_probe_line, pass_address, passing_route, probe_line,
};
use super::{Answer, Cause, any_found, found};
use crate::evidence::{EndpointEvidence, Exchange, ProbeKind, Protocol, Snapshot, Speaks, Symptom};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId};
use crate::system::http;

/// See `docs/causes/http2-http1-mismatch.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "http2-http1-mismatch",
    title: "one side speaks HTTP/2, the other HTTP/1",
    step: StepId::Config,
    proxy_error: "http_protocol_error",
    explains: &[
        "upstream-not-http",
        "response-malformed-framing",
        "upstream-worker-crash",
    ],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    if any_found(&[&super::plaintext_to_tls_port::CAUSE], snapshot) {
        return Answer::RuledOut;
    }
    found(find(snapshot))
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    if !failing(snapshot) {
        return None;
    }
    let (_, pass) = passing_route(snapshot)?;
    let speaks = |evidence: &EndpointEvidence, kind| {
        evidence
            .probe(kind)
            .map(|exchange: &Exchange| http::speaks(&exchange.bytes.0))
    };
    let logged = logged_now(snapshot, &[Symptom::Http2Mismatch]);
    let evidence = snapshot.endpoints.iter().find(|evidence| match pass.protocol {
        Protocol::Http => {
            let own = speaks(evidence, ProbeKind::AsProxy);
            // A server that knows both answers some line of ours in HTTP/1.
            let knows_http1 = [ProbeKind::FastCgi, ProbeKind::Uwsgi, ProbeKind::ProxyProtocol]
                .into_iter()
                .any(|kind| speaks(evidence, kind) == Some(Speaks::Http));
            own == Some(Speaks::Http2)
                || (own != Some(Speaks::Http)
                    && !knows_http1
                    && speaks(evidence, ProbeKind::Http2Preface) == Some(Speaks::Http2))
        }
        Protocol::Grpc => {
            let own = speaks(evidence, ProbeKind::AsProxy);
            own != Some(Speaks::Http2)
                && (!logged.is_empty()
                    || own == Some(Speaks::Http)
                    || speaks(evidence, ProbeKind::PlainHttp) == Some(Speaks::Http))
        }
        _ => false,
    })?;
    let (says, is) = if pass.protocol == Protocol::Grpc {
        ("HTTP/2", "HTTP/1")
    } else {
        ("HTTP/1", "HTTP/2")
    };
    let address = pass_address(pass);
    let scheme = if pass.tls { "s" } else { "" };
    let confidence = match pass.protocol {
        Protocol::Http if speaks(evidence, ProbeKind::AsProxy) != Some(Speaks::Http2) => Confidence::Likely,
        _ => Confidence::Confirmed,
    };
    let preface = (speaks(evidence, ProbeKind::Http2Preface) == Some(Speaks::Http2))
        .then(|| {
            other_probe_line(
                evidence,
                ProbeKind::Http2Preface,
                "answers the HTTP/2 preface with an HTTP/2 frame",
            )
        })
        .flatten();
    let right = if pass.protocol == Protocol::Grpc {
        format!("proxy_pass http{scheme}://{address};")
    } else {
        format!("grpc_pass grpc{scheme}://{address};")
    };
    let risk = if pass.protocol == Protocol::Grpc {
        "gRPC itself needs HTTP/2: when this is a gRPC service, point grpc_pass to its HTTP/2 port instead"
    } else {
        "grpc_pass is for gRPC; for other HTTP/2 let the application speak HTTP/1.1 on another port, or use proxy_http_version 2 (nginx 1.29.4 and later)"
    };
    Some(
        CAUSE
            .finding(
                confidence,
                format!(
                    "the proxy speaks {says} to {}, which speaks {is} only",
                    evidence.endpoint
                ),
            )
            .at(&pass.place)
            .because_all(probe_line(evidence))
            .because_all(preface)
            .because_all(
                snapshot
                    .log
                    .during
                    .iter()
                    .rev()
                    .find(|entry| entry.symptom.is_some())
                    .map(log_line),
            )
            .because(Exhibit::in_file("config", pass.written.clone(), &pass.place))
            .remedy(
                Remedy::edit(
                    format!("speak {is} to it, then nginx -t && nginx -s reload"),
                    &pass.place,
                    right,
                )
                .risk(risk),
            ),
    )
}
