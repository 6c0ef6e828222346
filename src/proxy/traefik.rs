//! Traefik: its own log (text or JSON) and its access log as JSON.

use serde_json::Value;

use super::go_error;
use crate::evidence::{AccessEntry, ErrorEntry, Symptom};

/// Reads one line of Traefik's; `None` when it is none.
pub fn line(text: &str, file: &str) -> Option<(Option<ErrorEntry>, Option<AccessEntry>)> {
    let kept = || text.chars().take(1_000).collect::<String>();
    if let Ok(value) = serde_json::from_str::<Value>(text.trim()) {
        if let Some(access) = access(&value, kept()) {
            return Some((None, Some(access)));
        }
        let message = value.get("message").or_else(|| value.get("msg"))?.as_str()?;
        let error = value.get("error").and_then(Value::as_str);
        return of_message(&format!("{message}: {}", error.unwrap_or_default()), text, file);
    }
    of_message(text, text, file)
}

fn of_message(message: &str, text: &str, file: &str) -> Option<(Option<ErrorEntry>, Option<AccessEntry>)> {
    // The words of its error handler; nobody else writes them.
    let caused = message
        .split_once("caused by: ")
        .filter(|(before, _)| before.contains("50") && before.contains('\''))
        .map(|(_, error)| error);
    let error = match caused {
        Some(error) => error.trim_end_matches([':', ' ', '"', '\'']),
        None if message.contains("no endpoints found") || message.contains("subset not found") => {
            "no available server"
        }
        None if message.contains("unable to find the IP address")
            || message.contains("could not find network") =>
        {
            return Some((Some(entry(message, text, file, Symptom::NoLiveUpstreams)), None));
        }
        None => return None,
    };
    let symptom = go_error::symptom(error)?;
    let mut entry = entry(error, text, file, symptom);
    entry.upstream = go_error::upstream(error);
    Some((Some(entry), None))
}

fn entry(message: &str, text: &str, file: &str, symptom: Symptom) -> ErrorEntry {
    let stamp = text
        .strip_prefix("time=\"")
        .and_then(|rest| rest.split('"').next())
        .or_else(|| text.split(' ').next());
    ErrorEntry {
        at_ms: stamp
            .and_then(|stamp| stamp.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond),
        level: "error".to_owned(),
        message: message.chars().take(1_000).collect(),
        symptom: Some(symptom),
        file: file.to_owned(),
        text: text.chars().take(1_000).collect(),
        ..ErrorEntry::default()
    }
}

fn access(value: &Value, text: String) -> Option<AccessEntry> {
    let string = |name: &str| value.get(name).and_then(Value::as_str);
    let status = value.get("DownstreamStatus")?.as_u64()?;
    let origin = value
        .get("OriginStatus")
        .and_then(Value::as_u64)
        .filter(|status| *status > 0);
    Some(AccessEntry {
        at_ms: string("time")
            .or_else(|| string("StartUTC"))
            .and_then(|stamp| stamp.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond),
        client: string("ClientHost").map(str::to_owned),
        request: string("RequestMethod").map(|method| {
            format!(
                "{method} {} {}",
                string("RequestPath").unwrap_or("/"),
                string("RequestProtocol").unwrap_or("")
            )
        }),
        status: u16::try_from(status).ok(),
        upstream_addr: string("ServiceAddr").map(str::to_owned),
        upstream_status: origin.map(|status| status.to_string()),
        text,
        ..AccessEntry::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_handler_s_words_are_read() {
        let text = "2026-11-22T14:00:00Z DBG github.com/traefik/traefik/v3/pkg/server/service/proxy.go:100 > 502 Bad Gateway error=\"x\"";
        assert_eq!(line(text, "t"), None);
        let text = "time=\"2026-11-22T14:00:00Z\" level=debug msg=\"'502 Bad Gateway' caused by: dial tcp 172.18.0.4:8080: connect: connection refused\"";
        let (error, _) = line(text, "t").expect("a line");
        let error = error.expect("a failure");
        assert_eq!(error.symptom, Some(Symptom::ConnectionRefused));
        assert_eq!(error.upstream.as_deref(), Some("172.18.0.4:8080"));
        assert!(error.at_ms.is_some());
    }

    #[test]
    fn the_access_log_tells_who_made_the_status() {
        let text = r#"{"ClientHost":"10.0.0.1","DownstreamStatus":502,"OriginStatus":502,"RequestMethod":"GET","RequestPath":"/","RequestProtocol":"HTTP/1.1","ServiceAddr":"172.18.0.4:80","time":"2026-11-22T14:00:00Z"}"#;
        let (_, access) = line(text, "t").expect("a line");
        let access = access.expect("a request");
        assert_eq!(
            (access.status, access.upstream_status.as_deref()),
            (Some(502), Some("502"))
        );
    }
}
