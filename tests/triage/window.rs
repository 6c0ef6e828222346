//! `fix502 triage --since`: the end of the logs, counted back from their newest line.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::formats::{report_schema, valid};

/// 2026-11-20 10:00:00 UTC.
const END_MS: i64 = 1_795_168_800_000;

fn stamp(at_ms: i64, form: &str) -> String {
    let time = jiff::Timestamp::from_millisecond(at_ms).expect("a time");
    time.strftime(form).to_string()
}

/// One failed request for each minute before the end.
fn errors(minutes: i64, message: &str) -> String {
    (0..minutes).rev().fold(String::new(), |mut text, minute| {
        let time = stamp(END_MS - minute * 60_000, "%Y/%m/%d %H:%M:%S");
        let _ = writeln!(
            text,
            "{time} [error] 7#7: *{minute} {message}, client: 192.0.2.9, server: a, request: \"GET /cart HTTP/1.1\", upstream: \"http://127.0.0.1:7/cart\", host: \"a\""
        );
        text
    })
}

fn accesses(minutes: i64) -> String {
    (0..minutes).rev().fold(String::new(), |mut text, minute| {
        let time = stamp(END_MS - minute * 60_000, "%d/%b/%Y:%H:%M:%S +0000");
        let status = if minute % 2 == 0 { 502 } else { 200 };
        let _ = writeln!(
            text,
            "192.0.2.9 - - [{time}] \"GET /cart HTTP/1.1\" {status} 157 \"-\" \"curl/7.88.1\""
        );
        text
    })
}

const REFUSED: &str = "connect() failed (111: Connection refused) while connecting to upstream";
const TIMED_OUT: &str =
    "upstream timed out (110: Connection timed out) while reading response header from upstream";

fn run(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fix502"))
        .args(["triage", "--ci"])
        .args(arguments)
        .current_dir(directory)
        .env("TZ", "UTC")
        .output()
        .expect("the program runs")
}

fn report(directory: &Path, arguments: &[&str]) -> Value {
    let output = run(directory, &[arguments, &["--format", "json"]].concat());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    valid(&report_schema(None), &text, "a report with a window")
}

fn counted(report: &Value) -> u64 {
    let symptoms = report["logs"]["symptoms"].as_array().expect("symptoms");
    symptoms.iter().filter_map(|count| count["count"].as_u64()).sum()
}

#[test]
fn a_window_is_counted_back_from_the_newest_line_and_not_from_the_clock() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    std::fs::write(here.join("error.log"), errors(300, REFUSED)).expect("written");
    std::fs::write(here.join("access.log"), accesses(300)).expect("written");
    let of = |since: &str| report(here, &["error.log", "access.log", "--since", since]);
    let hour = of("1h");
    assert_eq!(
        counted(&hour),
        61,
        "from the minute an hour before the newest line on"
    );
    assert_eq!(hour["logs"]["requests"]["total"], 61);
    assert_eq!(hour["logs"]["requests"]["failed"], 31);
    let window = &hour["pieces"]["window"];
    assert_eq!(window["newest_ms"], END_MS);
    assert_eq!(window["from_ms"], END_MS - 3_600_000);
    assert_eq!(counted(&of("all")), 300);
    assert_eq!(counted(&of("2d")), 300);
    let whole = report(here, &["error.log", "access.log"]);
    assert_eq!(counted(&whole), 300);
    assert!(whole["pieces"]["window"].is_null());
    let text = run(here, &["error.log", "access.log", "--since", "10m"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    let said = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        said.contains("log lines from 2026-11-20 09:50:00 UTC on, counted back from the newest line (2026-11-20 10:00:00 UTC)"),
        "{text}"
    );
}

#[test]
fn what_was_wrong_before_the_window_is_not_judged() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    // A day of timeouts long ago, a few refused connections now.
    let old = errors(1_440, TIMED_OUT).replace("2026/11/20", "2026/11/18");
    std::fs::write(here.join("error.log"), old + &errors(20, REFUSED)).expect("written");
    let first = |report: &Value| report["pieces"]["failures"][0]["symptom"].clone();
    assert_eq!(first(&report(here, &["error.log"])), "header_timeout");
    assert_eq!(
        first(&report(here, &["error.log", "--since", "6h"])),
        "connection_refused"
    );
}

#[test]
fn long_and_packed_logs_keep_to_the_window() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    let long = errors(90_000, REFUSED);
    assert!(long.len() > 16 << 20, "it is counted as it goes by");
    std::fs::write(here.join("error.log"), &long).expect("written");
    std::fs::write(here.join("access.log"), accesses(300)).expect("written");
    let hour = report(here, &["error.log", "--since", "1h"]);
    assert_eq!(counted(&hour), 61);
    assert_eq!(hour["pieces"]["window"]["newest_ms"], END_MS);
    // Its lines may be of a zone east of here, or of a clock that was ahead.
    let file = std::fs::File::options().write(true).open(here.join("error.log"));
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_hours(1);
    file.expect("a log").set_modified(long_ago).expect("a time");
    assert_eq!(counted(&report(here, &["error.log", "--since", "1h"])), 61);
    let both = report(here, &["access.log", "error.log", "--since", "1h"]);
    assert_eq!(counted(&both), 61, "beside a short one");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, errors(500, REFUSED).as_bytes()).expect("memory");
    std::fs::write(here.join("old.gz"), packed.finish().expect("memory")).expect("written");
    assert_eq!(counted(&report(here, &["old.gz", "--since", "1h"])), 61);
}

#[test]
fn logs_without_times_lose_nothing_and_that_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let here = directory.path();
    std::fs::write(
        here.join("answer"),
        "HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\n\r\n",
    )
    .expect("written");
    let text = run(here, &["answer", "--since", "1h"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(
        text.contains("no line has a time: nothing was left out"),
        "{text}"
    );
}
