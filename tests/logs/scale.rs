//! How fast logs are read, against grep on the same file. Prints what it measured; not part of an ordinary run.
//!
//! `FIX502_LOG_MIB` names other sizes than 50 and 500 (5000 needs the disk); `FIX502_LOG_DIRECTORY` where the logs are
//! made.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]

use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fix502::proxy::logs::{LogKind, LogReader};

use super::exact::counted;
use super::generator::{self, Truth};

const PATTERN: &str = "Connection refused|prematurely closed|timed out";

/// The time of the wall and of the processor that a run takes: the least of three.
fn fastest(mut run: impl FnMut()) -> (Duration, Duration) {
    (0..3)
        .map(|_| {
            let (began, used) = (Instant::now(), used());
            run();
            (began.elapsed(), self::used().saturating_sub(used))
        })
        .min_by_key(|times| times.1)
        .unwrap()
}

/// Processor time of this process and the children that ended.
fn used() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields
        .get(11..15)
        .unwrap()
        .iter()
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// What reading adds to the memory of this process, in KiB.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

fn directory() -> PathBuf {
    std::env::var_os("FIX502_LOG_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from)
}

fn read(path: &Path) -> LogReader {
    let mut file = std::fs::File::open(path).unwrap();
    let mut piece = vec![0; 128 * 1024];
    let mut reader = LogReader::default();
    reader.begin(&LogKind::NginxError, "error.log", 0);
    loop {
        let length = file.read(&mut piece).unwrap();
        if length == 0 {
            break;
        }
        reader.feed(&piece[..length]);
    }
    reader.end(None);
    reader
}

fn grep(path: &Path, locale: Option<&str>) -> (Duration, Duration) {
    fastest(|| {
        let mut command = Command::new("grep");
        // Where nobody reads its output, grep stops at the first line that matches.
        command.args(["-cE", PATTERN]).arg(path).stdout(Stdio::piped());
        if let Some(locale) = locale {
            command.env("LC_ALL", locale);
        }
        command.output().unwrap();
    })
}

#[test]
#[ignore = "a measurement"]
fn a_log_is_read_about_as_fast_as_grep_reads_it() {
    let sizes = std::env::var("FIX502_LOG_MIB").unwrap_or_else(|_| "50 500".to_owned());
    for mebibytes in sizes.split_whitespace().map(|size| size.parse::<u64>().unwrap()) {
        let path = directory().join(format!("fix502-measured-{mebibytes}-{}.log", std::process::id()));
        let mut truth = Truth::new();
        let mut out = BufWriter::new(std::fs::File::create(&path).unwrap());
        generator::write(&mut out, 5, mebibytes << 20, 1_200, &mut truth).unwrap();
        out.flush().unwrap();
        drop(out);
        let before = status("VmRSS:");
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let mut last = None;
        let ours = fastest(|| last = Some(read(&path)));
        let peak = status("VmHWM:").saturating_sub(before);
        let reader = last.unwrap();
        let (here, plain) = (grep(&path, None), grep(&path, Some("C")));
        println!(
            "{mebibytes} MiB, (wall, processor): ours {ours:?}, grep {here:?}, grep with LC_ALL=C {plain:?}; reading adds {peak} KiB; step {} min",
            reader.step_minutes()
        );
        if reader.step_minutes() == 1 {
            assert_eq!(counted(&reader), truth);
        }
        let sum: u64 = truth.values().sum();
        assert_eq!(counted(&reader).values().sum::<u64>(), sum);
        let packed = path.with_extension("log.gz");
        if mebibytes <= 500 {
            let file = std::fs::File::create(&packed).unwrap();
            Command::new("gzip")
                .args(["-1", "-c"])
                .arg(&path)
                .stdout(file)
                .status()
                .unwrap();
            let zcat = fastest(|| {
                Command::new("sh")
                    .arg("-c")
                    .arg(format!("zcat {} | cat > /dev/null", packed.display()))
                    .status()
                    .unwrap();
            });
            let ours = fastest(|| {
                let mut file = flate2::read::MultiGzDecoder::new(std::io::BufReader::new(
                    std::fs::File::open(&packed).unwrap(),
                ));
                let mut piece = vec![0; 128 * 1024];
                let mut reader = LogReader::default();
                reader.begin(&LogKind::NginxError, "error.log.gz", 0);
                loop {
                    let length = file.read(&mut piece).unwrap();
                    if length == 0 {
                        break;
                    }
                    reader.feed(&piece[..length]);
                }
            });
            println!("  packed: ours {ours:?}, zcat {zcat:?}");
            std::fs::remove_file(&packed).unwrap();
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
#[ignore = "a measurement"]
fn the_last_ten_minutes_of_a_long_log_are_there_at_once() {
    const RUNS: u32 = 20;
    let mebibytes: u64 = std::env::var("FIX502_LOG_MIB")
        .ok()
        .and_then(|size| size.parse().ok())
        .unwrap_or(500);
    let path = directory().join(format!("fix502-minutes-{mebibytes}-{}.log", std::process::id()));
    let mut truth = Truth::new();
    let mut out = BufWriter::new(std::fs::File::create(&path).unwrap());
    generator::write(&mut out, 5, mebibytes << 20, 1_200, &mut truth).unwrap();
    out.flush().unwrap();
    drop(out);
    let program = std::env::var_os("FIX502_MEASURED").unwrap_or_else(|| env!("CARGO_BIN_EXE_fix502").into());
    let mut times = Vec::new();
    let used_before = used();
    for _ in 0..RUNS {
        let began = Instant::now();
        let output = Command::new(&program)
            .args(["triage", "--ci", "--format", "json", "--since", "10m"])
            .arg(&path)
            .output()
            .unwrap();
        times.push(began.elapsed());
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let window = &report["pieces"]["window"];
        let length_ms = window["newest_ms"].as_i64().unwrap() - window["from_ms"].as_i64().unwrap();
        assert_eq!(length_ms, 600_000);
        assert!(report["logs"]["symptoms"][0]["count"].as_u64().unwrap() > 0);
    }
    times.sort();
    println!(
        "{mebibytes} MiB, the last 10 minutes, the whole program: wall {:?} (median of {RUNS}), processor {:?}",
        times[times.len() / 2],
        used().saturating_sub(used_before) / RUNS
    );
    std::fs::remove_file(&path).unwrap();
}
