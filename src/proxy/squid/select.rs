//! The URL that Squid makes of a request, by the kind of port it came to.

use super::matching::Asked;
use super::ports::{Mode, Port};
use crate::proxy::RouteRequest;

/// Squid makes a URL of it, or answers 400.
pub(super) fn asked(port: &Port, request: &RouteRequest) -> Option<Asked> {
    let mut asked = Asked {
        method: request.method.clone(),
        client: request.client_address,
        local: request.local_address.or(port.address),
        local_port: port.number,
        port_name: port.name.clone(),
        intercepted: matches!(port.mode, Mode::Intercept | Mode::Tproxy),
        ..Asked::default()
    };
    if request.method == "CONNECT" && port.mode == Mode::Forward {
        let (host, number) = authority(&request.target, 0)?;
        if number == 0 {
            return None;
        }
        asked.url = join(&host, number, 0);
        (asked.host, asked.port) = (host, number);
        return Some(asked);
    }
    let url = match port.mode {
        Mode::Forward => request.target.clone(),
        Mode::Accelerator => accelerated(port, request)?,
        Mode::Intercept | Mode::Tproxy => intercepted(port, request)?,
    };
    parse(&mut asked, &url)?;
    Some(asked)
}

/// Fills in the parts of an absolute URL.
fn parse(asked: &mut Asked, url: &str) -> Option<()> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let default_port = match scheme.as_str() {
        "http" => 80,
        "https" => 443,
        "ftp" => 21,
        _ => 0,
    };
    if default_port == 0
        && !matches!(
            scheme.as_str(),
            "cache_object" | "urn" | "whois" | "coap" | "coaps"
        )
    {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at_checked(end)?;
    // Who the user is does not belong to the host.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => {
            asked.names_user |= !user.is_empty();
            host
        }
        None => place,
    };
    let (host, port) = authority(place, default_port)?;
    asked.path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    };
    asked.url = format!("{scheme}://{}{}", join(&host, port, default_port), asked.path);
    asked.scheme = scheme;
    asked.host = host;
    asked.port = port;
    Some(())
}

/// Host (lower case, no brackets) and port.
fn authority(text: &str, default_port: u16) -> Option<(String, u16)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else {
        // The last colon, even of several.
        match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        None => default_port,
        // As `atoi` reads it; 0 is none.
        Some(text) => {
            let end = text.find(|byte: char| !byte.is_ascii_digit()).unwrap_or(text.len());
            text.get(..end)?.parse().ok().filter(|port| *port > 0)?
        }
    };
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let is_sound = !host.is_empty()
        && !host.starts_with('.')
        && !host.contains("..")
        && !host.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
    is_sound.then_some((host, port))
}

/// Host and port as a URL has them.
pub(super) fn join(host: &str, port: u16, default_port: u16) -> String {
    let host = if host.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    if port == default_port {
        host
    } else {
        format!("{host}:{port}")
    }
}

/// The path part of a target that is a whole URL.
fn path_of(target: &str) -> String {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = rest.get(end..).unwrap_or_default();
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

fn accelerated(port: &Port, request: &RouteRequest) -> Option<String> {
    if port.vhost && !request.target.starts_with('/') {
        return Some(request.target.clone());
    }
    let path = path_of(&request.target);
    let vport = if port.vport < 0 {
        i32::from(port.number)
    } else {
        port.vport
    };
    let scheme = port.scheme.as_str();
    if port.vhost && !request.host.is_empty() {
        let mut host = request.host.clone();
        if vport > 0 {
            if !host.ends_with(']')
                && let Some(colon) = host.rfind(':')
            {
                host.truncate(colon);
            }
            host = format!("{host}:{vport}");
        }
        return Some(format!("{scheme}://{host}{path}"));
    }
    if let Some(site) = &port.default_site {
        let number = if vport > 0 {
            format!(":{vport}")
        } else {
            String::new()
        };
        return Some(format!("{scheme}://{site}{number}{path}"));
    }
    if vport > 0 {
        let local = request.local_address.or(port.address)?;
        let local = join(&local.to_string(), 0, 0);
        return Some(format!("{scheme}://{local}:{vport}{path}"));
    }
    // Nothing is put in front of it: a whole URL is taken as it came, a path alone is none.
    Some(request.target.clone())
}

fn intercepted(port: &Port, request: &RouteRequest) -> Option<String> {
    if !request.target.starts_with('/') {
        return Some(request.target.clone());
    }
    let scheme = if port.tls { "https" } else { "http" };
    (!request.host.is_empty()).then(|| format!("{scheme}://{}{}", request.host, request.target))
}
