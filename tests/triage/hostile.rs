//! Hostile pastes: whatever is in them reaches the terminal harmless, and nothing makes the program fail.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::{judged, pasted};
use fix502::triage::{self, Input};

const REFUSED: &str = "2026/11/22 02:51:10 [error] 1#1: *3 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.5, server: shop.test, request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:8080/cart\", host: \"shop.test\"";

/// Runs the program on standard input; code, stdout, stderr.
fn run(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(input).expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn harmless(text: &str) -> bool {
    text.chars().all(|character| {
        character == '\n'
            || !(character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200f}'))
    })
}

#[test]
fn escape_sequences_and_reading_directions_reach_the_terminal_written_out() {
    let evil = REFUSED
        .replace(
            "/cart HTTP",
            "/\u{202e}evil\u{1b}]0;title\u{7}\u{1b}[2J\u{8} HTTP",
        )
        .replace("shop.test", "sh\u{200b}op.test");
    let text = format!("{evil}\n\u{1b}[31m{REFUSED}\u{1b}[0m\n");
    for arguments in [
        &["triage", "-"][..],
        &["triage", "-", "--format", "text"],
        &["triage", "-", "-v"],
    ] {
        let (code, out, error) = run(arguments, text.as_bytes());
        assert_eq!(code, 3, "{out}{error}");
        assert!(harmless(&out) && harmless(&error), "{arguments:?}: {out:?}");
        assert!(out.contains("127.0.0.1:8080"));
    }
    let (code, out, error) = run(&["explain", &evil], b"");
    assert_eq!(code, 0, "{error}");
    assert!(harmless(&out), "{out:?}");
}

#[test]
fn secrets_in_a_paste_are_not_shown() {
    let text = format!(
        "{}\n\n$ curl -v https://shop.test/cart\n> GET /cart HTTP/1.1\n> Host: shop.test\n> Authorization: Basic dXNlcjpzdHJlbmdnZWhlaW0=\n> Cookie: session=s3ss10nS3cr3t\n>\n< HTTP/1.1 502 Bad Gateway\n< Server: nginx\n< Set-Cookie: session=s3ss10nS3cr3t\n<\n",
        REFUSED.replace("/cart HTTP", "/cart?access_token=gEh31mT0ken12345 HTTP")
    );
    for arguments in [
        &["triage", "-", "-v"][..],
        &["triage", "-", "--format", "json"],
        &["triage", "-", "--format", "html"],
    ] {
        let (_, out, error) = run(arguments, text.as_bytes());
        for secret in ["dXNlcjpzdHJlbmdnZWhlaW0", "s3ss10nS3cr3t", "gEh31mT0ken12345"] {
            assert!(
                !out.contains(secret) && !error.contains(secret),
                "{arguments:?} {secret}"
            );
        }
        assert!(out.contains("127.0.0.1:8080"), "{out}{error}");
    }
}

#[test]
fn standard_input_is_read_and_the_report_is_the_same_as_of_a_file() {
    let (code, out, _) = run(&["triage", "-", "--format", "json"], REFUSED.as_bytes());
    assert_eq!(code, 3);
    let value: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["verdict"]["status"], "undecided");
    assert_eq!(value["pieces"]["used"][0]["kind"], "nginx error log");
    assert_eq!(value["incomplete"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_is_not_recognised_is_said() {
    let (code, _, error) = run(&["triage", "-"], b"dear support, it does not work\n");
    assert_eq!(code, 2);
    assert!(error.contains("nothing in it can be used"), "{error}");
    let (snapshot, _) = judged(vec![
        Input {
            name: "a.log".to_owned(),
            bytes: REFUSED.as_bytes().to_vec(),
            account: None,
        },
        Input {
            name: "screenshot.png".to_owned(),
            bytes: vec![0; 100],
            account: None,
        },
        Input {
            name: "empty".to_owned(),
            bytes: Vec::new(),
            account: None,
        },
    ]);
    let unused = snapshot.pieces.expect("pieces").unused;
    let names: Vec<&str> = unused.iter().map(|piece| piece.name.as_str()).collect();
    assert_eq!(names, ["screenshot.png", "empty"]);
}

#[test]
fn a_pasted_line_is_explained_with_what_it_leaves_open() {
    let (code, out, _) = run(&["explain", REFUSED], b"");
    assert_eq!(code, 0);
    for word in [
        "What it means",
        "What it does not mean",
        "upstream-not-running",
        "firewall-reject",
        "sudo ss -ltnp",
    ] {
        assert!(out.contains(word), "{word}: {out}");
    }
    let (code, _, error) = run(&["explain", "this is no line of a log"], b"");
    assert_eq!(code, 2);
    assert!(error.contains("not known"), "{error}");
}

#[test]
fn errors_of_uwsgi_fastcgi_and_proxy_advise_their_own_directives() {
    for (upstream, own, others) in [
        (
            "uwsgi://127.0.0.1:3031",
            "uwsgi_read_timeout",
            ["fastcgi_read_timeout", "proxy_read_timeout"],
        ),
        (
            "fastcgi://127.0.0.1:9000",
            "fastcgi_read_timeout",
            ["uwsgi_read_timeout", "proxy_read_timeout"],
        ),
        (
            "http://127.0.0.1:8080/",
            "proxy_read_timeout",
            ["uwsgi_read_timeout", "fastcgi_read_timeout"],
        ),
    ] {
        let line = REFUSED
            .replace(
                "connect() failed (111: Connection refused) while connecting to upstream",
                "upstream timed out (110: Connection timed out) while reading response header from upstream",
            )
            .replace("http://127.0.0.1:8080/cart", upstream);
        let page = triage::explain_line(&line).expect("a line");
        assert!(page.contains(own), "{page}");
        let (_, diagnosis) = pasted(&line.replace(
            "upstream timed out (110: Connection timed out)",
            "upstream sent too big header",
        ));
        let report = format!("{:?}", diagnosis.findings);
        let buffer = own.replace("read_timeout", "buffer_size");
        assert!(report.contains(&buffer), "{upstream}: {report}");
        for other in others {
            assert!(!page.contains(other), "{other}: {page}");
            assert!(
                !report.contains(&other.replace("read_timeout", "buffer_size")),
                "{other}: {report}"
            );
        }
    }
}

#[test]
fn denied_on_tcp_and_on_a_socket_lead_to_different_causes() {
    let denied = REFUSED.replace(
        "connect() failed (111: Connection refused)",
        "connect() to X failed (13: Permission denied)",
    );
    let (_, tcp) = pasted(&denied);
    let (_, unix) = pasted(&denied.replace("http://127.0.0.1:8080/cart", "http://unix:/run/app.sock:/cart"));
    assert_eq!(
        tcp.verdict.also_possible.first().map(String::as_str),
        Some("selinux-denied")
    );
    assert_eq!(
        unix.verdict.also_possible.first().map(String::as_str),
        Some("unix-socket-permission")
    );
    assert!(
        !tcp.verdict
            .also_possible
            .contains(&"unix-socket-permission".to_owned())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_sorted_and_judged(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = judged(vec![Input { name: "x".to_owned(), bytes, account: None }]);
    }

    #[test]
    fn any_mix_of_lines_is_sorted_and_judged(lines in proptest::collection::vec(
        prop_oneof![
            Just(REFUSED.to_owned()),
            Just("HTTP/1.1 502 Bad Gateway".to_owned()),
            Just("< HTTP/1.1 502 x".to_owned()),
            Just("Server: nginx".to_owned()),
            Just(String::new()),
            Just("```".to_owned()),
            Just("server {".to_owned()),
            Just("  proxy_pass http://127.0.0.1:1;".to_owned()),
            Just("}".to_owned()),
            Just("State Recv-Q Send-Q Local Address:Port".to_owned()),
            Just("LISTEN 0 1 127.0.0.1:8080 0.0.0.0:*".to_owned()),
            Just("× app.service - App".to_owned()),
            Just("     Active: failed (Result: oom-kill)".to_owned()),
            Just("-A OUTPUT -p tcp --dport 8080 -j REJECT".to_owned()),
            Just("CONTAINER ID   STATUS PORTS".to_owned()),
            Just("Nov 22 02:51:09 a kernel: Killed process 1 (x)".to_owned()),
            "\\PC{0,60}",
        ], 0..30)) {
        let (snapshot, diagnosis) = pasted(&lines.join("\n"));
        // A refusal, whatever stands around it by chance, is decided only with proof beside the line.
        if diagnosis.verdict.cause.as_deref() == Some("upstream-not-running") {
            prop_assert!(snapshot.units.seen().is_some());
        }
    }
}
