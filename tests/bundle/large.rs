//! A bundle of a host with 1 GB of logs: how long it takes and how much memory it needs.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Writes `bytes` of a log whose lines end in the last ten hours, errors being one in a hundred or fewer.
fn log(path: &std::path::Path, bytes: u64, line: impl Fn(u64, &str, &str) -> String) {
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
    let now_s = jiff::Timestamp::now().as_second();
    let (mut written, mut number) = (0, 0);
    // About 200 bytes a line.
    let lines = bytes / 200;
    while written < bytes {
        let back = 36_000_u64.saturating_sub(number * 36_000 / lines);
        let time = jiff::Timestamp::from_second(now_s - i64::try_from(back).unwrap()).unwrap();
        let error = time.strftime("%Y/%m/%d %H:%M:%S").to_string();
        let access = time.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        let text = line(number, &error, &access);
        out.write_all(text.as_bytes()).unwrap();
        written += text.len() as u64;
        number += 1;
    }
    out.flush().unwrap();
}

#[test]
#[ignore = "writes 1 GB of logs; for a release build: FIX502_LAB_TOOL=target/release/fix502"]
#[expect(clippy::print_stderr, reason = "the numbers are for whoever looks")]
fn a_gigabyte_of_logs_is_bundled_in_five_seconds_and_64_mib() {
    let root = tempfile::tempdir_in("/var/tmp").unwrap();
    for directory in ["etc/nginx", "var/log/nginx"] {
        std::fs::create_dir_all(root.path().join(directory)).unwrap();
    }
    std::fs::write(
        root.path().join("etc/nginx/nginx.conf"),
        "events {}\nhttp {\n  access_log /var/log/nginx/access.log;\n  error_log /var/log/nginx/error.log;\n  server { listen 127.0.0.1:9; location / { proxy_pass http://127.0.0.1:7; } }\n}\n",
    )
    .unwrap();
    let logs = root.path().join("var/log/nginx");
    log(&logs.join("access.log"), 700_000_000, |number, _, time| {
        format!(
            "192.0.2.{} - - [{time}] \"GET /item/{}?session=s3cr3t{number} HTTP/1.1\" {} 1570 \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\"\n",
            number % 250,
            number % 900,
            if number % 150 == 0 { 502 } else { 200 }
        )
    });
    log(&logs.join("error.log"), 300_000_000, |number, time, _| {
        format!(
            "{time} [error] 812#812: *{number} connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.{}, server: , request: \"GET /item/{} HTTP/1.1\", upstream: \"http://127.0.0.1:7/item/{}\", host: \"shop.example\"\n",
            number % 250,
            number % 900,
            number % 900
        )
    });
    let tool = std::env::var("FIX502_LAB_TOOL").unwrap_or_else(|_| env!("CARGO_BIN_EXE_fix502").to_owned());
    let began = Instant::now();
    let mut child = Command::new(tool)
        .args(["bundle", "http://127.0.0.1:9/item/7", "--ci", "--attempts", "1"])
        .arg("--root")
        .arg(root.path())
        .args(["--config", "/etc/nginx/nginx.conf", "--output"])
        .arg(root.path().join("b.tar.gz"))
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let mut most_kib = 0_u64;
    loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        most_kib = most_kib.max(peak_kib.unwrap_or(0));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let took = began.elapsed();
    let archive = std::fs::read(root.path().join("b.tar.gz")).unwrap();
    eprintln!("{took:?}, {most_kib} KiB, {} bytes", archive.len());
    fix502::bundle::read(&archive).unwrap();
    assert!(took.as_millis() <= 5_000, "{took:?}");
    assert!(most_kib <= 64 << 10, "{most_kib} KiB");
}
