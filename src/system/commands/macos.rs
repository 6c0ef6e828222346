//! macOS: Homebrew's services over launchd, Apple's own httpd, pf and the application firewall.
//!
//! Sources: the manual pages launchctl(1), apachectl(8), dscacheutil(1), scutil(8), pfctl(8), pf.conf(5), route(8),
//! lsof(8), nc(1), ping(8), log(1) of macOS; `brew services --help`; "Reset the DNS cache" of Apple's support;
//! nginx(8) for `-s reload`. Homebrew lies below /opt/homebrew on Apple silicon and below /usr/local on Intel.

use std::net::SocketAddr;

use super::{Argv, Flush, ProxyCommands, Shown, Verb, words};
use crate::evidence::ProxyKind;

pub(super) const SERVICES: &[Shown] = &[
    ("the services of Homebrew", &["brew", "services", "list"]),
    ("the jobs of launchd", &["launchctl", "list"]),
];

/// Both are needed: the first empties the cache of Directory Services, the second that of mDNSResponder.
pub(super) const FLUSHES: &[Flush] = &[Flush {
    cache: "mDNSResponder",
    argv: &[
        &["dscacheutil", "-flushcache"],
        &["killall", "-HUP", "mDNSResponder"],
    ],
    show: &["scutil", "--dns"],
}];

pub(super) const APPLICATION_FIREWALL: &str = "/usr/libexec/ApplicationFirewall/socketfilterfw";

pub(super) const FIREWALL: &[Shown] = &[
    ("whether pf is on", &["pfctl", "-s", "info"]),
    ("the rules of pf", &["pfctl", "-sr"]),
    ("the rules in all anchors", &["pfctl", "-a", "*", "-sr"]),
    (
        "whether the application firewall is on",
        &[APPLICATION_FIREWALL, "--getglobalstate"],
    ),
    (
        "what the application firewall admits",
        &[APPLICATION_FIREWALL, "--listapps"],
    ),
];

pub(super) const LOAD: &[Shown] = &[
    ("load", &["uptime"]),
    ("memory", &["memory_pressure", "-Q"]),
    ("disks", &["df", "-h"]),
];

/// A name with a dot is a label of launchd, one without is a formula of Homebrew.
pub(super) fn service(verb: Verb, name: &str) -> Argv {
    let name = name.trim_end_matches(".service");
    let formula = name.strip_prefix("homebrew.mxcl.").unwrap_or(name);
    let target = format!("system/{name}");
    match (verb, formula.contains('.')) {
        (Verb::Start | Verb::Enable, false) => words(&["brew", "services", "start", formula]),
        (Verb::Stop, false) => words(&["brew", "services", "stop", formula]),
        (Verb::Restart, false) => words(&["brew", "services", "restart", formula]),
        (Verb::Status, false) => words(&["brew", "services", "info", formula]),
        (Verb::Start | Verb::Enable, true) => words(&["launchctl", "kickstart", &target]),
        (Verb::Restart, true) => words(&["launchctl", "kickstart", "-k", &target]),
        (Verb::Stop, true) => words(&["launchctl", "kill", "SIGTERM", &target]),
        (Verb::Status, true) => words(&["launchctl", "print", &target]),
        (Verb::Log, _) => {
            let process = formula.rsplit('.').next().unwrap_or(formula);
            let process = process.split('@').next().unwrap_or(process);
            words(&[
                "log",
                "show",
                "--last",
                "1h",
                "--predicate",
                &format!("process == \"{process}\""),
            ])
        }
    }
}

pub(super) fn proxy(kind: ProxyKind) -> ProxyCommands {
    let brewed = |formula: &str, test: &[&str], reload: &[&str]| ProxyCommands {
        test: words(test),
        reload: words(reload),
        restart: service(Verb::Restart, formula),
        start: service(Verb::Start, formula),
        stop: service(Verb::Stop, formula),
        status: service(Verb::Status, formula),
        configs: &[],
        logs: &[],
    };
    match kind {
        ProxyKind::Nginx => ProxyCommands {
            configs: &[
                "/opt/homebrew/etc/nginx/nginx.conf",
                "/usr/local/etc/nginx/nginx.conf",
                "/opt/local/etc/nginx/nginx.conf",
            ],
            logs: &[
                "/opt/homebrew/var/log/nginx/error.log",
                "/usr/local/var/log/nginx/error.log",
            ],
            ..brewed("nginx", &["nginx", "-t"], &["nginx", "-s", "reload"])
        },
        // Apple's own httpd is started and stopped by apachectl, which talks to launchd.
        ProxyKind::Apache => ProxyCommands {
            test: words(&["apachectl", "-t"]),
            reload: words(&["apachectl", "graceful"]),
            restart: words(&["apachectl", "restart"]),
            start: words(&["apachectl", "start"]),
            stop: words(&["apachectl", "stop"]),
            status: words(&["launchctl", "print", "system/org.apache.httpd"]),
            configs: &[
                "/opt/homebrew/etc/httpd/httpd.conf",
                "/usr/local/etc/httpd/httpd.conf",
                "/etc/apache2/httpd.conf",
            ],
            logs: &[
                "/opt/homebrew/var/log/httpd/error_log",
                "/usr/local/var/log/httpd/error_log",
                "/var/log/apache2/error_log",
            ],
        },
        ProxyKind::Squid => ProxyCommands {
            configs: &["/opt/homebrew/etc/squid.conf", "/usr/local/etc/squid.conf"],
            logs: &[
                "/opt/homebrew/var/logs/cache.log",
                "/usr/local/var/logs/cache.log",
            ],
            ..brewed(
                "squid",
                &["squid", "-k", "parse"],
                &["squid", "-k", "reconfigure"],
            )
        },
        ProxyKind::Haproxy => ProxyCommands {
            configs: &["/opt/homebrew/etc/haproxy.cfg", "/usr/local/etc/haproxy.cfg"],
            ..brewed(
                "haproxy",
                &["haproxy", "-c", "-f", "/opt/homebrew/etc/haproxy.cfg"],
                &["brew", "services", "restart", "haproxy"],
            )
        },
    }
}

/// A rule in an anchor below `com.apple/*`, which the rules of every Mac look into: the main rules stay as they
/// are, and emptying the anchor takes the rule back. `pfctl` reads rules from a file or from its input only.
pub(super) fn allow(endpoint: SocketAddr) -> (Argv, Argv) {
    let family = if endpoint.is_ipv4() { "inet" } else { "inet6" };
    let rule = format!(
        "echo 'pass out quick {family} proto tcp from any to {} port {}' | pfctl -a com.apple/fix502 -f -",
        endpoint.ip(),
        endpoint.port()
    );
    (
        words(&["sh", "-c", &rule]),
        words(&["pfctl", "-a", "com.apple/fix502", "-F", "rules"]),
    )
}
