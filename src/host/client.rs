//! The request as an ordinary HTTP client makes it, with nothing of ours on the way: what step 7 compares
//! every other way with.
//!
//! Through a proxy the client of the library will not do: it keeps to itself with what status and headers a
//! proxy refuses a tunnel. That way is written on the bare connection, in [`super::fetch`].

use std::time::Duration;

use super::Secret;
use crate::evidence::RouteStage;

/// Status and headers of an answer, in lower case.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
}

/// Gets a URL directly, following nothing.
///
/// # Errors
/// How far it came, and what went wrong in words.
pub(super) fn get(
    url: &str,
    authorization: Option<&Secret>,
    limit: Duration,
) -> Result<Answer, (RouteStage, String)> {
    // The library is built without a provider of cryptography of its own; a second setting is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Whether the certificate is good is not the question here, and the TLS probes answer it.
    let client = reqwest::blocking::Client::builder()
        .danger_accept_invalid_certs(true)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(limit)
        .user_agent(concat!("fix502/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| (RouteStage::Answer, words(&error)))?;
    let mut request = client.get(url);
    if let Some(secret) = authorization {
        request = request.header(reqwest::header::AUTHORIZATION, secret.basic());
    }
    let response = request.send().map_err(|error| {
        let stage = if error.is_connect() {
            RouteStage::Connect
        } else {
            RouteStage::Answer
        };
        (stage, words(&error))
    })?;
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    Ok(Answer {
        status: response.status().as_u16(),
        headers,
    })
}

/// The innermost cause, without the URL.
fn words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.chars().take(300).collect::<String>().to_lowercase()
}
