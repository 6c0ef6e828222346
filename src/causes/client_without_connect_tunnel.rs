//! `client-without-connect-tunnel`: clients put `GET https://…` to the forward proxy.

use super::{Answer, Cause, found};
use crate::evidence::{AccessEntry, Snapshot};
use crate::finding::{Confidence, Exhibit, Finding, Remedy, StepId, quoted};

/// See `docs/causes/client-without-connect-tunnel.md`.
pub(super) static CAUSE: Cause = Cause {
    id: "client-without-connect-tunnel",
    title: "a client asks the forward proxy for an https:// URL without a tunnel",
    step: StepId::Route,
    proxy_error: "http_request_error",
    explains: &["proxy-tls-not-enabled"],
    diagnose,
};

fn diagnose(snapshot: &Snapshot) -> Answer {
    found(find(snapshot))
}

/// True for a failed request that names an `https://` URL and is no CONNECT.
fn without_tunnel(entry: &AccessEntry) -> bool {
    let secure = entry
        .request
        .as_deref()
        .and_then(|request| request.split_once(' '))
        .is_some_and(|(method, rest)| method != "CONNECT" && rest.starts_with("https://"));
    secure && entry.status.is_some_and(|status| status >= 500)
}

fn find(snapshot: &Snapshot) -> Option<Finding> {
    let via = snapshot.target.via.as_deref()?;
    let log = &snapshot.log;
    let entry = log
        .access_before
        .iter()
        .chain(&log.access_during)
        .rev()
        .find(|entry| without_tunnel(entry))?;
    let request = entry.request.as_deref().unwrap_or_default();
    let client = entry
        .client
        .as_deref()
        .map_or_else(String::new, |client| format!(" from {client}"));
    let status = entry.status.unwrap_or_default();
    let url = snapshot.target.url.as_deref().unwrap_or_default();
    let file = log.files.iter().find(|file| file.kind == "access");
    Some(
        CAUSE
            .finding(
                Confidence::Confirmed,
                format!("a client{client} sent \"{request}\" to the forward proxy, which answered {status}: https needs CONNECT"),
            )
            .because(Exhibit {
                kind: "log".to_owned(),
                text: entry.text.clone(),
                command: file.map(|file| format!("grep -F 'https://' {}", quoted(&file.path))),
                file: file.map(|file| file.path.clone()),
                line: None,
            })
            .because(Exhibit::shown_by(
                "probe",
                "a client that opens a tunnel does it like this",
                format!("curl -sv -x {} {}", quoted(via), quoted(url)),
            ))
            .remedy(Remedy::advise(
                "let the client open a tunnel for https: https-proxy-agent in Node (axios: proxy: false and the agent), a current HTTP library elsewhere",
            )),
    )
}
