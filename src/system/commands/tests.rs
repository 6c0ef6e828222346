//! The tables hold together: every system has its words for everything, and no other system's.

use super::*;

const ALL: [Platform; 5] = [
    Platform::LinuxSystemd,
    Platform::LinuxOpenrc,
    Platform::LinuxPlain,
    Platform::Macos,
    Platform::Windows,
];
const KINDS: [ProxyKind; 4] = [
    ProxyKind::Nginx,
    ProxyKind::Apache,
    ProxyKind::Squid,
    ProxyKind::Haproxy,
];

/// Everything that is printed for a system.
fn everything(platform: Platform) -> Vec<Argv> {
    let endpoint: SocketAddr = "192.0.2.20:9000".parse().expect("an address");
    let mut all: Vec<Argv> = Vec::new();
    for kind in KINDS {
        let commands = proxy(platform, kind, None);
        all.extend([
            commands.test,
            commands.reload,
            commands.restart,
            commands.start,
            commands.stop,
            commands.status,
        ]);
    }
    for verb in [
        Verb::Start,
        Verb::Stop,
        Verb::Restart,
        Verb::Enable,
        Verb::Status,
        Verb::Log,
    ] {
        all.push(service(platform, verb, "app.service"));
        all.push(service(platform, verb, "com.example.app.service"));
    }
    for (_, argv) in services(platform)
        .iter()
        .chain(firewall(platform))
        .chain(load(platform))
    {
        all.push(words(argv));
    }
    for flush in flushes(platform) {
        all.extend(flush.argv.iter().map(|argv| words(argv)));
        all.push(words(flush.show));
    }
    let (allowed, undo) = allow(platform, endpoint);
    all.extend([
        allowed,
        undo,
        listeners(platform, 9_000),
        all_listeners(platform),
        connections(platform),
        route_to(platform, endpoint.ip()),
        neighbour(platform, endpoint.ip()),
        reach(platform, endpoint),
        ping(platform, endpoint.ip()),
        resolve(platform, "app.example.test"),
        ask_nameserver(platform, "app.example.test", "192.0.2.53"),
        tail(platform, "error.log", 20),
        search(platform, "app", hosts_file(platform)),
    ]);
    all
}

#[test]
fn no_system_is_given_the_commands_of_another() {
    const LINUX_ONLY: [&str; 12] = [
        "systemctl",
        "journalctl",
        "resolvectl",
        "ss",
        "ip",
        "iptables",
        "nft",
        "getent",
        "rc-service",
        "service",
        "nscd",
        "free",
    ];
    const MACOS_ONLY: [&str; 7] = [
        "brew",
        "launchctl",
        "scutil",
        "dscacheutil",
        "pfctl",
        "ndp",
        "memory_pressure",
    ];
    const WINDOWS_ONLY: [&str; 9] = [
        "netsh",
        "ipconfig",
        "powershell",
        "sc.exe",
        "wevtutil",
        "findstr",
        "nslookup",
        "tasklist",
        "systeminfo",
    ];
    for platform in ALL {
        for argv in everything(platform) {
            let first = argv.first().expect("no command is empty").as_str();
            assert!(argv.iter().all(|word| !word.is_empty()), "{platform:?}: {argv:?}");
            let foreign = match platform {
                Platform::Macos => LINUX_ONLY.contains(&first) || WINDOWS_ONLY.contains(&first),
                Platform::Windows => LINUX_ONLY.contains(&first) || MACOS_ONLY.contains(&first),
                _ => MACOS_ONLY.contains(&first) || WINDOWS_ONLY.contains(&first),
            };
            assert!(!foreign, "{platform:?}: {argv:?}");
        }
    }
}

#[test]
fn without_systemd_nothing_of_systemd_is_said() {
    for platform in [Platform::LinuxOpenrc, Platform::LinuxPlain] {
        for kind in [ProxyKind::Nginx, ProxyKind::Apache, ProxyKind::Squid] {
            let commands = proxy(platform, kind, None);
            for argv in [commands.restart, commands.start, commands.stop, commands.status] {
                assert_ne!(
                    argv.first().map(String::as_str),
                    Some("systemctl"),
                    "{platform:?}"
                );
            }
        }
    }
}

#[test]
fn a_word_with_spaces_is_quoted_as_the_system_wants_it() {
    let argv = ["netsh", "name=my rule", r"C:\nginx\nginx.exe"];
    assert_eq!(
        typed(Platform::Windows, &argv),
        r#"netsh "name=my rule" C:\nginx\nginx.exe"#
    );
    assert_eq!(typed(Platform::Macos, &["echo", "it's"]), r"echo 'it'\''s'");
}

/// The table is what the guide's steps print, so a change of it is looked at.
#[test]
fn the_commands_of_each_system() {
    let mut lines: Vec<String> = Vec::new();
    for platform in ALL {
        lines.push(format!("== {platform:?}"));
        let mut seen = std::collections::BTreeSet::new();
        for argv in everything(platform) {
            let line = typed(platform, &argv);
            if seen.insert(line.clone()) {
                lines.push(line);
            }
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}
