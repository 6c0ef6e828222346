//! How the readers get bytes: implemented by the caller on top of the host.

/// Where a reader's files come from. A reader may ask from more than one thread.
pub trait Files: Sync {
    /// The bytes of a file. The error is a lower-case reason such as "permission denied", "is a directory",
    /// "no such file".
    ///
    /// # Errors
    /// When there is no such file, or it cannot be read.
    fn read(&self, path: &str) -> Result<FileBytes, String>;
    /// The names in a directory, in any order; empty when it cannot be listed.
    fn list(&self, directory: &str) -> Vec<String>;
}

/// True for a path that starts at the root of a file system: `/etc/nginx`, or on Windows `C:/nginx`.
pub(crate) fn is_absolute(path: &str) -> bool {
    let drive = match path.as_bytes() {
        [letter, b':', b'/' | b'\\', ..] => letter.is_ascii_alphabetic(),
        _ => false,
    };
    path.starts_with('/') || drive
}

/// One file as the caller read it.
#[derive(Clone, Debug, Default)]
pub struct FileBytes {
    /// The content.
    pub bytes: Vec<u8>,
    /// Modification time, milliseconds since 1970.
    pub modified_ms: Option<i64>,
    /// The caller stopped at its own limit: the content is not complete.
    pub truncated: bool,
}
