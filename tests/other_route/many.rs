//! Forty proxies of all kinds from one file: each is told for what it is, and all take as long as the slowest.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::servers::{Server, answer, fixed, forward, hanging, head, serve, socks5, target};

const PASSWORD: &str = "s3cret-of-the-list";

fn program(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fix502"));
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    command
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program can be run")
}

/// A proxy by which the target answers late.
fn slow(delay: Duration) -> Server {
    serve(false, move |stream, _| {
        if head(stream).is_some() {
            std::thread::sleep(delay);
            answer(stream, 200, "Via: 1.1 slow.test\r\n", "");
        }
    })
}

/// A proxy whose exit the target does not like.
fn banned() -> Server {
    serve(false, |stream, _| {
        if head(stream).is_some() {
            answer(stream, 403, "Server: target/1.0\r\nVia: 1.1 exit.test\r\n", "");
        }
    })
}

/// Bound and not listening: refuses, and nobody else gets the port.
fn closed() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .expect("loopback has a free port");
    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket())
        .expect("a bound socket has an address");
    (socket, address)
}

#[test]
#[expect(clippy::print_stderr, reason = "the time is for whoever looks")]
fn forty_proxies_of_all_kinds_are_told_apart_in_the_time_of_the_slowest() {
    let target = target(false, 200);
    let login: &'static str = "ann:s3cret-of-the-list";
    let mut servers: Vec<(&str, &str, Server)> = Vec::new();
    let mut add = |outcome, scheme, server| servers.push((outcome, scheme, server));
    for _ in 0..10 {
        add("works", "http", forward(false, Some(login)));
        add("works", "socks5h", socks5(Some(login)));
    }
    for _ in 0..3 {
        add("slow", "http", slow(Duration::from_millis(1_500)));
        add("target_refuses", "http", banned());
        add(
            "proxy_refuses",
            "http",
            fixed(407, "Proxy-Authenticate: Basic realm=\"x\"\r\n"),
        );
        add(
            "proxy_refuses",
            "http",
            fixed(429, "X-Brd-Error-Code: sr_rate_limit\r\nRetry-After: 9\r\n"),
        );
        add(
            "proxy_fails",
            "http",
            fixed(502, "X-Squid-Error: ERR_DNS_FAIL 0\r\n"),
        );
        add("dead", "http", hanging());
    }
    let mut list = String::from("# forty of them\n");
    let mut wanted: Vec<(String, String)> = Vec::new();
    for (number, (outcome, scheme, server)) in servers.iter().enumerate() {
        let _ = writeln!(
            list,
            "{scheme}://{login}@{} way {number} # {outcome}",
            server.address
        );
        wanted.push((format!("way {number}"), (*outcome).to_owned()));
    }
    let refusing: Vec<_> = (0..2).map(|_| closed()).collect();
    for (number, (_, address)) in refusing.iter().enumerate() {
        let _ = writeln!(list, "http://{address} shut {number}");
        wanted.push((format!("shut {number}"), "dead".to_owned()));
    }
    assert_eq!(wanted.len(), 40);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("proxies.txt");
    std::fs::write(&file, list).expect("the directory is ours");

    let url = format!("http://{}/", target.address);
    let file = file.to_string_lossy();
    let arguments = |format| {
        [
            "proxy",
            &url,
            "--proxies",
            &file,
            "--ci",
            "--deadline",
            "12s",
            "--attempts",
            "1",
            "--format",
            format,
        ]
    };
    let began = Instant::now();
    let output = program(&arguments("json"));
    let took = began.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    let report: serde_json::Value = serde_json::from_str(&text).expect("the report is JSON");
    let step = report["steps"]
        .as_array()
        .and_then(|steps| steps.iter().find(|step| step["id"] == "route"))
        .expect("step 7 is there");
    assert_eq!(step["differs"], "proxy", "{step:#}");
    let ways = step["ways"].as_array().expect("every way is told");
    assert_eq!(ways.len(), 41);
    for (label, outcome) in &wanted {
        let way = ways
            .iter()
            .find(|way| way["label"] == **label)
            .expect("every label is told");
        assert_eq!(way["outcome"], **outcome, "{way:#}");
        let slowest = way["took_us"].as_u64().unwrap_or_default();
        assert!(slowest < 5_500_000, "{way:#}");
    }
    let brd = ways
        .iter()
        .find(|way| way["provider"] == "Bright Data")
        .expect("its header is known");
    assert_eq!(
        (&brd["answered_by"], &brd["proxy_status"]),
        (&"proxy".into(), &429.into())
    );
    let sum: u64 = ways.iter().filter_map(|way| way["took_us"].as_u64()).sum();
    let slowest = ways
        .iter()
        .filter_map(|way| way["took_us"].as_u64())
        .max()
        .unwrap_or_default();
    eprintln!("40 proxies: {took:?}, the slowest way {slowest} us, the sum {sum} us");
    // One round for the slowest and one for whoever came after it, and never the sum.
    assert!(sum > slowest * 3, "{sum} and {slowest}");
    assert!(took < Duration::from_micros(sum / 2), "{took:?} of {sum} us");

    let said = program(&arguments("text"));
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&said.stdout),
        String::from_utf8_lossy(&said.stderr)
    );
    let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in [
        "20 work",
        "3 work and are slow",
        "3 the target refuses",
        "6 refuse the request",
        "5 are dead",
    ] {
        assert!(flat.contains(words), "{words}\n{said}");
    }
    assert!(said.lines().count() < 80, "{said}");
    assert!(!said.contains(PASSWORD) && !text.contains(PASSWORD));
}

#[test]
fn no_more_than_32_ways_are_tried_at_a_time() {
    let target = target(false, 200);
    let (now, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let servers: Vec<Server> = (0..80)
        .map(|_| {
            let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
            serve(false, move |stream, _| {
                if head(stream).is_some() {
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(40));
                    now.fetch_sub(1, Ordering::SeqCst);
                    answer(stream, 200, "", "");
                }
            })
        })
        .collect();
    let mut arguments = vec![
        "proxy".to_owned(),
        format!("http://{}/", target.address),
        "--ci".to_owned(),
    ];
    for server in &servers {
        arguments.extend(["--proxy".to_owned(), format!("http://{}", server.address)]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let said = program(&arguments);
    let said = String::from_utf8_lossy(&said.stdout)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    assert!(said.contains("of 80 proxies 80 work"), "{said}");
    let peak = peak.load(Ordering::SeqCst);
    assert!((2..=32).contains(&peak), "{peak}");
}

#[test]
fn a_list_with_an_error_is_a_usage_error_at_its_line_without_the_password() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("bad.txt");
    let shown = file.to_string_lossy().into_owned();
    let mut all = String::new();
    for (text, words) in [
        (
            Some("http://a.test:1\na.test:1:joe:s3cret-of-the-list\n"),
            format!("{shown}:2: "),
        ),
        (Some("# none\n"), format!("{shown} lists no proxy")),
        (None, format!("{shown} cannot be read")),
    ] {
        match text {
            Some(text) => std::fs::write(&file, text).expect("the directory is ours"),
            None => std::fs::remove_file(&file).expect("it was written before"),
        }
        let output = program(&["proxy", "http://127.0.0.1:9/", "--proxies", &shown, "--ci"]);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(&words), "{stderr}");
        all.push_str(&stderr);
    }
    assert!(!all.contains(PASSWORD));
}
