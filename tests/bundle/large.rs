//! A bundle of a host with 1 GB of logs: how long it takes and how much memory it needs.
//!
//! Run by hand: `FIX502_LAB_TOOL=target/release/fix502 cargo test --test main large -- --ignored --nocapture`.

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

/// The lines of a log, made from their number and the two ways to write a time.
type Lines = fn(u64, &str, &str) -> String;

/// The most that a bundle may need, of a host whose log lines are these.
#[derive(Clone, Copy)]
struct Bar {
    took_ms: u128,
    most_kib: u64,
}

const BAR: Bar = Bar {
    took_ms: 5_000,
    most_kib: 64 << 10,
};

fn host(access: Lines, error: Lines) -> tempfile::TempDir {
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
    log(&logs.join("access.log"), 700_000_000, access);
    log(&logs.join("error.log"), 300_000_000, error);
    root
}

/// Writes a bundle; how long it took, in milliseconds, and the most memory that was resident.
fn bundled(root: &std::path::Path) -> (u128, u64) {
    let tool = std::env::var("FIX502_LAB_TOOL").unwrap_or_else(|_| env!("CARGO_BIN_EXE_fix502").to_owned());
    let began = Instant::now();
    // In a network of its own: the sockets of whatever else runs here are no part of the host.
    let mut child = Command::new("unshare")
        .args(["-rn", "sh", "-c", "ip link set lo up; exec \"$0\" \"$@\""])
        .arg(tool)
        .args(["bundle", "http://127.0.0.1:9/item/7", "--ci", "--attempts", "1"])
        .arg("--root")
        .arg(root)
        .args(["--config", "/etc/nginx/nginx.conf", "--output"])
        .arg(root.join("b.tar.gz"))
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
    (began.elapsed().as_millis(), most_kib)
}

/// The best time and the most memory of three bundles.
#[expect(clippy::print_stderr, reason = "the numbers are for whoever looks")]
fn measured(root: &std::path::Path, bar: Bar) {
    let runs: Vec<_> = (0..3).map(|_| bundled(root)).collect();
    let archive = std::fs::read(root.join("b.tar.gz")).unwrap();
    eprintln!("(ms, KiB) {runs:?}, {} bytes", archive.len());
    let recorded = fix502::bundle::read(&archive).unwrap();
    assert!(recorded.transcript.entries().count() > 50);
    let text = String::from_utf8_lossy(&recorded.transcript.to_lines()).into_owned();
    assert!(!text.contains("s3cr3t") && !text.contains("t0k3n") && !text.contains("kunde"));
    assert!(
        runs.iter().any(|(took_ms, _)| *took_ms <= bar.took_ms),
        "{runs:?}"
    );
    assert!(
        runs.iter().all(|(_, most_kib)| *most_kib <= bar.most_kib),
        "{runs:?}"
    );
}

#[test]
#[ignore = "writes 1 GB of logs; for a release build: FIX502_LAB_TOOL=target/release/fix502"]
fn a_gigabyte_of_logs_is_bundled_in_five_seconds_and_64_mib() {
    let root = host(
        |number, _, time| {
            format!(
                "192.0.2.{} - - [{time}] \"GET /item/{}?session=s3cr3t{number} HTTP/1.1\" {} 1570 \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\"\n",
                number % 250,
                number % 900,
                if number.is_multiple_of(150) { 502 } else { 200 }
            )
        },
        |number, time, _| {
            format!(
                "{time} [error] 812#812: *{number} connect() failed (111: Connection refused) while connecting to upstream, client: 192.0.2.{}, server: , request: \"GET /item/{} HTTP/1.1\", upstream: \"http://127.0.0.1:7/item/{}\", host: \"shop.example\"\n",
                number % 250,
                number % 900,
                number % 900
            )
        },
    );
    measured(root.path(), BAR);
}

/// One of a hundred thousand clients.
fn client(number: u64) -> String {
    let number = number * 40_503 % 100_000;
    format!(
        "81.{}.{}.{}",
        2 + number / 65_536,
        number / 256 % 256,
        number % 256
    )
}

#[test]
#[ignore = "writes 1 GB of logs; for a release build: FIX502_LAB_TOOL=target/release/fix502"]
fn a_gigabyte_of_secrets_and_addresses_stays_within_the_same_bounds() {
    let root = host(
        |number, _, time| {
            format!(
                "{} - - [{time}] \"GET /item/{}?session=s3cr3t{:06} HTTP/1.1\" {} 1570 \"https://shop.acme-{}.de/?mail=user{}@kunde-{}.de\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0\"\n",
                client(number),
                number % 900,
                number % 100_000,
                if number.is_multiple_of(150) { 502 } else { 200 },
                number % 1_000,
                number % 100_000,
                number % 5_000,
            )
        },
        |number, time, _| {
            let (item, token, shop) = (number % 900, number % 100_000, number % 1_000);
            format!(
                "{time} [error] 812#812: *{number} connect() failed (111: Connection refused) while connecting to upstream, client: {}, server: shop.acme-{shop}.de, request: \"GET /item/{item}?token=t0k3n{token:06} HTTP/1.1\", upstream: \"http://127.0.0.1:7/item/{item}?token=t0k3n{token:06}\", host: \"shop.acme-{shop}.de\", referrer: \"https://x.de/?mail=user{token}@kunde-{}.de\"\n",
                client(number),
                number % 5_000,
            )
        },
    );
    measured(root.path(), BAR);
}
