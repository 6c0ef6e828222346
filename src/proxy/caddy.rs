//! Caddy: its log lines, one JSON object each.

use serde_json::Value;

use super::go_error;
use crate::evidence::{AccessEntry, ErrorEntry};

/// Reads one line of Caddy's; `None` when it is none. A line may be a failure, a request, or both.
pub fn line(text: &str, file: &str) -> Option<(Option<ErrorEntry>, Option<AccessEntry>)> {
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let string = |name: &str| value.get(name).and_then(Value::as_str);
    // Caddy's own fields; other programs that log JSON have other names.
    let logger = string("logger").unwrap_or_default();
    let message = string("msg")?;
    value.get("level")?;
    let ts = value.get("ts")?;
    if !(logger.starts_with("http") || logger.starts_with("admin") || logger.starts_with("tls")) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds since 1970 in milliseconds fit"
    )]
    let at_ms = ts.as_f64().map(|seconds| (seconds * 1000.0) as i64).or_else(|| {
        ts.as_str()?
            .parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_millisecond)
    });
    let request = value.get("request");
    let of_request = |name: &str| request?.get(name)?.as_str();
    let line = of_request("method").map(|method| {
        format!(
            "{method} {} {}",
            of_request("uri").unwrap_or("/"),
            of_request("proto").unwrap_or("HTTP/1.1")
        )
    });
    let status = value
        .get("status")
        .and_then(Value::as_u64)
        .and_then(|status| u16::try_from(status).ok());
    let kept: String = text.chars().take(1_000).collect();
    let error = string("error").or_else(|| {
        let handled = value.get("err_trace").is_some() || string("level") == Some("error");
        handled.then_some(message)
    });
    let entry = error.and_then(|error| {
        let symptom = go_error::symptom(error)?;
        Some(ErrorEntry {
            at_ms,
            level: string("level").unwrap_or_default().to_owned(),
            message: error.chars().take(1_000).collect(),
            client: of_request("remote_ip").map(str::to_owned),
            request: line.clone(),
            upstream: go_error::upstream(error).or_else(|| string("upstream").map(str::to_owned)),
            host: of_request("host").map(str::to_owned),
            symptom: Some(symptom),
            file: file.to_owned(),
            text: kept.clone(),
            ..ErrorEntry::default()
        })
    });
    let access = (status.is_some() && line.is_some()).then(|| AccessEntry {
        at_ms,
        client: of_request("remote_ip").map(str::to_owned),
        request: line,
        status,
        text: kept,
        ..AccessEntry::default()
    });
    Some((entry, access))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Symptom;

    #[test]
    fn a_refused_connection_is_read() {
        let text = r#"{"level":"error","ts":1795356028.5,"logger":"http.log.error","msg":"dial tcp 127.0.0.1:8080: connect: connection refused","request":{"remote_ip":"10.0.0.1","method":"GET","host":"shop.test","uri":"/cart","proto":"HTTP/2.0"},"status":502,"err_trace":"reverseproxy.statusError (reverseproxy.go:1373)"}"#;
        let (error, access) = line(text, "caddy.log").expect("a line");
        let error = error.expect("a failure");
        assert_eq!(error.symptom, Some(Symptom::ConnectionRefused));
        assert_eq!(error.upstream.as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(error.at_ms, Some(1_795_356_028_500));
        assert_eq!(access.and_then(|entry| entry.status), Some(502));
    }

    #[test]
    fn other_json_is_left_alone() {
        for text in [
            "{}",
            "[]",
            "{",
            "{\"level\":\"info\",\"msg\":\"x\",\"ts\":1}",
            "null",
        ] {
            assert_eq!(line(text, "f"), None, "{text}");
        }
    }
}
