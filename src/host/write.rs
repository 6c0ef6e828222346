//! The little this program writes: the files it was asked for, and a directory of its own for the demo.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use super::platform;

/// Writes a file that only its owner can read, whatever the umask. It appears under its name only when it is
/// complete; where the file system can do that, nothing of it has a name before, so that nothing is left even
/// when this program is killed.
///
/// # Errors
/// When the directory cannot be written or the disk is full; nothing is left behind then.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::InvalidInput, "is no name of a file"))?;
    if path.is_dir() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::IsADirectory,
            "is a directory",
        ));
    }
    let beside = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = complete(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// Writes a whole file under a name that is not taken.
fn complete(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if let Ok(mut file) = platform::nameless(directory) {
        file.write_all(bytes)?;
        file.sync_all()?;
        if platform::named(&file, path) {
            return Ok(());
        }
    }
    // Not every file system has files without a name, and not every container has /proc.
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    platform::private(&mut options);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Reads an input that the user named on the command line, up to a cap.
///
/// # Errors
/// When it cannot be read, is a directory, or is longer than `cap_bytes`.
pub fn read_input(path: &Path, cap_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    platform::never_wait(&mut options);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(std::io::Error::new(
            std::io::ErrorKind::IsADirectory,
            "is a directory",
        ));
    }
    let mut bytes = Vec::new();
    file.take(cap_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap_bytes {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("is larger than {} MiB", cap_bytes >> 20),
        ));
    }
    Ok(bytes)
}

/// The length of a regular file; `None`: there is none.
pub fn length_bytes(path: &Path) -> Option<u64> {
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then_some(metadata.len())
}

/// Reads standard input, up to a cap.
///
/// # Errors
/// When it cannot be read or is larger than `cap_bytes`.
pub fn read_standard_input(cap_bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .take(cap_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap_bytes {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("is larger than {} MiB", cap_bytes >> 20),
        ));
    }
    Ok(bytes)
}

/// True when something is there.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// True for a directory.
pub fn is_directory(path: &Path) -> bool {
    path.is_dir()
}

/// The regular files below a directory that the user named, sorted. Links are not followed.
///
/// # Errors
/// When a directory cannot be listed, or there are more than 10,000 files.
pub fn files_below(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut waiting = vec![directory.to_path_buf()];
    let mut files = Vec::new();
    while let Some(place) = waiting.pop() {
        for entry in std::fs::read_dir(&place)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                waiting.push(entry.path());
            } else if kind.is_file() {
                if files.len() >= 10_000 {
                    return Err(std::io::Error::other("holds more than 10,000 files"));
                }
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

/// Reads every file below a directory that the user named, up to a cap for all together. Links are not
/// followed.
///
/// # Errors
/// When the directory cannot be listed, a file cannot be read, or all are larger than `cap_bytes`.
pub fn read_inputs(directory: &Path, cap_bytes: u64) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let (mut files, mut left) = (Vec::new(), cap_bytes);
    for path in files_below(directory)? {
        let bytes = read_input(&path, left)?;
        left = left.saturating_sub(bytes.len() as u64);
        let name = path
            .strip_prefix(directory)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        files.push((name, bytes));
    }
    files.sort();
    Ok(files)
}

/// A directory of our own, removed with everything in it when it goes out of scope.
pub struct TemporaryDirectory(PathBuf);

impl TemporaryDirectory {
    /// Makes one, readable by its owner alone.
    ///
    /// # Errors
    /// When no directory can be made in the system's place for temporary files.
    pub fn new(purpose: &str) -> std::io::Result<Self> {
        let base = std::env::temp_dir();
        for number in 0..1_000 {
            let path = base.join(format!("fix502-{purpose}-{}-{number}", std::process::id()));
            let mut builder = std::fs::DirBuilder::new();
            platform::private_directory(&mut builder);
            match builder.create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(std::io::Error::other("no free name for a temporary directory"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it, with the directories on the way.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
        let path = self.0.join(name.trim_start_matches('/'));
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes)?;
        Ok(path)
    }

    /// Appends to a file in it.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.0.join(name.trim_start_matches('/'));
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .write_all(bytes)
    }
}

impl Drop for TemporaryDirectory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
