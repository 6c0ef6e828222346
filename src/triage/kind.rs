//! What a line is, told from its bytes alone: never from the name of its file.
//!
//! To add a kind: a variant of [`Kind`] with its words, a test of one line in [`of_line`] (or a block that
//! [`super::split`] follows to its end), and what [`super::join`] makes of it.

use crate::evidence::ProxyKind;
use crate::proxy::{apache, caddy, envoy, haproxy, nginx, squid, traefik};
use crate::system::{containers, curl, log_time, socket_list, syslog, unit_status};

/// Kinds of pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// nginx's error log.
    NginxError,
    /// Apache's error log.
    ApacheError,
    /// Squid's cache.log.
    SquidCache,
    /// An access log in the common or combined form.
    Access,
    /// Squid's access log.
    SquidAccess,
    /// `HAProxy`'s log.
    HaproxyLog,
    /// Caddy's log.
    CaddyLog,
    /// Traefik's log.
    TraefikLog,
    /// Envoy's access log.
    EnvoyLog,
    /// The log of an application server.
    Application,
    /// `journalctl` or a syslog file.
    Journal,
    /// `dmesg`.
    Kernel,
    /// A configuration or a part of one.
    Config(ProxyKind),
    /// `nginx -T`.
    NginxDump,
    /// What a configuration test printed.
    ConfigTest,
    /// A saved response, or a talk of `curl -v`.
    Response,
    /// `ss` or `netstat`.
    Sockets,
    /// `systemctl status`.
    UnitStatus,
    /// `systemctl show`.
    UnitShow,
    /// `docker ps`.
    Containers,
    /// `iptables-save` or `iptables -S`.
    Iptables,
    /// `nft list ruleset`.
    NftText,
    /// `nft -j list ruleset`.
    NftJson,
}

impl Kind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NginxError => "nginx error log",
            Self::ApacheError => "Apache error log",
            Self::SquidCache => "Squid cache.log",
            Self::Access => "access log",
            Self::SquidAccess => "Squid access log",
            Self::HaproxyLog => "HAProxy log",
            Self::CaddyLog => "Caddy log",
            Self::TraefikLog => "Traefik log",
            Self::EnvoyLog => "Envoy access log",
            Self::Application => "application server log",
            Self::Journal => "journal",
            Self::Kernel => "kernel log",
            Self::Config(ProxyKind::Nginx) => "nginx configuration",
            Self::Config(ProxyKind::Apache) => "Apache configuration",
            Self::Config(ProxyKind::Squid) => "Squid configuration",
            Self::Config(ProxyKind::Haproxy) => "HAProxy configuration",
            Self::NginxDump => "nginx -T",
            Self::ConfigTest => "configuration test",
            Self::Response => "saved response",
            Self::Sockets => "table of sockets",
            Self::UnitStatus => "systemctl status",
            Self::UnitShow => "systemctl show",
            Self::Containers => "docker ps",
            Self::Iptables => "iptables rules",
            Self::NftText => "nft list ruleset",
            Self::NftJson => "nft -j list ruleset",
        }
    }
}

/// The kind of one line that tells by itself; `None`: it does not.
pub(super) fn of_line(line: &str) -> Option<Kind> {
    let line = line.get(..line.floor_char_boundary(4_096)).unwrap_or(line);
    let first = line.chars().next()?;
    if first.is_ascii_digit() || first == '[' {
        if nginx::error_log::entry(line, "", 0).is_some() {
            return Some(Kind::NginxError);
        }
        if apache::error_log::entry(line, "", 0).is_some() && line.contains("] ") && bracketed(line) {
            return Some(Kind::ApacheError);
        }
        if squid::cache_log::entry(line, "", 0).is_some() {
            return Some(Kind::SquidCache);
        }
        if squid::access_log::entry(line).is_some_and(|entry| entry.at_ms.is_some()) {
            return Some(Kind::SquidAccess);
        }
        if envoy::line(line, "").is_some() {
            return Some(Kind::EnvoyLog);
        }
        if is_kernel(line) {
            return Some(Kind::Kernel);
        }
    }
    if first == '{' {
        if caddy::line(line, "").is_some() {
            return Some(Kind::CaddyLog);
        }
        if envoy::line(line, "").is_some() {
            return Some(Kind::EnvoyLog);
        }
        if line.starts_with("{\"nftables\"") {
            return Some(Kind::NftJson);
        }
    }
    if is_access(line) {
        return Some(Kind::Access);
    }
    if haproxy::log::line(line, "").is_some() {
        return Some(Kind::HaproxyLog);
    }
    if traefik::line(line, "").is_some() {
        return Some(Kind::TraefikLog);
    }
    if is_tomcat_or_node(line) {
        return Some(Kind::Application);
    }
    if let Some(entry) = syslog::line(line, None, 0) {
        return Some(if entry.from == "kernel" {
            Kind::Kernel
        } else {
            Kind::Journal
        });
    }
    if line.starts_with("nginx: [")
        || line.starts_with("nginx: the configuration file")
        || line.starts_with("nginx: configuration file")
        || line.starts_with("AH00526:")
        || line.starts_with("AH00558:")
        || line == "Syntax OK"
    {
        return Some(Kind::ConfigTest);
    }
    if is_application(line) {
        return Some(Kind::Application);
    }
    if socket_list::is_line(line) {
        return Some(Kind::Sockets);
    }
    of_block(line)
}

/// The kind of a block that begins with this line and goes on to its own end.
pub(super) fn of_block(line: &str) -> Option<Kind> {
    if unit_status::begins(line) {
        Some(Kind::UnitStatus)
    } else if containers::is_heading(line) {
        Some(Kind::Containers)
    } else if curl::begins(line) || curl::is_verbose(line) {
        Some(Kind::Response)
    } else if line.starts_with("# configuration file /") && line.ends_with(':') {
        Some(Kind::NginxDump)
    } else if is_iptables(line) {
        Some(Kind::Iptables)
    } else if line.starts_with("table ") && line.ends_with('{') && line.split(' ').count() == 4 {
        Some(Kind::NftText)
    } else if line.starts_with("Id=") && line.contains('.') {
        Some(Kind::UnitShow)
    } else {
        None
    }
}

/// `22-Nov-2026 18:10:55.123 INFO [main] …` (Tomcat), `2026-11-22T18:10:55.000Z Error: …` (what Node prints behind a
/// time), `=== puma startup`, `[7] ! Terminating timed out worker`.
fn is_tomcat_or_node(line: &str) -> bool {
    let mut words = line.splitn(4, ' ');
    let (first, second, third) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let levels = ["SEVERE", "WARNING", "INFO", "CONFIG", "FINE", "FINER", "FINEST"];
    let tomcat = first.len() == 11
        && first.matches('-').count() == 2
        && levels.contains(&third)
        && second.contains(':');
    // The journal has a host name there, without a colon.
    let node = first.len() >= 20
        && first.ends_with('Z')
        && first.contains('T')
        && (second == "FATAL" && third == "ERROR:"
            || second.ends_with("Error:")
            || second.starts_with("uncaughtException"));
    tomcat
        || (node && log_time::line_ms(line, 0).is_some())
        || line.starts_with("=== puma startup")
        || line.contains("] ! Terminating timed out worker")
        || line.contains("] - Gracefully stopping, waiting for requests")
        || line.starts_with("FATAL ERROR: ") && line.contains("JavaScript heap")
}

/// `[Sun Nov 22 …] [proxy:error] …`: the second bracket tells Apache from `dmesg -T`.
fn bracketed(line: &str) -> bool {
    line.split_once("] ").is_some_and(|(_, rest)| rest.starts_with('['))
}

/// `[   12.345678] message`, `[Sun Nov 22 14:28:28 2026] message`.
fn is_kernel(line: &str) -> bool {
    let Some((stamp, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
        return false;
    };
    let seconds = stamp.trim().split_once('.').is_some_and(|(whole, part)| {
        part.len() == 6 && !whole.is_empty() && (whole.to_owned() + part).chars().all(|c| c.is_ascii_digit())
    });
    let days = ["Mon ", "Tue ", "Wed ", "Thu ", "Fri ", "Sat ", "Sun "];
    seconds || (days.iter().any(|day| stamp.starts_with(day)) && !rest.starts_with('['))
}

/// `10.0.0.1 - - [22/Nov/2026:14:00:00 +0000] "GET / HTTP/1.1" 502 157 …`.
fn is_access(line: &str) -> bool {
    let Some((before, rest)) = line.split_once(" [") else {
        return false;
    };
    let Some((stamp, rest)) = rest.split_once("] \"") else {
        return false;
    };
    before.split(' ').count() <= 4
        && stamp.len() == 26
        && stamp.contains(':')
        && rest
            .split_once("\" ")
            .and_then(|(_, rest)| rest.split(' ').next())
            .is_some_and(|status| status.len() == 3 && status.parse::<u16>().is_ok())
}

/// Words that only application servers write, where the line's form does not tell.
const APPLICATION: [&str; 12] = [
    "WORKER TIMEOUT",
    "HARAKIRI",
    "[pool ",
    "reached pm.max_children",
    "invalid request block size",
    "DAMN ! worker",
    "uWSGI",
    "[gunicorn",
    "Worker (pid:",
    "Booting worker with pid",
    "broken header",
    "access from this address is forbidden",
];

fn is_application(line: &str) -> bool {
    if APPLICATION.iter().any(|word| line.contains(word)) {
        return log_time::line_ms(line, 0).is_some()
            || line.starts_with("***")
            || line.starts_with("invalid request")
            || line.starts_with("DAMN");
    }
    // `[2026-11-22 14:05:10 +0000] [812] [CRITICAL] …`, `[22-Nov-2026 14:05:10] WARNING: …`.
    log_time::line_ms(line, 0).is_some()
        && line.starts_with('[')
        && line.split_once("] ").is_some_and(|(_, rest)| {
            rest.starts_with("WARNING: ")
                || rest.starts_with("NOTICE: ")
                || rest.starts_with("ERROR: ")
                || rest.starts_with('[')
        })
}

fn is_iptables(line: &str) -> bool {
    if matches!(line, "*filter" | "*nat" | "*mangle" | "*raw") {
        return true;
    }
    let rest = ["-A ", "-P ", "-N "].iter().find_map(|mark| line.strip_prefix(mark));
    rest.is_some_and(|rest| {
        let chain = rest.split(' ').next().unwrap_or_default();
        chain.len() > 2
            && chain
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && chain.chars().next().is_some_and(|c| c.is_ascii_alphabetic())
            && (line.contains(" -j ")
                || line.contains(" -g ")
                || line.starts_with("-P ")
                || line.starts_with("-N "))
    })
}

/// True for a line that may be part of a configuration.
pub(super) fn like_configuration(line: &str) -> bool {
    let text = line.trim();
    if text.is_empty() || text.starts_with('#') {
        return true;
    }
    let code = text.split(" #").next().unwrap_or(text).trim_end();
    let word = code
        .split(|c: char| c.is_ascii_whitespace() || c == '{' || c == ';')
        .next()
        .unwrap_or_default();
    let small = |word: &str| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
    };
    if code == "}" || code == "{" {
        return true;
    }
    // nginx: a small word in front, `;` or a brace at the end.
    if code.ends_with(';') || code.ends_with('{') || code.ends_with('}') {
        return small(word)
            || word.starts_with('~')
            || word.starts_with('$')
            || word.starts_with('"')
            || word == "default";
    }
    // Apache: a section, or a directive with its capital letter inside.
    if code.starts_with('<') && code.ends_with('>') {
        return [
            "<VirtualHost",
            "</",
            "<Location",
            "<Directory",
            "<If",
            "<Proxy",
            "<Files",
            "<Limit",
            "<Require",
            "<Macro",
        ]
        .iter()
        .any(|mark| code.starts_with(mark))
            && !code.starts_with("</body")
            && !code.starts_with("</html")
            && !code.starts_with("</head");
    }
    APACHE.contains(&word) || SQUID.contains(&word) || (HAPROXY.contains(&word) && code.len() < 200)
}

/// Words that begin a line of Apache's about proxying.
const APACHE: [&str; 31] = [
    "BalancerMember",
    "CustomLog",
    "DocumentRoot",
    "ErrorLog",
    "KeepAlive",
    "Listen",
    "LoadModule",
    "LogLevel",
    "ProxyPass",
    "ProxyPassMatch",
    "ProxyPassReverse",
    "ProxyPreserveHost",
    "ProxyRequests",
    "ProxySet",
    "ProxyTimeout",
    "ProxyErrorOverride",
    "RequestHeader",
    "Require",
    "RewriteCond",
    "RewriteEngine",
    "RewriteRule",
    "SSLCertificateFile",
    "SSLCertificateKeyFile",
    "SSLEngine",
    "SSLProxyEngine",
    "SSLProxyVerify",
    "SSLProxyCheckPeerName",
    "ServerAlias",
    "ServerName",
    "SetHandler",
    "Timeout",
];

/// Words that begin a line of Squid's.
const SQUID: [&str; 22] = [
    "acl",
    "always_direct",
    "cache_dir",
    "cache_mem",
    "cache_peer",
    "cache_peer_access",
    "coredump_dir",
    "dns_nameservers",
    "http_access",
    "http_port",
    "https_port",
    "never_direct",
    "refresh_pattern",
    "visible_hostname",
    "cache_peer_domain",
    "connect_timeout",
    "forward_timeout",
    "read_timeout",
    "request_header_access",
    "tls_outgoing_options",
    "nonhierarchical_direct",
    "prefer_direct",
];

/// Words that begin a line of `HAProxy`'s.
const HAPROXY: [&str; 25] = [
    "global",
    "defaults",
    "frontend",
    "backend",
    "listen",
    "bind",
    "balance",
    "mode",
    "server",
    "default_backend",
    "use_backend",
    "timeout",
    "option",
    "daemon",
    "maxconn",
    "log",
    "stats",
    "http-request",
    "http-response",
    "retries",
    "acl",
    "resolvers",
    "nameserver",
    "default-server",
    "user",
];
