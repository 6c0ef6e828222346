//! The readers of configurations need memory in proportion to what they read, whatever it is.
//!
//! The built program reads files of hostile shapes; the kernel counts the most memory it ever held. To add a
//! shape: a row in [`nginx`], [`apache`] or [`squid`].

#![expect(clippy::print_stdout, reason = "a measurement prints what it measured")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests play the host: they run commands and write files"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// The most memory for each byte of the file, beyond what the program needs for a file of nothing.
const MOST_TIMES: u64 = 20;

/// Pages of the program itself that a file of nothing does not make it use, in bytes.
const OWN_BYTES: u64 = 1 << 20;

/// About how long each file for Apache httpd is, in bytes; those that are expanded have a bound that does not depend on them.
const BYTES: usize = 600_000;
const EXPANDED_BYTES: usize = 2_000_000;

/// The server, what is hostile, and the text.
type Shape = (&'static str, &'static str, Vec<u8>);

fn apache() -> Vec<Shape> {
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
            (0..BYTES / 14).fold(String::new(), |mut text, number| {
                _ = writeln!(text, "Define {number} b");
                text
            }),
        ),
    ];
    let mut shapes: Vec<Shape> = texts.map(|(shape, text)| ("apache", shape, text.into_bytes())).into();
    shapes.push(("apache", "lines that are no text", b"a \xff\n".repeat(BYTES / 4)));
    shapes
}

fn nginx() -> Vec<Shape> {
    let within = |text: String| format!("events {{}} http {{ {text} }}").into_bytes();
    let names = (0..60_000).map(|number| format!("x{number};"));
    vec![
        ("nginx", "the shortest directives", within("a;".repeat(250_000))),
        ("nginx", "words", within(format!("a {};", "a ".repeat(250_000)))),
        ("nginx", "blocks", within("a{}".repeat(180_000))),
        ("nginx", "nested blocks", within("a{".repeat(250_000))),
        ("nginx", "nothing but ends", within(";".repeat(500_000))),
        ("nginx", "closed too often", within("}".repeat(500_000))),
        ("nginx", "different names", within(names.collect())),
        ("nginx", "missing files", within("include x;".repeat(50_000))),
        (
            "nginx",
            "a string of Lua that does not end",
            within(format!("content_by_lua_block {{\"{}\n}}", "\\\"".repeat(250_000))),
        ),
        ("nginx", "bytes that are no text", b"\xff;".repeat(200_000)),
    ]
}

fn squid() -> Vec<Shape> {
    let numbered = |count: usize, line: fn(&mut String, usize)| {
        let mut text = String::new();
        (0..count).for_each(|number| line(&mut text, number));
        text
    };
    let texts = vec![
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
    ];
    let bytes = |(server, shape, text): (_, _, String)| (server, shape, text.into_bytes());
    texts.into_iter().map(bytes).collect()
}

/// The most memory that the program held while it read a file, in bytes, looked up every millisecond.
fn peak_bytes(server: &str, file: &Path) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_fix502"))
        .arg("lint")
        .arg(file)
        .args(["--proxy-kind", server])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let mut most_kib = 0_u64;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak_kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse().ok());
        most_kib = most_kib.max(peak_kib.unwrap_or(0));
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    };
    assert!(status.code().is_some_and(|code| code < 3), "{server}: {status}");
    most_kib * 1024
}

#[test]
fn hostile_configurations_need_at_most_twenty_times_their_size_in_memory() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("hostile.conf");
    std::fs::write(&file, "# nothing\n").expect("written");
    let nothing = ["nginx", "apache", "squid"].map(|server| peak_bytes(server, &file));
    let nothing = nothing.into_iter().max().unwrap_or_default();
    for (server, shape, text) in [nginx(), apache(), squid()].concat() {
        std::fs::write(&file, &text).expect("written");
        let size = u64::try_from(text.len()).expect("a size");
        let peak = peak_bytes(server, &file).saturating_sub(nothing);
        println!(
            "{server}: {shape}: {size} bytes, {peak} at the peak, {} times",
            peak / size
        );
        assert!(
            peak <= size.saturating_mul(MOST_TIMES).saturating_add(OWN_BYTES),
            "{server}: {shape}: {peak} bytes at the peak for {size} bytes"
        );
    }
}
