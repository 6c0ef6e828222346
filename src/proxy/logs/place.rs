//! Where a log goes that is no file: syslog, the journal, another program, another machine.
//!
//! The reader of each proxy leaves such a target as it is written; here it is taken apart.

use crate::evidence::ProxyKind;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogPlace {
    /// To the syslog of this host.
    Syslog {
        /// The name in front of each message.
        tag: String,
        /// The facility, which decides about the file: `local7`.
        facility: String,
        /// Through the socket that systemd's journal listens on as well.
        by_socket: bool,
    },
    /// To the standard error or output of the service: the journal, a file, the log of a container.
    Standard {
        /// 1: output, 2: error.
        descriptor: u8,
    },
    /// To a server elsewhere.
    Remote(String),
    /// To another program, whose files are not known.
    Program(String),
    /// Nowhere that can be read afterwards.
    Nowhere,
}

/// True for `C:/nginx/logs/error.log`: a file of Windows, not a scheme.
fn is_of_a_drive(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && bytes.next() == Some(b':')
        && matches!(bytes.next(), Some(b'/' | b'\\'))
}

/// Takes the target of a log apart; `None`: it is a file, or off.
pub fn place(kind: ProxyKind, target: &str) -> Option<LogPlace> {
    let written = target.trim();
    match written {
        "" | "off" | "none" => return None,
        path if is_of_a_drive(path) => return None,
        "/dev/null" => return Some(LogPlace::Nowhere),
        "stderr" | "/dev/stderr" | "/proc/self/fd/2" | "/dev/fd/2" => {
            return Some(LogPlace::Standard { descriptor: 2 });
        }
        "stdout" | "/dev/stdout" | "/proc/self/fd/1" | "/dev/fd/1" => {
            return Some(LogPlace::Standard { descriptor: 1 });
        }
        _ if written.starts_with('/') => return None,
        _ => {}
    }
    if let Some(command) = written.strip_prefix('|') {
        return Some(program(command));
    }
    let lower = written.to_ascii_lowercase();
    if lower == "journald" || lower.starts_with("journald:") {
        let tag = written.get("journald:".len()..).unwrap_or_default();
        return Some(syslog(
            if tag.is_empty() { own_tag(kind) } else { tag },
            "daemon",
            true,
        ));
    }
    if lower == "syslog" || lower.starts_with("syslog:") {
        let rest = written.get("syslog:".len()..).unwrap_or_default();
        return Some(match kind {
            ProxyKind::Nginx | ProxyKind::Haproxy => nginx(rest),
            ProxyKind::Apache => {
                let mut words = rest.split(':');
                let facility = words.next().filter(|word| !word.is_empty()).unwrap_or("local7");
                let tag = words.next().filter(|word| !word.is_empty());
                syslog(tag.unwrap_or(own_tag(kind)), facility, true)
            }
            ProxyKind::Squid => {
                let facility = rest.split(['.', ',', '|']).next().unwrap_or_default();
                syslog(
                    own_tag(kind),
                    if facility.is_empty() { "local4" } else { facility },
                    true,
                )
            }
        });
    }
    if let Some((scheme, address)) = written.split_once("://")
        && matches!(scheme, "udp" | "tcp")
    {
        return Some(LogPlace::Remote(address.to_owned()));
    }
    Some(LogPlace::Nowhere)
}

fn syslog(tag: &str, facility: &str, by_socket: bool) -> LogPlace {
    LogPlace::Syslog {
        tag: tag.to_owned(),
        facility: facility.to_owned(),
        by_socket,
    }
}

/// The name that a proxy gives itself; Debian's Apache is `apache2`, its own default is `httpd`.
fn own_tag(kind: ProxyKind) -> &'static str {
    match kind {
        ProxyKind::Nginx => "nginx",
        ProxyKind::Apache => "apache2",
        ProxyKind::Squid => "squid",
        ProxyKind::Haproxy => "haproxy",
    }
}

/// `server=unix:/dev/log,facility=local7,tag=nginx,severity=info,nohostname`.
fn nginx(parameters: &str) -> LogPlace {
    let (mut server, mut facility, mut tag) = ("", "local7", "nginx");
    for parameter in parameters.split(',') {
        match parameter.split_once('=') {
            Some(("server", value)) => server = value,
            Some(("facility", value)) => facility = value,
            Some(("tag", value)) => tag = value,
            _ => {}
        }
    }
    if let Some(path) = server.strip_prefix("unix:") {
        return syslog(
            tag,
            facility,
            path == "/dev/log" || path == "/run/systemd/journal/dev-log",
        );
    }
    if is_here(server) {
        return syslog(tag, facility, false);
    }
    LogPlace::Remote(server.to_owned())
}

/// True for the addresses of this host itself, with or without a port.
fn is_here(server: &str) -> bool {
    let host = match server.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if server.matches(':').count() > 1 => server,
        None => server.split(':').next().unwrap_or_default(),
    };
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// `|/usr/bin/logger -t apache -p local6.info`, `|$systemd-cat -t shop`.
fn program(command: &str) -> LogPlace {
    let command = command.trim_start_matches(['|', '$']).trim();
    let words: Vec<&str> = command
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    // A shell in front changes nothing.
    let from = words
        .iter()
        .position(|word| matches!(word.rsplit('/').next(), Some("logger" | "systemd-cat")));
    let Some(words) = from.and_then(|from| words.get(from..)) else {
        return LogPlace::Program(command.to_owned());
    };
    let option = |short: &str, long: &str| {
        words.iter().enumerate().find_map(|(index, word)| {
            if *word == short || *word == long {
                return words.get(index + 1).copied();
            }
            word.strip_prefix(long)
                .and_then(|rest| rest.strip_prefix('='))
                .or_else(|| {
                    word.strip_prefix(short)
                        .filter(|rest| !rest.is_empty() && !word.starts_with("--"))
                })
        })
    };
    let is_logger = words.first().is_some_and(|word| word.ends_with("logger"));
    if is_logger
        && let Some(server) = option("-n", "--server")
        && !is_here(server)
    {
        return LogPlace::Remote(server.to_owned());
    }
    let tag = if is_logger {
        option("-t", "--tag")
    } else {
        option("-t", "--identifier")
    };
    let facility = option("-p", "--priority")
        .filter(|_| is_logger)
        .and_then(|priority| priority.split_once('.'))
        .map_or("user", |(facility, _)| facility);
    // Without a name logger takes that of the user.
    syslog(tag.unwrap_or("root"), facility, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_of_nginx_has_its_place() {
        let of = |target| place(ProxyKind::Nginx, target);
        assert_eq!(of("/var/log/nginx/error.log"), None);
        assert_eq!(of("off"), None);
        assert_eq!(of("stderr"), Some(LogPlace::Standard { descriptor: 2 }));
        assert_eq!(of("/dev/stdout"), Some(LogPlace::Standard { descriptor: 1 }));
        assert_eq!(
            of("syslog:server=unix:/dev/log,tag=edge"),
            Some(syslog("edge", "local7", true))
        );
        assert_eq!(
            of("syslog:server=unix:/run/own.sock,nohostname"),
            Some(syslog("nginx", "local7", false))
        );
        assert_eq!(
            of("syslog:server=[::1]:1514,facility=local3"),
            Some(syslog("nginx", "local3", false))
        );
        assert_eq!(
            of("syslog:server=localhost"),
            Some(syslog("nginx", "local7", false))
        );
        assert_eq!(
            of("syslog:server=10.0.0.5"),
            Some(LogPlace::Remote("10.0.0.5".to_owned()))
        );
        assert_eq!(
            of("syslog:server=[2001:db8::1]:514"),
            Some(LogPlace::Remote("[2001:db8::1]:514".to_owned()))
        );
        assert_eq!(of("C:/nginx/logs/error.log"), None);
        assert_eq!(of("c:\\logs\\error.log"), None);
        assert_eq!(of("memory:32m"), Some(LogPlace::Nowhere));
    }

    #[test]
    fn every_target_of_apache_and_squid_has_its_place() {
        let apache = |target| place(ProxyKind::Apache, target);
        assert_eq!(apache("syslog"), Some(syslog("apache2", "local7", true)));
        assert_eq!(apache("syslog:local1"), Some(syslog("apache2", "local1", true)));
        assert_eq!(apache("syslog:local1:shop"), Some(syslog("shop", "local1", true)));
        assert_eq!(apache("syslog::shop"), Some(syslog("shop", "local7", true)));
        assert_eq!(apache("journald"), Some(syslog("apache2", "daemon", true)));
        assert_eq!(
            apache("|/usr/bin/logger -t web -p local6.err"),
            Some(syslog("web", "local6", true))
        );
        assert_eq!(apache("||logger --tag=web"), Some(syslog("web", "user", true)));
        assert_eq!(
            apache("|$/bin/sh -c 'systemd-cat -t web'"),
            Some(syslog("web", "user", true))
        );
        assert_eq!(
            apache("|logger -n 10.0.0.5 -t web"),
            Some(LogPlace::Remote("10.0.0.5".to_owned()))
        );
        assert_eq!(
            apache("|/usr/bin/rotatelogs /srv/log/error.%Y 86400"),
            Some(LogPlace::Program(
                "/usr/bin/rotatelogs /srv/log/error.%Y 86400".to_owned()
            ))
        );
        let squid = |target| place(ProxyKind::Squid, target);
        assert_eq!(squid("syslog:local5.info"), Some(syslog("squid", "local5", true)));
        assert_eq!(squid("syslog"), Some(syslog("squid", "local4", true)));
        assert_eq!(
            squid("udp://10.0.0.5:514"),
            Some(LogPlace::Remote("10.0.0.5:514".to_owned()))
        );
        assert_eq!(squid("/var/log/squid/access.log"), None);
    }
}
