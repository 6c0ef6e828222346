//! The reader of Apache httpd: hostile texts, and the real server as the judge.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod hostile;
mod recorded;
mod routing;
mod statements;

use std::collections::BTreeMap;
use std::path::PathBuf;

use fix502::proxy::apache::{self, Config, Environment};
use fix502::proxy::{FileBytes, Files};

/// Files that a test made up.
#[derive(Default)]
struct Memory(BTreeMap<String, Vec<u8>>);

impl Memory {
    fn with(files: &[(&str, &str)]) -> Self {
        let files = files.iter();
        Self(
            files
                .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()))
                .collect(),
        )
    }
}

impl Files for Memory {
    fn read(&self, path: &str) -> Result<FileBytes, String> {
        if let Some(bytes) = self.0.get(path) {
            return Ok(FileBytes {
                bytes: bytes.clone(),
                modified_ms: None,
                truncated: false,
            });
        }
        let below = format!("{}/", path.trim_end_matches('/'));
        let is_directory = self.0.keys().any(|known| known.starts_with(&below));
        Err(if is_directory {
            "is a directory"
        } else {
            "no such file"
        }
        .to_owned())
    }

    fn list(&self, directory: &str) -> Vec<String> {
        let below = format!("{}/", directory.trim_end_matches('/'));
        let inside = self.0.keys().filter_map(|path| path.strip_prefix(&below));
        let mut names: Vec<String> = inside
            .map(|rest| rest.split('/').next().unwrap_or_default().to_owned())
            .collect();
        names.dedup();
        names
    }
}

/// The real file system.
struct Disk;

#[expect(clippy::disallowed_methods, reason = "a test plays the host")]
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

fn environment() -> Environment {
    Environment {
        version: Some((2, 4, 71)),
        ..Environment::default()
    }
}

/// A main file and others beside it in `/etc/apache2`.
fn read(files: &[(&str, &str)]) -> Config {
    apache::read("/etc/apache2/apache2.conf", &Memory::with(files), &environment())
}

/// One main file.
fn read_text(text: &str) -> Config {
    read(&[("/etc/apache2/apache2.conf", text)])
}

/// The installed server, when there is one.
#[expect(clippy::disallowed_methods, reason = "a test plays the host")]
#[expect(clippy::print_stdout, reason = "skipping is worth seeing")]
fn program() -> Option<PathBuf> {
    let found = ["/usr/sbin/apache2", "/usr/sbin/httpd"]
        .into_iter()
        .map(PathBuf::from)
        .find(|path| path.exists());
    if found.is_none() {
        println!("skipped: Apache httpd is not installed");
    }
    found
}

/// A small generator of numbers: the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % u64::try_from(sides.max(1)).unwrap()).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.roll(100) < percent
    }
}

/// `FIX502_ORACLE_SEED` and `FIX502_ORACLE_FACTOR`.
#[expect(clippy::disallowed_methods, reason = "a test plays the host")]
fn seed_and_factor() -> (u64, usize) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let factor = number("FIX502_ORACLE_FACTOR").unwrap_or(1);
    (
        number("FIX502_ORACLE_SEED").unwrap_or(502),
        usize::try_from(factor).unwrap(),
    )
}

/// Writes the first difference where `FIX502_ORACLE_REPORT` says.
#[expect(clippy::disallowed_methods, reason = "a test plays the host")]
fn report(difference: &str) {
    if let Ok(file) = std::env::var("FIX502_ORACLE_REPORT") {
        std::fs::write(file, difference).unwrap();
    }
}
