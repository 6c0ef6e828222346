//! Findings in the words of the system at hand: the commands that show a proof, and those that repair.
//!
//! Causes speak of Linux with systemd. Here, and nowhere else, their commands become those of macOS, Windows, `OpenRC`
//! or a container without either, out of [`crate::system::commands`]; a command that has no counterpart there is left
//! out, never printed as it is. To add a command: an arm in [`command`] or [`argv`].

use crate::evidence::{Platform, Snapshot};
use crate::finding::{Applicability, Finding, Remedy};
use crate::system::commands::{self, Argv, Verb, typed};

use super::facts::proxy_kind;

/// Programs of Linux that the other systems do not have.
const LINUX_ONLY: [&str; 32] = [
    "apt-get",
    "ausearch",
    "cat /proc",
    "coredumpctl",
    "dmesg",
    "dnf",
    "firewall-cmd",
    "getcap",
    "getent",
    "getenforce",
    "grep 'open files' /proc",
    "ip",
    "ip6tables",
    "ip6tables-save",
    "iptables",
    "iptables-save",
    "journalctl",
    "ls /proc",
    "namei",
    "nft",
    "nscd",
    "nsenter",
    "readlink /proc",
    "resolvectl",
    "restorecon",
    "semanage",
    "setsebool",
    "ss",
    "strace",
    "sysctl",
    "systemctl",
    "ufw",
];

/// A finding in the words of the host's system.
pub(crate) fn finding(finding: Finding, snapshot: &Snapshot) -> Finding {
    let platform = snapshot.host.platform;
    if platform == Platform::LinuxSystemd {
        return finding;
    }
    let mut finding = finding;
    finding.message = text(snapshot, &finding.message);
    for exhibit in &mut finding.evidence {
        if exhibit.kind != "log" {
            exhibit.text = text(snapshot, &exhibit.text);
        }
        exhibit.command = exhibit.command.take().and_then(|known| command(snapshot, &known));
    }
    finding.remedies = finding
        .remedies
        .into_iter()
        .map(|known| remedy(snapshot, known))
        .collect();
    finding
}

fn remedy(snapshot: &Snapshot, known: Remedy) -> Remedy {
    let mut known = known;
    known.platform = snapshot.host.platform;
    known.summary = text(snapshot, &known.summary);
    known.risk = known.risk.map(|risk| text(snapshot, &risk));
    if let Some(own) = known.argv.take() {
        known.argv = argv(snapshot, &own);
        if known.argv.is_none() {
            known.applicability = Applicability::DisplayOnly;
        }
    }
    known.undo = known.undo.take().and_then(|own| argv(snapshot, &own));
    known
}

/// A text in which names of units lose `.service`, which only systemd knows, and words of Linux become those of the
/// system.
pub(crate) fn text(snapshot: &Snapshot, text: &str) -> String {
    let platform = snapshot.host.platform;
    let mut out = text.to_owned();
    if platform == Platform::LinuxSystemd {
        return out;
    }
    let kind = proxy_kind(snapshot);
    let own = commands::proxy(platform, kind, prefix(snapshot));
    for unit in snapshot.units.seen().into_iter().flatten() {
        for verb in [Verb::Enable, Verb::Start, Verb::Restart, Verb::Stop, Verb::Status] {
            let written = commands::service(Platform::LinuxSystemd, verb, &unit.name).join(" ");
            out = out.replace(
                &written,
                &typed(platform, &commands::service(platform, verb, &unit.name)),
            );
        }
        out = out.replace(&unit.name, unit.name.trim_end_matches(".service"));
    }
    let listed = commands::services(platform)
        .iter()
        .map(|(_, argv)| typed(platform, argv))
        .collect::<Vec<_>>()
        .join("; ");
    let firewalls = commands::firewall(platform)
        .iter()
        .map(|(_, argv)| typed(platform, argv))
        .take(3)
        .collect::<Vec<_>>()
        .join("; ");
    let start = typed(platform, &commands::service(platform, Verb::Start, "NAME"));
    let pairs = [
        (
            "on a systemd host: systemctl list-units --failed, then systemctl start NAME".to_owned(),
            format!("{listed}; then {start}"),
        ),
        ("sudo nft list ruleset; sudo iptables-save".to_owned(), firewalls),
        (
            format!("{} && {}", kind.test_command(), kind.reload_command()),
            format!(
                "{} and {}",
                typed(platform, &own.test),
                typed(platform, &own.reload)
            ),
        ),
        (
            format!("({} first)", kind.test_command()),
            format!("({} first)", typed(platform, &own.test)),
        ),
    ];
    for (linux, own) in &pairs {
        // Linux has its own firewalls whatever starts its services.
        if platform.is_linux() && linux.starts_with("sudo nft") {
            continue;
        }
        out = out.replace(linux, own);
    }
    if platform == Platform::Windows {
        out = out.replace("/etc/hosts", commands::hosts_file(platform));
    }
    out
}

fn prefix(snapshot: &Snapshot) -> Option<&str> {
    snapshot
        .proxy
        .as_ref()
        .map(|proxy| proxy.prefix.as_str())
        .filter(|prefix| !prefix.is_empty())
}

/// The command of this system that shows what a command line of Linux shows; `None`: it has none.
pub(crate) fn command(snapshot: &Snapshot, linux: &str) -> Option<String> {
    let platform = snapshot.host.platform;
    if platform == Platform::LinuxSystemd {
        return Some(linux.to_owned());
    }
    let bare = linux.strip_prefix("sudo ").unwrap_or(linux);
    if let Some(port) = bare
        .strip_prefix("ss -Hltnp 'sport = :")
        .or_else(|| bare.strip_prefix("ss -ltnp 'sport = :"))
        .and_then(|rest| rest.trim_end_matches('\'').parse::<u16>().ok())
    {
        return Some(typed(platform, &commands::listeners(platform, port)));
    }
    if bare.starts_with("curl ") && platform == Platform::Windows {
        // PowerShell has an alias of that name, which is another program.
        let own = bare
            .replace("curl ", "curl.exe ")
            .replace('\'', "\"")
            .replace("/dev/null", "NUL");
        return (!own.contains('|')).then_some(own);
    }
    // One command without pipes and quotes can be taken word by word.
    if !bare.contains(['|', ';', '&']) {
        let words: Vec<String> = bare
            .split_whitespace()
            .map(|word| word.trim_matches('\'').to_owned())
            .collect();
        let known = argv(snapshot, &words)?;
        if known != words {
            return Some(typed(platform, &known));
        }
    }
    (!(foreign(platform, bare))).then(|| linux.to_owned())
}

fn foreign(platform: Platform, command: &str) -> bool {
    if platform.is_linux() {
        return command.contains("systemctl ") || command.contains("journalctl ");
    }
    let unix_only = platform == Platform::Windows
        && ["grep ", "ls ", "sed ", "tail ", "openssl s_client", "stat "]
            .iter()
            .any(|program| command.starts_with(program));
    unix_only
        || command.split([';', '|']).map(str::trim_start).any(|part| {
            let part = part.strip_prefix("sudo ").unwrap_or(part);
            LINUX_ONLY.iter().any(|program| {
                part.strip_prefix(program)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '/']))
            })
        })
}

/// The same for argv; `None`: this system has no such command.
fn argv(snapshot: &Snapshot, linux: &[String]) -> Option<Argv> {
    let platform = snapshot.host.platform;
    let words: Vec<&str> = linux.iter().map(String::as_str).collect();
    let kind = proxy_kind(snapshot);
    let own = || commands::proxy(platform, kind, prefix(snapshot));
    let of_proxy = |name: &str| {
        let stem = name.trim_end_matches(".service");
        [
            kind.unit().trim_end_matches(".service"),
            "apache2",
            "httpd",
            "nginx",
            "squid",
        ]
        .contains(&stem)
    };
    let found = match words.as_slice() {
        ["systemctl", "enable", "--now", name] => commands::service(platform, Verb::Enable, name),
        ["systemctl", "start", name] if of_proxy(name) => own().start,
        ["systemctl", "restart", name] if of_proxy(name) => own().restart,
        ["systemctl", "stop", name] if of_proxy(name) => own().stop,
        ["systemctl", "start", name] => commands::service(platform, Verb::Start, name),
        ["systemctl", "restart", name] => commands::service(platform, Verb::Restart, name),
        ["systemctl", "stop", name] => commands::service(platform, Verb::Stop, name),
        ["systemctl", "status", name] => commands::service(platform, Verb::Status, name),
        ["journalctl", "-u", name, ..] => commands::service(platform, Verb::Log, name),
        ["systemctl", "--failed"] => shown(commands::services(platform))?,
        _ if platform.is_linux() => {
            return (!matches!(words.first(), Some(&("systemctl" | "journalctl")))).then(|| linux.to_vec());
        }
        ["ss", "-Hltnp" | "-ltnp"] => commands::all_listeners(platform),
        ["ss", "-tnp"] => commands::connections(platform),
        ["getent", "ahosts" | "hosts", name] => commands::resolve(platform, name),
        ["ip", "route", "get", address, ..] => commands::route_to(platform, address.parse().ok()?),
        ["ip", "neigh", "show", address] => commands::neighbour(platform, address.parse().ok()?),
        ["dig", server, name] if server.starts_with('@') => {
            commands::ask_nameserver(platform, name, server.trim_start_matches('@'))
        }
        ["nft", "list", "ruleset"] | ["iptables-save"] => shown(commands::firewall(platform))?,
        ["resolvectl", "flush-caches"] => {
            let flush = commands::flushes(platform).first()?;
            flush.argv.first()?.iter().map(|word| (*word).to_owned()).collect()
        }
        ["tail", "-n", lines, file] => commands::tail(platform, file, lines.parse().unwrap_or(20)),
        ["grep", "-nF", word, file] => commands::search(platform, word, hosts(platform, file)),
        ["ps", "axu"] if platform == Platform::Windows => shown(commands::load(platform))?,
        ["sed", "-n", .., file] if platform == Platform::Windows => vec![
            "findstr".to_owned(),
            "/n".to_owned(),
            "^".to_owned(),
            (*file).to_owned(),
        ],
        _ if words == kind.test_command().split(' ').collect::<Vec<_>>() => own().test,
        _ if words == kind.reload_command().split(' ').collect::<Vec<_>>() => own().reload,
        _ => return (!foreign(platform, &words.join(" "))).then(|| linux.to_vec()),
    };
    Some(found)
}

fn hosts(platform: Platform, file: &str) -> &str {
    if file == "/etc/hosts" {
        commands::hosts_file(platform)
    } else {
        file
    }
}

fn shown(all: &[commands::Shown]) -> Option<Argv> {
    let (_, argv) = all.first()?;
    Some(argv.iter().map(|word| (*word).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::HostFacts;

    fn on(platform: Platform) -> Snapshot {
        Snapshot {
            host: HostFacts {
                platform,
                ..HostFacts::default()
            },
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_linux_shows_is_shown_by_the_systems_own_command() {
        let mac = on(Platform::Macos);
        let windows = on(Platform::Windows);
        let said = |snapshot: &Snapshot, linux: &str| command(snapshot, linux).unwrap_or_default();
        assert_eq!(
            said(&mac, "ss -Hltnp 'sport = :8080'"),
            "lsof -nP -iTCP:8080 -sTCP:LISTEN"
        );
        assert!(said(&windows, "ss -Hltnp 'sport = :8080'").contains("Get-NetTCPConnection"));
        assert_eq!(
            said(&mac, "systemctl status php.service"),
            "brew services info php"
        );
        assert_eq!(
            said(&windows, "systemctl status ShopApp.service"),
            "sc.exe queryex ShopApp"
        );
        assert_eq!(
            said(&windows, "dig @192.0.2.53 app.example.test"),
            "nslookup app.example.test 192.0.2.53"
        );
        assert_eq!(
            said(&mac, "dig @192.0.2.53 app.example.test"),
            "dig @192.0.2.53 app.example.test"
        );
        assert_eq!(
            said(&windows, "curl -sv -H 'Host: app.test' http://127.0.0.1/"),
            "curl.exe -sv -H \"Host: app.test\" http://127.0.0.1/"
        );
        assert_eq!(
            said(&mac, "getent ahosts app.example.test"),
            "dscacheutil -q host -a name app.example.test"
        );
    }

    #[test]
    fn what_has_no_counterpart_is_left_out() {
        for platform in [Platform::Macos, Platform::Windows] {
            for linux in [
                "dmesg | grep nginx",
                "sysctl net.core.somaxconn",
                "namei -l /srv/app.sock",
                "sudo nft list ruleset; id",
            ] {
                assert_eq!(command(&on(platform), linux), None, "{platform:?}: {linux}");
            }
        }
        assert_eq!(
            command(&on(Platform::LinuxSystemd), "dmesg").as_deref(),
            Some("dmesg")
        );
        assert_eq!(
            command(&on(Platform::LinuxPlain), "dmesg").as_deref(),
            Some("dmesg")
        );
        assert_eq!(
            command(&on(Platform::LinuxOpenrc), "systemctl status app.service").as_deref(),
            Some("rc-service app status")
        );
    }
}
