//! Windows: its services, its firewall, its DNS client.
//!
//! Sources: learn.microsoft.com on `sc.exe`, `ipconfig`, `netstat`, `netsh advfirewall firewall`, `ping`, `findstr`,
//! `wevtutil` and the modules `NetTCPIP`, `DnsClient` and `NetSecurity`; "nginx for Windows" (`nginx -s reload` from its
//! own directory) and "Using Apache HTTP Server on Microsoft Windows" (`httpd -k restart`, service `Apache2.4`).
//! `%ProgramFiles%` is written out, for argv knows no variables.

use std::net::SocketAddr;

use super::{Argv, Flush, ProxyCommands, Shown, Verb, words};
use crate::evidence::ProxyKind;

pub(super) const SERVICES: &[Shown] = &[(
    "the services and their states",
    &["sc.exe", "query", "type=", "service", "state=", "all"],
)];

pub(super) const FLUSHES: &[Flush] = &[Flush {
    cache: "DNS Client (Dnscache)",
    argv: &[&["ipconfig", "/flushdns"]],
    show: &["ipconfig", "/displaydns"],
}];

pub(super) const FIREWALL: &[Shown] = &[
    (
        "the profiles and what they do by default",
        &["netsh", "advfirewall", "show", "allprofiles"],
    ),
    (
        "every rule",
        &[
            "netsh",
            "advfirewall",
            "firewall",
            "show",
            "rule",
            "name=all",
            "verbose",
        ],
    ),
];

pub(super) const LOAD: &[Shown] = &[
    ("what runs, and its memory", &["tasklist"]),
    ("the system at a glance", &["systeminfo"]),
];

/// One line for PowerShell. There `sc` means `Set-Content`, which is why `sc.exe` is written with its end everywhere.
pub(super) fn powershell(line: &str) -> Argv {
    words(&["powershell", "-NoProfile", "-Command", line])
}

pub(super) fn service(verb: Verb, name: &str) -> Argv {
    let name = name.trim_end_matches(".service");
    match verb {
        Verb::Start => words(&["sc.exe", "start", name]),
        Verb::Stop => words(&["sc.exe", "stop", name]),
        Verb::Status => words(&["sc.exe", "queryex", name]),
        Verb::Restart => powershell(&format!("Restart-Service -Name '{}'", name.replace('\'', "''"))),
        Verb::Enable => powershell(&format!(
            "Set-Service -Name '{0}' -StartupType Automatic -Status Running",
            name.replace('\'', "''")
        )),
        // The Service Control Manager writes here when a service starts, stops or ends unexpectedly.
        Verb::Log => words(&[
            "wevtutil",
            "qe",
            "System",
            "/q:*[System[Provider[@Name='Service Control Manager']]]",
            "/c:20",
            "/rd:true",
            "/f:text",
        ]),
    }
}

pub(super) fn proxy(kind: ProxyKind, prefix: Option<&str>) -> ProxyCommands {
    match kind {
        ProxyKind::Nginx => {
            // It looks for its files below the directory it is started in, so it is told.
            let home = prefix.unwrap_or("C:/nginx").trim_end_matches(['/', '\\']).to_owned();
            let program = format!("{home}/nginx.exe").replace('/', "\\");
            let nginx = |rest: &[&str]| {
                let mut argv = words(&[program.as_str(), "-p", home.as_str()]);
                argv.extend(words(rest));
                argv
            };
            ProxyCommands {
                test: nginx(&["-t"]),
                reload: nginx(&["-s", "reload"]),
                // There is no restart of its own: the end, and the start in the background.
                restart: powershell(&format!(
                    "& '{program}' -p '{home}' -s quit; Start-Process '{program}' -WorkingDirectory '{home}'"
                )),
                start: powershell(&format!("Start-Process '{program}' -WorkingDirectory '{home}'")),
                stop: nginx(&["-s", "quit"]),
                status: words(&["tasklist", "/fi", "imagename eq nginx.exe"]),
                configs: &[
                    "C:/nginx/conf/nginx.conf",
                    "C:/Program Files/nginx/conf/nginx.conf",
                ],
                logs: &["C:/nginx/logs/error.log", "C:/Program Files/nginx/logs/error.log"],
            }
        }
        ProxyKind::Apache => ProxyCommands {
            test: words(&["httpd", "-t"]),
            reload: words(&["httpd", "-k", "restart"]),
            restart: service(Verb::Restart, "Apache2.4"),
            start: service(Verb::Start, "Apache2.4"),
            stop: service(Verb::Stop, "Apache2.4"),
            status: service(Verb::Status, "Apache2.4"),
            configs: &[
                "C:/Apache24/conf/httpd.conf",
                "C:/xampp/apache/conf/httpd.conf",
                "C:/Program Files/Apache Software Foundation/Apache2.4/conf/httpd.conf",
            ],
            logs: &["C:/Apache24/logs/error.log", "C:/xampp/apache/logs/error.log"],
        },
        ProxyKind::Squid => ProxyCommands {
            test: words(&["squid", "-k", "parse"]),
            reload: words(&["squid", "-k", "reconfigure"]),
            restart: service(Verb::Restart, "squidsrv"),
            start: service(Verb::Start, "squidsrv"),
            stop: service(Verb::Stop, "squidsrv"),
            status: service(Verb::Status, "squidsrv"),
            configs: &["C:/Squid/etc/squid/squid.conf"],
            logs: &["C:/Squid/var/log/squid/cache.log"],
        },
        // There is no build of HAProxy for Windows; it runs within a Linux there.
        ProxyKind::Haproxy => ProxyCommands {
            test: words(&["wsl", "haproxy", "-c", "-f", "/etc/haproxy/haproxy.cfg"]),
            reload: words(&["wsl", "systemctl", "reload", "haproxy"]),
            restart: words(&["wsl", "systemctl", "restart", "haproxy"]),
            start: words(&["wsl", "systemctl", "start", "haproxy"]),
            stop: words(&["wsl", "systemctl", "stop", "haproxy"]),
            status: words(&["wsl", "systemctl", "status", "haproxy"]),
            configs: &[],
            logs: &[],
        },
    }
}

/// Of a rule that blocks and one that allows the one that blocks wins, so this helps against the default of a
/// profile only; against a rule, the rule itself is switched off (see `windows::firewall`).
pub(super) fn allow(endpoint: SocketAddr) -> (Argv, Argv) {
    let name = format!("name=fix502 {} {}", endpoint.ip(), endpoint.port());
    let allow = words(&[
        "netsh",
        "advfirewall",
        "firewall",
        "add",
        "rule",
        &name,
        "dir=out",
        "action=allow",
        "protocol=TCP",
        &format!("remoteip={}", endpoint.ip()),
        &format!("remoteport={}", endpoint.port()),
    ]);
    let undo = words(&["netsh", "advfirewall", "firewall", "delete", "rule", &name]);
    (allow, undo)
}
