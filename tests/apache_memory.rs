//! The reader of Apache httpd needs memory in proportion to what it reads, whatever it is.
//!
//! The built program reads files of hostile shapes; the kernel counts the most memory it ever held. To add a
//! shape: a row in [`shapes`].

#![expect(
    clippy::disallowed_methods,
    reason = "tests play the host: they run commands and write files"
)]

use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::resource::{UsageWho, getrusage};

/// The most memory for each byte of the file, beyond what the program needs for a file of nothing.
const MOST_TIMES: u64 = 20;

/// About how long each file is, in bytes; those that are expanded have a bound that does not depend on them.
const BYTES: usize = 600_000;
const EXPANDED_BYTES: usize = 2_000_000;

/// What is hostile, and the text.
fn shapes() -> Vec<(&'static str, Vec<u8>)> {
    let filled = |line: &str, bytes: usize| line.repeat(bytes / line.len());
    let load = "LoadModule macro_module modules/mod_macro.so\n";
    let mut doubled = "Define a bbbbbbbb\n".to_owned();
    for _ in 0..18 {
        doubled.push_str("Define a ${a}${a}\n");
    }
    doubled.push_str(&filled("x ${a}\n", EXPANDED_BYTES));
    let body = format!("{load}<Macro m>\n{}</Macro>\n", filled("a\n", EXPANDED_BYTES));
    let other = filled("c $a $a\n", EXPANDED_BYTES);
    let names = (0..BYTES / 8).map(|number| format!("n{number}\n"));
    let texts = [
        ("the shortest lines", filled("a\n", BYTES)),
        ("words", filled(&format!("{}\n", "a ".repeat(30_000)), BYTES)),
        ("sections", filled("<a>\n</a>\n", BYTES)),
        ("nested sections", filled("<a>\n", BYTES)),
        (
            "skipped sections",
            format!("<IfDefine no>\n{}", filled("<a\n", BYTES)),
        ),
        ("sections that hold", filled("<IfDefine !a>\n", BYTES)),
        ("different names", names.collect()),
        ("lines that go on", filled("a\\\n b\n", BYTES)),
        ("the body of a macro", body.clone()),
        ("a macro that is used often", body + &"Use m\n".repeat(20)),
        (
            "a macro with arguments",
            format!("{load}<Macro m $a>\n{other}</Macro>\n{}", "Use m dd\n".repeat(20)),
        ),
        ("variables that double", doubled),
        (
            "defined variables",
            (0..BYTES / 14).map(|number| format!("Define {number} b\n")).collect(),
        ),
    ];
    let mut shapes: Vec<(&str, Vec<u8>)> = texts.map(|(shape, text)| (shape, text.into_bytes())).into();
    shapes.push(("lines that are no text", b"a \xff\n".repeat(BYTES / 4)));
    shapes
}

/// The most memory that any reading until now ever held, in bytes.
fn peak_bytes(file: &Path) -> u64 {
    let status = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .arg("lint")
        .arg(file)
        .args(["--proxy-kind", "apache"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    assert!(status.code().is_some_and(|code| code < 3), "{status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts");
    u64::try_from(usage.max_rss()).expect("a size").saturating_mul(1024)
}

/// The kernel keeps the largest of all children, so this is the only test of its program, and each shape
/// is held to the largest until then.
#[test]
fn hostile_configurations_of_apache_need_at_most_twenty_times_their_size_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hostile.conf");
    std::fs::write(&file, "# nothing\n").expect("written");
    let nothing = peak_bytes(&file);
    let mut shapes = shapes();
    shapes.sort_by_key(|(_, text)| text.len());
    for (shape, text) in shapes {
        std::fs::write(&file, &text).expect("written");
        let size = u64::try_from(text.len()).expect("a size");
        let peak = peak_bytes(&file).saturating_sub(nothing);
        println!("{shape}: {size} bytes, at most {peak} until here");
        assert!(
            peak <= size.saturating_mul(MOST_TIMES),
            "{shape}: {peak} bytes at the peak for {size} bytes"
        );
    }
}
