//! `http_port` and `https_port`: where Squid listens, and what kind of requests it takes there.

use std::net::IpAddr;

use super::source::Statement;
use super::words;

/// What a port takes requests for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// Clients that know they speak to a proxy.
    #[default]
    Forward,
    /// Clients that think it is the site.
    Accelerator,
    /// Connections that a packet filter redirects.
    Intercept,
    /// The same, keeping the client's address.
    Tproxy,
}

impl Mode {
    /// In the configuration's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Accelerator => "accel",
            Self::Intercept => "intercept",
            Self::Tproxy => "tproxy",
        }
    }
}

/// One port.
#[derive(Clone, Debug, Default)]
pub(super) struct Port {
    pub(super) statement: usize,
    /// `None`: every address.
    pub(super) address: Option<IpAddr>,
    /// The host as written, when it is a name.
    pub(super) host: Option<String>,
    pub(super) number: u16,
    pub(super) tls: bool,
    pub(super) mode: Mode,
    pub(super) default_site: Option<String>,
    pub(super) vhost: bool,
    /// `vport`: 0 when not set, -1 for the port of the connection.
    pub(super) vport: i32,
    pub(super) allow_direct: bool,
    /// The scheme of accelerated URLs.
    pub(super) scheme: String,
    pub(super) name: String,
    pub(super) ssl_bump: bool,
    pub(super) require_proxy_header: bool,
}

impl Port {
    /// `*:3128`, `127.0.0.1:80`.
    pub(super) fn shown(&self) -> String {
        match (&self.address, &self.host) {
            (Some(IpAddr::V6(address)), _) => format!("[{address}]:{}", self.number),
            (Some(IpAddr::V4(address)), _) => format!("{address}:{}", self.number),
            (None, Some(host)) => format!("{host}:{}", self.number),
            (None, None) => format!("*:{}", self.number),
        }
    }
}

const PLAIN_OPTIONS: &[&str] = &[
    "act-as-origin",
    "ignore-cc",
    "no-connection-auth",
    "connection-auth",
    "connection-auth=on",
    "connection-auth=off",
    "connection-auth=yes",
    "connection-auth=no",
    "generate-host-certificates",
    "tcpkeepalive",
    "worker-queues",
];
const TLS_OPTIONS: &[&str] = &[
    "cert",
    "key",
    "version",
    "options",
    "cipher",
    "clientca",
    "cafile",
    "capath",
    "crlfile",
    "dhparams",
    "tls-dh",
    "sslflags",
    "sslcontext",
    "generate-host-certificates",
    "dynamic_cert_mem_cache_size",
    "ssl-bump",
    "sslproxy",
];
const VALUED_OPTIONS: &[&str] = &[
    "name=",
    "tcpkeepalive=",
    "disable-pmtu-discovery=",
    "tls-",
    "urlgroup=",
];

/// Reads a port line. Problems: (number of the word, message, Squid stops at it).
pub(super) fn read(
    statement: &Statement,
    number: usize,
    tls: bool,
) -> (Option<Port>, Vec<(usize, String, bool)>) {
    let mut problems = Vec::new();
    let written = statement.word(0);
    let mut port = Port {
        statement: number,
        tls,
        scheme: if tls { "https" } else { "http" }.to_owned(),
        name: written.to_owned(),
        ..Port::default()
    };
    let digits =
        if let Some((host, digits)) = written.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
            port.address = host.parse().ok();
            port.host = Some(host.to_owned());
            digits
        } else if let Some((host, digits)) = written.split_once(':') {
            port.address = host.parse().ok();
            port.host = Some(host.to_owned());
            digits
        } else {
            written
        };
    if port.address.is_some_and(|address| address.is_unspecified()) {
        port.address = None;
        port.host = None;
    }
    if port.address.is_some() {
        port.host = None;
    }
    if let Some(number) = words::integer(digits)
        .and_then(|number| u16::try_from(number).ok())
        .filter(|number| *number > 0)
    {
        port.number = number;
    } else {
        let message = if written.is_empty() {
            format!("{} without a port", statement.name())
        } else {
            format!("\"{written}\" has no valid port")
        };
        problems.push((0, message, true));
        return (None, problems);
    }
    for (index, word) in statement.words().enumerate().skip(1) {
        option(&mut port, statement.name(), word, index, &mut problems);
    }
    (Some(port), problems)
}

fn option(
    port: &mut Port,
    directive: &str,
    option: &str,
    index: usize,
    problems: &mut Vec<(usize, String, bool)>,
) {
    let accelerated = port.mode == Mode::Accelerator;
    let mut needs_accel = |stops: bool| {
        if !accelerated {
            let name = option.split('=').next().unwrap_or(option);
            problems.push((
                index,
                format!("{directive}: {name} needs \"accel\" before it"),
                stops,
            ));
        }
    };
    match option {
        "accel" | "intercept" | "transparent" | "tproxy" => {
            let mode = match option {
                "accel" => Mode::Accelerator,
                "tproxy" => Mode::Tproxy,
                _ => Mode::Intercept,
            };
            if port.mode != Mode::Forward && port.mode != mode {
                let message = format!(
                    "{directive}: {option} cannot share a port with {}",
                    port.mode.name()
                );
                problems.push((index, message, true));
            }
            port.mode = mode;
            port.vhost |= mode == Mode::Accelerator;
        }
        "vhost" => {
            port.mode = Mode::Accelerator;
            port.vhost = true;
        }
        "no-vhost" => {
            needs_accel(false);
            port.vhost = false;
        }
        "vport" => {
            needs_accel(true);
            port.vport = -1;
        }
        "allow-direct" => {
            needs_accel(true);
            port.allow_direct = true;
        }
        "act-as-origin" | "ignore-cc" => needs_accel(true),
        "ssl-bump" => port.ssl_bump = true,
        "require-proxy-header" => port.require_proxy_header = true,
        _ => {
            if let Some(site) = option.strip_prefix("defaultsite=") {
                needs_accel(true);
                port.default_site = Some(site.to_owned());
            } else if let Some(number) = option.strip_prefix("vport=") {
                needs_accel(true);
                match words::integer(number).and_then(|number| u16::try_from(number).ok()) {
                    Some(number) => port.vport = i32::from(number),
                    None => problems.push((index, format!("\"{number}\" is no port"), true)),
                }
            } else if let Some(protocol) = option.strip_prefix("protocol=") {
                needs_accel(true);
                match protocol.to_ascii_lowercase().as_str() {
                    scheme @ ("http" | "https") => scheme.clone_into(&mut port.scheme),
                    "http/1.1" => "http".clone_into(&mut port.scheme),
                    "https/1.1" => "https".clone_into(&mut port.scheme),
                    _ => problems.push((index, format!("{directive} does not take {option}"), true)),
                }
            } else if let Some(name) = option.strip_prefix("name=") {
                name.clone_into(&mut port.name);
            } else if !PLAIN_OPTIONS.contains(&option)
                && !VALUED_OPTIONS.iter().any(|known| option.starts_with(known))
                && !TLS_OPTIONS.iter().any(|known| {
                    option == *known || option.strip_prefix(known).is_some_and(|rest| rest.starts_with('='))
                })
            {
                problems.push((index, format!("{directive} has no option \"{option}\""), true));
            }
        }
    }
}
