//! Passwords of proxies and of the URL: sent to whom they belong, and written nowhere.

use std::io::Read as _;
use std::process::{Command, Output};

use base64::Engine as _;

use super::servers::{Server, fixed, forward, header, socks5, target};

/// The password of the URL and that of the proxies: as typed and as sent.
const OF_URL: (&str, &str) = ("t%40p-url-s3cret", "t@p-url-s3cret");
const OF_PROXY: (&str, &str) = ("pr%3Axy-s3cret%2F", "pr:xy-s3cret/");

fn basic(user: &str, password: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))
}

/// Runs the program without the proxy variables of whoever runs the tests.
fn program(directory: &std::path::Path, arguments: &[&str], variables: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fix502"));
    command
        .args(arguments)
        .args(["--deadline", "8s", "--attempts", "1", "--color", "never"])
        .current_dir(directory);
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    for (name, value) in variables {
        command.env(name, value);
    }
    command.output().expect("the program starts")
}

#[track_caller]
fn holds_no_secret(what: &str, bytes: &[u8]) {
    let engine = base64::engine::general_purpose::STANDARD;
    for (user, (typed, sent)) in [("joe", OF_URL), ("ann", OF_PROXY)] {
        for needle in [
            typed.to_owned(),
            sent.to_owned(),
            "s3cret".to_owned(),
            basic(user, sent),
            engine.encode(sent),
            engine.encode(typed),
        ] {
            let found = bytes.windows(needle.len()).position(|part| part == needle.as_bytes());
            if let Some(at) = found {
                let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
                panic!("{what} holds {needle}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

fn unpacked(directory: &std::path::Path) -> Vec<u8> {
    let file = std::fs::read_dir(directory)
        .expect("the directory is ours")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .expect("a bundle was written");
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(&file).expect("the bundle is ours"))
        .read_to_end(&mut bytes)
        .expect("the bundle is gzip");
    std::fs::remove_file(file).expect("the bundle is ours");
    bytes
}

fn urls(target: &Server, proxies: &[(&str, &Server)]) -> Vec<String> {
    let mut words = vec![format!("http://joe:{}@{}/", OF_URL.0, target.address)];
    for (scheme, server) in proxies {
        words.push("--proxy".to_owned());
        words.push(format!("{scheme}ann:{}@{}", OF_PROXY.0, server.address));
    }
    words
}

#[test]
fn no_output_and_no_bundle_holds_a_password() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let target = target(false, 502);
    let echo = forward(false, Some("somebody:else"));
    let good = forward(false, Some("ann:pr:xy-s3cret/"));
    let socks = socks5(Some("ann:pr:xy-s3cret/"));
    let words = urls(
        &target,
        &[("http://", &good), ("", &echo), ("socks5h://", &socks)],
    );
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    for extra in [
        &["--ci", "-vvv"][..],
        &["--ci", "--format", "json"],
        &["proxy", "-vv"],
        &["bundle"],
    ] {
        let mut arguments = words.clone();
        let command: Vec<&str> = extra.iter().copied().filter(|word| !word.starts_with('-')).collect();
        if matches!(command.as_slice(), ["proxy" | "bundle"]) {
            arguments.splice(0..0, extra.iter().copied());
        } else {
            arguments.extend(extra);
        }
        let output = program(directory.path(), &arguments, &[]);
        let what = extra.join(" ");
        assert!(
            !output.stdout.is_empty(),
            "{what}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        holds_no_secret(&format!("stdout of {what}"), &output.stdout);
        holds_no_secret(&format!("stderr of {what}"), &output.stderr);
    }
    let bundle = unpacked(directory.path());
    holds_no_secret("the bundle", &bundle);
    let text = String::from_utf8_lossy(&bundle);
    assert!(
        text.contains("process_table") && text.contains("\"fetch\""),
        "the transcript is there"
    );
    // They were sent, and repeated by target and proxy, so that there was something to hide.
    let url_login = format!("Basic {}", basic("joe", OF_URL.1));
    assert!(
        target
            .arrived()
            .iter()
            .all(|head| header(head, "authorization") == Some(&url_login))
    );
    let proxy_login = format!("Basic {}", basic("ann", OF_PROXY.1));
    for proxy in [&good, &echo] {
        let arrived = proxy.arrived();
        assert!(!arrived.is_empty());
        assert!(
            arrived
                .iter()
                .all(|head| header(head, "proxy-authorization") == Some(&proxy_login))
        );
    }
    assert!(socks.arrived().contains(&"ann:pr:xy-s3cret/".to_owned()));
}

#[test]
fn the_proxy_variables_are_asked_with_their_login_unless_the_target_is_exempt() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, scheme, tls) in [
        ("http_proxy", "http://", false),
        ("HTTP_PROXY", "", false),
        ("https_proxy", "http://", true),
        ("HTTPS_PROXY", "http://", true),
        ("all_proxy", "http://", true),
        ("ALL_PROXY", "http://", false),
    ] {
        let target = target(tls, 200);
        let proxy = forward(false, Some("ann:pr:xy-s3cret/"));
        let url = format!("{}://{}/", if tls { "https" } else { "http" }, target.address);
        let value = format!("{scheme}ann:{}@{}", OF_PROXY.0, proxy.address);
        let exempt = ("no_proxy", "x.test,127.0.0.0/8".to_owned());
        let output = program(
            directory.path(),
            &["proxy", &url, "-v"],
            &[(name, value.clone()), exempt],
        );
        assert_eq!(
            proxy.arrived(),
            Vec::<String>::new(),
            "{name} for an exempt target"
        );
        holds_no_secret(name, &output.stdout);
        let output = program(directory.path(), &["proxy", &url, "-v"], &[(name, value)]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(proxy.arrived().len(), 1, "{name}: {text}");
        assert!(
            text.contains("no way differs: 200 directly and through the proxy"),
            "{name}: {text}"
        );
        holds_no_secret(name, &output.stdout);
        holds_no_secret(name, &output.stderr);
    }
}

#[test]
fn a_broken_proxy_variable_is_refused_without_its_password() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let server = fixed(200, "");
    let value = format!("ftp://ann:{}@{}", OF_PROXY.0, server.address);
    let output = program(
        directory.path(),
        &["proxy", "http://127.0.0.1:9/"],
        &[("http_proxy", value)],
    );
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("http_proxy"), "{text}");
    holds_no_secret("stderr", &output.stderr);
}
