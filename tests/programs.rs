//! Programs that a test puts in place before it runs them.

use std::path::Path;
use std::process::Command;

/// Copies a file, for everybody to run.
///
/// Another process does it: a file that this one writes may be held open, for a moment, by a child that another test
/// has just forked, and the kernel runs no file that is open for writing (`Text file busy`).
pub(super) fn install(source: &Path, target: &Path) {
    let status = Command::new("install")
        .args(["-m", "755", "--"])
        .args([source, target])
        .status()
        .expect("install runs");
    assert!(status.success(), "{}", target.display());
}
