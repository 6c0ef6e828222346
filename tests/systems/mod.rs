//! Hosts that are no Linux, recorded and walked again here: macOS and Windows.
//!
//! A host is `tests/fixtures/systems/<name>.txt`: blocks that begin with a line `== command …`, `== file …`,
//! `== exchange …`, `== name …` or `== nameserver …` and hold the raw answer. The walk puts its questions to a
//! rehearsal; what has an answer in the file gets it, until no further question has one. So the file needs no
//! exact form of a question, and what is not in it was not there: a command that is not installed, no such file.
//! The outputs have the forms that the manuals of the programs show; nobody recorded them on a machine of ours.

mod rehearsal;

use fix502::evidence::{Platform, Target};
use fix502::finding::StepId;
use fix502::host::Host;
use fix502::report::{Report, TextStyle};
use fix502::steps::{self, Plan};
use fix502::verdict::{self, Status};

use rehearsal::Recorded;

fn plan() -> Plan {
    Plan {
        target: Target {
            url: Some("http://shop.example.test/cart".to_owned()),
            scheme: "http".to_owned(),
            host: "shop.example.test".to_owned(),
            port: 80,
            path: "/cart".to_owned(),
            via: None,
        },
        ..Plan::default()
    }
}

/// The report on a recorded host, and the commands that were asked for.
fn walked(name: &str) -> (Report, Vec<Vec<String>>) {
    let recorded = Recorded::read(name);
    let plan = plan();
    let (transcript, commands) = recorded.answer_all(|host| {
        steps::collect(host, &plan, &|_, _| {});
    });
    // Not the rehearsal but what a bundle would be: the recorded answers and nothing else.
    let replay = Host::Replay(transcript);
    let snapshot = steps::collect(&replay, &plan, &|_, _| {});
    let diagnosis = verdict::decide(&snapshot);
    let lines = StepId::ALL
        .into_iter()
        .map(|step| steps::summarise(step, &snapshot, &diagnosis))
        .collect();
    (Report::new(snapshot, diagnosis, lines), commands)
}

fn cause(report: &Report) -> String {
    match report.verdict.status {
        Status::Found => report.verdict.cause.clone().unwrap_or_default(),
        Status::Healthy => "healthy".to_owned(),
        Status::Undecided => "undecided".to_owned(),
    }
}

fn printed(report: &Report) -> String {
    let style = TextStyle {
        color: false,
        unicode: true,
        width: 160,
        detail: 2,
    };
    let mut out = Vec::new();
    fix502::report::render_text(report, &style, &mut out).expect("a buffer takes it");
    // The steps with all their details, whether something is wrong or not.
    let mut lines = vec![String::from_utf8(out).expect("the report is text")];
    lines.push("--- the eight steps".to_owned());
    for step in &report.steps {
        lines.push(format!("{} {:?} {}", step.number, step.status, step.summary));
        for line in step.details.iter().chain(&step.recommended) {
            lines.push(format!("    {line}"));
        }
    }
    lines.join("\n")
}

const CASES: [(&str, &str); 8] = [
    ("macos-service-stopped", "upstream-not-running"),
    ("macos-port-blocked", "firewall-reject"),
    ("macos-stale-cache", "dns-stale-address"),
    ("macos-healthy", "healthy"),
    ("windows-service-stopped", "upstream-not-running"),
    ("windows-port-blocked", "firewall-reject"),
    ("windows-stale-cache", "dns-stale-address"),
    ("windows-healthy", "healthy"),
];

#[test]
fn each_recorded_host_gets_its_verdict() {
    let mut wrong = Vec::new();
    for (name, expected) in CASES {
        let (report, _) = walked(name);
        let found = cause(&report);
        if found != expected {
            wrong.push(format!(
                "{name}: {found} and not {expected}\n{}",
                printed(&report)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_healthy_host_of_either_system_raises_no_alarm() {
    for name in ["macos-healthy", "windows-healthy"] {
        let (report, _) = walked(name);
        assert!(report.findings.is_empty(), "{name}: {:#?}", report.findings);
        for step in &report.steps {
            assert_ne!(
                step.status,
                fix502::report::StepStatus::Problem,
                "{name}: {step:?}"
            );
        }
    }
}

/// Programs that a host of each system has, as far as this program runs them.
const OF_MACOS: [&str; 18] = [
    "brew",
    "dscacheutil",
    "hostname",
    "httpd",
    "id",
    "ifconfig",
    "launchctl",
    "lsof",
    "netstat",
    "nginx",
    "pfctl",
    "ps",
    "route",
    "scutil",
    "squid",
    "sw_vers",
    "socketfilterfw",
    "nc",
];
const OF_WINDOWS: [&str; 12] = [
    "hostname",
    "httpd",
    "ipconfig",
    "netsh",
    "netstat",
    "nginx.exe",
    "nginx",
    "powershell",
    "reg",
    "sc.exe",
    "squid",
    "whoami",
];

#[test]
fn only_the_systems_own_commands_are_asked() {
    for (name, _) in CASES {
        let (_, commands) = walked(name);
        assert!(commands.len() > 5, "{name}: {commands:?}");
        let own: &[&str] = if name.starts_with("macos") {
            &OF_MACOS
        } else {
            &OF_WINDOWS
        };
        for argv in &commands {
            let program = argv
                .first()
                .map_or("", |word| word.rsplit(['/', '\\']).next().unwrap_or(word));
            assert!(own.contains(&program), "{name}: {argv:?}");
        }
    }
}

#[test]
fn nothing_of_linux_is_printed_for_another_system() {
    const LINUX: [&str; 14] = [
        "systemctl",
        "journalctl",
        "resolvectl",
        "ss -",
        "iptables",
        "nft ",
        "getent",
        "ip route",
        "ip neigh",
        "dmesg",
        "/proc/",
        "sysctl",
        ".service",
        "apt",
    ];
    for (name, _) in CASES {
        let (report, _) = walked(name);
        let text = printed(&report);
        for word in LINUX {
            // A word of its own: `ss -` stands in `address -`, and `apt` in `adapter`.
            let said = text.lines().any(|line| {
                line.match_indices(word).any(|(at, _)| {
                    let before = line.get(..at).and_then(|part| part.chars().next_back());
                    let whole = word != "apt" || line.get(at + 3..).is_some_and(|rest| rest.starts_with(' '));
                    whole && (word == ".service" || before.is_none_or(|before| !before.is_alphanumeric()))
                })
            });
            // The hint for clients that use systemd-resolved names all three systems.
            let hint = word == "resolvectl"
                && text.matches(word).count() == text.matches("only some clients").count();
            assert!(!said || hint, "{name} says {word:?}:\n{text}");
        }
    }
}

#[test]
fn the_system_is_recorded_with_the_host() {
    let (mac, _) = walked("macos-healthy");
    assert_eq!(mac.snapshot.host.platform, Platform::Macos);
    assert_eq!(mac.snapshot.host.system, "macOS 15.1");
    let (windows, _) = walked("windows-healthy");
    assert_eq!(windows.snapshot.host.platform, Platform::Windows);
    assert_eq!(
        windows.snapshot.host.system,
        "Windows Server 2022 Standard build 20348"
    );
}

#[test]
fn what_is_printed_on_each_system() {
    for (name, _) in CASES {
        let (report, _) = walked(name);
        insta::assert_snapshot!(name, printed(&report));
    }
}
