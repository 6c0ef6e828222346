//! The pages under `docs/`: every cause has one, and each keeps to the form that `fix502 explain` prints.
//!
//! A page that advises something dangerous, points to a cause that does not exist or cannot be read in a
//! terminal fails here. A new cause needs its id in `IDS` and its page in `docs/causes/`.

use std::path::{Path, PathBuf};

/// Every root cause, sorted.
const IDS: [&str; 85] = [
    "cached-502",
    "client-without-connect-tunnel",
    "configured-502",
    "conntrack-full",
    "container-localhost-misroute",
    "container-network-mismatch",
    "dns-no-resolver",
    "dns-nxdomain",
    "dns-server-failure",
    "dns-stale-address",
    "dns-startup-unresolvable",
    "dns-wrong-address",
    "edge-generated-502",
    "ephemeral-ports-exhausted",
    "fastcgi-protocol-mismatch",
    "firewall-drop",
    "firewall-reject",
    "forward-proxy-no-path",
    "front-cannot-reach-proxy",
    "healthcheck-misconfigured",
    "host-unreachable",
    "http2-http1-mismatch",
    "ipv6-unreachable",
    "k8s-no-endpoints",
    "keepalive-race",
    "lb-target-deregistered",
    "malformed-connect-target",
    "mtu-blackhole",
    "no-route",
    "plaintext-to-tls-port",
    "proxy-capacity-limit",
    "proxy-config-not-applied",
    "proxy-connection-slots-exhausted",
    "proxy-env-misroute",
    "proxy-loop",
    "proxy-path-mismatch",
    "proxy-protocol-mismatch",
    "proxy-source-bind-failed",
    "proxy-tls-not-enabled",
    "proxy-worker-crash",
    "proxy-worker-sharing",
    "response-conflicting-length",
    "response-header-too-big",
    "response-invalid-header",
    "response-malformed-framing",
    "response-too-many-headers",
    "response-truncated",
    "route-policy-denied",
    "sandbox-denied",
    "selinux-denied",
    "serverless-invalid-response",
    "tls-cert-date-invalid",
    "tls-cert-name-mismatch",
    "tls-cert-untrusted",
    "tls-client-cert-required",
    "tls-handshake-aborted",
    "tls-sni-missing",
    "tls-to-plaintext-port",
    "tls-version-cipher-mismatch",
    "unix-socket-path-mismatch",
    "unix-socket-permission",
    "unix-socket-private-namespace",
    "unix-socket-stale",
    "upgrade-mismatch",
    "upstream-acl-rejects-proxy",
    "upstream-backlog-too-small",
    "upstream-crash-loop",
    "upstream-fd-exhausted",
    "upstream-not-http",
    "upstream-not-running",
    "upstream-oom-killed",
    "upstream-redeploy-window",
    "upstream-rejects-body",
    "upstream-request-buffer-overflow",
    "upstream-returned-502",
    "upstream-starting",
    "upstream-too-slow",
    "upstream-worker-crash",
    "upstream-worker-timeout-kill",
    "upstream-workers-saturated",
    "upstream-wrong-bind-address",
    "upstream-wrong-port",
    "upstreams-all-disabled",
    "upstreams-marked-down",
    "uwsgi-protocol-mismatch",
];

/// The eight steps of the guide, in its order.
const STEPS: [&str; 8] = [
    "retry", "upstream", "config", "firewall", "timeouts", "dns", "route", "bundle",
];

/// The sections of a cause page, in this order and no others.
const SECTIONS: [&str; 5] = [
    "## What happens",
    "## Log lines",
    "## How to tell",
    "## Repair",
    "## Risk",
];

/// The sections of a step page.
const STEP_SECTIONS: [&str; 5] = [
    "## What it is for",
    "## What fix502 checks",
    "## By hand",
    "## Reading the result",
    "## When to go on",
];

/// What no page may advise: it hides the fault or opens the host. Compared without regard to case.
const FORBIDDEN: [&str; 20] = [
    "setenforce 0",
    "setenforce permissive",
    "selinux=disabled",
    "selinux=0",
    "chmod 777",
    "chmod 0777",
    "chmod -r 777",
    "chmod 666",
    "chmod a+rwx",
    "iptables -f",
    "iptables --flush",
    "ip6tables -f",
    "nft flush",
    "ufw disable",
    "ufw reset",
    "stop firewalld",
    "disable firewalld",
    "proxy_ssl_verify off;",
    "allprofiles state off",
    "kill -9",
];

/// Directives that set how long to wait for an answer, and the pages on which a longer wait can be right:
/// those about an application that is alive. Anywhere else a longer wait would hide a dead pool.
const ANSWER_TIMEOUTS: [&str; 4] = [
    "proxy_read_timeout ",
    "fastcgi_read_timeout ",
    "uwsgi_read_timeout ",
    "ProxyTimeout ",
];
const MAY_WAIT_LONGER: [&str; 3] = [
    "upgrade-mismatch",
    "upstream-too-slow",
    "upstream-worker-timeout-kill",
];

/// Words of configurations that look like an id.
const NOT_IDS: [&str; 11] = [
    "accept-proxy",
    "auto-restart",
    "backend-protocol",
    "ca-file",
    "chmod-socket",
    "http-socket",
    "init-addr",
    "send-proxy",
    "set-path",
    "sites-enabled",
    "start-pre",
];

/// `docs/` of this repository.
fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test reads this repository, not a host"
)]
fn page(path: &str) -> String {
    let file = docs().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The names of the pages in one directory of `docs/`, without `.md`, sorted.
#[expect(
    clippy::disallowed_methods,
    reason = "the test reads this repository, not a host"
)]
fn names(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(docs().join(directory)).expect("the directory is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".schema.json"))
        .map(|name| name.strip_suffix(".md").expect("only Markdown pages").to_owned())
        .collect();
    names.sort();
    names
}

/// Every page with its name, as `causes/ID`, `steps/N-ID` or `guide`.
fn all_pages() -> Vec<(String, String)> {
    let causes = IDS.iter().map(|id| format!("causes/{id}"));
    let steps = STEPS
        .iter()
        .enumerate()
        .map(|(index, id)| format!("steps/{}-{id}", index + 1));
    causes
        .chain(steps)
        .chain(["guide".to_owned()])
        .map(|name| {
            let text = page(&format!("{name}.md"));
            (name, text)
        })
        .collect()
}

fn headings(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with('#')).collect()
}

/// The text of one section, without its heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let Some((_, rest)) = text.split_once(&format!("\n{heading}\n")) else {
        return "";
    };
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Words in backticks that could be ids: lower-case letters, digits and at least one dash.
fn ids_named_in(text: &str) -> Vec<&str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('-') && word.starts_with(|first: char| first.is_ascii_lowercase()))
        .filter(|word| {
            word.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        })
        .collect()
}

/// Which forbidden advice a text gives.
fn forbidden_in(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    FORBIDDEN.into_iter().filter(|advice| text.contains(advice)).collect()
}

#[test]
fn every_cause_has_exactly_one_page() {
    assert!(IDS.is_sorted(), "the list is sorted");
    assert_eq!(names("causes"), IDS);
}

#[test]
fn every_step_has_exactly_one_page_with_the_fixed_sections() {
    let expected: Vec<String> = STEPS
        .iter()
        .enumerate()
        .map(|(index, id)| format!("{}-{id}", index + 1))
        .collect();
    assert_eq!(names("steps"), expected);
    for (index, name) in expected.iter().enumerate() {
        let text = page(&format!("steps/{name}.md"));
        let headings = headings(&text);
        assert!(
            headings[0].starts_with(&format!("# Step {}: ", index + 1)),
            "{name}: {}",
            headings[0]
        );
        assert_eq!(headings[1..], STEP_SECTIONS, "{name}");
    }
}

#[test]
fn a_cause_page_has_the_fixed_sections_in_order_and_none_is_empty() {
    for id in IDS {
        let text = page(&format!("causes/{id}.md"));
        let headings = headings(&text);
        assert_eq!(headings[0], format!("# {id}"), "the first heading is the id");
        assert_eq!(headings[1..], SECTIONS, "{id}");
        for heading in SECTIONS {
            assert!(
                section(&text, heading).trim().len() > 60,
                "{id}: {heading} says next to nothing"
            );
        }
    }
}

#[test]
fn a_cause_page_begins_with_one_sentence() {
    for id in IDS {
        let text = page(&format!("causes/{id}.md"));
        let lead = text.split("\n\n").nth(1).expect("a paragraph after the heading");
        assert!(lead.ends_with('.'), "{id}: {lead}");
        assert!(
            !lead.contains(". "),
            "{id} begins with more than one sentence: {lead}"
        );
    }
}

#[test]
fn a_cause_page_is_short() {
    for id in IDS {
        let lines = page(&format!("causes/{id}.md")).lines().count();
        assert!((35..=80).contains(&lines), "{id} has {lines} lines");
    }
}

#[test]
fn what_proves_a_cause_comes_with_a_command_and_what_rules_it_out() {
    for id in IDS {
        let text = page(&format!("causes/{id}.md"));
        let tell = section(&text, "## How to tell");
        assert!(
            tell.lines().any(|line| line.starts_with("      ")),
            "{id} shows no command"
        );
        let others = ids_named_in(tell)
            .into_iter()
            .filter(|other| *other != id && IDS.contains(other));
        assert!(
            others.count() > 0,
            "{id} names no cause it could be confused with"
        );
    }
}

#[test]
fn every_cause_named_on_a_page_exists() {
    for (name, text) in all_pages() {
        for word in ids_named_in(&text) {
            assert!(
                IDS.contains(&word) || NOT_IDS.contains(&word),
                "{name} names {word}"
            );
        }
    }
}

#[test]
fn no_page_needs_a_wide_terminal_or_more_than_ascii() {
    for (name, text) in all_pages() {
        for line in text.lines() {
            let limit = if line.starts_with("    ") { 100 } else { 80 };
            assert!(line.len() <= limit, "{name}: {} columns: {line}", line.len());
            assert!(
                line.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                "{name}: {line}"
            );
            assert_eq!(line, line.trim_end(), "{name}: blanks at the end");
        }
    }
}

#[test]
fn no_page_gives_forbidden_advice() {
    for (name, text) in all_pages() {
        assert_eq!(forbidden_in(&text), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn forbidden_advice_would_be_noticed() {
    assert_eq!(
        forbidden_in("1. Run `sudo setenforce\n   0` first."),
        ["setenforce 0"]
    );
    assert_eq!(
        forbidden_in("    sudo chmod  777 /run/app/app.sock"),
        ["chmod 777"]
    );
    assert_eq!(forbidden_in("    sudo iptables -F INPUT"), ["iptables -f"]);
    assert_eq!(
        forbidden_in("    sudo resolvectl flush-caches"),
        Vec::<&str>::new()
    );
}

#[test]
fn a_longer_wait_is_advised_only_for_an_application_that_is_alive() {
    for id in IDS {
        let text = page(&format!("causes/{id}.md"));
        let waits = ANSWER_TIMEOUTS
            .iter()
            .any(|directive| section(&text, "## Repair").contains(directive));
        assert_eq!(waits, MAY_WAIT_LONGER.contains(&id), "{id}");
        for value in text.split("proxy_connect_timeout ").skip(1) {
            let seconds: String = value.chars().take_while(char::is_ascii_digit).collect();
            let seconds: u32 = seconds.parse().expect("a number of seconds");
            assert!(seconds <= 10, "{id} advises a connect timeout of {seconds} s");
        }
    }
}

#[test]
fn a_reload_is_never_advised_without_the_configuration_test() {
    let pairs = [
        ("sudo systemctl reload nginx", "nginx -t && "),
        ("sudo nginx -s reload", "nginx -t && "),
        ("sudo systemctl reload apache2", "apachectl configtest && "),
        ("sudo squid -k reconfigure", "squid -k parse && "),
    ];
    for (name, text) in all_pages() {
        for line in text.lines() {
            for (reload, test) in pairs {
                let Some((before, _)) = line.split_once(reload) else {
                    continue;
                };
                assert!(before.ends_with(test), "{name}: {line}");
            }
        }
    }
}

#[test]
fn the_guide_lists_every_cause_once() {
    let guide = page("guide.md");
    for id in IDS {
        let row = format!("| {id} ");
        assert_eq!(
            guide.lines().filter(|line| line.starts_with(&row)).count(),
            1,
            "{id}"
        );
    }
}

/// All Markdown files of this repository that are read by users.
fn every_document() -> Vec<(String, String)> {
    let mut names = vec![
        "../README.md".to_owned(),
        "../CHANGELOG.md".to_owned(),
        "architecture.md".to_owned(),
    ];
    for directory in ["formats", "proxies"] {
        let all = self::names(directory).into_iter();
        names.extend(all.map(|name| format!("{directory}/{name}.md")));
    }
    let documents = names.into_iter().map(|name| {
        let text = page(&name);
        (name, text)
    });
    all_pages().into_iter().chain(documents).collect()
}

/// Everything on a page that is meant literally: text in backticks, and indented lines with the lines they
/// are continued on.
fn literal(text: &str) -> Vec<String> {
    let (mut found, mut prose) = (Vec::new(), String::new());
    let mut continued = false;
    for line in text.lines() {
        if line.starts_with("    ") {
            let shown = line.trim().trim_end_matches('\\').trim_end();
            match found.last_mut() {
                Some(last) if continued => *last = format!("{last} {shown}"),
                _ => found.push(shown.to_owned()),
            }
            continued = line.ends_with('\\');
        }
        // A line in a list may be indented and prose all the same, so each is looked at in both ways.
        prose.push_str(line);
        prose.push(if line.trim().is_empty() { '`' } else { ' ' });
        if line.trim().is_empty() && prose.matches('`').count() % 2 == 1 {
            prose.push('`');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found
}

/// Command lines of this program in a literal text, as words, with placeholders filled in.
fn commands(literal: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let words: Vec<&str> = literal.split(' ').collect();
    for (index, word) in words.iter().enumerate() {
        let is_first = words.get(..index).is_none_or(|before| {
            before
                .iter()
                .rev()
                .find(|word| **word != "sudo")
                .is_none_or(|word| ["", "$", "&&", "||", "|", ";"].contains(word))
        });
        let cargo = *word == "--" && index >= 2 && words[..index].contains(&"run") && words[0] == "cargo";
        if !(is_first && *word == "fix502" || cargo) {
            continue;
        }
        let mut command = vec!["fix502".to_owned()];
        // Two blanks, a comment or a shell's sign end the command.
        let rest = words[index + 1..]
            .iter()
            .take_while(|word| !["", "|", "||", "&&", ">", "#", ";"].contains(word));
        command.extend(rest.map(|word| filled_in(word)));
        found.push(command);
    }
    found
}

fn filled_in(word: &str) -> String {
    let word = word.trim_matches(['\'', '"']);
    match word {
        "URL" => "https://shop.example.com/cart",
        "FILE" => "bundle.tar.gz",
        "DIR" | "CASE" => "directory",
        "ID" => "upstream-not-running",
        other => other,
    }
    .to_owned()
}

#[test]
fn every_command_named_in_a_document_exists() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for (name, text) in every_document() {
        for command in literal(&text).iter().flat_map(|literal| commands(literal)) {
            count += 1;
            match fix502::cli::parse(&command) {
                Ok(options) => {
                    if let fix502::options::Action::Explain(topic) = options.action
                        && fix502::explain::page(topic.as_deref()).is_err()
                    {
                        wrong.push(format!("{name}: {command:?}: there is no such page"));
                    }
                }
                Err(error) if error.use_stderr() => wrong.push(format!("{name}: {command:?}: {error}")),
                // `--help` and `--version`.
                Err(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 40, "only {count} commands were found");
}

#[test]
fn a_command_is_found_wherever_it_is_written() {
    let found = |text: &str| -> Vec<String> {
        literal(text)
            .iter()
            .flat_map(|literal| commands(literal))
            .map(|command| command.join(" "))
            .collect()
    };
    let url = "https://shop.example.com/cart";
    assert_eq!(
        found("Say `fix502 watch\nURL` now.\n"),
        [format!("fix502 watch {url}")]
    );
    assert_eq!(
        found("- text\n\n      sudo fix502 --ci URL \\\n        --quiet | head\n"),
        [format!("fix502 --ci {url} --quiet")]
    );
    assert_eq!(
        found("    8 - Bundle   fix502 bundle URL\n"),
        [format!("fix502 bundle {url}")]
    );
    assert_eq!(
        found("    cargo run --release -- demo\n"),
        ["fix502 demo".to_owned()]
    );
    assert_eq!(
        found("The file `fix502-HOST.tar.gz` of fix502 route.\n"),
        Vec::<String>::new()
    );
}

/// The names of all fields of a value, at any depth.
fn fields(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                fields(value, found);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        _ => {}
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test runs the program on its own demo"
)]
fn every_field_of_a_json_report_is_described() {
    let described = page("formats/report-v1.md");
    let mut found = std::collections::BTreeSet::new();
    for fault in ["upstream-wrong-port", "unix-socket-stale", "configured-502"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fix502"))
            .args(["demo", fault, "--ci", "--format", "json"])
            .output()
            .expect("the program runs");
        let report: serde_json::Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{fault}: {error}"));
        assert_eq!(report["schema"], "fix502.report/v1");
        fields(&report, &mut found);
    }
    assert!(found.len() > 40, "{found:?}");
    for field in found {
        assert!(
            described.contains(&format!("`{field}`")),
            "{field} is not described"
        );
    }
}
