//! The request as an ordinary client makes it, directly or through a proxy (step 7).

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{Live, Query, handshake, microseconds};
use crate::evidence::{Observed, Obstacle};

/// Fetches a URL by one way. User and password of the proxy are part of the question only as a hash-free
/// marker: they travel beside it in [`Fetch::secret`], which is never recorded.
#[derive(Clone, Serialize)]
pub struct Fetch {
    /// The URL.
    pub url: String,
    /// `http://`, `https://` or `socks5://` proxy without user information; `None`: directly.
    pub proxy: Option<String>,
    /// User and password for the proxy.
    #[serde(skip)]
    pub secret: Option<(String, String)>,
    /// Limit in milliseconds.
    pub limit_ms: u64,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// Status.
    pub status: Option<u16>,
    /// `Server` header.
    pub server: Option<String>,
    /// Headers that tell who answered (`Via`, `X-Squid-Error`, `Proxy-Status`, …).
    pub markers: Vec<(String, String)>,
    /// What went wrong, in words.
    pub error: Option<String>,
    /// The proxy answered CONNECT with this status.
    pub proxy_status: Option<u16>,
    /// How long it took.
    pub took_us: u64,
}

impl Query for Fetch {
    type Answer = Fetched;
    const NAME: &'static str = "fetch";

    fn perform(&self, live: &Live) -> Observed<Fetched> {
        let began = Instant::now();
        let Some(tls) = handshake::accepting_config() else {
            return Observed::Unavailable(Obstacle::Failed("no TLS provider".to_owned()));
        };
        let mut builder = reqwest::blocking::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .timeout(live.within(self.limit_ms))
            .user_agent(concat!("fix502/", env!("CARGO_PKG_VERSION")));
        builder = match &self.proxy {
            None => builder.no_proxy(),
            Some(proxy) => match reqwest::Proxy::all(proxy) {
                Ok(proxy) => builder.proxy(match &self.secret {
                    Some((user, password)) => proxy.basic_auth(user, password),
                    None => proxy,
                }),
                Err(error) => return Observed::Unavailable(Obstacle::Failed(words(&error))),
            },
        };
        let client = match builder.build() {
            Ok(client) => client,
            Err(error) => return Observed::Unavailable(Obstacle::Failed(words(&error))),
        };
        let mut fetched = Fetched::default();
        match client.get(&self.url).send() {
            Ok(response) => {
                fetched.status = Some(response.status().as_u16());
                let header = |name: &str| {
                    response
                        .headers()
                        .get(name)
                        .map(|value| String::from_utf8_lossy(value.as_bytes()).chars().take(200).collect())
                };
                fetched.server = header("server");
                for name in [
                    "via",
                    "x-squid-error",
                    "proxy-status",
                    "x-cache",
                    "cf-ray",
                    "proxy-authenticate",
                ] {
                    if let Some(value) = header(name) {
                        fetched.markers.push((name.to_owned(), value));
                    }
                }
            }
            Err(error) => {
                let text = words(&error);
                fetched.proxy_status = connect_status(&text);
                fetched.error = Some(text);
            }
        }
        fetched.took_us = microseconds(began.elapsed());
        Observed::Seen(fetched)
    }
}

/// The innermost cause, without the URL (which may hold secrets).
fn words(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    let mut text = String::new();
    while let Some(source) = inner.source() {
        inner = source;
        text = inner.to_string();
    }
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if text.is_empty() {
        "the request failed".to_owned()
    } else {
        text.chars().take(300).collect()
    }
}

/// The status with which a proxy refused a tunnel, when the error tells it.
fn connect_status(text: &str) -> Option<u16> {
    let lower = text.to_ascii_lowercase();
    if lower.contains("proxy authentication required") || lower.contains("authorization required") {
        return Some(407);
    }
    lower
        .split(|character: char| !character.is_ascii_digit())
        .filter(|digits| digits.len() == 3)
        .find_map(|digits| digits.parse().ok())
        .filter(|status| lower.contains("tunnel") && (400..600).contains(status))
}
