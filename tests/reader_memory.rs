//! The readers of configurations need memory in proportion to what they read, whatever it is.
//!
//! The built program reads files of hostile shapes; the kernel counts the most memory it ever held. To add a
//! shape: a row in [`shapes`].

#![expect(
    clippy::disallowed_methods,
    reason = "tests play the host: they run commands and write files"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

/// The most memory for each byte of the file, beyond what the program needs for a file of nothing.
const MOST_TIMES: u64 = 20;

/// The server, what is hostile, and the text.
fn shapes() -> Vec<(&'static str, &'static str, String)> {
    let numbered = |count: usize, line: fn(&mut String, usize)| {
        let mut text = String::new();
        (0..count).for_each(|number| line(&mut text, number));
        text
    };
    vec![
        ("squid", "the shortest lines", "a\n".repeat(190_000)),
        (
            "squid",
            "one list of a million words",
            format!("acl a dst {}\n", "b ".repeat(200_000)),
        ),
        (
            "squid",
            "patterns of one letter",
            format!("acl a url_regex {}\n", "b ".repeat(200_000)),
        ),
        ("squid", "many lines of one list", "acl a dst b\n".repeat(30_000)),
        (
            "squid",
            "many lists",
            numbered(30_000, |text, number| _ = writeln!(text, "acl a{number} src b")),
        ),
        (
            "squid",
            "unknown directives",
            numbered(30_000, |text, number| _ = writeln!(text, "unknown_{number} on")),
        ),
        ("squid", "lines that go on", "a \\\n".repeat(100_000)),
        (
            "squid",
            "lists of lists",
            format!("acl a any-of {}\n", "all ".repeat(100_000)),
        ),
        (
            "squid",
            "many peers",
            numbered(14_000, |text, number| {
                _ = writeln!(text, "cache_peer p{number} parent 1 0");
            }),
        ),
        (
            "squid",
            "many rules of access",
            "http_access allow all\n".repeat(18_000),
        ),
    ]
}

/// The most memory that any reading until now ever held, in bytes.
fn peak_bytes(server: &str, file: &Path) -> u64 {
    let status = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .arg("lint")
        .arg(file)
        .args(["--proxy-kind", server])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.code().is_some_and(|code| code < 3), "{server}: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    u64::try_from(usage.max_rss()).expect("a size").saturating_mul(1024)
}

/// The kernel keeps the largest of all children, so this is the only test of its program, and each shape
/// is held to the largest until then.
#[test]
fn hostile_configurations_need_at_most_twenty_times_their_size_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hostile.conf");
    std::fs::write(&file, "# nothing\n").expect("written");
    let nothing = peak_bytes("squid", &file);
    let mut shapes = shapes();
    shapes.sort_by_key(|(_, _, text)| text.len());
    for (server, shape, text) in shapes {
        std::fs::write(&file, &text).expect("written");
        let size = u64::try_from(text.len()).expect("a size");
        let peak = peak_bytes(server, &file).saturating_sub(nothing);
        assert!(
            peak <= size.saturating_mul(MOST_TIMES),
            "{server}: {shape}: {peak} bytes at the peak for {size} bytes"
        );
    }
}
