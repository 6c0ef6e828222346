//! Logs are found through the configuration, followed back through rotated and packed files, and read from a time
//! on.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::generator::stamp;
use crate::formats::{report_schema, valid};

pub(super) fn now_s() -> u64 {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs()
}

fn error(at_s: u64, message: &str) -> String {
    format!(
        "{} [error] 7#7: *1 {message} while connecting to upstream, client: 192.0.2.9, server: , request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:7/cart\", host: \"127.0.0.1:9\"\n",
        stamp(at_s)
    )
}

/// Writes a file that was last changed then.
pub(super) fn write(root: &Path, name: &str, bytes: &[u8], changed_s: u64) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    let mut file = std::fs::File::create(path).expect("a file");
    file.write_all(bytes).expect("written");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(changed_s))
        .expect("its time is set");
}

/// A host with logs of the last hours: errors for three hours, before that another one a week ago.
fn host(now_s: u64) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    let here = root.path();
    write(
        here,
        "etc/nginx/nginx.conf",
        b"events {}\nhttp {\n  log_format own '$status|$time_iso8601|$request';\n  access_log /srv/log/own.log own;\n  error_log /srv/log/bad.log;\n  server {\n    listen 127.0.0.1:9;\n    access_log syslog:server=unix:/dev/log;\n    access_log /srv/log/own.log own;\n    location / { proxy_pass http://127.0.0.1:7; }\n  }\n}\n",
        now_s,
    );
    let refused = "connect() failed (111: Connection refused)";
    let run = |from_s: u64, to_s: u64| -> String {
        (from_s..to_s).step_by(60).map(|at_s| error(at_s, refused)).collect()
    };
    let (hour, began_s) = (3_600, now_s - 3 * 3_600 + 600);
    write(
        here,
        "srv/log/bad.log",
        run(now_s - hour, now_s).as_bytes(),
        now_s,
    );
    write(
        here,
        "srv/log/bad.log.1",
        run(now_s - 2 * hour, now_s - hour).as_bytes(),
        now_s - hour,
    );
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(run(began_s, now_s - 2 * hour).as_bytes())
        .expect("memory");
    write(
        here,
        "srv/log/bad.log.2.gz",
        &packed.finish().expect("memory"),
        now_s - 2 * hour,
    );
    let week_s = now_s - 7 * 86_400;
    write(
        here,
        "srv/log/bad.log-20261101",
        error(week_s, refused).as_bytes(),
        week_s,
    );
    write(
        here,
        "srv/log/bad.log.bak",
        run(now_s - hour, now_s).as_bytes(),
        now_s,
    );
    let time = stamp(now_s - 30).replace('/', "-").replace(' ', "T");
    let access = format!("502|{time}+00:00|GET /cart?x=1 HTTP/1.1\n200|{time}+00:00|GET /cart HTTP/1.1\n");
    write(here, "srv/log/own.log", access.as_bytes(), now_s);
    root
}

fn logs(root: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args([
            "--ci",
            "--format",
            "json",
            "--config",
            "/etc/nginx/nginx.conf",
            "--attempts",
            "1",
            "--deadline",
            "20s",
        ])
        .arg("--root")
        .arg(root)
        .args(arguments)
        .arg("http://127.0.0.1:9/cart")
        .env("TZ", "UTC")
        .output()
        .expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut report = valid(&report_schema(None), &text, "a report with logs");
    report["logs"].take()
}

fn errors(logs: &Value) -> u64 {
    let symptoms = logs["symptoms"].as_array().expect("symptoms");
    symptoms.iter().filter_map(|count| count["count"].as_u64()).sum()
}

#[test]
fn errors_are_followed_back_to_their_beginning_through_rotated_files() {
    let now_s = now_s();
    let root = host(now_s);
    let logs = logs(root.path(), &[]);
    let files: Vec<&str> = logs["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(
        files,
        [
            "/srv/log/bad.log",
            "/srv/log/bad.log.1",
            "/srv/log/bad.log.2.gz",
            "/srv/log/own.log"
        ]
    );
    assert_eq!(
        errors(&logs),
        170,
        "one a minute for three hours less ten minutes"
    );
    let began_ms = i64::try_from((now_s - 3 * 3_600 + 600) * 1_000).expect("a time");
    assert_eq!(logs["history"]["began_ms"], began_ms);
    assert_eq!(logs["history"]["ongoing"], true);
    assert_eq!(logs["elsewhere"][0], "syslog:server=unix:/dev/log");
    assert_eq!(logs["history"]["first_error"]["symptom"], "connection_refused");
    let requests = &logs["requests"];
    assert_eq!(
        (&requests["total"], &requests["failed"]),
        (&Value::from(2), &Value::from(1))
    );
    assert_eq!(requests["by_path"][0]["path"], "/cart");
}

#[test]
fn since_reads_exactly_that_far_back() {
    let root = host(now_s());
    let of = |since: &str| errors(&logs(root.path(), &["--since", since]));
    let ten = of("10m");
    assert!((9..=11).contains(&ten), "{ten}");
    assert_eq!(of("all"), 171, "the one of last week too, and no copy");
    assert_eq!(of("1d"), 170);
}
