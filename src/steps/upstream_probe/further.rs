//! Further questions to an endpoint that did not answer well, or that failed before: which one depends on how.

use super::super::machine;
use super::super::plan::Plan;
use super::ask::{authorization, is_name, limits, tls_of, without_port};
use crate::evidence::{
    Bytes, Connect, End, Endpoint, EndpointEvidence, Exchange, Pass, ProbeKind, Protocol, Route, Snapshot,
    Speaks, Symptom,
};
use crate::host::{ExchangeQuery, Framing, TlsOptions, TlsVersions};
use crate::proxy::request;
use crate::system::http;

pub(super) fn further(
    plan: &Plan,
    snapshot: &Snapshot,
    route: &Route,
    pass: &Pass,
    evidence: &EndpointEvidence,
) -> Vec<(ProbeKind, ExchangeQuery, String)> {
    let Some(first) = evidence.as_proxy() else {
        return Vec::new();
    };
    if first.connect != Connect::Connected {
        return Vec::new();
    }
    let (connect_limit_ms, _) = limits(plan, route);
    let base = ExchangeQuery {
        endpoint: evidence.endpoint.to_string(),
        connect_limit_ms,
        answer_limit_ms: 1_500,
        keep_bytes: 16 * 1024,
        identity: machine::worker(snapshot),
        authorization: authorization(plan, route, pass),
        ..ExchangeQuery::default()
    };
    let mut questions = Vec::new();
    questions.extend(health_check(snapshot, route, &base));
    let plain = || request::http_with(route, pass, "");
    let address = match &evidence.endpoint {
        Endpoint::Tcp(address) => address.to_string(),
        Endpoint::Unix(path) => path.clone(),
    };
    let healthy = answers_well(first, pass);
    if pass.tls && !healthy {
        let s_client = |extra: &str| format!("openssl s_client -connect {address} {extra} </dev/null");
        questions.push((
            ProbeKind::PlainHttp,
            ExchangeQuery {
                request: Bytes(plain()),
                ..base.clone()
            },
            format!("curl -sv http://{address}/"),
        ));
        let tls = |options: TlsOptions| ExchangeQuery {
            tls: Some(options),
            request: Bytes(plain()),
            ..base.clone()
        };
        questions.push((
            ProbeKind::TlsWithoutName,
            tls(TlsOptions::default()),
            s_client("-noservername"),
        ));
        for name in server_names(snapshot, route, pass) {
            let options = TlsOptions {
                server_name: Some(name.clone()),
                ..TlsOptions::default()
            };
            questions.push((
                ProbeKind::TlsWithName,
                tls(options),
                s_client(&format!("-servername {name}")),
            ));
        }
        for (kind, versions, flag) in [
            (ProbeKind::Tls12, TlsVersions::Only12, "-tls1_2"),
            (ProbeKind::Tls13, TlsVersions::Only13, "-tls1_3"),
        ] {
            let name = tls_of(route, pass).server_name;
            questions.push((
                kind,
                tls(TlsOptions {
                    versions,
                    server_name: name,
                    ..TlsOptions::default()
                }),
                s_client(flag),
            ));
        }
    }
    if !pass.tls && !healthy {
        let garbled = first.received_bytes > 0 || matches!(first.end, End::Closed | End::Reset);
        if pass.protocol != Protocol::Http {
            questions.push((
                ProbeKind::PlainHttp,
                ExchangeQuery {
                    request: Bytes(plain()),
                    ..base.clone()
                },
                format!("curl -sv http://{address}/"),
            ));
        }
        if garbled && pass.protocol == Protocol::Http {
            questions.push((
                ProbeKind::TlsWithoutName,
                ExchangeQuery {
                    tls: Some(TlsOptions::default()),
                    request: Bytes(plain()),
                    ..base.clone()
                },
                format!("openssl s_client -connect {address} </dev/null"),
            ));
            let raw = |bytes: Vec<u8>| ExchangeQuery {
                request: Bytes(bytes),
                framing: Framing::Raw,
                ..base.clone()
            };
            questions.push((
                ProbeKind::FastCgi,
                raw(request::fastcgi(&[])),
                format!("SCRIPT_NAME=/ REQUEST_METHOD=GET cgi-fcgi -bind -connect {address}"),
            ));
            questions.push((
                ProbeKind::Uwsgi,
                raw(request::uwsgi(&[])),
                format!("uwsgi_curl {address} /"),
            ));
            questions.push((
                ProbeKind::Http2Preface,
                raw(request::http2_preface()),
                format!("curl -sv --http2-prior-knowledge http://{address}/"),
            ));
            let mut line = b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 80\r\n".to_vec();
            line.extend(plain());
            questions.push((
                ProbeKind::ProxyProtocol,
                ExchangeQuery {
                    request: Bytes(line),
                    ..base.clone()
                },
                format!("curl -sv --haproxy-protocol http://{address}/"),
            ));
        }
    }
    if healthy && pass.protocol == Protocol::Http && !pass.tls {
        let seen = |symptoms: &[Symptom]| {
            snapshot
                .log
                .errors()
                .any(|entry| entry.symptom.is_some_and(|symptom| symptoms.contains(&symptom)))
        };
        if seen(&[
            Symptom::ClosedBeforeHeader,
            Symptom::ResetBeforeHeader,
            Symptom::SendFailed,
        ]) {
            questions.push((
                ProbeKind::KeptConnection,
                ExchangeQuery {
                    request: Bytes(request::http_kept(route, pass)),
                    again_after_ms: Some(3_000),
                    answer_limit_ms: 4_000,
                    ..base.clone()
                },
                format!("curl -sv http://{address}/ --next http://{address}/"),
            ));
        }
        if seen(&[Symptom::HeaderTimeout, Symptom::SendTimeout]) {
            let cookie = format!("Cookie: fix502={}\r\n", "x".repeat(3_000));
            questions.push((
                ProbeKind::LargeHeader,
                ExchangeQuery {
                    request: Bytes(request::http_with(route, pass, &cookie)),
                    ..base.clone()
                },
                format!(
                    "curl -sv -H \"Cookie: fix502=$(head -c 3000 /dev/zero | tr '\\0' x)\" http://{address}/"
                ),
            ));
        }
    }
    questions
}

/// What the proxy's health check asks this member, when its log says that no member is left. A check that an
/// expression decides is not asked: its status alone says nothing.
fn health_check(
    snapshot: &Snapshot,
    route: &Route,
    base: &ExchangeQuery,
) -> Option<(ProbeKind, ExchangeQuery, String)> {
    let none_left = snapshot
        .log
        .during
        .iter()
        .any(|entry| entry.symptom == Some(Symptom::NoLiveUpstreams));
    let checks = &route.settings.apache.as_ref().filter(|_| none_left)?.health_checks;
    let check = checks.iter().find(|check| {
        let rest = check.member.split_once("://").map_or("", |(_, rest)| rest);
        check.expression.is_none() && rest.split('/').next() == Some(base.endpoint.as_str())
    })?;
    let method = check.method.trim_end_matches("11");
    if !["GET", "HEAD", "OPTIONS"].contains(&method) || !check.member.starts_with("http://") {
        return None;
    }
    let own = check
        .member
        .splitn(4, '/')
        .nth(3)
        .unwrap_or_default()
        .trim_end_matches('/');
    let path = if own.is_empty() {
        check.uri.clone()
    } else {
        format!("/{own}{}", check.uri)
    };
    let path = if path.is_empty() { "/".to_owned() } else { path };
    let text = request::health_check(method, &path, &base.endpoint, check.method.ends_with("11"));
    let query = ExchangeQuery {
        request: Bytes(text),
        authorization: None,
        ..base.clone()
    };
    Some((
        ProbeKind::HealthCheck,
        query,
        format!("curl -sv -X {method} http://{}{path}", base.endpoint),
    ))
}

/// True when the endpoint gave a whole answer in the protocol that the proxy speaks.
fn answers_well(exchange: &Exchange, pass: &Pass) -> bool {
    match pass.protocol {
        Protocol::Http => http::head(&exchange.bytes.0).is_some_and(|head| {
            let refused_plain = head.status == Some(400);
            head.status.is_some() && head.length_bytes.is_some() && !refused_plain
        }),
        Protocol::FastCgi => http::speaks(&exchange.bytes.0) == Speaks::FastCgi,
        // 400 is what an HTTP server says to a packet of another protocol.
        Protocol::Uwsgi | Protocol::Scgi => http::head(&exchange.bytes.0)
            .is_some_and(|head| head.status != Some(400) && head.length_bytes.is_some()),
        Protocol::Grpc => http::speaks(&exchange.bytes.0) == Speaks::Http2,
        // CPong: "AB", a length of one byte, type 9.
        Protocol::Ajp => exchange.bytes.0.starts_with(b"AB\x00\x01\x09"),
        Protocol::Memcached => exchange.received_bytes > 0,
    }
}

/// Names worth trying as SNI: those that the configuration and the URL hold.
fn server_names(snapshot: &Snapshot, route: &Route, pass: &Pass) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let configured = route
        .settings
        .tls_name
        .as_ref()
        .map(|setting| without_port(&setting.value));
    let candidates = configured
        .into_iter()
        .chain([
            without_port(&request::host_header(route, pass)),
            without_port(&pass.proxy_host),
            snapshot.target.host.clone(),
        ])
        .chain(
            snapshot
                .config
                .seen()
                .map(|config| config.server_names.clone())
                .unwrap_or_default(),
        );
    for name in candidates {
        if is_name(&name) && !name.contains(['*', '~']) && !names.contains(&name) {
            names.push(name);
        }
    }
    names.truncate(4);
    names
}
