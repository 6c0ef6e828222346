//! The real nginx as the judge of lexing and routing. Without an installed nginx these say so and pass.
#![expect(
    clippy::disallowed_methods,
    reason = "a test runs the real server and speaks to it"
)]
#![expect(clippy::print_stdout, reason = "the counts and the skipping are worth seeing")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::dice::Dice;
use super::statements::STATEMENTS;
use fix502::proxy::nginx::{self, Config, Environment};
use fix502::proxy::{FileBytes, Files};

/// The real file system.
pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        let bytes = std::fs::read(path).map_err(|error| error.to_string().to_lowercase())?;
        Ok(FileBytes {
            bytes,
            modified_ms: None,
            truncated: false,
        })
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect()
    }
}

pub(super) fn nginx_program() -> Option<PathBuf> {
    let found = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: nginx is not installed");
    }
    found
}

pub(super) fn environment(prefix: &Path) -> Environment {
    Environment {
        prefix: prefix.display().to_string(),
        version: Some((1, 22, 1)),
        ..Environment::default()
    }
}

pub(super) fn read(path: &Path) -> Config {
    nginx::read(
        &path.display().to_string(),
        &Disk,
        &environment(path.parent().unwrap()),
    )
}

/// `nginx -t`: whether it accepts the file, and what it says.
pub(super) fn accepts(program: &Path, directory: &Path, file: &Path) -> (bool, String) {
    let output = Command::new(program)
        .args(["-t", "-q", "-p"])
        .arg(directory)
        .arg("-c")
        .arg(file)
        .args(["-e", "stderr"])
        .output()
        .unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

pub(super) fn seeds() -> (u64, usize) {
    let factor = std::env::var("FIX502_ORACLE_FACTOR")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let seed = std::env::var("FIX502_ORACLE_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(502);
    (seed, factor)
}

#[test]
fn texts_are_accepted_and_refused_as_by_the_real_server() {
    let Some(program) = nginx_program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nginx.conf");
    let (seed, factor) = seeds();
    let mut dice = Dice::new(seed);
    let pieces = [
        "set $a ",
        "foo",
        "}",
        "{",
        ";",
        " ",
        "\n",
        "\"",
        "'",
        "\\",
        "#c\n",
        "$",
        "${",
        "a b",
        "\\\"",
        "x;",
        " # y",
        "\t",
        "return 200 ",
        ";\n",
        "\"q\";",
        "'r' ",
        ")",
        "bar;",
        "set $b c;",
        "; set $c ",
        "; set $d \"",
        "\"; set $e ",
        "y",
        "z",
        "}y",
        ";set $f \"#{\"",
    ];
    let mut wrong = Vec::new();
    let mut refused = 0;
    let texts = 200 * factor;
    for _ in 0..texts {
        let mut middle = String::from("set $a x");
        for _ in 0..dice.roll(5) {
            middle.push_str(dice.one(&pieces));
        }
        if dice.chance(4) {
            middle.push_str(&"y".repeat(4080 + dice.roll(30)));
        }
        if dice.chance(4) {
            write!(middle, "\n#{}\n", "z".repeat(4080 + dice.roll(30))).unwrap();
        }
        if dice.chance(60) {
            middle.push(';');
        }
        let text = format!(
            "pid {0}/pid; events {{}}\nhttp {{ server {{ listen unix:{0}/s; location / {{\n{middle}\n}} }} }}\n",
            directory.path().display()
        );
        std::fs::write(&file, &text).unwrap();
        let (accepted, message) = accepts(&program, directory.path(), &file);
        let errors = read(&file).summary().errors;
        refused += usize::from(!accepted);
        // These are judged by other parts of nginx than its reader.
        let other = [
            "unknown directive",
            // A long name is cut off before the word "variable".
            "unknown \"",
            "variable",
            "invalid number of arguments",
            "invalid return code",
            "invalid parameter",
        ]
        .iter()
        .any(|part| message.contains(part));
        if accepted != errors.is_empty() && !(other && errors.is_empty()) {
            wrong.push(format!("{middle:?}\n nginx: {message}\n here: {errors:?}"));
        }
    }
    println!(
        "{texts} texts, {refused} refused by nginx, {} differences",
        wrong.len()
    );
    assert!(
        refused > texts / 10 && refused < texts,
        "the texts are not a mixture: {refused} of {texts} refused"
    );
    assert!(
        wrong.is_empty(),
        "{} differences, first: {}",
        wrong.len(),
        wrong[..wrong.len().min(5)].join("\n")
    );
}

#[test]
fn statements_are_accepted_and_refused_as_by_the_real_server() {
    let Some(program) = nginx_program() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("nginx.conf");
    let base = directory.path().display().to_string();
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (context, statement) in STATEMENTS {
        let statement = statement.replace("SOCKET", &format!("{base}/s"));
        let of = |wanted: &str| if context == wanted { statement.as_str() } else { "" };
        let text = format!(
            "pid {base}/pid;\nevents {{}}\nhttp {{ upstream main {{ server 127.0.0.1:9; }}\n{}\nserver {{ listen unix:{base}/s;\n{}\nlocation /loc {{\n{}\n}} }} }}\n",
            of("http"),
            of("server"),
            of("location")
        );
        std::fs::write(&file, &text).unwrap();
        let (accepted, message) = accepts(&program, directory.path(), &file);
        refused += usize::from(!accepted);
        let summary = read(&file).summary();
        // Said by a lint rule, because the reader of a dormant location may not care.
        let certificate = summary
            .lint
            .iter()
            .any(|problem| problem.rule == "N055-verify-untrusted");
        if accepted != (summary.errors.is_empty() && !certificate) {
            wrong.push(format!(
                "{statement}\n nginx: {message}\n here: {:?}",
                summary.errors
            ));
        }
    }
    println!(
        "{} statements, {refused} refused by nginx, {} differences",
        STATEMENTS.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_installed_configuration_is_read_without_a_complaint() {
    let path = Path::new("/etc/nginx/nginx.conf");
    let Some(program) = nginx_program().filter(|_| path.exists()) else {
        println!("skipped: no installed configuration");
        return;
    };
    let (accepted, message) = accepts(&program, path.parent().unwrap(), path);
    let summary = read(path).summary();
    if accepted {
        assert_eq!(summary.errors, [], "{message}");
        assert_eq!(summary.lint, []);
        assert!(!summary.listeners.is_empty());
    }
}
