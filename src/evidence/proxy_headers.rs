//! Headers by which it is told who answered: the one table of them.
//!
//! To add a provider's header: a row in [`PROXY_HEADERS`], its name in lower case. `Error` is for headers that
//! only a proxy sends, and only with an error of its own: such an answer is not the target's.

/// What a header says about who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeaderSays {
    /// Something between client and target handled the message.
    Passed,
    /// The error is of the proxy's own making.
    Error,
    /// What the proxy or the target asks for before it will answer.
    Wants,
}

/// A header with whoever sends it.
#[derive(Clone, Copy, Debug)]
pub struct ProxyHeader {
    /// Lower case.
    pub name: &'static str,
    /// Whoever sends it, as a person knows it.
    pub of: &'static str,
    /// What it says.
    pub says: ProxyHeaderSays,
}

const fn row(name: &'static str, of: &'static str, says: ProxyHeaderSays) -> ProxyHeader {
    ProxyHeader { name, of, says }
}

/// Every header that is kept of an answer for step 7, besides `Server`.
pub const PROXY_HEADERS: &[ProxyHeader] = &[
    row("via", "any proxy (RFC 9110)", ProxyHeaderSays::Passed),
    row("proxy-status", "any proxy (RFC 9209)", ProxyHeaderSays::Passed),
    row("proxy-agent", "Tinyproxy and others", ProxyHeaderSays::Passed),
    row("x-cache", "Squid and caches", ProxyHeaderSays::Passed),
    row("cf-ray", "Cloudflare", ProxyHeaderSays::Passed),
    row(
        "proxy-authenticate",
        "any proxy (RFC 9110)",
        ProxyHeaderSays::Wants,
    ),
    row(
        "retry-after",
        "whoever answered (RFC 9110)",
        ProxyHeaderSays::Wants,
    ),
    row("x-squid-error", "Squid", ProxyHeaderSays::Error),
    row("x-proxy-error", "several proxies", ProxyHeaderSays::Error),
    row("x-brd-error", "Bright Data", ProxyHeaderSays::Error),
    row("x-brd-error-code", "Bright Data", ProxyHeaderSays::Error),
    row("x-brd-err-code", "Bright Data", ProxyHeaderSays::Error),
    row("x-brd-err-msg", "Bright Data", ProxyHeaderSays::Error),
    row(
        "x-luminati-error",
        "Bright Data, formerly Luminati",
        ProxyHeaderSays::Error,
    ),
    row(
        "x-luminati-error-code",
        "Bright Data, formerly Luminati",
        ProxyHeaderSays::Error,
    ),
    row("x-error-description", "Oxylabs", ProxyHeaderSays::Error),
    row(
        "x-crawlera-error",
        "Zyte, formerly Crawlera",
        ProxyHeaderSays::Error,
    ),
    row("zyte-error-type", "Zyte", ProxyHeaderSays::Error),
];

/// The row of a header by its lower-case name.
pub fn proxy_header(name: &str) -> Option<&'static ProxyHeader> {
    PROXY_HEADERS.iter().find(|header| header.name == name)
}
