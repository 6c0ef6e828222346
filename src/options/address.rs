//! The URL that fails, and the proxies on the way.
//!
//! A URL is read more strictly than a browser does: what a browser repairs in silence is at 3 a.m. more
//! likely a slip of the hand. User and password are taken out at once and kept apart.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Credentials, UsageError};
use crate::evidence::Target;

/// A URL to diagnose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// What is diagnosed; holds no secret.
    pub target: Target,
    /// User and password of the URL.
    pub credentials: Option<Credentials>,
}

/// A forward proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyAddress {
    /// `http://proxy.example.com:3128`, without user and password.
    pub url: String,
    /// User and password.
    pub credentials: Option<Credentials>,
    /// What the user calls it; only from a list of proxies.
    pub label: Option<String>,
}

/// Reads a URL and leaves user and password out.
///
/// # Errors
/// As [`parse_address`].
pub fn parse_target(text: &str) -> Result<Target, UsageError> {
    parse_address(text).map(|address| address.target)
}

/// Reads a URL; without a scheme it is `http`, or `https` with port 443.
///
/// # Errors
/// When the text is no http or https URL: another scheme, no host, a port that is none, a blank in it.
pub fn parse_address(text: &str) -> Result<Address, UsageError> {
    let parts = parts(text)?;
    let written = parts.scheme.as_deref();
    let scheme = match written {
        Some("https") => "https",
        None if parts.port == Some(443) => "https",
        Some("http") | None => "http",
        Some("ws") => {
            return Err(wrong_scheme("ws").hint(format!("write http://{}{}", parts.host, parts.path)));
        }
        Some("wss") => {
            return Err(wrong_scheme("wss").hint(format!("write https://{}{}", parts.host, parts.path)));
        }
        Some(other) => {
            return Err(wrong_scheme(other).hint("fix502 explains answers to http:// and https:// URLs"));
        }
    };
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = parts.port.unwrap_or(usual);
    let shown_host = bracketed(&parts.host);
    let shown_port = if port == usual {
        String::new()
    } else {
        format!(":{port}")
    };
    let target = Target {
        url: Some(format!("{scheme}://{shown_host}{shown_port}{}", parts.path)),
        scheme: scheme.to_owned(),
        host: parts.host,
        port,
        path: parts.path,
        via: None,
    };
    Ok(Address {
        target,
        credentials: parts.credentials,
    })
}

/// Reads the URL of a forward proxy; without a scheme it is `http`.
///
/// # Errors
/// When the text is no URL of an http, https or SOCKS proxy with a host.
pub fn parse_proxy(text: &str) -> Result<ProxyAddress, UsageError> {
    let parts = parts(text)?;
    let scheme = parts.scheme.as_deref().unwrap_or("http");
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        "socks4" | "socks4a" | "socks5" | "socks5h" => 1080,
        other => {
            return Err(
                UsageError::new(format!("{other}:// is no kind of proxy that fix502 can use"))
                    .hint("write http://, https://, socks4:// or socks5:// and then HOST:PORT"),
            );
        }
    };
    let port = parts.port.unwrap_or(usual);
    Ok(ProxyAddress {
        url: format!("{scheme}://{}:{port}", bracketed(&parts.host)),
        credentials: parts.credentials,
        label: None,
    })
}

fn wrong_scheme(scheme: &str) -> UsageError {
    UsageError::new(format!("{scheme}:// is no scheme that a 502 comes over"))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

struct Parts {
    scheme: Option<String>,
    credentials: Option<Credentials>,
    /// Lower case, without brackets.
    host: String,
    port: Option<u16>,
    /// With the query, without the fragment; at least `/`.
    path: String,
}

fn parts(text: &str) -> Result<Parts, UsageError> {
    if text.is_empty() {
        return Err(
            UsageError::new("the URL is empty").hint("write one, such as https://shop.example.com/cart")
        );
    }
    if let Some(bad) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        let name = if bad == ' ' {
            "a blank"
        } else {
            "a control character"
        };
        return Err(
            UsageError::new(format!("a URL holds no white space, and this one has {name}"))
                .hint("put the URL in quotes, and write %20 for a blank in its path"),
        );
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme.to_ascii_lowercase()), rest),
        Some((before, _)) if before.contains(['/', '?', '#', '@']) => (None, text),
        Some(_) => {
            return Err(
                UsageError::new("what stands before :// is no scheme").hint("write http:// or https://")
            );
        }
        None => (None, text),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let (credentials, place) = match authority.rsplit_once('@') {
        Some((secret, place)) => (Some(Credentials::new(secret)), place),
        None => (None, authority),
    };
    let (host, port) = host_and_port(place)?;
    let tail = tail.split_once('#').map_or(tail, |(before, _)| before);
    let path = if tail.starts_with('/') {
        encoded(tail)
    } else {
        format!("/{}", encoded(tail))
    };
    Ok(Parts {
        scheme,
        credentials,
        host,
        port,
        path,
    })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
}

/// Characters beyond ASCII as a browser would send them; all else as written.
fn encoded(tail: &str) -> String {
    let mut path = String::with_capacity(tail.len());
    for character in tail.chars() {
        if character.is_ascii() {
            path.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

fn host_and_port(place: &str) -> Result<(String, Option<u16>), UsageError> {
    let (host, port) = if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| UsageError::new("the bracket of the IPv6 address is not closed"))?;
        let address: Ipv6Addr = host
            .parse()
            .map_err(|_| UsageError::new(format!("[{host}] is no IPv6 address")))?;
        let port = match after.strip_prefix(':') {
            Some(port) => port,
            None if after.is_empty() => "",
            None => {
                return Err(UsageError::new(format!(
                    "{after:?} after an IPv6 address is no port"
                )));
            }
        };
        (address.to_string(), port)
    } else if place.matches(':').count() > 1 {
        let hint = format!("write an IPv6 address in brackets: http://[{place}]/");
        let error = UsageError::new(format!("{place} is neither HOST nor HOST:PORT"));
        return Err(if place.parse::<Ipv6Addr>().is_ok() {
            error.hint(hint)
        } else {
            error
        });
    } else {
        let (host, port) = place.split_once(':').unwrap_or((place, ""));
        (checked_host(host, port)?, port)
    };
    if port.is_empty() {
        return Ok((host, None));
    }
    match port.parse::<u16>() {
        Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok((host, Some(number)))
        }
        Ok(_) | Err(_) => {
            Err(UsageError::new(format!("{port:?} is no port")).hint("a port is a number from 1 to 65535"))
        }
    }
}

fn checked_host(host: &str, port: &str) -> Result<String, UsageError> {
    if host.is_empty() {
        let error = UsageError::new("the URL has no host");
        return Err(if port.is_empty() {
            error.hint("write one, such as https://shop.example.com/cart")
        } else {
            error.hint(format!("for this machine write http://localhost:{port}/"))
        });
    }
    if host.parse::<u16>().is_ok_and(|number| number > 0) {
        return Err(
            UsageError::new(format!("{host} is a number and no host")).hint(format!(
                "for a port of this machine write http://localhost:{host}/"
            )),
        );
    }
    let no_host = || UsageError::new(format!("{host:?} is no host name"));
    let name = if host.is_ascii() {
        host.to_ascii_lowercase()
    } else {
        // Names beyond ASCII go over the wire in their ASCII form, and only the standard's tables know it.
        reqwest::Url::parse(&format!("http://{host}/"))
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .ok_or_else(no_host)?
    };
    let labels = name.strip_suffix('.').unwrap_or(&name);
    let fine = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if labels.len() > 253 || !labels.split('.').all(fine) {
        return Err(no_host());
    }
    let numeric = labels
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if numeric && labels.parse::<Ipv4Addr>().is_err() {
        return Err(UsageError::new(format!("{host} is no IPv4 address"))
            .hint("four numbers from 0 to 255 with dots"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> String {
        parse_target(text)
            .expect("a URL")
            .url
            .expect("a target from text has a URL")
    }

    #[test]
    fn a_full_url_is_kept() {
        let target = parse_target("https://Shop.Example.com/cart?a=1#top").expect("a URL");
        assert_eq!(target.url.as_deref(), Some("https://shop.example.com/cart?a=1"));
        assert_eq!(
            (target.scheme.as_str(), target.host.as_str()),
            ("https", "shop.example.com")
        );
        assert_eq!((target.port, target.path.as_str()), (443, "/cart?a=1"));
    }

    #[test]
    fn a_missing_scheme_follows_the_port() {
        assert_eq!(url("shop.example.com"), "http://shop.example.com/");
        assert_eq!(url("shop.example.com:443/x"), "https://shop.example.com/x");
        assert_eq!(url("localhost:8080"), "http://localhost:8080/");
        assert_eq!(
            url("shop.example.com/a?back=http://x/"),
            "http://shop.example.com/a?back=http://x/"
        );
    }

    #[test]
    fn addresses_in_numbers_are_understood() {
        assert_eq!(url("http://127.0.0.1:8080/a"), "http://127.0.0.1:8080/a");
        assert_eq!(url("http://[0:0::1]:8080?q"), "http://[::1]:8080/?q");
        assert_eq!(
            parse_target("[::1]").map(|target| target.host),
            Ok("::1".to_owned())
        );
    }

    #[test]
    fn names_and_paths_beyond_ascii_take_their_form_on_the_wire() {
        assert_eq!(
            url("http://bücher.example/größe"),
            "http://xn--bcher-kva.example/gr%C3%B6%C3%9Fe"
        );
    }

    #[test]
    fn user_and_password_are_kept_apart() {
        let address = parse_address("https://joe:s3cret@shop.example.com/cart").expect("a URL");
        assert_eq!(
            address.target.url.as_deref(),
            Some("https://shop.example.com/cart")
        );
        assert_eq!(
            address.credentials.as_ref().map(Credentials::exposed),
            Some("joe:s3cret")
        );
        assert!(!format!("{address:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_hint() {
        for text in [
            "ht tp://x",
            "http://",
            "http:///x",
            "ftp://x/",
            "http://x:0/",
            "http://x:99999/",
            "http://x:abc/",
            ":8080",
            "8080",
            "ws://x/",
            "1.2.3.999",
            "::1",
            "",
        ] {
            let error = parse_target(text).expect_err(text);
            assert!(error.hint.is_some(), "{text}: {error}");
        }
    }

    #[test]
    fn other_nonsense_is_refused() {
        for text in [
            "http://a..b/",
            "http://[::1/",
            "http://[zz]/",
            "http://[::1]x/",
            "1http://x",
            "http://a%20b/",
            "http://a\u{202e}b/",
            "http://x:+80/",
            "http://<x>/",
        ] {
            assert!(parse_target(text).is_err(), "{text}");
        }
    }

    #[test]
    fn no_error_repeats_a_password() {
        for text in [
            "http://joe:s3cret@/",
            "http://joe:s3cret@ho st/",
            "ftp://joe:s3cret@x/",
            "http://joe:s3cret@x:0/",
            "joe:s3cret@x:y:z",
        ] {
            let error = parse_target(text).expect_err(text);
            assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
        }
    }

    #[test]
    fn a_proxy_needs_only_host_and_port() {
        let proxy = parse_proxy("joe:pw@proxy.example.com:3128").expect("a proxy");
        assert_eq!(proxy.url, "http://proxy.example.com:3128");
        assert!(proxy.credentials.is_some());
        assert_eq!(
            parse_proxy("socks5h://[::1]").map(|proxy| proxy.url),
            Ok("socks5h://[::1]:1080".to_owned())
        );
        assert!(parse_proxy("ftp://x").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_what_is_read_reads_the_same_again(text in "(https?://)?\\PC{0,40}") {
            if let Ok(target) = parse_target(&text) {
                prop_assert!(!target.host.is_empty() && target.port > 0 && target.path.starts_with('/'));
                let again = parse_target(target.url.as_deref().unwrap_or_default());
                prop_assert_eq!(again, Ok(target));
            }
        }
    }
}
