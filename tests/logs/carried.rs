//! Logs that go to syslog or the journal: found, unwrapped, and counted like those in files.

use std::fmt::Write as _;
use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fix502::evidence::{LogAccount, Symptom};
use fix502::proxy::logs::{Carrier, LogKind, LogReader, Tagged};
use serde_json::Value;

use super::host::{now_s, write};
use crate::formats::{report_schema, valid};
use crate::programs::install;

/// 2026-11-23 03:00:00 UTC.
const NOW_MS: i64 = 1_795_402_800_000;

fn tagged(tag: &str, kind: &str) -> Tagged {
    Tagged {
        tag: tag.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
    }
}

fn read(bytes: &[u8], tags: Vec<Tagged>, now_ms: i64) -> LogAccount {
    let mut reader = LogReader::default();
    reader.begin(&LogKind::Carried(Carrier { tags, now_ms }), "/var/log/syslog", 0);
    for piece in bytes.chunks(1_000) {
        reader.feed(piece);
    }
    reader.account()
}

fn count(account: &LogAccount, symptom: Symptom, upstream: &str) -> u64 {
    let same = account
        .symptoms
        .iter()
        .filter(|count| count.symptom == symptom && count.upstream.as_deref() == Some(upstream));
    same.map(|count| count.count).sum()
}

#[test]
fn what_nginx_apache_squid_and_php_fpm_sent_to_one_socket_is_counted_in_one_pass() {
    let bytes = include_bytes!("../fixtures/syslog/servers.txt");
    let tags = vec![
        tagged("edge", "nginx error"),
        tagged("edge_access", "nginx access"),
        tagged("shop", "apache error"),
        tagged("apache_access", "apache access"),
        tagged("squid", "squid access"),
        tagged("squid", "squid cache"),
        tagged("fpm-shop", "application"),
    ];
    let account = read(bytes, tags, NOW_MS);
    assert_eq!(
        count(&account, Symptom::ConnectionRefused, "http://127.0.0.1:9"),
        1,
        "nginx"
    );
    let refused: u64 = account
        .symptoms
        .iter()
        .filter(|count| count.symptom == Symptom::ConnectionRefused)
        .map(|count| count.count)
        .sum();
    assert_eq!(refused, 2, "nginx and Apache: {:?}", account.symptoms);
    assert_eq!((account.requests.total, account.requests.failed), (3, 3));
    assert!(
        account
            .events
            .iter()
            .any(|event| event.text.contains("fpm is running"))
    );
    assert_eq!(account.oddities.clock_jumps, 0);
    // Only what was asked for.
    let account = read(bytes, vec![tagged("edge", "nginx error")], NOW_MS);
    assert_eq!((account.symptoms.len(), account.requests.total), (1, 0));
}

#[test]
fn a_syslog_of_a_busy_host_is_read_in_bounded_memory_and_only_for_its_tag() {
    let mut text = String::new();
    for second in 0..3_600 {
        let (minute, second) = (second / 60, second % 60);
        for other in ["sshd[1]", "cron[2]", "kernel"] {
            let _ = writeln!(
                text,
                "Nov 23 01:{minute:02}:{second:02} vm {other}: 2026/11/23 01:00:00 [error] 1#1: connect() failed (111: Connection refused), upstream: \"http://x\""
            );
        }
        let _ = writeln!(
            text,
            "Nov 23 01:{minute:02}:{second:02} vm edge: 2026/11/23 01:{minute:02}:{second:02} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.9, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:7/\", host: \"a\""
        );
    }
    let account = read(text.as_bytes(), vec![tagged("edge", "nginx error")], NOW_MS);
    assert_eq!(
        count(&account, Symptom::ConnectionRefused, "http://127.0.0.1:7"),
        3_600
    );
    assert_eq!(account.symptoms.len(), 1);
}

/// Runs fix502 on the files of another host.
fn report(root: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args(["--ci", "--format", "json", "--config", "/etc/nginx/nginx.conf"])
        .args(["--attempts", "1", "--deadline", "20s", "--root"])
        .arg(root)
        .args(arguments)
        .arg("http://127.0.0.1:9/cart")
        .env("TZ", "UTC")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    valid(&report_schema(None), &text, "a report with carried logs")
}

fn configuration(error_log: &str, access_log: &str) -> Vec<u8> {
    format!("events {{}}\nerror_log {error_log};\nhttp {{\n  access_log {access_log};\n  server {{\n    listen 127.0.0.1:9;\n    location / {{ proxy_pass http://127.0.0.1:7; }}\n  }}\n}}\n").into_bytes()
}

fn stamps(at_s: u64) -> (String, String, String) {
    let time = jiff::Timestamp::from_second(i64::try_from(at_s).expect("small")).expect("a time");
    (
        time.strftime("%b %e %H:%M:%S").to_string(),
        time.strftime("%Y/%m/%d %H:%M:%S").to_string(),
        time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
    )
}

fn syslog(now_s: u64, minutes: u64) -> String {
    (0..minutes).rev().fold(String::new(), |mut text, minute| {
        let (short, own, access) = stamps(now_s - 5 - minute * 60);
        let _ = writeln!(text, "{short} vm cron[7]: (root) CMD (true)");
        let _ = writeln!(text, "{short} vm edge: {own} [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.9, server: , request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:7/cart\", host: \"a\"");
        let _ = writeln!(text, "{short} vm edge: 192.0.2.9 - - [{access}] \"GET /cart HTTP/1.1\" 502 157 \"-\" \"curl/7.88.1\"");
        text
    })
}

fn errors(report: &Value) -> u64 {
    let symptoms = report["logs"]["symptoms"].as_array();
    let symptoms = symptoms.unwrap_or_else(|| panic!("not read: {}", report["incomplete"]));
    symptoms.iter().filter_map(|count| count["count"].as_u64()).sum()
}

#[test]
fn without_a_journal_the_file_of_the_syslog_daemon_is_read() {
    let now_s = now_s();
    let root = tempfile::tempdir().expect("a directory");
    let here = root.path();
    let target = "syslog:server=unix:/dev/log,tag=edge";
    write(
        here,
        "etc/nginx/nginx.conf",
        &configuration(target, target),
        now_s,
    );
    write(here, "var/log/syslog", syslog(now_s, 40).as_bytes(), now_s);
    let found = report(here, &["--since", "1h"]);
    assert_eq!(errors(&found), 40);
    assert_eq!(found["logs"]["requests"]["failed"], 40);
    assert_eq!(found["logs"]["elsewhere"].as_array().map(Vec::len), Some(0));
    assert_eq!(found["logs"]["carried"][0]["source"]["seen"], "/var/log/syslog");
    assert_eq!(
        found["logs"]["files"].as_array().map(Vec::len),
        Some(1),
        "in one pass"
    );
    let ten = errors(&report(here, &["--since", "10m"]));
    assert!((9..=11).contains(&ten), "{ten}");
    // Where the daemon has a file for this name, it is that one.
    write(
        here,
        "etc/rsyslog.d/edge.conf",
        b"if $programname == 'edge' then -/srv/log/edge.log\n",
        now_s,
    );
    write(here, "srv/log/edge.log", syslog(now_s, 7).as_bytes(), now_s);
    assert_eq!(errors(&report(here, &["--since", "1h"])), 7);
}

#[test]
fn a_log_that_nobody_can_read_here_is_said_and_never_fine() {
    let now_s = now_s();
    let root = tempfile::tempdir().expect("a directory");
    let here = root.path();
    for (target, said) in [
        (
            "syslog:server=10.0.0.5:514",
            "it goes to the syslog server 10.0.0.5:514, which is out of reach from here",
        ),
        (
            "syslog:server=unix:/dev/log",
            "no journal and no file of the syslog daemon is here",
        ),
        ("memory:32m", "nothing keeps it"),
    ] {
        write(here, "etc/nginx/nginx.conf", &configuration(target, "off"), now_s);
        let found = report(here, &[]);
        let holes = found["incomplete"].as_array().cloned().unwrap_or_default();
        let hole = holes
            .iter()
            .find(|hole| hole["what"].as_str().is_some_and(|what| what.contains(target)));
        assert_eq!(
            hole.map(|hole| hole["why"].clone()),
            Some(Value::from(said)),
            "{target}: {holes:?}"
        );
    }
}

/// A program that answers like journalctl with this text, whatever it is asked; what it was asked lies beside it.
fn journalctl(directory: &Path, prints: &str, complains: &str) {
    std::fs::write(directory.join("answer"), prints).expect("written");
    std::fs::write(directory.join("complaint"), complains).expect("written");
    let at = directory.display();
    let script =
        format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >> {at}/asked\ncat {at}/complaint >&2\ncat {at}/answer\n");
    let written = directory.join("journalctl.sh");
    std::fs::write(&written, script).expect("written");
    install(&written, &directory.join("journalctl"));
}

/// Runs fix502 on this host with that journal.
fn with_journal(directory: &Path) -> Value {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args([
            "--ci",
            "--format",
            "json",
            "--attempts",
            "1",
            "--deadline",
            "20s",
            "--since",
            "1h",
            "--config",
        ])
        .arg(directory.join("nginx.conf"))
        .arg("http://127.0.0.1:9/cart")
        .env("TZ", "UTC")
        .env("PATH", format!("{}:{path}", directory.display()))
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    valid(&report_schema(None), &text, "a report with a journal")
}

#[test]
fn the_journal_is_asked_for_the_tag_and_only_so_far_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    let now_s = now_s();
    let target = "syslog:server=unix:/dev/log,tag=edge-of-a-test";
    std::fs::write(here.join("nginx.conf"), configuration(target, target)).expect("written");
    // The journal writes the zone; nginx inside the message does not.
    let lines = syslog(now_s, 30).replace(" edge:", " edge-of-a-test[77]:");
    let lines: String = lines.lines().fold(String::new(), |mut text, line| {
        let time = jiff::Timestamp::from_second(i64::try_from(now_s).expect("small")).expect("a time");
        let time = time.strftime("%Y-%m-%dT%H:%M:%S.123456+0000");
        let _ = writeln!(text, "{time} {}", &line[16..]);
        text
    });
    journalctl(here, &lines, "");
    let found = with_journal(here);
    assert_eq!(errors(&found), 30);
    assert_eq!(found["logs"]["requests"]["failed"], 30);
    assert_eq!(found["logs"]["carried"][0]["source"]["seen"], "journal");
    let asked = std::fs::read_to_string(here.join("asked")).expect("it was asked");
    let own: Vec<&str> = asked
        .lines()
        .filter(|line| line.contains("SYSLOG_IDENTIFIER=edge-of-a-test"))
        .collect();
    assert!(own.len() >= 2, "{asked}");
    for line in &own {
        assert!(
            line.contains("--no-pager") && line.contains("-n ") && line.contains("--since @"),
            "{line}"
        );
        assert!(line.contains("-o short-iso-precise"), "{line}");
    }
}

#[test]
fn a_journal_of_others_is_no_empty_journal() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    let target = "syslog:server=unix:/dev/log,tag=edge-of-a-test";
    std::fs::write(here.join("nginx.conf"), configuration(target, "off")).expect("written");
    journalctl(
        here,
        "-- No entries --\n",
        "Hint: You are currently not seeing messages from other users and the system.\n",
    );
    let found = with_journal(here);
    let holes = found["incomplete"].as_array().cloned().unwrap_or_default();
    let hole = holes
        .iter()
        .find(|hole| hole["what"].as_str().is_some_and(|what| what.contains(target)));
    let hole = hole.unwrap_or_else(|| panic!("{holes:?}"));
    assert_eq!(hole["settle_with"], "sudo journalctl -n 50 -t edge-of-a-test");
}

/// Ends a child when the test ends.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_real_nginx_that_logs_to_a_socket_is_understood() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    let socket = UnixDatagram::bind(here.join("log")).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("a timeout");
    // Two ports that nobody has: one to listen on, one that refuses. At addresses of this test alone: another
    // test may look for a closed port at 127.0.0.1 just then, and its request would be counted here.
    let port = |host: &str| {
        std::net::TcpListener::bind((host, 0))
            .expect("a port")
            .local_addr()
            .expect("an address")
            .port()
    };
    let (front, back) = ("127.83.1.1", "127.83.1.2");
    let (listen, dead) = (port(front), port(back));
    let at = here.display();
    let text = format!(
        "daemon off; master_process off; pid {at}/pid; error_log syslog:server=unix:{at}/log,tag=edge;\nevents {{}}\nhttp {{\n  access_log syslog:server=unix:{at}/log,tag=edge,severity=info combined;\n  client_body_temp_path {at}; proxy_temp_path {at}; fastcgi_temp_path {at}; uwsgi_temp_path {at}; scgi_temp_path {at};\n  server {{ listen {front}:{listen}; location / {{ proxy_pass http://{back}:{dead}; }} }}\n}}\n"
    );
    std::fs::write(here.join("nginx.conf"), text).expect("written");
    let spawned = Command::new("nginx")
        .arg("-c")
        .arg(here.join("nginx.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(child) = spawned else {
        // No nginx here: the recorded lines of other tests stand for it.
        return;
    };
    let _nginx = Ended(child);
    let began = Instant::now();
    let mut answered = 0;
    while answered < 3 && began.elapsed() < Duration::from_secs(10) {
        if let Ok(mut stream) = std::net::TcpStream::connect((front, listen)) {
            let _ = std::io::Write::write_all(&mut stream, b"GET /cart HTTP/1.0\r\n\r\n");
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            answered += u64::from(answer.contains(" 502 "));
        } else {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let (mut bytes, mut piece) = (Vec::new(), [0_u8; 8_192]);
    while let Ok(length) = socket.recv(&mut piece) {
        bytes.extend_from_slice(&piece[..length]);
        bytes.push(b'\n');
    }
    let now_ms = i64::try_from(now_s() * 1_000).expect("a time");
    let tags = vec![tagged("edge", "nginx error"), tagged("edge", "nginx access")];
    let account = read(&bytes, tags, now_ms);
    assert!(answered > 0, "nginx did not answer");
    let upstream = format!("http://{back}:{dead}");
    assert_eq!(
        count(&account, Symptom::ConnectionRefused, &upstream),
        answered,
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    assert_eq!(
        (account.requests.total, account.requests.failed),
        (answered, answered)
    );
}
