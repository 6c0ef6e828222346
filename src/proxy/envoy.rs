//! Envoy: response flags and details of its access log, and the words of its own error answers.

use serde_json::Value;

use crate::evidence::{AccessEntry, ErrorEntry, Symptom};

/// A response flag and what it means.
pub static FLAGS: [(&str, Symptom); 10] = [
    ("UF", Symptom::ConnectFailed),
    ("UH", Symptom::NoLiveUpstreams),
    ("UO", Symptom::NoLiveUpstreams),
    ("NR", Symptom::NoForwardPath),
    ("NC", Symptom::NoForwardPath),
    ("UC", Symptom::ClosedBeforeHeader),
    ("UR", Symptom::ResetBeforeHeader),
    ("UT", Symptom::HeaderTimeout),
    ("UPE", Symptom::RefusedAnswer),
    ("DF", Symptom::NameNotFound),
];

/// A part of the details or of the answer, and what it means. More telling rows stand first.
pub static DETAILS: [(&str, Symptom); 20] = [
    ("WRONG_VERSION_NUMBER", Symptom::TlsWrongVersion),
    ("CERTIFICATE_VERIFY_FAILED", Symptom::TlsUntrusted),
    ("UNSUPPORTED_PROTOCOL", Symptom::TlsVersion),
    ("TLSV1_ALERT_PROTOCOL_VERSION", Symptom::TlsVersion),
    ("TLS_error", Symptom::TlsFailed),
    ("TLS error", Symptom::TlsFailed),
    ("Connection refused", Symptom::ConnectionRefused),
    ("Connection_refused", Symptom::ConnectionRefused),
    ("connection_timeout", Symptom::ConnectTimeout),
    ("connection timeout", Symptom::ConnectTimeout),
    ("dns_resolution_failure", Symptom::NameNotFound),
    ("no_healthy_upstream", Symptom::NoLiveUpstreams),
    ("no healthy upstream", Symptom::NoLiveUpstreams),
    ("headers_too_large", Symptom::HeaderTooBig),
    ("headers_size_exceeded", Symptom::HeaderTooBig),
    (
        "content_length_and_chunked_not_allowed",
        Symptom::ConflictingLength,
    ),
    ("protocol_error", Symptom::RefusedAnswer),
    ("connection_termination", Symptom::ClosedBeforeHeader),
    ("connection_failure", Symptom::ConnectFailed),
    ("response_timeout", Symptom::HeaderTimeout),
];

/// What the details of an answer mean.
pub fn symptom(details: &str) -> Option<Symptom> {
    DETAILS
        .iter()
        .find(|(part, _)| details.contains(part))
        .map(|(_, symptom)| *symptom)
}

fn flag(word: &str) -> Option<Symptom> {
    word.split(',').find_map(|flag| {
        FLAGS
            .iter()
            .find(|(known, _)| *known == flag)
            .map(|(_, symptom)| *symptom)
    })
}

/// Reads one line of the access log, in Envoy's default form or as JSON; `None` when it is none.
pub fn line(text: &str, file: &str) -> Option<(Option<ErrorEntry>, AccessEntry)> {
    let kept: String = text.chars().take(1_000).collect();
    let (mut access, flags, details) = if text.trim_start().starts_with('{') {
        json(text)?
    } else {
        plain(text)?
    };
    access.text.clone_from(&kept);
    let symptom = symptom(&details).or_else(|| flag(&flags));
    if details.contains("via_upstream") {
        access.upstream_status = access.status.map(|status| status.to_string());
        access.upstream_header_time = Some("0".to_owned());
    }
    let error = symptom
        .filter(|_| access.status.is_none_or(|status| status >= 500))
        .map(|symptom| ErrorEntry {
            at_ms: access.at_ms,
            level: "error".to_owned(),
            message: format!("response flags {flags}, {details}"),
            client: access.client.clone(),
            request: access.request.clone(),
            upstream: access.upstream_addr.clone(),
            symptom: Some(symptom),
            file: file.to_owned(),
            text: kept,
            ..ErrorEntry::default()
        });
    Some((error, access))
}

/// `[2026-11-22T14:00:00.000Z] "GET / HTTP/1.1" 503 UF upstream_reset_before_response_started{…} - "-" 0 91 …`.
fn plain(text: &str) -> Option<(AccessEntry, String, String)> {
    let (stamp, rest) = text.strip_prefix('[')?.split_once("] \"")?;
    let at_ms = stamp.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    let (request, rest) = rest.split_once('"')?;
    let mut words = rest.split_whitespace();
    let status: u16 = words.next()?.parse().ok()?;
    let flags = words.next()?;
    if flags != "-" && flag(flags).is_none() && !flags.chars().all(|c| c.is_ascii_uppercase() || c == ',') {
        return None;
    }
    let upstream = rest
        .rsplit('"')
        .find(|part| part.parse::<std::net::SocketAddr>().is_ok())
        .map(str::to_owned);
    Some((
        AccessEntry {
            at_ms: Some(at_ms),
            request: Some(request.to_owned()),
            status: Some(status),
            upstream_addr: upstream,
            ..AccessEntry::default()
        },
        flags.to_owned(),
        rest.to_owned(),
    ))
}

fn json(text: &str) -> Option<(AccessEntry, String, String)> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let string = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| *text != "-");
    let flags = value.get("response_flags")?.as_str()?.to_owned();
    let status = value.get("response_code")?.as_u64()?;
    let details = [
        string("response_code_details").unwrap_or_default(),
        string("upstream_transport_failure_reason").unwrap_or_default(),
    ]
    .join(" ");
    Some((
        AccessEntry {
            at_ms: string("start_time")
                .and_then(|stamp| stamp.parse::<jiff::Timestamp>().ok())
                .map(jiff::Timestamp::as_millisecond),
            request: string("method").map(|method| {
                format!(
                    "{method} {} {}",
                    string("path").unwrap_or("/"),
                    string("protocol").unwrap_or("")
                )
            }),
            status: u16::try_from(status).ok(),
            upstream_addr: string("upstream_host").map(str::to_owned),
            ..AccessEntry::default()
        },
        flags,
        details,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_form_is_read() {
        let text = "[2026-11-22T14:00:00.000Z] \"GET /cart HTTP/1.1\" 503 UF upstream_reset_before_response_started{remote_connection_failure,delayed_connect_error:_111} - \"-\" 0 152 1 - \"-\" \"curl/8\" \"id\" \"shop.test\" \"10.0.0.7:8080\"";
        let (error, access) = line(text, "e").expect("a line");
        assert_eq!(
            error.and_then(|entry| entry.symptom),
            Some(Symptom::ConnectFailed)
        );
        assert_eq!(access.upstream_addr.as_deref(), Some("10.0.0.7:8080"));
    }

    #[test]
    fn an_answer_of_the_upstream_is_no_failure_of_envoy() {
        let text = "[2026-11-22T14:00:00.000Z] \"GET / HTTP/1.1\" 502 - via_upstream - \"-\" 0 9 1 1 \"-\" \"-\" \"-\" \"a\" \"10.0.0.7:80\"";
        let (error, access) = line(text, "e").expect("a line");
        assert_eq!(error, None);
        assert_eq!(access.upstream_status.as_deref(), Some("502"));
    }

    #[test]
    fn json_is_read_and_other_json_is_not() {
        let text = r#"{"start_time":"2026-11-22T14:00:00Z","method":"GET","path":"/","response_code":503,"response_flags":"UH","response_code_details":"no_healthy_upstream"}"#;
        assert_eq!(
            line(text, "e").and_then(|(error, _)| error?.symptom),
            Some(Symptom::NoLiveUpstreams)
        );
        assert_eq!(line("{\"a\":1}", "e"), None);
        assert_eq!(line("[x] \"y", "e"), None);
    }
}
