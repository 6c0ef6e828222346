//! The planted suite on a host: the secrets stand in the configuration and the logs of each server, and the program is run
//! over them in every way that prints or writes something.

use std::path::Path;
use std::process::{Command, Stdio};

use fix502::bundle::selftest::{self, Leak, Plant, Spot};
use fix502::report::FORMATS;

use super::planted::files;

/// Nobody listens on the discard port; the walk is over at once.
const URL: &str = "http://127.0.0.1:9/cart";

/// One server: where its files lie, and what stands around the planted lines of its configuration.
struct Server {
    spot: Spot,
    config: &'static str,
    head: &'static str,
    foot: &'static str,
    error_log: &'static str,
    access_log: &'static str,
}

const SERVERS: [Server; 3] = [
    Server {
        spot: Spot::Nginx,
        config: "/etc/nginx/nginx.conf",
        head: "events {}\nhttp {\n  access_log /var/log/nginx/access.log;\n  error_log /var/log/nginx/error.log;\n  server {\n    listen 127.0.0.1:9;\n    location / {\n",
        foot: "      proxy_pass http://127.0.0.1:7;\n    }\n  }\n}\n",
        error_log: "/var/log/nginx/error.log",
        access_log: "/var/log/nginx/access.log",
    },
    Server {
        spot: Spot::Apache,
        config: "/etc/apache2/apache2.conf",
        head: "ServerRoot /etc/apache2\nListen 127.0.0.1:9\nErrorLog /var/log/apache2/error.log\nCustomLog /var/log/apache2/access.log combined\nProxyPass / http://127.0.0.1:7/\n",
        foot: "",
        error_log: "/var/log/apache2/error.log",
        access_log: "/var/log/apache2/access.log",
    },
    Server {
        spot: Spot::Squid,
        config: "/etc/squid/squid.conf",
        head: "http_port 127.0.0.1:9\ncache_log /var/log/squid/cache.log\naccess_log /var/log/squid/access.log\ncache_peer 127.0.0.1 parent 7 0 originserver\n",
        foot: "http_access allow all\n",
        error_log: "/var/log/squid/cache.log",
        access_log: "/var/log/squid/access.log",
    },
];

fn texts(plants: &[Plant], spots: &[Spot]) -> String {
    let mut out = String::new();
    for plant in plants.iter().filter(|plant| spots.contains(&plant.spot)) {
        out.push_str(&plant.text);
        out.push('\n');
    }
    out
}

fn host(server: &Server, plants: &[Plant]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = root.path().join(name.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let planted = texts(plants, &[server.spot]);
    write(server.config, [server.head, &planted, server.foot].concat());
    write(
        server.error_log,
        texts(plants, &[Spot::ErrorLog, Spot::ApplicationLog, Spot::Journal]),
    );
    write(server.access_log, texts(plants, &[Spot::AccessLog]));
    let answer = texts(plants, &[Spot::Response]);
    write(
        "answer.txt",
        format!("HTTP/1.1 502 Bad Gateway\nServer: nginx/1.22.1\n{answer}"),
    );
    root
}

/// What the program prints, on both streams.
fn printed(root: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .current_dir(root)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        matches!(output.status.code(), Some(0 | 1 | 3)),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    [output.stdout, output.stderr].concat()
}

fn shown(leaks: &[Leak]) -> String {
    let lines: Vec<String> = leaks.iter().map(|leak| format!("{leak:?}")).collect();
    format!("{} leaks\n{}", leaks.len(), lines.join("\n"))
}

fn no_leak_of(server: &Server) {
    let plants = selftest::plants();
    let root = host(server, &plants);
    let directory = root.path().to_string_lossy().into_owned();
    let common = [
        "--root",
        &directory,
        "--config",
        server.config,
        "--ci",
        "--attempts",
        "1",
        "--deadline",
        "20s",
        "--since",
        "all",
    ];
    let with = |words: &[&'static str]| {
        let words = words.iter().copied();
        printed(root.path(), &words.chain(common).collect::<Vec<_>>())
    };
    let beside = |path: &str| format!("{directory}{path}");
    let mut outputs: Vec<(String, Vec<u8>)> = vec![
        ("the report".to_owned(), with(&[URL])),
        ("--verbose".to_owned(), with(&[URL, "-v", "--color", "always"])),
        ("--verbose twice".to_owned(), with(&[URL, "-vv", "--width", "60"])),
        ("--dry-run".to_owned(), with(&["bundle", URL, "--dry-run"])),
        (
            "bundle".to_owned(),
            with(&["bundle", URL, "--output", "b.tar.gz"]),
        ),
    ];
    for format in FORMATS {
        outputs.push((format.name.to_owned(), with(&[URL, "--format", format.name])));
    }
    for (what, arguments) in [
        ("lint", vec!["lint", &beside(server.config)]),
        (
            "lint as json",
            vec!["lint", &beside(server.config), "--format", "json"],
        ),
        (
            "lint as sarif",
            vec!["lint", &beside(server.config), "--format", "sarif"],
        ),
        (
            "triage of a configuration",
            vec!["triage", &beside(server.config), "-vv"],
        ),
        (
            "triage of an error log",
            vec!["triage", &beside(server.error_log), "-vv"],
        ),
        (
            "triage of an access log",
            vec!["triage", &beside(server.access_log), "-vv"],
        ),
        (
            "triage of an answer",
            vec!["triage", &beside("/answer.txt"), "-vv"],
        ),
        ("triage of the bundle", vec!["triage", "b.tar.gz", "-vv"]),
    ] {
        outputs.push((what.to_owned(), printed(root.path(), &arguments)));
    }
    let archive = std::fs::read(root.path().join("b.tar.gz")).unwrap();
    let members = files(&archive);
    assert!(members.len() > 6, "{}", members.len());
    outputs.extend(members);
    let leaks: Vec<Leak> = outputs
        .iter()
        .flat_map(|(name, out)| selftest::find(&plants, name, out))
        .collect();
    assert!(leaks.is_empty(), "{}", shown(&leaks));
    // The lines themselves are there: of many it is shown that something was taken out.
    let markers = |name: &str| {
        let (_, out) = outputs.iter().find(|(other, _)| other == name).unwrap();
        String::from_utf8_lossy(out).matches("«redacted:").count()
    };
    assert!(
        markers("transcript/transcript.jsonl") > 100,
        "{}",
        markers("transcript/transcript.jsonl")
    );
    assert!(outputs.len() >= 25);
}

#[test]
fn no_secret_of_a_host_with_nginx_is_printed_or_written() {
    no_leak_of(&SERVERS[0]);
}

#[test]
fn no_secret_of_a_host_with_apache_is_printed_or_written() {
    no_leak_of(&SERVERS[1]);
}

#[test]
fn no_secret_of_a_host_with_squid_is_printed_or_written() {
    no_leak_of(&SERVERS[2]);
}
