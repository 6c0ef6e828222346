//! Linux: systemd, `OpenRC`, or nothing that starts services (most containers).
//!
//! Sources: systemctl(1), journalctl(1), resolvectl(1), rc-service(8), rc-status(8), nscd(8), unbound-control(8),
//! nginx(8), apachectl(8), squid(8), nft(8), ufw(8).

use std::net::SocketAddr;

use super::{Argv, Flush, ProxyCommands, Shown, Verb, words};
use crate::evidence::{Platform, ProxyKind};

pub(super) const SERVICES: &[Shown] = &[("the services that failed", &["systemctl", "--failed"])];
pub(super) const SERVICES_OPENRC: &[Shown] = &[("the services that crashed", &["rc-status", "--crashed"])];
pub(super) const SERVICES_PLAIN: &[Shown] = &[("what runs", &["ps", "-ef"])];

pub(super) const FLUSHES: &[Flush] = &[
    Flush {
        cache: "systemd-resolved",
        argv: &[&["resolvectl", "flush-caches"]],
        show: &["resolvectl", "statistics"],
    },
    Flush {
        cache: "nscd",
        argv: &[&["nscd", "--invalidate=hosts"]],
        show: &["nscd", "-g"],
    },
    Flush {
        cache: "dnsmasq",
        argv: &[&["systemctl", "kill", "--signal=HUP", "dnsmasq"]],
        show: &["systemctl", "status", "dnsmasq"],
    },
    Flush {
        cache: "unbound",
        argv: &[&["unbound-control", "reload"]],
        show: &["unbound-control", "dump_cache"],
    },
];

/// Without systemd the daemon is told by its name.
pub(super) const FLUSHES_OTHER: &[Flush] = &[
    Flush {
        cache: "nscd",
        argv: &[&["nscd", "--invalidate=hosts"]],
        show: &["nscd", "-g"],
    },
    Flush {
        cache: "dnsmasq",
        argv: &[&["killall", "-HUP", "dnsmasq"]],
        show: &["ps", "-C", "dnsmasq"],
    },
    Flush {
        cache: "unbound",
        argv: &[&["unbound-control", "reload"]],
        show: &["unbound-control", "dump_cache"],
    },
];

pub(super) const FIREWALL: &[Shown] = &[
    ("the rules of nftables", &["nft", "list", "ruleset"]),
    ("the rules of iptables", &["iptables-save"]),
];

pub(super) const LOAD: &[Shown] = &[
    ("load", &["uptime"]),
    ("memory", &["free", "-h"]),
    ("disks", &["df", "-h"]),
];

pub(super) fn service(platform: Platform, verb: Verb, name: &str) -> Argv {
    let stem = name.trim_end_matches(".service");
    match (platform, verb) {
        (Platform::LinuxOpenrc, Verb::Enable) => words(&["rc-update", "add", stem, "default"]),
        (Platform::LinuxOpenrc, Verb::Log) => words(&["grep", stem, "/var/log/messages"]),
        (Platform::LinuxOpenrc, _) => words(&["rc-service", stem, plain(verb)]),
        // Containers without an init: the scripts of System V, where there are any.
        (Platform::LinuxPlain, Verb::Enable) => words(&["service", stem, "start"]),
        (Platform::LinuxPlain, Verb::Log) => words(&["tail", "-n", "50", &format!("/var/log/{stem}.log")]),
        (Platform::LinuxPlain, _) => words(&["service", stem, plain(verb)]),
        (_, Verb::Enable) => words(&["systemctl", "enable", "--now", name]),
        (_, Verb::Log) => words(&["journalctl", "-u", name, "-n", "50"]),
        (_, _) => words(&["systemctl", plain(verb), name]),
    }
}

fn plain(verb: Verb) -> &'static str {
    match verb {
        Verb::Start | Verb::Enable => "start",
        Verb::Stop => "stop",
        Verb::Restart => "restart",
        Verb::Status | Verb::Log => "status",
    }
}

pub(super) fn proxy(platform: Platform, kind: ProxyKind) -> ProxyCommands {
    let name = match kind {
        ProxyKind::Nginx => "nginx",
        ProxyKind::Apache => "apache2",
        ProxyKind::Squid => "squid",
        ProxyKind::Haproxy => "haproxy",
    };
    let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Argv>();
    let (configs, logs): (&'static [&'static str], &'static [&'static str]) = match kind {
        ProxyKind::Nginx => (&["/etc/nginx/nginx.conf"], &["/var/log/nginx/error.log"]),
        ProxyKind::Apache => (
            &["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"],
            &["/var/log/apache2/error.log", "/var/log/httpd/error_log"],
        ),
        ProxyKind::Squid => (&["/etc/squid/squid.conf"], &["/var/log/squid/cache.log"]),
        ProxyKind::Haproxy => (&["/etc/haproxy/haproxy.cfg"], &["/var/log/haproxy.log"]),
    };
    ProxyCommands {
        test: split(kind.test_command()),
        reload: match (kind, platform) {
            (ProxyKind::Haproxy, Platform::LinuxOpenrc | Platform::LinuxPlain) => {
                service(platform, Verb::Restart, name)
            }
            _ => split(kind.reload_command()),
        },
        restart: service(platform, Verb::Restart, name),
        start: service(platform, Verb::Start, name),
        stop: service(platform, Verb::Stop, name),
        status: service(platform, Verb::Status, name),
        configs,
        logs,
    }
}

/// What a host without a tool of its own takes; rules in the tool that manages a host come from
/// [`crate::system::firewall`].
pub(super) fn allow(endpoint: SocketAddr) -> (Argv, Argv) {
    let command = if endpoint.is_ipv4() {
        "iptables"
    } else {
        "ip6tables"
    };
    let (address, port) = (endpoint.ip().to_string(), endpoint.port().to_string());
    let rule = |flag: &str| {
        words(&[
            command, flag, "OUTPUT", "-p", "tcp", "-d", &address, "--dport", &port, "-j", "ACCEPT",
        ])
    };
    (rule("-I"), rule("-D"))
}
